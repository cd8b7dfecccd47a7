//! Writing down what comes over one connection.

use std::time::Instant;

use futures::StreamExt as _;
use reqwest::Response;

use super::super::{FetchError, causes};
use super::LIMIT;
use super::disk::Order;
use super::open::Opened;
use super::plan::Claim;
use super::retry::Halt;
use super::worker::Worker;

impl Worker<'_> {
    /// Brings what an answer promises; what it does not bring can be claimed again.
    pub(super) async fn transfer(&mut self, Opened { response, claim }: Opened) -> Result<(), Halt> {
        let mut at = claim.from;
        let result = self.stream(response, claim.to, &mut at).await;
        if result.is_err() {
            self.job.plan.borrow_mut().give_back(Claim { from: at, to: claim.to });
        }
        result
    }

    /// Writes down what comes, up to `to`; `at` is how far it got.
    async fn stream(&mut self, response: Response, to: Option<u64>, at: &mut u64) -> Result<(), Halt> {
        let (job, timeouts) = (self.job, self.job.client.timeouts);
        let mut body = response.bytes_stream();
        let url = || job.wanted.shown();
        loop {
            let next = tokio::time::timeout(timeouts.idle, body.next()).await;
            let got = job.got.get();
            let Ok(next) = next else {
                return Err(Halt::again(FetchError::Stalled { url: url(), got, idle: timeouts.idle }));
            };
            let bytes = match next {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => {
                    return Err(Halt::again(FetchError::Broken { url: url(), got, cause: causes(&error) }));
                }
                None => return self.ended(to, *at),
            };
            let len = bytes.len() as u64;
            if *at + len > to.unwrap_or(LIMIT) {
                return Err(too_long(url(), to).into());
            }
            job.order(Order::Write { at: *at, bytes }).await?;
            *at += len;
            job.count(job.got.get() + len);
            if let Some(new) = job.got.get().checked_sub(job.best.get()) {
                job.best.set(job.got.get());
                self.gained += new;
            }
            if let Some((got, took)) =
                self.pace.add(usize::try_from(len).unwrap_or(0), timeouts.slow, Instant::now())
            {
                return Err(Halt::again(FetchError::TooSlow { url: url(), got, took }));
            }
        }
    }

    /// The body ended without an error.
    fn ended(&self, to: Option<u64>, at: u64) -> Result<(), Halt> {
        match to {
            Some(to) if at < to => {
                let (url, got) = (self.job.wanted.shown(), self.job.got.get());
                let cause = format!("it ended {} bytes too early", to - at);
                Err(Halt::again(FetchError::Broken { url, got, cause }))
            }
            Some(_) => Ok(()),
            None => {
                self.job.plan.borrow_mut().total = Some(at);
                Ok(())
            }
        }
    }
}

fn too_long(url: String, to: Option<u64>) -> FetchError {
    match to {
        Some(expected) => FetchError::TooLong { url, expected },
        None => FetchError::TooLarge { url, limit: LIMIT },
    }
}
