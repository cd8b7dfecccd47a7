//! The order of transfers that share a link: what others wait for longest comes first. What is less urgent pauses
//! between its parts, and continues while the link would otherwise be idle.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::error::Result;
use crate::task::Task;

/// What waits for a transfer, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The local registry, through which all images go.
    Registry,
    /// Builds, which take longest.
    Build,
    /// The cluster.
    Cluster,
    /// Pods, after both.
    Pod,
    /// Checks, once the pods run.
    Check,
}

/// The transfers that are on their way.
#[derive(Debug, Default)]
pub struct Queue {
    transfers: Mutex<Vec<Urgency>>,
    left: Notify,
}

impl Queue {
    fn transfers(&self) -> MutexGuard<'_, Vec<Urgency>> {
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn join(&self, urgency: Urgency) -> Place<'_> {
        self.transfers().push(urgency);
        Place { queue: self, urgency }
    }
}

/// Kept until the transfer is complete.
#[derive(Debug)]
pub struct Place<'a> {
    queue: &'a Queue,
    urgency: Urgency,
}

impl Place<'_> {
    /// Whether no transfer that is more urgent is on its way.
    pub(super) fn is_next(&self) -> bool {
        self.queue.transfers().iter().all(|urgency| *urgency >= self.urgency)
    }

    /// Completes once no transfer that is more urgent is on its way.
    pub(super) async fn next(&self) {
        loop {
            // From here on, nobody leaves unnoticed.
            let left = self.queue.left.notified();
            if self.is_next() {
                return;
            }
            left.await;
        }
    }

    /// As [`Place::next`], or until the task ends; called before each part of a transfer.
    pub fn wait(&self, task: &Task<'_>) -> Result<()> {
        task.wait("the wait for more urgent transfers", async {
            self.next().await;
            Ok(())
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut transfers = self.queue.transfers();
        if let Some(at) = transfers.iter().position(|urgency| *urgency == self.urgency) {
            transfers.swap_remove(at);
        }
        self.queue.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    const ALL: [Urgency; 5] =
        [Urgency::Registry, Urgency::Build, Urgency::Cluster, Urgency::Pod, Urgency::Check];

    #[test]
    fn a_transfer_waits_for_more_urgent_ones_only() {
        with_task(&Script::default(), |task| {
            let (queue, order) = (Queue::default(), Mutex::new(Vec::new()));
            let first = queue.join(Urgency::Registry);
            queue.join(Urgency::Registry).wait(task).unwrap();
            std::thread::scope(|scope| {
                let mut places = ALL.map(|urgency| queue.join(urgency));
                places.reverse();
                for place in places {
                    let order = &order;
                    scope.spawn(move || {
                        place.wait(task).unwrap();
                        order.lock().unwrap().push(place.urgency);
                    });
                }
                drop(first);
            });
            assert_eq!(order.into_inner().unwrap(), ALL);
        });
    }

    /// Who came before has to wait as well, from its next part on.
    #[test]
    fn an_idle_link_is_used_until_something_more_urgent_comes() {
        let queue = Queue::default();
        let tool = queue.join(Urgency::Check);
        assert!(tool.is_next());
        let image = queue.join(Urgency::Pod);
        assert!(image.is_next() && !tool.is_next());
        drop(image);
        assert!(tool.is_next());
    }

    #[test]
    fn waiting_ends_with_the_task() {
        let parts = crate::task::testing::Parts::default();
        let script = Script::default();
        let task = parts.task(&script);
        let queue = Queue::default();
        let (_first, last) = (queue.join(Urgency::Build), queue.join(Urgency::Pod));
        parts.cancel.cancel(crate::cancel::Reason::Interrupted);
        assert!(last.wait(&task).is_err());
    }
}
