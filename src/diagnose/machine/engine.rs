//! Whether the engine answers, and how it builds.

use super::{Answer, Scene};
use crate::engine::{Builder, Fault, buildx_command, fix};

pub(super) fn answers(scene: &Scene<'_>) -> Answer {
    if let Some(engine) = scene.engine {
        let driver = &engine.storage_driver;
        let aged = super::support::engine(scene, engine).map(|aged| format!("; {aged}")).unwrap_or_default();
        return Answer::ok(format!("{} {}, {driver} storage{aged}", engine.name, engine.version));
    }
    let fault = scene.fault.unwrap_or(&Fault::Absent);
    let how = fix(fault, scene.facts);
    let detail = [fault.detail(), how.explanation].into_iter().filter(|text| !text.is_empty());
    let detail = detail.collect::<Vec<_>>().join("; ");
    let answer = Answer::fail(detail, how.commands.join(" && "));
    Answer { fault: Some((fault.code(), fault.title())), ..answer }
}

pub(super) fn builder(scene: &Scene<'_>) -> Answer {
    let Some(engine) = scene.engine else { return Answer::ok("known once an engine answers") };
    match engine.builder {
        Builder::BuildKit => Answer::ok("BuildKit, in the client"),
        Builder::Buildx => Answer::ok("BuildKit, by buildx"),
        Builder::Buildah => Answer::ok("Buildah"),
        Builder::Legacy => Answer::warn(
            format!(
                "{} has no buildx, so images are built by the old builder: no cache mounts, no COPY --chmod",
                engine.client.display()
            ),
            buildx_command(scene.facts),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Need;
    use crate::diagnose::machine::Severity;
    use crate::engine::Engine;
    use crate::engine::testing::engine;
    use crate::host::recorded::{alpine, debian};

    #[test]
    fn a_client_without_buildx_is_warned_of() {
        let engine = Engine { builder: Builder::Legacy, ..engine() };
        let (debian, alpine) = (debian(), alpine());
        let scene = Scene {
            facts: &debian,
            engine: Some(&engine),
            fault: None,
            kubernetes_minor: 34,
            need: Need::default(),
            pinned: None,
        };
        assert_eq!(builder(&scene).severity, Severity::Warn);
        let remedy = builder(&Scene { facts: &alpine, ..scene }).remedy.unwrap();
        assert_eq!(remedy, "sudo apk add docker-cli-buildx");
    }

    #[test]
    fn a_stopped_engine_shows_what_it_said_and_the_command() {
        let facts = debian();
        let fault = Fault::NotRunning { detail: "Cannot connect to x".to_owned() };
        let scene = Scene {
            facts: &facts,
            engine: None,
            fault: Some(&fault),
            kubernetes_minor: 34,
            need: Need::default(),
            pinned: None,
        };
        let answer = answers(&scene);
        assert!(answer.detail.starts_with("Cannot connect to x; "), "{}", answer.detail);
        assert_eq!(answer.remedy.as_deref(), Some("sudo systemctl enable --now docker"));
    }
}
