//! Whether the engine's client can build what a Dockerfile asks for.

use std::path::Path;

use super::remedy::buildx_command;
use super::{Builder, Engine};
use crate::config::Dockerfile;
use crate::error::{Error, Result};
use crate::host::Facts;

impl Engine {
    /// Fails where only the legacy builder is there, and the Dockerfile needs more: told before
    /// anything is done, as that builder would end in a riddle after minutes of work.
    pub fn can_build(&self, facts: &Facts, dockerfile: &Path) -> Result<()> {
        if self.builder != Builder::Legacy {
            return Ok(());
        }
        let text =
            std::fs::read_to_string(dockerfile).map_err(|error| Error::io("read", dockerfile, &error))?;
        let Some(what) = Dockerfile::parse(&text).needs_buildkit().map(str::to_owned) else { return Ok(()) };
        let (file, client) = (dockerfile.display(), self.client.display());
        Err(Error::host(format!("{client} has no buildx, which is required to build {file}"))
            .because(format!("`{what}` needs BuildKit; this client has only the legacy builder"))
            .help(buildx_command(facts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::engine;
    use crate::error::Exit;
    use crate::host::recorded::wsl;

    #[test]
    fn the_legacy_builder_is_refused_what_it_cannot_build() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Dockerfile");
        let legacy = Engine { builder: Builder::Legacy, ..engine() };
        std::fs::write(&file, "FROM a\nRUN make\n").unwrap();
        legacy.can_build(&wsl(), &file).unwrap();
        std::fs::write(&file, "FROM a\nRUN --mount=type=cache,target=/x make\n").unwrap();
        let error = legacy.can_build(&wsl(), &file).unwrap_err();
        assert_eq!(error.exit(), Exit::HostNotReady);
        assert!(error.causes()[0].contains("RUN --mount"), "{error}");
        assert!(error.hints()[0].ends_with("docker-buildx"), "{error}");
        for builder in [Builder::BuildKit, Builder::Buildx, Builder::Buildah] {
            Engine { builder, ..engine() }.can_build(&wsl(), &file).unwrap();
        }
    }
}
