//! The transfer of one file. It starts with one connection. If the file is large and the server can serve ranges of one
//! version of it, more connections join; each takes the next chunk that nobody has taken.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use reqwest::Url;
use tokio::sync::mpsc::Sender;

use super::super::{Client, FetchError};
use super::Wanted;
use super::connection::Connection;
use super::disk::Order;
use super::files;
use super::plan::{CHUNK, Claim, Plan};
use super::ranges::Ranges;
use super::retry::Halt;
use super::validator::Validator;
use crate::error::Error;
use crate::task::Task;

/// More would not be faster on a shared line, and would burden the server.
const CONNECTIONS: usize = 4;
/// Smaller files are downloaded over one connection.
const LARGE: u64 = 16 << 20;
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How often the server may change the file before that is an error.
const VERSIONS: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No response yet: it is not known what the server supports.
    Unknown,
    Single,
    /// Several connections, each on a chunk.
    Chunked,
}

pub(super) struct State {
    pub(super) plan: Plan,
    pub(super) validator: Validator,
    /// Where redirects led: later requests go there at once.
    pub(super) landed: Option<Url>,
    pub(super) mode: Mode,
    pub(super) ranges: bool,
    /// Bytes that are there, and the most that there ever were: only more than that is progress.
    pub(super) got: u64,
    best: u64,
    pub(super) met: bool,
    /// Connections that have not given up, and how many of them pause.
    pub(super) alive: usize,
    pub(super) pausing: usize,
    /// Whether bytes were joined although no strong tag proves that they belong together.
    pub(super) stitched: bool,
}

pub(super) struct Transfer<'a> {
    pub(super) task: &'a Task<'a>,
    pub(super) client: &'a Client,
    pub(super) wanted: &'a Wanted<'a>,
    disk: Sender<Order>,
    pub(super) state: RefCell<State>,
}

impl<'a> Transfer<'a> {
    /// Continues from the bytes in `there`, which belong to `validator`.
    pub(super) fn new(
        task: &'a Task<'a>,
        client: &'a Client,
        wanted: &'a Wanted<'a>,
        disk: Sender<Order>,
        (there, validator): (Ranges, Validator),
        ranges: bool,
    ) -> Self {
        let got = there.total();
        let state = State {
            plan: Plan::new(there, wanted.size.or(validator.total)),
            validator,
            landed: None,
            mode: Mode::Unknown,
            ranges,
            got,
            best: got,
            met: false,
            alive: 1,
            pausing: 0,
            stitched: got > 0,
        };
        Self { task, client, wanted, disk, state: RefCell::new(state) }
    }

    pub(super) async fn run(&self) -> Result<(), FetchError> {
        let mut versions = 1;
        loop {
            let round = tokio::select! {
                round = self.round() => round,
                never = self.report() => match never {},
            };
            match round {
                Ok(()) => break,
                Err(Halt::Restart { error, ranges }) if versions < VERSIONS => {
                    versions += 1;
                    self.task.say(format!("{error}; starting again"));
                    self.discard(ranges);
                }
                Err(halt) => return Err(halt.into_error()),
            }
        }
        let (got, total) = (self.state.borrow().got, self.state.borrow().plan.total);
        self.task.downloaded(got, total, self.name());
        // The disk reports its own errors.
        let _ = self.order(Order::End).await;
        Ok(())
    }

    /// Closes the channel to the disk, which then ends; returns whether bytes were joined without proof.
    pub(super) fn end(self) -> bool {
        self.state.into_inner().stitched
    }

    async fn round(&self) -> Result<(), Halt> {
        self.state.borrow_mut().alive = 1;
        let mut lead = Connection::new(self);
        let Some(first) = lead.first().await? else { return Ok(()) };
        let others = if self.state.borrow().mode == Mode::Chunked { CONNECTIONS - 1 } else { 0 };
        self.state.borrow_mut().alive = 1 + others;
        let others = try_join_all((0..others).map(|_| async { Connection::new(self).work(None).await }));
        try_join(lead.work(Some(first)), others).await.map(|_| ())
    }

    fn discard(&self, ranges: bool) {
        let mut state = self.state.borrow_mut();
        state.ranges &= ranges;
        state.mode = Mode::Single;
        state.pausing = 0;
        state.landed = None;
        state.validator = Validator::default();
        state.plan = Plan::new(Ranges::default(), self.wanted.size);
        state.reset(0);
    }

    /// The first bytes of a version are about to be written (not `keep`), or more of it.
    pub(super) async fn begin(&self, validator: Validator, keep: bool) -> Result<(), FetchError> {
        let total = self.wanted.size.or(validator.total);
        // Dropped bytes free space as well.
        if let (Some(total), Some(free)) = (total, files::free(self.wanted.folder)) {
            let needed = total.saturating_sub(self.state.borrow().got);
            if needed > free {
                return Err(files::no_space(self.wanted.folder, free, needed));
            }
        }
        {
            let mut state = self.state.borrow_mut();
            if !keep {
                state.reset(0);
            }
            state.plan.total = total;
            state.validator = validator.clone();
        }
        self.order(Order::Begin { validator, keep }).await
    }

    /// Hands something to the disk; an error means that the disk has one to report.
    pub(super) async fn order(&self, order: Order) -> Result<(), FetchError> {
        let gone = |_| FetchError::Local(Error::failed("the thread that writes the download has ended"));
        self.disk.send(order).await.map_err(gone)
    }

    /// `kubectl from dl.k8s.io`.
    pub(super) fn name(&self) -> String {
        let url = &self.wanted.route.start;
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        format!("{name} from {}", url.host_str().unwrap_or_default())
    }

    /// Reports progress, unless all connections pause, which was reported.
    async fn report(&self) -> Infallible {
        let name = self.name();
        loop {
            {
                let state = self.state.borrow();
                if state.pausing < state.alive {
                    self.task.downloaded(state.got, state.plan.total, &name);
                }
            }
            tokio::time::sleep(REPORT_EVERY).await;
        }
    }
}

impl State {
    /// The next bytes to request: a chunk, if more may follow on other connections.
    pub(super) fn claim(&mut self) -> Option<Claim> {
        if !self.ranges {
            let claim = self.plan.claim(None)?;
            // Everything in one response.
            self.plan.take_all();
            return Some(Claim { from: 0, to: claim.to });
        }
        let chunk = match self.mode {
            Mode::Unknown => self.plan.total.is_none_or(|total| total > LARGE),
            Mode::Single => false,
            Mode::Chunked => true,
        };
        self.plan.claim(chunk.then_some(CHUNK))
    }

    /// Decides by the first response whether more connections join.
    pub(super) fn choose_mode(&mut self, validator: Option<&Validator>) {
        if self.mode == Mode::Unknown {
            let large =
                |one: &Validator| one.can_be_compared() && one.total.is_some_and(|total| total > LARGE);
            self.mode = if validator.is_some_and(large) { Mode::Chunked } else { Mode::Single };
        }
    }

    /// Counts bytes that arrived; returns how many of them were never there before.
    pub(super) fn add(&mut self, count: u64) -> u64 {
        self.got += count;
        let new = self.got.saturating_sub(self.best);
        self.best += new;
        new
    }

    fn reset(&mut self, got: u64) {
        self.got = got;
    }
}
