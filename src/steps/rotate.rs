//! The plan of `secrets rotate`: a new key encrypts, every Secret is written again, and the old key is dropped.
//!
//! The keys in the state directory are the state of the rotation: two keys are an interrupted one, which continues.

use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::{Plan, Probe, Session, Step};
use crate::cluster::{Encryption, Provider, rewrite_secrets};
use crate::error::{Error, Result};
use crate::task::Task;

/// A plan with the three steps. Fails if the cluster does not encrypt its Secrets.
pub fn plan(session: &Session) -> Result<Plan> {
    if !session.receipt().made.cluster.secrets_encrypted {
        let name = &session.profile.cluster.name;
        return Err(Error::refused(format!("cluster `{name}` does not encrypt its Secrets"))
            .because("an earlier version of todo-bootstrap created it, and a cluster keeps its configuration")
            .help("todo-bootstrap down && todo-bootstrap up   # discards the data in the cluster"));
    }
    let step = |id, title, needs: &[&str], part| {
        Planned::new(id, title, 5, needs.iter().copied(), NO_CHANGE, Rotate(part))
    };
    Plan::new(vec![
        step("new-key", "New encryption key", &NOTHING, Part::Add),
        step("rewrite-secrets", "Secrets", &["new-key"], Part::Rewrite),
        step("old-key", "Old encryption key", &["rewrite-secrets"], Part::Drop),
    ])
}

struct Rotate(Part);

#[derive(Clone, Copy)]
enum Part {
    Add,
    Rewrite,
    Drop,
}

/// The keys in the state directory, restored from the node if they were lost.
fn keys(provider: &Provider, task: &Task<'_>) -> Result<Encryption> {
    provider.find_keys(task)?;
    provider.keys()?.ok_or_else(|| {
        let file = provider.key_file();
        Error::failed(format!("{} was removed", file.display())).help("todo-bootstrap secrets rotate")
    })
}

/// Puts the keys in place: first where they cannot get lost with the node.
fn save(provider: &Provider, task: &Task<'_>, keys: &Encryption) -> Result<()> {
    provider.save_keys(keys)?;
    provider.place_keys(task)
}

impl Step for Rotate {
    fn probe(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Needed(match self.0 {
            Part::Add => "a rotation always needs a new key".to_owned(),
            Part::Rewrite => "the old key encrypts them".to_owned(),
            Part::Drop => "nothing needs it any more".to_owned(),
        }))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let provider = session.provider()?;
        match self.0 {
            Part::Add => {
                let mut keys = keys(&provider, task)?;
                keys.add_key()?;
                save(&provider, task, &keys)?;
                task.say("waiting for the API server to use the new key, which takes up to a minute");
                keys.loaded(task, session.kube()?)?;
                Ok(format!("{} encrypts from now on", keys.id()))
            }
            Part::Rewrite => {
                let count = rewrite_secrets(task, session.kube()?);
                let count =
                    count.map_err(|error| error.help("todo-bootstrap secrets rotate   # continues"))?;
                Ok(format!("{count} Secrets were written again, with the same values"))
            }
            // The API server drops it within a minute; nothing depends on when.
            Part::Drop => {
                let mut keys = keys(&provider, task)?;
                let old = keys.drop_old();
                save(&provider, task, &keys)?;
                Ok(format!("{} was deleted", old.join(", ")))
            }
        }
    }

    /// `run` waited for its effect.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::steps::testing::session;

    #[test]
    fn a_cluster_of_an_older_version_is_refused_with_what_encrypts_it() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        let error = plan(&session).err().unwrap();
        assert_eq!(error.exit(), Exit::Refused);
        assert!(error.hints()[0].starts_with("todo-bootstrap down && todo-bootstrap up"), "{error}");
        session.record(|receipt| receipt.made.cluster.secrets_encrypted = true).unwrap();
        let plan = plan(&session).unwrap();
        let ids: Vec<&str> = plan.steps().iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["new-key", "rewrite-secrets", "old-key"]);
    }
}
