//! The plans of `backup create` and `restore`.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::backup::{self, Backup, Dump, Origin, Reason, Shelf, Store};
use crate::config::Application;
use crate::error::{Error, Result};
use crate::quantity::show_bytes;
use crate::task::Task;

/// The time limit of each step, in minutes: large data takes long.
const MINUTES: u64 = 60;

/// The backup that a plan makes, once it is made.
pub type Made = Arc<OnceLock<Backup>>;

/// The backups of the cluster of `session`.
pub fn shelf(session: &Session) -> Shelf {
    Shelf { dir: session.paths.backups(&session.profile.cluster.name) }
}

/// The plan of a backup of all data of `application`, in the folder of the cluster or in `to`.
pub fn plan(application: &Application, reason: Reason, to: Option<PathBuf>) -> Result<(Plan, Made)> {
    let made = Made::default();
    let step = BackupStep { application: application.clone(), reason, to, made: made.clone() };
    Ok((Plan::new(vec![step.planned()])?, made))
}

/// The plan that replaces the data of each store by its dump in `backup`, after a backup if `save`. Copies are
/// loaded beside the data first, so nothing changes if one cannot be loaded.
pub fn restore_plan(
    application: &Application,
    backup: &Backup,
    chosen: &[(Store, Dump)],
    save: bool,
) -> Result<Plan> {
    let (mut steps, made): (Vec<Planned>, Made) = (Vec::new(), Made::default());
    if save {
        let (application, reason) = (application.clone(), Reason::BeforeRestore);
        steps.push(BackupStep { application, reason, to: None, made: made.clone() }.planned());
    }
    for (store, dump) in chosen {
        let (id, title) = (format!("load-{}", dump.store), format!("Load a copy of {}", dump.store));
        let step = LoadStep { backup: backup.clone(), store: store.clone(), dump: dump.clone() };
        let needs = steps.last().map(|before| before.id.clone());
        steps.push(Planned::new(id, title, MINUTES, needs, NO_CHANGE, step));
    }
    let needs = steps.last().map(|before| before.id.clone());
    let step = ReplaceStep { stores: chosen.iter().map(|(store, _)| store.clone()).collect(), made };
    steps.push(Planned::new("replace", "Replace the data", 10, needs, NO_CHANGE, step));
    Plan::new(steps)
}

/// Deletes what an interrupted restore left beside the data, and its record.
pub fn clean(session: &Session, task: &Task<'_>) -> Result<()> {
    let (kube, Some(application)) = (session.kube()?, &session.application) else { return Ok(()) };
    for store in backup::stores(task, kube, application)? {
        store.clean(task, kube)?;
    }
    session.record(|receipt| receipt.restoring = None)
}

struct BackupStep {
    application: Application,
    reason: Reason,
    to: Option<PathBuf>,
    made: Made,
}

impl BackupStep {
    fn planned(self) -> Planned {
        let title = format!("Backup of {}", self.application.name);
        Planned::new("backup", title, MINUTES, NOTHING, NO_CHANGE, self)
    }
}

impl Step for BackupStep {
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed(format!("{} backup", self.reason.text())))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let (kube, application) = (session.kube()?, &self.application);
        let stores = backup::stores(task, kube, application)?;
        if stores.is_empty() {
            return Err(Error::failed(format!("{} has no data in the cluster to back up", application.name))
                .because("no service of a [[data]] in application.toml is installed with a volume")
                .help("todo-bootstrap status"));
        }
        let shelf = self.to.clone().map_or_else(|| shelf(session), |dir| Shelf { dir });
        let (cluster, reason) = (&session.profile.cluster.name, self.reason);
        let origin = Origin { cluster, application, reason, now: (session.process_env.now)() };
        let made = backup::create(task, kube, &shelf, &stores, &origin)?;
        shelf.expire(&application.name, reason)?;
        let size = made.manifest.clone()?.size();
        let names: Vec<&str> = stores.iter().map(|store| store.spec.name.as_str()).collect();
        let text = format!("{} ({}, {})", made.name, names.join(", "), show_bytes(size));
        let _ = self.made.set(made);
        Ok(text)
    }

    /// A new backup has been synced and renamed.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

struct LoadStep {
    backup: Backup,
    store: Store,
    dump: Dump,
}

impl Step for LoadStep {
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed(format!("{} of backup {}", show_bytes(self.dump.size), self.backup.name)))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        session.record(|receipt| receipt.restoring = Some(self.backup.name.clone()))?;
        self.store.load(task, session.kube()?, &self.backup, &self.dump)?;
        Ok(match &self.dump.schema {
            Some(schema) => format!("loaded beside the data and verified; its schema is {schema}"),
            None => "loaded beside the data".to_owned(),
        })
    }

    /// `load` compared what it loaded with the manifest.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

struct ReplaceStep {
    stores: Vec<Store>,
    made: Made,
}

impl Step for ReplaceStep {
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed("all copies are loaded".to_owned()))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let kube = session.kube()?;
        let mut done: Vec<&str> = Vec::new();
        for store in &self.stores {
            store.replace(task, kube).map_err(|error| self.partly(error, &done))?;
            done.push(&store.spec.name);
        }
        for store in &self.stores {
            store.clean(task, kube)?;
        }
        session.record(|receipt| receipt.restoring = None)?;
        Ok(format!("{} replaced", done.join(", ")))
    }

    /// Each `replace` failed or did all of its work.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

impl ReplaceStep {
    /// `error`, with what was replaced before and how to get the earlier data back.
    fn partly(&self, error: Error, done: &[&str]) -> Error {
        let Some(before) = self.made.get().filter(|_| !done.is_empty()) else { return error };
        error
            .because(format!("{} was replaced already", done.join(", ")))
            .help(format!("todo-bootstrap restore {}   # puts all data back as it was before", before.name))
    }
}

/// Step of `up`: deletes what an interrupted `restore` left beside the data.
pub(super) struct CopyStep;

impl Step for CopyStep {
    fn probe(&self, session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(match session.receipt().restoring {
            Some(name) => Probe::Needed(format!("restoring {name} was interrupted")),
            None => Probe::Done("there is none".to_owned()),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        clean(session, task)?;
        Ok("deleted; the data was not changed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::session;
    use crate::steps::up;

    #[test]
    fn up_cleans_up_after_an_interrupted_restore_only() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        let has = || {
            let plan = up::plan(&session).unwrap();
            plan.steps().iter().find(|step| step.id == "restore-copy").map(|step| step.needs.clone())
        };
        assert_eq!(has(), None);
        session.record(|receipt| receipt.restoring = Some("2026".to_owned())).unwrap();
        assert_eq!(has(), Some(vec!["release".to_owned()]));
    }

    #[test]
    fn all_copies_are_loaded_before_anything_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        let application = session.application.clone().unwrap();
        let backup = Backup::open(dir.path());
        let ids = |save: bool| {
            let plan = restore_plan(&application, &backup, &[], save).unwrap();
            plan.steps().iter().map(|step| step.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (ids(true), ids(false)),
            (vec!["backup".to_owned(), "replace".to_owned()], vec!["replace".to_owned()])
        );
    }
}
