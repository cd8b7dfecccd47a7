//! Step `release`: installs the chart with its values and images, and waits until all of it is ready.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::secrets::wanted;
use super::{Probe, Session, Step, Tls};
use crate::config::env::Environment;
use crate::config::{Application, Values};
use crate::deploy::helm::{Chart, Helm};
use crate::deploy::{self, Release, watch};
use crate::error::{Error, Result};
use crate::task::Task;

/// The reference of an image by its name in the application.
type Reference<'a> = &'a dyn Fn(&str) -> Result<String>;

/// How many changed objects a sentence names.
const SHOWN: usize = 3;

pub struct ReleaseStep {
    pub application: Application,
}

impl ReleaseStep {
    /// Our own values, which Helm merges last. They contain digests of the secrets with `key`, but no secret.
    fn own_values(
        &self,
        session: &Session,
        environment: &Environment,
        key: &[u8],
        image: Reference<'_>,
    ) -> Result<Vec<u8>> {
        let images: Map<String, Value> = environment
            .images(&self.application)
            .names()
            .map(|name| Ok((name.clone(), json!(image(name)?))))
            .collect::<Result<_>>()?;
        let [secret, config] = wanted(&self.application, environment);
        let mut values = json!({
            "images": images,
            "host": self.application.host,
            "hosts": self.application.hosts(),
            "ingressClass": session.ingress_class()?,
            "secret": { "name": secret.name, "keys": secret.digests(key) },
            "config": { "name": config.name, "keys": config.digests(key) },
        });
        for (key, value) in self.ingress_values(session)? {
            values[key] = value;
        }
        // Not set otherwise, because the schema of a chart may not allow it.
        if session.tls()? == Tls::Own {
            values["ingress"]["tls"] = json!([{"secretName": self.application.certificate_name()}]);
        }
        // Empty unless needed, because the schema of a chart may not allow services.
        for (key, value) in session.service_values()? {
            values[key] = value;
        }
        serde_json::to_vec_pretty(&values).map_err(|e| Error::failed("cannot write the values").because(e))
    }

    /// What the chart needs to know of the ingress controller, as far as it has values for that and the user did not set
    /// them: where its pods are, and the annotations of the Ingress.
    fn ingress_values(&self, session: &Session) -> Result<Map<String, Value>> {
        const PODS: &str = "/networkPolicy/ingressController";
        const ANNOTATIONS: &str = "/ingress/annotations";
        let mut values = Map::new();
        let Some((addon, controller)) = session.ingress_controller()? else { return Ok(values) };
        let chart = &self.application.chart;
        let (own, given) = (Values::load(chart, &[])?, Values::load(chart, &self.files(session)?)?);
        let (own, given) = (own.merged(), given.merged());
        if let Some(default) = own.pointer(PODS).filter(|default| given.pointer(PODS) == Some(default)) {
            // Helm merges maps: null removes a label of the chart's own.
            let labels = default["labels"].as_object().into_iter().flat_map(Map::keys);
            let mut labels: Map<String, Value> = labels.map(|label| (label.clone(), Value::Null)).collect();
            labels.extend(controller.pods.iter().map(|(label, value)| (label.clone(), json!(value))));
            let pods = json!({ "namespace": addon.namespace, "labels": labels });
            values.insert("networkPolicy".to_owned(), json!({ "ingressController": pods }));
        }
        if own.pointer(ANNOTATIONS).is_some() {
            let given = given.pointer(ANNOTATIONS).and_then(Value::as_object);
            let missing = |name: &String| given.is_none_or(|given| !given.contains_key(name));
            let mut annotations = controller.annotations.clone();
            if session.tls()? != Tls::Off {
                annotations.extend(controller.secure_annotations.clone());
            }
            annotations.retain(|name, _| missing(name));
            if !annotations.is_empty() {
                values.insert("ingress".to_owned(), json!({ "annotations": annotations }));
            }
        }
        Ok(values)
    }

    /// The files with values of the application, in the order in which Helm merges them.
    fn files(&self, session: &Session) -> Result<Vec<PathBuf>> {
        let environment = session.valid_environment(&self.application)?;
        let overrides = environment.override_values(&self.application);
        Ok([self.application.values.clone(), session.preset_values()?, overrides].concat())
    }

    /// The chart with all its values. Writes nothing, because the probe uses it too.
    fn chart(&self, session: &Session, key: &[u8]) -> Result<Chart> {
        self.chart_with(session, key, &|name| Ok(session.image(name)?.in_cluster()))
    }

    /// The chart with all its values, and these references of images.
    pub(super) fn chart_with(&self, session: &Session, key: &[u8], image: Reference<'_>) -> Result<Chart> {
        let environment = session.valid_environment(&self.application)?;
        Ok(Chart {
            release: self.application.name.clone(),
            namespace: self.application.namespace.clone(),
            path: self.application.chart.clone(),
            values: self.files(session)?,
            own_values: self.own_values(session, &environment, key, image)?,
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
            let undone = undone(session, task, chart, &release)?;
            Some(undone.unwrap_or_else(|| "chart, values or images changed".to_owned()))
        } else {
            let drift = deploy::release_drift(task, kube, &release)?;
            let names: Vec<String> = drift.iter().map(ToString::to_string).collect();
            (!names.is_empty()).then(|| names.join("; "))
        };
        Ok((Some(release), why))
    }
}

/// What installing `chart` undoes, if `release` is the result of a rollback.
fn undone(session: &Session, task: &Task<'_>, chart: &Chart, release: &Release) -> Result<Option<String>> {
    let Some(to) = release.restored else { return Ok(None) };
    let (history, digest) =
        (deploy::history(task, session.kube()?, &chart.namespace, &chart.release)?, chart.digest()?);
    let again = history.iter().rev().find(|one| one.inputs.as_ref() == Some(&digest));
    let what = match again {
        Some(again) => {
            let changes = deploy::changes(release, again)?;
            format!("revision {} is installed again: {}", again.revision, shown(&changes))
        }
        None => "chart, values or images changed since".to_owned(),
    };
    Ok(Some(format!("undoes the rollback to revision {to}; {what}")))
}

/// The first changes of objects, in one line.
pub fn shown(changes: &[String]) -> String {
    let more = changes.len().saturating_sub(SHOWN);
    let first = changes.iter().take(SHOWN).cloned();
    let more = (more > 0).then(|| format!("{more} more"));
    let all: Vec<String> = first.chain(more).collect();
    if all.is_empty() { "no object changes".to_owned() } else { all.join("; ") }
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
            session.set_new_release();
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

    /// The own values of a release of a chart with `defaults`, and values of the user.
    fn values(defaults: &str, given: &str) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let chart = dir.path().join("app/chart");
        std::fs::create_dir_all(&chart).unwrap();
        std::fs::write(chart.join("values.yaml"), defaults).unwrap();
        let session = session(dir.path(), "kind");
        let mut application = session.application.clone().unwrap();
        application.values = vec![dir.path().join("given.yaml")];
        std::fs::write(&application.values[0], given).unwrap();
        let chart =
            ReleaseStep { application }.chart_with(&session, &[], &|name| Ok(name.to_owned())).unwrap();
        serde_json::from_slice(&chart.own_values).unwrap()
    }

    const POLICY: &str =
        "networkPolicy: {ingressController: {namespace: other, labels: {app.kubernetes.io/name: a, b: c}}}\n";

    #[test]
    fn network_policies_let_the_ingress_controller_of_the_profile_in() {
        let found = values(POLICY, "");
        assert_eq!(found["ingressClass"], "traefik");
        let pods = &found["networkPolicy"]["ingressController"];
        // Helm removes a label of the chart's own that is null.
        let labels = json!({ "app.kubernetes.io/name": "traefik", "b": null });
        assert_eq!(*pods, json!({ "namespace": "kube-system", "labels": labels }));
        // What the user sets stays, and a chart gets no values that it does not have.
        let own = "networkPolicy: {ingressController: {labels: {x: y}}}\n";
        assert_eq!(values(POLICY, own).get("networkPolicy"), None);
        assert_eq!(values("a: b\n", "").get("networkPolicy"), None);
    }

    #[test]
    fn a_line_names_the_first_changes() {
        let changes = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(shown(&changes), "a; b; c; 2 more");
        assert_eq!((shown(&changes[..1]), shown(&[])), ("a".to_owned(), "no object changes".to_owned()));
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
