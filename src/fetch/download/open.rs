//! Asking for a part, and making ready what the answer brings.

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Method, Response};

use super::super::FetchError;
use super::answer::{Answer, Asked, Judge};
use super::hops;
use super::job::{Job, can_be_shared};
use super::plan::Claim;
use super::retry::Halt;

/// An answer whose body is yet to be read; it covers what is claimed.
pub(super) struct Opened {
    pub(super) response: Response,
    pub(super) claim: Claim,
}

impl Job<'_> {
    /// Asks for what is claimed and judges the answer; `None` if the file is complete already.
    pub(super) async fn open(&self, claim: Claim) -> Result<Option<Opened>, Halt> {
        let asked = self.asked(claim);
        let opened = match self.ask(asked).await {
            Ok((answer, response)) => {
                self.met.set(true);
                self.probing.set(false);
                self.take(asked, answer, response).await
            }
            Err(halt) => Err(halt),
        };
        if opened.is_err() {
            self.plan.borrow_mut().give_back(claim);
        }
        opened
    }

    fn asked(&self, claim: Claim) -> Asked {
        let whole = claim.from == 0 && (claim.to.is_none() || claim.to == self.plan.borrow().total);
        Asked { from: claim.from, to: claim.to, ranged: self.ranges.get() && !whole }
    }

    async fn ask(&self, asked: Asked) -> Result<(Answer, Response), Halt> {
        let known = self.edition.borrow().clone();
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        if asked.ranged {
            // To the end is said without a number: not every server knows the other way.
            let to = asked.to.filter(|to| Some(*to) != self.plan.borrow().total);
            let last = to.map_or(String::new(), |to| (to - 1).to_string());
            let text = |text: &str| HeaderValue::from_str(text).ok();
            headers.extend(text(&format!("bytes={}-{last}", asked.from)).map(|range| (RANGE, range)));
            headers.extend(known.strong().and_then(text).map(|tag| (IF_RANGE, tag)));
        }
        let landed = self.landed.borrow().clone();
        let first = landed.clone().unwrap_or_else(|| self.wanted.route.start.clone());
        let (response, at) =
            hops::send(self.client, &Method::GET, &self.wanted.route, first, &headers).await?;
        let judge = Judge { at: &at, wanted: self.wanted, known: &known, now: (self.client.now)() };
        match judge.judge(asked, &response) {
            Ok(answer) => {
                // Only a way that was gone just now is known to be good.
                if landed.is_none() {
                    self.landed.replace(Some(at));
                }
                Ok((answer, response))
            }
            // What a redirect led to may be good for a while only.
            Err(Halt::Final(error @ FetchError::Answered { .. }))
                if landed.is_some_and(|url| url != self.wanted.route.start) =>
            {
                Err(Halt::again(error))
            }
            Err(halt) => Err(halt),
        }
    }

    /// Makes ready what the answer brings.
    async fn take(&self, asked: Asked, answer: Answer, response: Response) -> Result<Option<Opened>, Halt> {
        let (from, chunked) = (asked.from, self.chunked.get());
        match answer {
            Answer::Nothing { total } => {
                self.plan.borrow_mut().total = Some(total);
                self.shareable.set(false);
                Ok(None)
            }
            Answer::Whole(edition) => {
                if chunked {
                    let what = "its parts became the whole file".to_owned();
                    let error = FetchError::Changed { url: self.wanted.shown(), what };
                    return Err(Halt::Anew { error, ranges: false });
                }
                let to = edition.total;
                self.shareable.set(false);
                self.plan.borrow_mut().take_all();
                self.begin(edition, false).await?;
                Ok(Some(Opened { response, claim: Claim { from: 0, to } }))
            }
            Answer::Part { to, edition } => {
                if self.got.get() > 0 && edition.strong().is_none() {
                    self.stitched.set(true);
                }
                if !chunked {
                    self.shareable.set(can_be_shared(&edition));
                    self.begin(edition, self.got.get() > 0).await?;
                }
                self.plan.borrow_mut().give_back(Claim { from: to, to: asked.to });
                Ok(Some(Opened { response, claim: Claim { from, to: Some(to) } }))
            }
        }
    }
}
