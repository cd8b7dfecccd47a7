//! New log lines: a watch over the pods, and a stream for each running container.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::io::{AsyncBufRead, AsyncBufReadExt as _};
use futures::stream::{self, BoxStream, SelectAll, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use kube::runtime::{WatchStreamExt as _, watcher};

use super::source::Source;
use super::tracker::{Action, Life, Tracker};
use super::{Entry, Past, Query};
use crate::error::Result;
use crate::kubernetes::Kube;
use crate::task::Task;

/// The delay before a broken stream of a running container is opened again.
const AGAIN: Duration = Duration::from_secs(1);

enum News {
    Pods(Box<Result<watcher::Event<Pod>, watcher::Error>>),
    Line(Life, Arc<Source>, String),
    Closed(Life),
}

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
        let mut news: SelectAll<BoxStream<'static, News>> = SelectAll::new();
        news.push(
            watcher(api.clone(), watcher::Config::default())
                .default_backoff()
                .map(|event| News::Pods(Box::new(event)))
                .boxed(),
        );
        let mut tracker = Tracker::new(past);
        let mut tick = tokio::time::interval(AGAIN);
        loop {
            let now = Timestamp::now();
            let actions = tokio::select! {
                one = news.next() => match one {
                    Some(News::Pods(event)) => match *event {
                        Ok(event) => pods(&mut tracker, event, past, query, now),
                        // The watch recovers by itself; open streams continue meanwhile.
                        Err(error) => {
                            tracing::debug!(%error, "the watch over the pods failed");
                            Vec::new()
                        }
                    },
                    Some(News::Line(life, source, text)) => {
                        tracker.line(&life, &source, &text, now).map(Action::Say).into_iter().collect()
                    }
                    Some(News::Closed(life)) => {
                        tracker.closed(&life);
                        Vec::new()
                    }
                    None => return Ok(()),
                },
                _ = tick.tick() => tracker.again(),
            };
            for action in actions {
                match action {
                    Action::Say(entry) if !on(&entry) => return Ok(()),
                    Action::Say(_) => {}
                    Action::Listen { life, source, after } => {
                        news.push(listen(api.clone(), life, source, after));
                    }
                }
            }
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

enum Reading {
    Start,
    Open(Pin<Box<dyn AsyncBufRead + Send>>),
    End,
}

/// The lines of one container, followed by one [`News::Closed`].
fn listen(
    api: Api<Pod>,
    life: Life,
    source: Arc<Source>,
    after: Option<Timestamp>,
) -> BoxStream<'static, News> {
    let step = move |mut reading: Reading| {
        let (api, life, source) = (api.clone(), life.clone(), source.clone());
        async move {
            if matches!(reading, Reading::Start) {
                let params = LogParams {
                    container: Some(source.container.clone()),
                    follow: true,
                    since_time: after,
                    timestamps: true,
                    ..LogParams::default()
                };
                reading = match api.log_stream(&source.pod, &params).await {
                    Ok(reader) => Reading::Open(Box::pin(reader)),
                    Err(_) => return Some((News::Closed(life), Reading::End)),
                };
            }
            let Reading::Open(mut reader) = reading else { return None };
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line).await {
                Ok(length) if length > 0 => {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    Some((News::Line(life, source, text), Reading::Open(reader)))
                }
                _ => Some((News::Closed(life), Reading::End)),
            }
        }
    };
    stream::unfold(Reading::Start, step).boxed()
}
