//! Watches of the API as occasions to look again.

use std::fmt::Debug;

use futures::stream::{BoxStream, StreamExt as _};
use kube::Resource;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde::de::DeserializeOwned;

/// One pulse for each change of the objects that `config` selects, and one for each that is there
/// at first. A broken watch is taken up again, more and more slowly.
pub(super) fn of<K>(api: Api<K>, config: watcher::Config) -> BoxStream<'static, ()>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(api, config).default_backoff().map(|_| ()).boxed()
}

/// Pulses of the one object `name`.
pub(super) fn of_one<K>(api: Api<K>, name: &str) -> BoxStream<'static, ()>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    of(api, watcher::Config::default().fields(&format!("metadata.name={name}")))
}
