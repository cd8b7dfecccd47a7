//! One file on its way: what its connections share, and how they are started.
//!
//! One connection goes ahead. If the file is large and the server shows that it can serve parts
//! of one edition, more of them join in; each takes the next chunk that nobody has taken.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::future::{try_join, try_join_all};
use reqwest::Url;
use tokio::sync::mpsc::Sender;

use super::super::{Client, FetchError};
use super::Wanted;
use super::disk::Order;
use super::edition::Edition;
use super::files;
use super::plan::{CHUNK, Claim, Plan};
use super::ranges::Ranges;
use super::rate::Meter;
use super::retry::Halt;
use super::worker::Worker;
use crate::task::Task;

/// More would not be faster on a line that is shared, and is not kind to the server.
const CONNECTIONS: usize = 4;
/// Smaller files are fetched by one connection.
const LARGE: u64 = 16 << 20;
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How often a file may turn out to be another one before that is an error.
const EDITIONS: u32 = 3;

pub(super) struct Job<'a> {
    pub(super) task: &'a Task<'a>,
    pub(super) client: &'a Client,
    pub(super) wanted: &'a Wanted<'a>,
    disk: Sender<Order>,
    pub(super) plan: RefCell<Plan>,
    pub(super) edition: RefCell<Edition>,
    /// Where redirects led: later requests go there at once.
    pub(super) landed: RefCell<Option<Url>>,
    /// Bytes that are there, and the most that there ever were: only more than that is progress.
    pub(super) got: Cell<u64>,
    pub(super) best: Cell<u64>,
    /// Whether the server answered at all.
    pub(super) met: Cell<bool>,
    /// Whether parts may be asked for.
    pub(super) ranges: Cell<bool>,
    /// Whether it is not known yet what the server can.
    pub(super) probing: Cell<bool>,
    /// Whether the first answer was one that more connections can build on.
    pub(super) shareable: Cell<bool>,
    /// Whether several connections are at work, each on a chunk.
    pub(super) chunked: Cell<bool>,
    /// Connections that have not given up, and those of them that pause.
    pub(super) alive: Cell<usize>,
    pub(super) pausing: Cell<usize>,
    /// Whether bytes were put together that no strong tag holds together.
    pub(super) stitched: Cell<bool>,
    meter: RefCell<Meter>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        task: &'a Task<'a>,
        client: &'a Client,
        wanted: &'a Wanted<'a>,
        disk: Sender<Order>,
        partial: (Ranges, Edition),
    ) -> Self {
        let (there, edition) = partial;
        let got = there.total();
        Self {
            task,
            client,
            wanted,
            disk,
            plan: RefCell::new(Plan::new(there, wanted.size.or(edition.total))),
            edition: RefCell::new(edition),
            landed: RefCell::new(None),
            got: Cell::new(got),
            best: Cell::new(got),
            met: Cell::new(false),
            ranges: Cell::new(true),
            probing: Cell::new(true),
            shareable: Cell::new(false),
            chunked: Cell::new(false),
            alive: Cell::new(1),
            pausing: Cell::new(0),
            stitched: Cell::new(got > 0),
            meter: RefCell::new(Meter::new(got, Instant::now())),
        }
    }

    /// Brings all that is missing.
    pub(super) async fn run(&self) -> Result<(), FetchError> {
        let mut editions = 1;
        loop {
            let round = tokio::select! {
                round = self.round() => round,
                never = self.report() => match never {},
            };
            match round {
                Ok(()) => break,
                Err(Halt::Anew { error, ranges }) if editions < EDITIONS => {
                    editions += 1;
                    self.task.say(format!("{error}; beginning anew"));
                    self.forget(ranges);
                }
                Err(Halt::Anew { error, .. } | Halt::Again { error, .. } | Halt::Final(error)) => {
                    return Err(error);
                }
            }
        }
        self.task.progress(Some(self.got.get()), self.plan.borrow().total, self.name());
        // An error of the disk is told by the disk.
        let _ = self.order(Order::End).await;
        Ok(())
    }

    async fn round(&self) -> Result<(), Halt> {
        self.alive.set(1);
        let mut lead = Worker::new(self);
        let Some(first) = lead.first().await? else { return Ok(()) };
        self.chunked.set(self.shareable.get());
        let others = if self.chunked.get() { CONNECTIONS - 1 } else { 0 };
        self.alive.set(1 + others);
        let others = try_join_all((0..others).map(|_| async { Worker::new(self).work(None).await }));
        try_join(lead.work(Some(first)), others).await.map(|_| ())
    }

    /// What arrived is of no use.
    fn forget(&self, ranges: bool) {
        self.ranges.set(self.ranges.get() && ranges);
        self.chunked.set(false);
        self.probing.set(false);
        self.pausing.set(0);
        self.landed.replace(None);
        self.edition.replace(Edition::default());
        self.plan.replace(Plan::new(Ranges::default(), self.wanted.size));
        self.count(0);
    }

    /// The next bytes to ask for: a chunk, where more may follow from elsewhere.
    pub(super) fn claim(&self) -> Option<Claim> {
        let mut plan = self.plan.borrow_mut();
        if !self.ranges.get() {
            let claim = plan.claim(None)?;
            // In one piece or not at all.
            plan.take_all();
            return Some(Claim { from: 0, to: claim.to });
        }
        let small = plan.total.is_some_and(|total| total <= LARGE);
        plan.claim((self.chunked.get() || self.probing.get() && !small).then_some(CHUNK))
    }

    /// The first bytes of an edition are to be written (not `keep`), or more of it.
    pub(super) async fn begin(&self, edition: Edition, keep: bool) -> Result<(), FetchError> {
        let total = self.wanted.size.or(edition.total);
        // What is thrown away makes room, too.
        if let (Some(total), Some(free)) = (total, files::free(self.wanted.folder)) {
            let needed = total.saturating_sub(self.got.get());
            if needed > free {
                return Err(FetchError::NoSpace { folder: self.wanted.folder.to_owned(), free, needed });
            }
        }
        if !keep {
            self.count(0);
        }
        self.plan.borrow_mut().total = total;
        self.edition.replace(edition.clone());
        self.order(Order::Begin { edition, keep }).await
    }

    /// Hands something to the disk; an error means that the disk has one to tell.
    pub(super) async fn order(&self, order: Order) -> Result<(), FetchError> {
        let gone = |_| FetchError::Local(crate::error::Error::failed("the disk takes no more"));
        self.disk.send(order).await.map_err(gone)
    }

    pub(super) fn count(&self, got: u64) {
        if got < self.got.get() {
            self.meter.borrow_mut().set(got, Instant::now());
        }
        self.got.set(got);
    }

    /// `kubectl from dl.k8s.io`.
    fn name(&self) -> String {
        let url = &self.wanted.route.start;
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        format!("{name} from {}", url.host_str().unwrap_or_default())
    }

    /// Says how far it is, unless all connections pause, which was said.
    async fn report(&self) -> Infallible {
        let name = self.name();
        loop {
            if self.pausing.get() < self.alive.get() {
                let (got, total) = (self.got.get(), self.plan.borrow().total);
                let rate = self.meter.borrow_mut().text(got, total, Instant::now()).to_owned();
                self.task.progress(Some(got), total, format!("{name}{rate}"));
            }
            tokio::time::sleep(REPORT_EVERY).await;
        }
    }
}

/// Whether what the first answer shows is enough for more connections.
pub(super) fn can_be_shared(edition: &Edition) -> bool {
    edition.can_be_told() && edition.total.is_some_and(|total| total > LARGE)
}
