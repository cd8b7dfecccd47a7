//! Whether the engine responds, and how it builds images.

use super::{Answer, Fix, Inputs, Severity};
use crate::engine::{Builder, Fault, buildx_command, fix};

pub(super) fn answers(inputs: &Inputs<'_>) -> Answer {
    if let (Some(engine), None) = (inputs.engine, inputs.fault) {
        let driver = &engine.storage_driver;
        let aged = super::support::engine(inputs, engine).map(|aged| format!("; {aged}")).unwrap_or_default();
        return Answer::ok(format!("{} {}, {driver} storage{aged}", engine.name, engine.version));
    }
    let fault = inputs.fault.unwrap_or(&Fault::Absent);
    let how = fix(fault, inputs.facts);
    let detail = [fault.detail(), how.explanation].into_iter().filter(|text| !text.is_empty());
    let detail = detail.collect::<Vec<_>>().join("; ");
    let answer = Answer::fail(detail, how.commands.join(" && ")).called(fault.code(), fault.title());
    Answer { fix: Fix::of_engine(&how.commands), ..answer }
}

/// A client with such a configuration fails as soon as it looks for a registry's login.
pub(super) fn helpers(inputs: &Inputs<'_>) -> Answer {
    let Some(missing) = &inputs.details.helpers else { return Answer::ok("none is missing") };
    let (file, keys) = (missing.file.display(), missing.keys.iter().copied().collect::<Vec<_>>());
    let programs = missing.programs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let detail = format!("{file} names {programs}, which is not on PATH ({})", keys.join(", "));
    // Another name of the key keeps the file valid, and its old text can be compared.
    let edits = keys.iter().map(|key| format!("-e 's/\"{key}\"/\"{key}-off\"/'")).collect::<Vec<_>>();
    let command = format!("sed -i.bak {} '{file}'", edits.join(" "));
    Answer::solved(Severity::Warn, detail, &[command])
}

pub(super) fn builder(inputs: &Inputs<'_>) -> Answer {
    let Some(engine) = inputs.engine else { return Answer::ok("known once an engine responds") };
    match engine.builder {
        Builder::BuildKit => Answer::ok("BuildKit, in the client"),
        Builder::Buildx => Answer::ok("BuildKit, by buildx"),
        Builder::Buildah => Answer::ok("Buildah"),
        Builder::Legacy => {
            let client = engine.client.display();
            let detail = format!(
                "{client} has no buildx, so images are built by the old builder: no cache mounts, no COPY --chmod"
            );
            let command = buildx_command(inputs.facts);
            let fix = Fix::of_engine(std::slice::from_ref(&command));
            Answer { fix, ..Answer::warn(detail, command) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::inputs;
    use crate::engine::Engine;
    use crate::engine::testing::engine;
    use crate::host::recorded::{alpine, debian};

    #[test]
    fn a_client_without_buildx_is_warned_of() {
        let engine = Engine { builder: Builder::Legacy, ..engine() };
        let (debian, alpine) = (debian(), alpine());
        let inputs = Inputs { engine: Some(&engine), ..inputs(&debian) };
        assert_eq!(builder(&inputs).severity, Severity::Warn);
        let remedy = builder(&Inputs { facts: &alpine, ..inputs }).remedy.unwrap();
        assert_eq!(remedy, "sudo apk add docker-cli-buildx");
    }

    #[test]
    fn a_stopped_engine_shows_what_it_said_and_the_command() {
        let facts = debian();
        let fault = Fault::NotRunning { detail: "Cannot connect to x".to_owned() };
        let answer = answers(&Inputs { fault: Some(&fault), ..inputs(&facts) });
        assert!(answer.detail.starts_with("Cannot connect to x; "), "{}", answer.detail);
        assert_eq!(answer.remedy.as_deref(), Some("sudo systemctl enable --now docker"));
    }
}
