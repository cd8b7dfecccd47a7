//! Watches as triggers for another evaluation of a check.

use std::fmt::Debug;

use futures::stream::{BoxStream, StreamExt as _};
use kube::Resource;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde::de::DeserializeOwned;

/// One item for each change of the objects that `config` selects, and one for each that exists at first. A
/// broken watch is restarted with increasing delays.
pub(super) fn of<K>(api: Api<K>, config: watcher::Config) -> BoxStream<'static, ()>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(api, config).default_backoff().map(|_| ()).boxed()
}

/// As [`of`], for the object `name`.
pub(super) fn of_one<K>(api: Api<K>, name: &str) -> BoxStream<'static, ()>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    of(api, watcher::Config::default().fields(&format!("metadata.name={name}")))
}
