//! Step `release`: installs the chart with its values and images, and waits until all of it is ready.

use serde_json::json;

use super::secrets::wanted;
use super::{Probe, Session, Step};
use crate::config::Application;
use crate::config::env::Environment;
use crate::deploy::helm::{Chart, Helm};
use crate::deploy::{self, Release, watch};
use crate::error::{Error, Result};
use crate::task::Task;

pub struct ReleaseStep {
    pub application: Application,
}

impl ReleaseStep {
    /// Our own values, which Helm merges last. They contain digests of the secrets with `key`, but no secret.
    fn own_values(&self, session: &Session, environment: &Environment, key: &[u8]) -> Result<Vec<u8>> {
        let images: serde_json::Map<String, serde_json::Value> = self
            .application
            .image_names()
            .into_iter()
            .map(|name| Ok((name.clone(), json!(session.image(&name)?.in_cluster()))))
            .collect::<Result<_>>()?;
        let [secret, config] = wanted(&self.application, environment);
        let mut values = json!({
            "images": images,
            "host": self.application.host,
            "hosts": self.application.hosts(),
            "ingressClass": session.profile.ingress_class,
            "secret": { "name": secret.name, "keys": secret.digests(key) },
            "config": { "name": config.name, "keys": config.digests(key) },
        });
        // Empty unless needed, because the schema of a chart may not allow services.
        for (key, value) in session.replica_caps()? {
            values[key] = value;
        }
        serde_json::to_vec_pretty(&values).map_err(|e| Error::failed("cannot write the values").because(e))
    }

    /// The chart with all its values. Writes nothing, because the probe uses it too.
    fn chart(&self, session: &Session, key: &[u8]) -> Result<Chart> {
        let environment = session.valid_environment(&self.application)?;
        let overrides = environment.overrides(&self.application).into_iter().map(|over| over.values.clone());
        Ok(Chart {
            release: self.application.name.clone(),
            namespace: self.application.namespace.clone(),
            path: self.application.chart.clone(),
            values: [self.application.values.clone(), session.preset_values()?, overrides.collect()].concat(),
            own_values: self.own_values(session, &environment, key)?,
        })
    }

    /// The newest revision, and the reason why the chart must be installed again, if any.
    fn outdated(
        session: &Session,
        task: &Task<'_>,
        chart: &Chart,
    ) -> Result<(Option<Release>, Option<String>)> {
        let kube = session.kube()?;
        let Some(release) = deploy::release(task, kube, &chart.namespace, &chart.release)? else {
            return Ok((None, Some("not installed yet".to_owned())));
        };
        let why = if !release.deployed() {
            Some(format!("revision {} is {}", release.revision, release.status))
        } else if release.inputs.as_ref() != Some(&chart.digest()?) {
            Some("chart, values or images changed".to_owned())
        } else {
            let drift = deploy::release_drift(task, kube, &release)?;
            let names: Vec<String> = drift.iter().map(ToString::to_string).collect();
            (!names.is_empty()).then(|| names.join("; "))
        };
        Ok((Some(release), why))
    }
}

impl Step for ReleaseStep {
    fn effects(&self, _session: &Session) -> Vec<String> {
        vec![format!(
            "installs Helm release {} in namespace {}",
            self.application.name, self.application.namespace
        )]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        // Without a key no digest matches, so the chart is installed again.
        let chart = self.chart(session, &session.digest_key()?.unwrap_or_default())?;
        let release = match Self::outdated(session, task, &chart)? {
            (_, Some(why)) => return Ok(Probe::Needed(why)),
            (None, None) => return Ok(Probe::Needed("not installed yet".to_owned())),
            (Some(release), None) => release,
        };
        let namespace = Some(chart.namespace.as_str());
        let waiting = watch::not_ready(task, session.kube()?, &release.objects()?, namespace)?;
        if waiting.is_empty() {
            return Ok(Probe::Done(format!("revision {} is installed and ready", release.revision)));
        }
        Ok(Probe::Needed(format!("not ready: {}", waiting.join(", "))))
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let kube = session.kube()?;
        let chart = self.chart(session, &session.make_digest_key()?)?;
        let (mut release, why) = Self::outdated(session, task, &chart)?;
        if why.is_some() {
            let helm = Helm { tool: session.tool("helm")?.path, kubeconfig: session.kubeconfig() };
            helm.recover(task, kube, &chart.namespace, &chart.release)?;
            helm.install(task, &chart)?;
            release = deploy::release(task, kube, &chart.namespace, &chart.release)?;
        }
        let release = release.ok_or_else(|| {
            Error::failed(format!("Helm did not create release {}/{}", chart.namespace, chart.release))
                .help("todo-bootstrap up")
        })?;
        watch::ready(task, kube, &release.objects()?, Some(&chart.namespace))?;
        Ok(format!("revision {} is installed and ready", release.revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::with_context;
    use crate::steps::testing::session;

    /// `plan` must not change the values of an `up` that runs at the same time.
    #[test]
    fn a_probe_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        let step = ReleaseStep { application: session.application.clone().unwrap() };
        // The probe gets as far as the connection, which this session lacks.
        let error = with_context(|cx| step.probe(&session, cx.task)).err().unwrap();
        assert!(error.to_string().contains("connection to the cluster"), "{error}");
        assert!(!dir.path().join("state").exists());
    }

    #[test]
    fn the_key_is_created_once() {
        let dir = tempfile::tempdir().unwrap();
        let session = session(dir.path(), "kind");
        assert_eq!(session.digest_key().unwrap(), None);
        let key = session.make_digest_key().unwrap();
        assert_eq!((key.len(), session.make_digest_key().unwrap()), (32, key.clone()));
        assert_eq!(session.digest_key().unwrap(), Some(key));
    }
}
