//! The objects that a watch has told of, by name.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kube::runtime::watcher::Event;

/// All of one kind in one namespace, once the first list is through.
#[derive(Debug)]
pub(super) struct Store<K> {
    live: BTreeMap<String, K>,
    /// The names of a list that is being read; what is not in it at its end is gone.
    listed: BTreeSet<String>,
    loaded: bool,
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self { live: BTreeMap::new(), listed: BTreeSet::new(), loaded: false }
    }
}

impl<K: ResourceExt> Store<K> {
    pub(super) fn take(&mut self, event: Event<K>) {
        match event {
            Event::Apply(object) => {
                self.live.insert(object.name_any(), object);
            }
            Event::Delete(object) => {
                self.live.remove(&object.name_any());
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                self.listed.insert(object.name_any());
                self.live.insert(object.name_any(), object);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.live.retain(|name, _| listed.contains(name));
                self.loaded = true;
            }
        }
    }

    pub(super) fn loaded(&self) -> bool {
        self.loaded
    }

    pub(super) fn get(&self, name: &str) -> Option<&K> {
        self.live.get(name)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &K> {
        self.live.values()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;

    use super::*;

    fn pod(name: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod
    }

    #[test]
    fn a_new_list_forgets_what_is_gone() {
        let mut store = Store::default();
        for event in [Event::Init, Event::InitApply(pod("a")), Event::InitApply(pod("b"))] {
            store.take(event);
        }
        assert!(!store.loaded());
        for event in [Event::InitDone, Event::Init, Event::InitApply(pod("b")), Event::InitDone] {
            store.take(event);
        }
        assert!(store.loaded() && store.get("a").is_none());
        store.take(Event::Apply(pod("c")));
        store.take(Event::Delete(pod("b")));
        assert_eq!(store.values().map(ResourceExt::name_any).collect::<Vec<_>>(), ["c"]);
    }
}
