//! Step `release`: the chart is installed as chart, values and images say, and all of it is ready.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::secrets::wanted;
use super::{Probe, Session, Step};
use crate::config::Application;
use crate::config::env::Environment;
use crate::deploy::helm::{Chart, Helm};
use crate::deploy::{self, Release, watch};
use crate::error::{Error, Result};
use crate::fetch::write_atomic;
use crate::task::Task;

pub struct ReleaseStep {
    pub application: Application,
    pub session: Arc<Session>,
}

impl ReleaseStep {
    /// The values that only we know, as a file Helm merges last. It holds no secret.
    fn own_values(&self, environment: &Environment) -> Result<Vec<u8>> {
        let images: serde_json::Map<String, serde_json::Value> = self
            .application
            .image_names()
            .into_iter()
            .map(|name| Ok((name.clone(), json!(self.session.image(&name)?.in_cluster()))))
            .collect::<Result<_>>()?;
        let (key, [secret, config]) = (self.session.digest_key()?, wanted(&self.application, environment));
        let mut values = json!({
            "images": images,
            "host": self.application.host,
            "hosts": self.application.hosts(),
            "ingressClass": self.session.profile.ingress_class,
            "secret": { "name": secret.name, "keys": secret.digests(&key) },
            "config": { "name": config.name, "keys": config.digests(&key) },
        });
        // Only where there is something to say: a chart's schema may know no services.
        for (key, value) in self.session.trimmed()? {
            values[key] = value;
        }
        serde_json::to_vec_pretty(&values).map_err(|e| Error::failed("cannot write the values").because(e))
    }

    fn helm(&self) -> Result<Helm> {
        Ok(Helm { tool: self.session.tool("helm")?.path, kubeconfig: self.session.kubeconfig() })
    }

    /// The chart with all its values; our own are written to a file first, as Helm takes files.
    fn chart(&self) -> Result<Chart> {
        let environment = Environment::valid(&self.application)?;
        let file = self.values_file();
        write_atomic(&file, &self.own_values(&environment)?, 0o600)?;
        Ok(Chart {
            release: self.application.name.clone(),
            namespace: self.application.namespace.clone(),
            path: self.application.chart.clone(),
            values: [self.chart_values(&environment)?, vec![file]].concat(),
        })
    }

    /// The values files of the application, in the order in which Helm merges them.
    fn chart_values(&self, environment: &Environment) -> Result<Vec<PathBuf>> {
        let mut values = self.application.values.clone();
        values.extend(self.session.preset_values()?);
        let overrides = environment.overrides(&self.application);
        values.extend(overrides.into_iter().map(|over| over.values.clone()));
        Ok(values)
    }

    fn values_file(&self) -> PathBuf {
        self.session.dir().join(format!("{}-values.json", self.application.name))
    }

    /// The newest revision, and why Helm has to be called again, if it has.
    fn outdated(&self, task: &Task<'_>, chart: &Chart) -> Result<(Option<Release>, Option<String>)> {
        let kube = self.session.kube()?;
        let Some(release) = deploy::release(task, kube, &chart.namespace, &chart.release)? else {
            return Ok((None, Some("it is not installed yet".to_owned())));
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
    fn id(&self) -> &'static str {
        "release"
    }

    fn title(&self) -> String {
        format!("Application {}", self.application.name)
    }

    fn needs(&self) -> Vec<String> {
        let loads = self.application.image_names().into_iter().map(|name| format!("pull-{name}"));
        loads.chain(["tool-helm", "namespace", "secrets"].map(str::to_owned)).collect()
    }

    fn deadline(&self) -> Duration {
        Duration::from_mins(6)
    }

    fn effects(&self) -> Vec<String> {
        vec![format!("Helm release {} in namespace {}", self.application.name, self.application.namespace)]
    }

    fn probe(&self, task: &Task<'_>) -> Result<Probe> {
        let chart = self.chart()?;
        let release = match self.outdated(task, &chart)? {
            (_, Some(why)) => return Ok(Probe::Needed(why)),
            (None, None) => return Ok(Probe::Needed("it is not installed yet".to_owned())),
            (Some(release), None) => release,
        };
        let namespace = Some(chart.namespace.as_str());
        let waiting = watch::not_ready(task, self.session.kube()?, &release.objects()?, namespace)?;
        if waiting.is_empty() {
            return Ok(Probe::Done(format!("revision {} is installed and ready", release.revision)));
        }
        Ok(Probe::Needed(format!("not ready: {}", waiting.join(", "))))
    }

    fn run(&self, task: &Task<'_>) -> Result<String> {
        let (kube, chart) = (self.session.kube()?, self.chart()?);
        let (mut release, why) = self.outdated(task, &chart)?;
        if why.is_some() {
            let helm = self.helm()?;
            helm.recover(task, kube, &chart.namespace, &chart.release)?;
            helm.install(task, &chart)?;
            release = deploy::release(task, kube, &chart.namespace, &chart.release)?;
        }
        let release = release.ok_or_else(|| {
            Error::failed(format!("Helm left no release {}/{}", chart.namespace, chart.release))
                .help("todo-bootstrap up")
        })?;
        watch::ready(task, kube, &release.objects()?, Some(&chart.namespace))?;
        Ok(format!("revision {} is installed and ready", release.revision))
    }
}
