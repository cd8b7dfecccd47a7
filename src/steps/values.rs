//! Step `values`: renders the chart before there is a cluster to install it in, so that an unknown value is reported
//! in the first seconds of the first `up`.

use super::release::ReleaseStep;
use super::{Probe, Session, Step};
use crate::deploy::helm::Helm;
use crate::error::{Error, Result};
use crate::local_registry::Stored;
use crate::task::Task;

pub struct ValuesStep {
    pub release: ReleaseStep,
}

impl Step for ValuesStep {
    /// In an existing cluster, step `release` is reached soon enough.
    fn probe(&self, session: &Session, _task: &Task<'_>) -> Result<Probe> {
        if session.receipt().made.cluster.complete {
            return Ok(Probe::Done("are validated when the application is installed".to_owned()));
        }
        Ok(Probe::Needed("are validated before the cluster is created".to_owned()))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        // The digests of secrets and images are not known yet.
        let chart = self.release.chart_with(session, &[], &|name| Ok(placeholder(name)))?;
        let helm = Helm { tool: session.tool("helm")?.path, kubeconfig: session.kubeconfig() };
        helm.render(task, &chart).map_err(|error| explain(error, &chart.values))?;
        Ok("are valid".to_owned())
    }

    /// `run` is itself the verification.
    fn verify(&self, _session: &Session, _task: &Task<'_>) -> Result<Probe> {
        Ok(Probe::Done(String::new()))
    }
}

fn placeholder(name: &str) -> String {
    let digest = format!("sha256:{}", "0".repeat(64));
    Stored { repository: name.to_owned(), tag: "0".to_owned(), digest }.in_cluster()
}

fn explain(error: Error, values: &[std::path::PathBuf]) -> Error {
    let error = error.context("the chart does not accept its values; nothing was installed");
    let files: Vec<String> = values.iter().map(|file| file.display().to_string()).collect();
    if files.is_empty() {
        error
    } else {
        error.help(format!("fix the keys named above in {}", files.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::origins::{Found, Origin};
    use crate::steps::testing::session;
    use crate::task::testing::with_task;

    #[test]
    fn an_unknown_value_is_reported_before_there_is_a_cluster() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        let step = ValuesStep { release: ReleaseStep { application: session.application.clone().unwrap() } };
        let (name, version, path) = ("helm".to_owned(), "4".to_owned(), "/t/helm".into());
        let (sha256, origin, refusals) = (String::new(), Origin::Cache, Vec::new());
        session.set_tool(Found { name, version, path, sha256, origin, size: 0, refusals });
        let said = "at '/services/web': additional properties 'replica' not allowed";
        let script = Script::default().on_err("helm", 1, "", said).on("helm", 0, "");
        let (results, _) = with_task(&script, |task| {
            let probe = step.probe(&session, task).unwrap();
            (probe, step.run(&session, task), step.run(&session, task))
        });
        assert!(matches!(results.0, Probe::Needed(_)));
        let error = results.1.unwrap_err().to_string();
        assert!(
            error.contains("does not accept its values") && error.contains("'replica' not allowed"),
            "{error}"
        );
        assert_eq!(results.2.unwrap(), "are valid");
        let ran = script.ran().remove(0);
        assert!(ran.contains(" template --values - shop ") && !ran.contains("upgrade"), "{ran}");
        session.record(|receipt| receipt.made.cluster.complete = true).unwrap();
        let again = with_task(&script, |task| step.probe(&session, task).unwrap()).0;
        assert!(matches!(again, Probe::Done(_)));
    }
}
