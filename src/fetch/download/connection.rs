//! One connection of a transfer: requests a range, writes down what arrives, pauses, gives up.

use std::time::Instant;

use futures::StreamExt as _;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response};

use super::super::{FetchError, causes};
use super::LIMIT;
use super::answer::{Answer, Asked, Judge};
use super::disk::Order;
use super::plan::Claim;
use super::redirects;
use super::retry::{Halt, Pace, TRIES, pause};
use super::transfer::{Mode, Transfer};
use crate::quantity::show_time;

/// Less than this between two stalls is no progress.
const WORTH_A_STALL: u64 = 64 << 10;

/// A response whose body is still to be read; it covers the claim.
pub(super) struct Opened {
    response: Response,
    claim: Claim,
}

pub(super) struct Connection<'a> {
    transfer: &'a Transfer<'a>,
    failures: u32,
    /// New bytes since the last failure.
    gained: u64,
    pace: Pace,
}

impl<'a> Connection<'a> {
    pub(super) fn new(transfer: &'a Transfer<'a>) -> Self {
        Self { transfer, failures: 0, gained: 0, pace: Pace::default() }
    }

    /// The first usable response; `None` if nothing is missing.
    pub(super) async fn first(&mut self) -> Result<Option<Opened>, Halt> {
        loop {
            self.turn().await;
            let claim = self.transfer.state.borrow_mut().claim();
            let Some(claim) = claim else { return Ok(None) };
            match self.open(claim).await {
                Ok(Some(opened)) => return Ok(Some(opened)),
                Ok(None) => {}
                Err(halt) => {
                    self.recover(halt).await?;
                }
            }
        }
    }

    /// Downloads ranges until none is left, or until this connection fails while others work.
    pub(super) async fn work(&mut self, mut next: Option<Opened>) -> Result<(), Halt> {
        loop {
            let opened = if let Some(opened) = next.take() {
                Ok(Some(opened))
            } else {
                self.turn().await;
                let claim = self.transfer.state.borrow_mut().claim();
                let Some(claim) = claim else { break };
                self.open(claim).await
            };
            let done = match opened {
                Ok(Some(opened)) => self.receive(opened).await,
                Ok(None) => Ok(()),
                Err(halt) => Err(halt),
            };
            if let Err(halt) = done
                && !self.recover(halt).await?
            {
                break;
            }
        }
        self.transfer.state.borrow_mut().alive -= 1;
        Ok(())
    }

    /// Waits for transfers that are more urgent.
    async fn turn(&mut self) {
        let Transfer { task, wanted, state, .. } = self.transfer;
        let Some(place) = wanted.place.filter(|place| !place.is_next()) else { return };
        let all = {
            let mut state = state.borrow_mut();
            state.pausing += 1;
            state.pausing == state.alive
        };
        if all {
            task.say(format!("{}: waiting for more urgent downloads", self.transfer.name()));
        }
        place.next().await;
        state.borrow_mut().pausing -= 1;
        // The server was not slow.
        self.pace.forget();
    }

    /// Requests the claimed bytes and judges the response; `None` if the file is already complete.
    async fn open(&self, claim: Claim) -> Result<Option<Opened>, Halt> {
        let opened = self.request(claim).await;
        if opened.is_err() {
            self.transfer.state.borrow_mut().plan.give_back(claim);
        }
        opened
    }

    async fn request(&self, claim: Claim) -> Result<Option<Opened>, Halt> {
        let Transfer { client, wanted, state, .. } = self.transfer;
        let (known, total, landed, ranges) = {
            let state = state.borrow();
            (state.validator.clone(), state.plan.total, state.landed.clone(), state.ranges)
        };
        let whole = claim.from == 0 && (claim.to.is_none() || claim.to == total);
        let asked = Asked { from: claim.from, to: claim.to, ranged: ranges && !whole };
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        if asked.ranged {
            // Not every server accepts the number of the last byte as the end.
            let to = asked.to.filter(|to| Some(*to) != total);
            let last = to.map_or(String::new(), |to| (to - 1).to_string());
            let text = |text: &str| HeaderValue::from_str(text).ok();
            headers.extend(text(&format!("bytes={}-{last}", asked.from)).map(|range| (RANGE, range)));
            headers.extend(known.strong().and_then(text).map(|tag| (IF_RANGE, tag)));
        }
        let first = landed.clone().unwrap_or_else(|| wanted.route.start.clone());
        let (response, at) = redirects::send(client, &Method::GET, &wanted.route, first, &headers).await?;
        let judge = Judge { at: &at, wanted, known: &known, now: (client.now)() };
        let answer = judge.judge(asked, &response).map_err(|halt| match halt {
            // The target of a redirect may be valid for a limited time.
            Halt::Final(error @ FetchError::Answered { .. })
                if landed.as_ref().is_some_and(|url| *url != wanted.route.start) =>
            {
                Halt::again(error)
            }
            halt => halt,
        })?;
        {
            let mut state = state.borrow_mut();
            // Only redirects that were followed just now are known to be valid.
            if landed.is_none() {
                state.landed = Some(at);
            }
            state.met = true;
        }
        self.accept(asked, answer, response).await
    }

    async fn accept(&self, asked: Asked, answer: Answer, response: Response) -> Result<Option<Opened>, Halt> {
        let Transfer { wanted, state, .. } = self.transfer;
        let chunked = state.borrow().mode == Mode::Chunked;
        match answer {
            Answer::Nothing { total } => {
                state.borrow_mut().choose_mode(None);
                state.borrow_mut().plan.total = Some(total);
                Ok(None)
            }
            Answer::Whole(_) if chunked => {
                let what = "the server sent the whole file instead of a part";
                let error = FetchError::changed(&wanted.shown(), what);
                Err(Halt::Restart { error, ranges: false })
            }
            Answer::Whole(validator) => {
                let claim = Claim { from: 0, to: validator.total };
                state.borrow_mut().choose_mode(None);
                state.borrow_mut().plan.take_all();
                self.transfer.begin(validator, false).await?;
                Ok(Some(Opened { response, claim }))
            }
            Answer::Part { to, validator } => {
                let got = {
                    let mut state = state.borrow_mut();
                    state.stitched |= state.got > 0 && validator.strong().is_none();
                    state.choose_mode(Some(&validator));
                    state.got
                };
                if !chunked {
                    self.transfer.begin(validator, got > 0).await?;
                }
                state.borrow_mut().plan.give_back(Claim { from: to, to: asked.to });
                Ok(Some(Opened { response, claim: Claim { from: asked.from, to: Some(to) } }))
            }
        }
    }

    /// Receives what a response promises; the rest can be claimed again.
    async fn receive(&mut self, Opened { response, claim }: Opened) -> Result<(), Halt> {
        let mut at = claim.from;
        let result = self.stream(response, claim.to, &mut at).await;
        if result.is_err() {
            self.transfer.state.borrow_mut().plan.give_back(Claim { from: at, to: claim.to });
        }
        result
    }

    /// Writes down what arrives, up to `to`; `at` is the position.
    async fn stream(&mut self, response: Response, to: Option<u64>, at: &mut u64) -> Result<(), Halt> {
        let Transfer { client, wanted, state, .. } = self.transfer;
        let timeouts = client.timeouts;
        let mut body = response.bytes_stream();
        loop {
            let next = tokio::time::timeout(timeouts.idle, body.next()).await;
            let (url, got) = (wanted.shown(), state.borrow().got);
            let bytes = match next {
                Err(_) => return Err(Halt::again(FetchError::Stalled { url, got, idle: timeouts.idle })),
                Ok(Some(Ok(bytes))) => bytes,
                Ok(Some(Err(error))) => {
                    return Err(Halt::again(FetchError::Broken { url, got, cause: causes(&error) }));
                }
                Ok(None) => match to {
                    Some(to) if *at < to => {
                        let cause = format!("it ended {} bytes too early", to - *at);
                        return Err(Halt::again(FetchError::Broken { url, got, cause }));
                    }
                    Some(_) => return Ok(()),
                    None => {
                        state.borrow_mut().plan.total = Some(*at);
                        return Ok(());
                    }
                },
            };
            let len = bytes.len() as u64;
            match to {
                Some(expected) if *at + len > expected => {
                    return Err(FetchError::TooLong { url, expected }.into());
                }
                None if *at + len > LIMIT => return Err(FetchError::too_large(&url, LIMIT).into()),
                _ => {}
            }
            self.transfer.order(Order::Write { at: *at, bytes }).await?;
            *at += len;
            self.gained += state.borrow_mut().add(len);
            if let Some((got, took)) = self.pace.add(len, timeouts.slow, Instant::now()) {
                return Err(Halt::again(FetchError::TooSlow { url, got, took }));
            }
        }
    }

    /// Waits for the next attempt, if there is one. `false` if this connection gives up while others work.
    async fn recover(&mut self, halt: Halt) -> Result<bool, Halt> {
        let Transfer { task, client, state, .. } = self.transfer;
        let Halt::Again { error, after } = halt else { return Err(halt) };
        // Redirects may lead elsewhere now.
        state.borrow_mut().landed = None;
        self.count(&error);
        let hopeless = match &error {
            FetchError::TooSlow { .. } => true,
            FetchError::Unreachable { .. } => !state.borrow().met,
            _ => false,
        };
        let wait = pause(client.timeouts.pause, self.failures - 1).max(after.unwrap_or_default());
        if hopeless || self.failures >= TRIES || wait >= task.remaining() {
            if state.borrow().alive > 1 {
                return Ok(false);
            }
            return Err(Halt::Final(error.tried(self.failures)));
        }
        if after.is_some() {
            self.pace.forget();
        }
        let again = format!("trying again in {} ({} of {TRIES})", show_time(wait), self.failures + 1);
        task.say(format!("{error}; {again}"));
        state.borrow_mut().pausing += 1;
        tokio::time::sleep(wait).await;
        state.borrow_mut().pausing -= 1;
        Ok(true)
    }

    /// A stall costs the most time, so fewer of them are tolerated, and a few bytes do not make up for one.
    fn count(&mut self, error: &FetchError) {
        let stalled = matches!(error, FetchError::Stalled { .. });
        let (weight, enough) = if stalled { (2, WORTH_A_STALL) } else { (1, 1) };
        if std::mem::take(&mut self.gained) >= enough {
            self.failures = 0;
        }
        self.failures += weight;
        if stalled {
            self.pace.forget();
        }
    }
}
