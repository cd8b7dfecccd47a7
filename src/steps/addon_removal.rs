//! Steps `remove-addon-<name>`: delete an addon that the profile no longer lists.

use std::collections::BTreeMap;

use super::{Probe, Session, Step};
use crate::addons::Addon;
use crate::deploy::{self, ObjectRef};
use crate::error::Result;
use crate::task::Task;

impl Session {
    /// The installed addons that the profile does not list, with their objects. An earlier version did not record
    /// them: in its clusters, each known addon may be installed.
    pub fn unlisted_addons(&self) -> Result<BTreeMap<String, Vec<ObjectRef>>> {
        let made = self.receipt().made;
        let mut unlisted = match made.addons {
            Some(recorded) => recorded,
            None if made.cluster.complete => {
                let names = Addon::names(&self.data).into_iter();
                let load = |name: String| {
                    let addon = Addon::load(&self.data, &self.versions, &name)?;
                    Ok((name, addon.references()?))
                };
                names.map(load).collect::<Result<_>>()?
            }
            None => BTreeMap::new(),
        };
        unlisted.retain(|name, _| !self.profile.addons.contains(name));
        for objects in unlisted.values_mut() {
            self.retain_unlisted(objects)?;
        }
        Ok(unlisted)
    }

    /// Removes those of `objects` that an addon of the profile has.
    pub(super) fn retain_unlisted(&self, objects: &mut Vec<ObjectRef>) -> Result<()> {
        for addon in self.addons()? {
            let kept = addon.references()?;
            objects.retain(|object| !kept.contains(object));
        }
        Ok(())
    }
}

pub struct RemovalStep {
    pub name: String,
    pub objects: Vec<ObjectRef>,
}

impl RemovalStep {
    fn is_recorded(&self, session: &Session) -> bool {
        session.receipt().made.addons.is_some_and(|addons| addons.contains_key(&self.name))
    }
}

impl Step for RemovalStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let profile = &session.profile.name;
        vec![format!(
            "deletes addon {} from the cluster, because profile {profile} does not list it",
            self.name
        )]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let present = deploy::present(task, session.kube()?, &self.objects)?;
        if present.is_empty() && !self.is_recorded(session) {
            return Ok(Probe::Done("is not installed".to_owned()));
        }
        Ok(Probe::Needed(format!("profile {} does not list it", session.profile.name)))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        deploy::remove(task, session.kube()?, &self.objects)?;
        if self.is_recorded(session) {
            session.record(|receipt| {
                receipt.made.addons.iter_mut().for_each(|addons| drop(addons.remove(&self.name)));
            })?;
        }
        Ok("is deleted".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use crate::steps::testing::session;
    use crate::steps::up;

    fn removals(session: &crate::steps::Session) -> Vec<String> {
        let plan = up::plan(session).unwrap();
        let ids = plan.steps().iter().filter(|step| step.id.starts_with("remove-addon-"));
        ids.map(|step| step.id.clone()).collect()
    }

    #[test]
    fn what_was_installed_and_is_not_listed_is_removed_first() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        assert!(removals(&session).is_empty(), "nothing was installed");
        let made = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        session
            .record(|receipt| {
                receipt.made.cluster.complete = true;
                receipt.made.addons = Some(made(&["metrics-server", "traefik"]));
            })
            .unwrap();
        assert!(removals(&session).is_empty(), "the profile lists both");
        session.record(|receipt| receipt.made.addons = Some(made(&["gone", "traefik"]))).unwrap();
        assert_eq!(removals(&session), ["remove-addon-gone"]);
        let plan = up::plan(&session).unwrap();
        let addons: Vec<_> = plan.steps().iter().filter(|step| step.id.starts_with("addon-")).collect();
        assert_eq!(addons.len(), 2);
        for step in addons {
            assert!(step.needs.contains(&"remove-addon-gone".to_owned()), "{}", step.id);
        }
    }

    /// An earlier version did not record addons: each known one may be installed. What a listed addon has too stays.
    #[test]
    fn in_clusters_of_earlier_versions_known_addons_are_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        session.record(|receipt| receipt.made.cluster.complete = true).unwrap();
        let unlisted = session.unlisted_addons().unwrap();
        assert!(!unlisted.is_empty() && !unlisted.contains_key("traefik"), "{unlisted:?}");
        for (name, objects) in unlisted {
            assert!(objects.iter().any(|object| object.kind == "DaemonSet" && object.name == name));
            assert!(objects.iter().all(|object| object.name != "ingress-ready"), "{objects:?}");
        }
    }
}
