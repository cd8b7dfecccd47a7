//! Step `certificate`: the certificate of the application's hosts, in an environment with TLS.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::core::DynamicObject;
use serde_json::json;

use super::secrets::drifted;
use super::{Probe, Session, Step};
use crate::checks::Secure;
use crate::config::{Application, Values};
use crate::deploy::{self, MANAGER};
use crate::error::{Error, Result};
use crate::host::names::Entrance;
use crate::issuer::{self, Issued};
use crate::task::Task;

/// Whether the application's hosts answer with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Off,
    /// With a certificate of the authority that `up` creates.
    Own,
    /// With a Secret that the values name.
    Given,
}

impl Session {
    pub fn tls(&self) -> Result<Tls> {
        let Some(application) = &self.application else { return Ok(Tls::Off) };
        let Some(environment) = application.environment.as_ref().filter(|one| one.tls) else {
            return Ok(Tls::Off);
        };
        let files = application.values.iter().chain(&environment.values).cloned().collect::<Vec<_>>();
        let values = Values::load(&application.chart, &files)?;
        let given = values.merged()["ingress"]["tls"].as_array().is_some_and(|all| !all.is_empty());
        Ok(if given { Tls::Given } else { Tls::Own })
    }

    /// Where the ingress controller answers for the application.
    pub fn entrance(&self) -> Result<Entrance> {
        let (ports, tls) = (self.ports(), self.tls()?);
        let file = issuer::authority_file(&self.certificate_dir());
        let authority = Some(file).filter(|file| tls == Tls::Own && file.is_file());
        let port = if tls == Tls::Off { ports.http } else { ports.https };
        Ok(Entrance { port, tls: tls != Tls::Off, authority })
    }

    /// How checks ask the application's hosts.
    pub(super) fn secure(&self) -> Result<Option<Secure>> {
        let authority = match self.tls()? {
            Tls::Off => return Ok(None),
            Tls::Given => None,
            Tls::Own => {
                let issued = issuer::load(&self.certificate_dir())?;
                Some(issued.map(|issued| issued.authority.certificate).unwrap_or_default())
            }
        };
        let hosts = self.application.as_ref().map(Application::hosts).unwrap_or_default();
        Ok(Some(Secure { hosts, port: self.ports().https, authority }))
    }

    fn certificate_dir(&self) -> PathBuf {
        let name = self.application.as_ref().map(|application| application.name.as_str());
        self.dir().join("tls").join(name.unwrap_or_default())
    }
}

pub struct CertificateStep {
    pub application: Application,
}

impl CertificateStep {
    fn secret(&self, issued: &Issued) -> Result<DynamicObject> {
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        let (name, namespace) = (self.application.certificate_name(), &self.application.namespace);
        let object = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"tls.crt": encode(&issued.certificate), "tls.key": encode(&issued.key),
                "ca.crt": encode(&issued.authority.certificate)}});
        // serde's error may quote the key.
        serde_json::from_value(object).map_err(|_| Error::failed(format!("cannot create {namespace}/{name}")))
    }

    fn issue(&self, session: &Session) -> Result<Issued> {
        let receipt = session.receipt();
        let instance = receipt.instance.get(..8).unwrap_or(&receipt.instance);
        let name = format!("todo-bootstrap: {} in {} ({instance})", self.application.name, receipt.cluster);
        let (dir, now) = (session.certificate_dir(), (session.process_env.now)());
        issuer::issue(&dir, &name, &self.application.hosts(), now)
    }

    /// What was issued, and why it has to be issued again.
    fn last(&self, session: &Session) -> Result<(Option<Issued>, Option<String>)> {
        let issued = issuer::load(&session.certificate_dir())?;
        let now = (session.process_env.now)();
        let why = match &issued {
            Some(issued) => issued.stale(&self.application.hosts(), now),
            None => Some("not created yet".to_owned()),
        };
        Ok((issued, why))
    }
}

impl Step for CertificateStep {
    fn effects(&self, session: &Session) -> Vec<String> {
        let (name, namespace) = (self.application.certificate_name(), &self.application.namespace);
        let dir = session.certificate_dir();
        vec![format!("creates Secret {namespace}/{name}, and its certificate authority in {}", dir.display())]
    }

    fn probe(&self, session: &Session, task: &Task<'_>) -> Result<Probe> {
        match self.last(session)? {
            (_, Some(why)) => Ok(Probe::Needed(why)),
            (None, None) => Ok(Probe::Needed("not created yet".to_owned())),
            (Some(issued), None) => {
                let objects = [self.secret(&issued)?];
                let drift = deploy::drift(task, session.kube()?, &objects, MANAGER, None)?;
                let day = issued.until.to_zoned(jiff::tz::TimeZone::UTC).date();
                Ok(drifted(&drift, &format!("ends on {day}")))
            }
        }
    }

    fn run(&self, session: &Session, task: &Task<'_>) -> Result<String> {
        let dir = session.certificate_dir();
        let (last, why) = self.last(session)?;
        let issued = match last.filter(|_| why.is_none()) {
            Some(issued) => issued,
            None => self.issue(session)?,
        };
        deploy::apply(task, session.kube()?, &[self.secret(&issued)?], None)?;
        Ok(format!("its authority is in {}", issuer::authority_file(&dir).display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Purpose;
    use crate::steps::release::ReleaseStep;
    use crate::steps::testing::{inputs, session};

    fn secure(dir: &std::path::Path, values: &str) -> Session {
        let mut inputs = inputs(dir, "kind");
        let application = inputs.application.as_mut().unwrap();
        let file = dir.join("live.yaml");
        std::fs::write(&file, values).unwrap();
        let purpose =
            Purpose { name: "live".to_owned(), values: Some(file), tls: true, ..Purpose::default() };
        application.environment = Some(purpose);
        Session::new(inputs, None).unwrap()
    }

    #[test]
    fn only_an_environment_with_tls_has_it_and_a_secret_of_the_values_wins() {
        let dir = tempfile::tempdir().unwrap();
        let plain = session(dir.path(), "kind");
        assert_eq!((plain.tls().unwrap(), plain.secure().unwrap()), (Tls::Off, None));
        assert!(!plain.entrance().unwrap().tls);
        let own = secure(dir.path(), "ingress: {tls: []}\n");
        assert_eq!(own.tls().unwrap(), Tls::Own);
        let entrance = own.entrance().unwrap();
        assert_eq!((entrance.tls, entrance.port, entrance.authority), (true, own.ports().https, None));
        // Before there is an authority, nothing is trusted.
        assert_eq!(own.secure().unwrap().unwrap().authority.as_deref(), Some(""));
        let given = secure(dir.path(), "ingress: {tls: [{secretName: mine}]}\n");
        assert_eq!(given.tls().unwrap(), Tls::Given);
        assert_eq!(given.secure().unwrap().unwrap().authority, None);
    }

    #[test]
    fn the_chart_gets_the_secret_and_the_annotations_of_the_ingress_controller() {
        let dir = tempfile::tempdir().unwrap();
        let session = secure(dir.path(), "ingress: {tls: []}\n");
        let defaults = "ingress: {annotations: {}, tls: []}\n";
        std::fs::write(dir.path().join("app/chart/values.yaml"), defaults).unwrap();
        let step = ReleaseStep { application: session.application.clone().unwrap() };
        let chart = step.chart_with(&session, &[], &|name| Ok(name.to_owned())).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&chart.own_values).unwrap();
        assert_eq!(values["ingress"]["tls"], json!([{"secretName": "shop-tls"}]));
        let redirects = values["ingress"]["annotations"].to_string();
        assert!(redirects.contains("\"traefik.ingress.kubernetes.io/router.middlewares\":\"to-https@file\""));
    }
}
