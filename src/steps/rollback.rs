//! The plan of `rollback`: installs an earlier revision of the application again.

use std::collections::BTreeMap;

use super::checks::{ChecksStep, specs};
use super::plan::{NO_CHANGE, NOTHING, Planned};
use super::release::shown;
use super::tool::ToolStep;
use super::{Plan, Probe, Session, Step};
use crate::deploy::helm::Helm;
use crate::deploy::{self, Release, watch};
use crate::error::{Error, Result};
use crate::fetch::Urgency;
use crate::local_registry::{self, LocalRegistry, Stored};
use crate::task::Task;

const LIST: &str = "todo-bootstrap rollback --list   # shows the revisions";

/// The revision to restore: `wanted`, or the newest earlier one that differs from what is installed. `history` is in
/// order, oldest first.
pub fn chosen(history: &[Release], wanted: Option<u32>) -> Result<&Release> {
    let Some((newest, earlier)) = history.split_last() else {
        return Err(Error::failed("the application is not installed").help("todo-bootstrap up"));
    };
    // An interrupted rollback is continued.
    let wanted = wanted.or(newest.restored.filter(|_| newest.pending()));
    let good = |release: &&Release| ["deployed", "superseded"].contains(&release.status.as_str());
    let Some(wanted) = wanted else {
        let differs = |release: &&Release| release.manifest != newest.manifest;
        return earlier.iter().rev().filter(good).find(differs).ok_or_else(|| {
            Error::failed("there is no earlier revision to roll back to")
                .because(format!(
                    "none of the {} stored revisions differs from the installed one",
                    history.len()
                ))
                .help(LIST)
        });
    };
    if wanted == newest.revision && newest.deployed() {
        return Err(Error::usage(format!("revision {wanted} is the installed one")).help(LIST));
    }
    let Some(found) = history.iter().find(|release| release.revision == wanted) else {
        let known: Vec<String> = history.iter().map(|release| release.revision.to_string()).collect();
        return Err(Error::usage(format!("there is no revision {wanted}"))
            .because(format!("the stored revisions are: {}", known.join(", ")))
            .help(LIST));
    };
    if !good(&found) {
        return Err(Error::usage(format!("revision {wanted} cannot be restored"))
            .because(format!("it was never installed completely: it is {}", found.status))
            .help(LIST));
    }
    Ok(found)
}

/// The steps that restore revision `to`.
pub fn plan(session: &Session, to: &Release) -> Result<Plan> {
    let specs = specs(session)?;
    let number = to.revision;
    let helm = ToolStep { name: "helm", urgency: Urgency::Cluster, unrecorded: std::sync::OnceLock::new() };
    let (count, title) = (specs.len(), format!("Application {}, revision {number}", to.name));
    let [images, rollback] = [to.clone(), to.clone()];
    Plan::new(vec![
        Planned::new("tool-helm", "Tool helm", 45, NOTHING, NO_CHANGE, helm),
        Planned::new(
            "images",
            format!("Images of revision {number}"),
            10,
            NOTHING,
            NO_CHANGE,
            ImagesStep { to: images },
        ),
        Planned::new("rollback", title, 6, ["tool-helm", "images"], NO_CHANGE, RollbackStep { to: rollback }),
        Planned::new("checks", format!("{count} checks"), 4, ["rollback"], NO_CHANGE, ChecksStep { specs }),
    ])
}

/// Provides the images of a revision in all nodes, before anything is changed.
struct ImagesStep {
    to: Release,
}

impl ImagesStep {
    /// The images that a node does not have, with the names of those nodes. Images of other registries are pulled by
    /// the nodes.
    fn missing(&self, session: &Session, task: &Task<'_>) -> Result<BTreeMap<Stored, Vec<String>>> {
        let nodes = session.node_images(task)?;
        let mut missing: BTreeMap<Stored, Vec<String>> = BTreeMap::new();
        for image in self.to.images()?.iter().filter_map(|reference| Stored::of_pod(reference)) {
            let without = nodes.iter().filter(|(_, has)| !has.contains(&image.in_node()));
            let without: Vec<String> = without.map(|(node, _)| node.clone()).collect();
            if !without.is_empty() {
                missing.insert(image, without);
            }
        }
        Ok(missing)
    }
}

impl Step for ImagesStep {
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let missing = self.missing(session, task)?;
        let names: Vec<&str> = missing.keys().map(|image| image.repository.as_str()).collect();
        Ok(if names.is_empty() {
            Probe::Done("are in the cluster".to_owned())
        } else {
            Probe::Needed(format!("missing in the cluster: {}", names.join(", ")))
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let (engine, missing) = (session.engine()?, self.missing(session, task)?);
        let registry = LocalRegistry::find(task, engine, &session.paths.cache)?;
        let mut gone = Vec::new();
        for image in missing.keys() {
            let there = match &registry {
                Some(registry) => registry.client().complete(task, &image.repository, &image.digest)?,
                None => false,
            };
            if !there {
                gone.push(image);
            }
        }
        if !gone.is_empty() {
            return Err(lost(&self.to, &gone, registry.is_some()));
        }
        for (image, nodes) in &missing {
            nodes.iter().try_for_each(|node| local_registry::pull(task, engine, node, image))?;
        }
        session.forget_node_images();
        Ok("are in the cluster".to_owned())
    }
}

/// The error for images that nothing has any more.
fn lost(release: &Release, gone: &[&Stored], registry: bool) -> Error {
    let what = format!("revision {} cannot be restored: its images no longer exist", release.revision);
    let place = if registry {
        "neither the nodes nor the local registry have"
    } else {
        "the local registry is not running, and a node lacks"
    };
    let error =
        gone.iter().fold(Error::failed(what), |error, image| error.because(format!("{place} {image}")));
    let error = error.because("nothing was changed");
    if registry {
        error.help("todo-bootstrap up   # builds and installs the sources in the project; check out older ones first")
    } else {
        error.help("todo-bootstrap up   # starts the registry")
    }
}

struct RollbackStep {
    to: Release,
}

impl Step for RollbackStep {
    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let Release { name, namespace, .. } = &self.to;
        Ok(match deploy::release(task, session.kube()?, namespace, name)? {
            Some(now) => Probe::Needed(shown(&deploy::changes(&now, &self.to)?)),
            None => Probe::Needed("not installed".to_owned()),
        })
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let (kube, Release { name, namespace, revision, .. }) = (session.kube()?, &self.to);
        let helm = Helm { tool: session.tool("helm")?.path, kubeconfig: session.kubeconfig() };
        helm.recover(task, kube, namespace, name)?;
        helm.rollback(task, namespace, name, *revision)?;
        session.set_new_release();
        watch::ready(task, kube, &self.to.objects()?, Some(namespace))?;
        Ok(format!("revision {revision} is installed and ready"))
    }

    fn verify(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        let Release { name, namespace, revision, .. } = &self.to;
        let now = deploy::release(task, session.kube()?, namespace, name)?;
        let restored = now.is_some_and(|now| now.deployed() && now.restored == Some(*revision));
        Ok(if restored {
            Probe::Done(String::new())
        } else {
            Probe::Needed(format!("Helm did not restore revision {revision}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(revision: u32, status: &str, manifest: &str) -> Release {
        let (status, manifest) = (status.to_owned(), manifest.to_owned());
        Release { revision, status, manifest, ..Release::default() }
    }

    fn number(history: &[Release], wanted: Option<u32>) -> u32 {
        chosen(history, wanted).unwrap().revision
    }

    fn refused(history: &[Release], wanted: Option<u32>) -> String {
        let text = chosen(history, wanted).unwrap_err().to_string();
        assert!(text.contains("help: todo-bootstrap"), "{text}");
        text
    }

    #[test]
    fn the_previous_revision_is_the_newest_that_differs_and_was_installed() {
        let mut history = vec![
            release(3, "superseded", "a"),
            release(4, "superseded", "b"),
            release(5, "failed", "c"),
            release(6, "superseded", "d"),
            // The same again: a repair.
            release(7, "deployed", "d"),
        ];
        assert_eq!((number(&history, None), number(&history, Some(3))), (4, 3));
        assert!(refused(&history, Some(7)).contains("is the installed one"));
        assert!(refused(&history, Some(1)).contains("the stored revisions are: 3, 4, 5, 6, 7"));
        assert!(refused(&history, Some(5)).contains("it is failed"));
        // After a failed or interrupted upgrade, what was installed before is restored.
        history.push(release(8, "pending-upgrade", "e"));
        assert_eq!(number(&history, None), 7);
        // An interrupted rollback is continued.
        history.push(Release { restored: Some(4), ..release(9, "pending-rollback", "b") });
        assert_eq!(number(&history, None), 4);
    }

    #[test]
    fn without_an_earlier_revision_there_is_nothing_to_restore() {
        assert!(refused(&[], None).contains("not installed"));
        let one = release(1, "deployed", "a");
        assert!(refused(std::slice::from_ref(&one), None).contains("no earlier revision"));
        assert!(
            refused(&[release(1, "superseded", "a"), release(2, "deployed", "a")], None)
                .contains("none of the 2")
        );
    }

    #[test]
    fn images_that_are_gone_are_named() {
        let image = Stored { repository: "shop/web".into(), tag: "1".into(), digest: "sha256:ab".into() };
        let error = lost(&release(4, "superseded", ""), &[&image], true).to_string();
        assert!(
            error.contains("neither the nodes nor the local registry have shop/web:1@sha256:ab"),
            "{error}"
        );
        assert!(error.contains("nothing was changed"), "{error}");
        assert!(
            lost(&release(4, "superseded", ""), &[&image], false).to_string().contains("starts the registry")
        );
    }
}
