//! New log lines: a watch over the pods, and a stream for each running container.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::io::AsyncBufReadExt as _;
use futures::stream::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::source::Source;
use super::tracker::{Action, Life, Tracker};
use super::{Entry, Past, Query};
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::task::Task;

/// The delay before a broken stream of a running container is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// A line of a container, or `None` at the end of its log.
type News = (Life, Arc<Source>, Option<String>);

/// Continues where `past` ended and passes on each line as it arrives, until `on` returns false or the task
/// is stopped. Follows new pods, and reports pods that are gone.
pub fn follow(
    task: &Task<'_>,
    kube: &Kube,
    namespace: &str,
    query: &Query,
    past: &Past,
    on: &mut dyn FnMut(&Entry) -> bool,
) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(kube.client().clone(), namespace);
    task.wait("following the logs", async {
        let mut watch = pin!(watcher(api.clone(), watcher::Config::default()).default_backoff());
        let (send, mut news) = mpsc::channel::<News>(64);
        let mut readers = JoinSet::new();
        let mut tracker = Tracker::new(past);
        let mut tick = tokio::time::interval(AGAIN);
        loop {
            let now = Timestamp::now();
            let actions = tokio::select! {
                event = watch.next() => match event {
                    Some(Ok(event)) => pods(&mut tracker, event, past, query, now),
                    // The watch recovers by itself; open streams continue meanwhile.
                    Some(Err(error)) => {
                        tracing::debug!(%error, "the watch over the pods failed");
                        Vec::new()
                    }
                    None => return Ok(()),
                },
                Some((life, source, line)) = news.recv() => {
                    if line.is_none() {
                        tracker.closed(&life);
                    }
                    let entry = line.and_then(|text| tracker.line(&life, &source, &text, now));
                    entry.map(Action::Say).into_iter().collect()
                }
                _ = tick.tick() => tracker.again(),
            };
            for action in actions {
                match action {
                    Action::Say(entry) if !on(&entry) => return Ok(()),
                    Action::Say(_) => {}
                    Action::Listen { life, source, after } => {
                        readers.spawn(listen(api.clone(), life, source, after, send.clone()));
                    }
                }
            }
            while readers.try_join_next().is_some() {}
        }
    })
}

fn pods(
    tracker: &mut Tracker,
    event: watcher::Event<Pod>,
    past: &Past,
    query: &Query,
    now: Timestamp,
) -> Vec<Action> {
    match event {
        watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => {
            tracker.seen(&pod, &past.live.service_of(&pod), query, now)
        }
        watcher::Event::Delete(pod) => tracker.gone(&pod, &past.live.service_of(&pod), query, now),
        watcher::Event::Init | watcher::Event::InitDone => Vec::new(),
    }
}

/// Sends the lines of one container, and then its end.
async fn listen(
    api: Api<Pod>,
    life: Life,
    source: Arc<Source>,
    after: Option<Timestamp>,
    send: mpsc::Sender<News>,
) {
    let params = LogParams {
        container: Some(source.container.clone()),
        follow: true,
        since_time: after,
        timestamps: true,
        ..LogParams::default()
    };
    if let Ok(reader) = api.log_stream(&source.pod, &params).await {
        let (mut reader, mut line) = (pin!(reader), Vec::new());
        while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line).into_owned();
            let _ = send.send((life.clone(), source.clone(), Some(text))).await;
            line.clear();
        }
    }
    let _ = send.send((life, source, None)).await;
}
