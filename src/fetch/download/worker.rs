//! One connection after the other, until nothing is left to claim: goes on, pauses, gives up.

use std::time::Duration;

use super::super::FetchError;
use super::job::Job;
use super::open::Opened;
use super::retry::{Halt, Pace, TRIES, pause};

/// Less than this between two silences is no progress.
const WORTH_A_STALL: u64 = 64 << 10;

pub(super) struct Worker<'a> {
    pub(super) job: &'a Job<'a>,
    failures: u32,
    /// What came since the last failure and was not there before.
    pub(super) gained: u64,
    pub(super) pace: Pace,
}

impl<'a> Worker<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        Self { job, failures: 0, gained: 0, pace: Pace::default() }
    }

    /// The first good answer; `None` if nothing is missing.
    pub(super) async fn first(&mut self) -> Result<Option<Opened>, Halt> {
        loop {
            let Some(claim) = self.job.claim() else { return Ok(None) };
            match self.job.open(claim).await {
                Ok(Some(opened)) => return Ok(Some(opened)),
                Ok(None) => {}
                Err(halt) => {
                    self.recover(halt).await?;
                }
            }
        }
    }

    /// Brings parts until none is left, or until others do better.
    pub(super) async fn work(&mut self, mut next: Option<Opened>) -> Result<(), Halt> {
        loop {
            let opened = match next.take() {
                Some(opened) => Ok(Some(opened)),
                None => match self.job.claim() {
                    Some(claim) => self.job.open(claim).await,
                    None => break,
                },
            };
            let done = match opened {
                Ok(Some(opened)) => self.transfer(opened).await,
                Ok(None) => Ok(()),
                Err(halt) => Err(halt),
            };
            if let Err(halt) = done
                && !self.recover(halt).await?
            {
                return Ok(());
            }
        }
        self.job.alive.update(|alive| alive - 1);
        Ok(())
    }

    /// Waits for the next try, if there is one. False if this connection gives up as there are others.
    async fn recover(&mut self, halt: Halt) -> Result<bool, Halt> {
        let job = self.job;
        let Halt::Again { error, after } = halt else { return Err(halt) };
        // From where redirects lead now.
        job.landed.replace(None);
        self.count(&error);
        let hopeless = match &error {
            FetchError::TooSlow { .. } => true,
            FetchError::Unreachable { .. } => !job.met.get(),
            _ => false,
        };
        let wait = pause(job.client.timeouts.pause, self.failures - 1).max(after.unwrap_or_default());
        if hopeless || self.failures >= TRIES || wait >= job.task.remaining() {
            if job.alive.get() > 1 {
                job.alive.update(|alive| alive - 1);
                return Ok(false);
            }
            return Err(Halt::Final(counted(error, self.failures)));
        }
        if after.is_some() {
            self.pace.forget();
        }
        self.rest(&error, wait).await;
        Ok(true)
    }

    /// Silence costs the longest, so it is borne less often, and a crumb is no reason to bear more.
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

    async fn rest(&self, error: &FetchError, wait: Duration) {
        let pausing = &self.job.pausing;
        let again = format!("trying again in {:.1} s ({} of {TRIES})", wait.as_secs_f32(), self.failures + 1);
        self.job.task.say(format!("{error}; {again}"));
        pausing.update(|count| count + 1);
        tokio::time::sleep(wait).await;
        pausing.update(|count| count - 1);
    }
}

fn counted(error: FetchError, tries: u32) -> FetchError {
    match error {
        FetchError::Unwell { url, status, .. } => FetchError::Unwell { url, status, tries },
        error => error,
    }
}
