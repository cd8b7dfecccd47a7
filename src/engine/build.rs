//! Building images.

use std::path::{Path, PathBuf};

use super::fix::buildx_command;
use super::{Builder, Engine};
use crate::config::Dockerfile;
use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::files::{temp_dir, write_atomic};
use crate::host::Facts;
use crate::task::Task;

/// What to build. `args` must not contain secrets: they are stored in the image's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// At least one.
    pub tags: Vec<String>,
    pub args: Vec<(String, String)>,
    pub labels: Vec<(String, String)>,
    /// The stage to stop at.
    pub target: Option<String>,
}

impl Build {
    fn tag(&self) -> Result<&str> {
        let first = self.tags.first().map(String::as_str);
        first.ok_or_else(|| Error::failed("the image to build has no tag"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// The engine's store, under all tags.
    Store,
    /// The registry of the first tag only.
    Registry,
}

impl Engine {
    /// Fails if the client cannot read the Dockerfile, or if it requires `BuildKit` and only the legacy builder exists,
    /// whose own error after minutes of work would not name the cause.
    pub fn can_build(&self, facts: &Facts, dockerfile: &Path) -> Result<()> {
        self.check_access(dockerfile)?;
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

    /// Builds an image and returns its id (`sha256:…`).
    ///
    /// Arguments that name images in a registry on loopback are base images. Podman pulls them first:
    /// disabling TLS for the build would disable it for all registries.
    pub fn build(&self, task: &Task<'_>, build: &Build) -> Result<String> {
        let tag = build.tag()?;
        self.run_build(task, build, Destination::Store)?;
        let id = self.image_id(task, tag)?;
        id.ok_or_else(|| Error::failed(format!("the engine built {tag} but does not have it")))
    }

    /// Builds an image and pushes it under its first tag, which names a registry on loopback. The engine
    /// keeps a copy only if its builder cannot push directly.
    pub fn build_and_push(&self, task: &Task<'_>, build: &Build) -> Result<()> {
        if self.builder == Builder::Buildx && self.containerd_store {
            return self.run_build(task, build, Destination::Registry);
        }
        self.run_build(task, build, Destination::Store)?;
        self.transfer(task, "push", build.tag()?)
    }

    fn run_build(&self, task: &Task<'_>, build: &Build, to: Destination) -> Result<()> {
        for (_, base) in build.args.iter().filter(|(_, value)| !self.transport(value).is_empty()) {
            self.transfer(task, "pull", base)?;
        }
        [&build.context, &build.dockerfile].into_iter().try_for_each(|path| self.check_access(path))?;
        let dir = self.confined_to.clone().unwrap_or_else(std::env::temp_dir);
        let dir = temp_dir(&dir, "todo-bootstrap-")?;
        let secrets = self.write_secrets(dir.path())?;
        let cmd = self.build_cmd(build, build.tag()?, to, &secrets);
        let built = task.run_lines(&cmd, &mut |line| {
            if let Some(line) = progress(line) {
                task.say(line);
            }
        });
        built.map(drop).map_err(|error| self.explain_full(error))
    }

    /// Writes the files that a Dockerfile can mount to `dir`, and returns the values of `--secret`.
    fn write_secrets(&self, dir: &Path) -> Result<Vec<String>> {
        if self.builder == Builder::Legacy {
            return Ok(Vec::new());
        }
        let write = |(name, content): (&str, &str)| {
            let file = dir.join(name);
            write_atomic(&file, content.as_bytes(), 0o600)?;
            Ok(format!("id={name},src={}", file.display()))
        };
        self.secrets.iter().map(write).collect()
    }

    fn build_cmd(&self, build: &Build, tag: &str, to: Destination, secrets: &[String]) -> Cmd {
        let cmd = self.cmd(format!("build the image {tag}"));
        let mut cmd = match self.builder {
            Builder::BuildKit => cmd.env("DOCKER_BUILDKIT", "1").args(["build", "--progress", "plain"]),
            Builder::Buildx => self.buildx_cmd(cmd),
            Builder::Legacy => cmd.env("DOCKER_BUILDKIT", "0").arg("build"),
            Builder::Buildah => cmd.arg("build"),
        };
        // The legacy builder of old engines accepts the option only in experimental mode.
        if self.builder != Builder::Legacy && !self.platform.is_empty() {
            cmd = cmd.args(["--platform", &self.platform]);
        }
        cmd = cmd.arg("--file").path(&build.dockerfile);
        cmd = match to {
            // Nothing runs the image in the engine, so it is neither unpacked nor stored there.
            Destination::Registry => {
                cmd.args(["--output", &format!("type=image,name={tag},push=true,unpack=false,store=false")])
            }
            Destination::Store => {
                let cmd = if self.builder == Builder::Buildx { cmd.arg("--load") } else { cmd };
                cmd.args(build.tags.iter().flat_map(|tag| ["--tag", tag]))
            }
        };
        for (key, value) in &build.args {
            cmd = cmd.arg("--build-arg").arg(format!("{key}={value}"));
        }
        // Docker takes the values from its environment, and keeps them out of the history and of the cache's keys.
        // Podman passes them by itself.
        let proxies = if self.is_podman() { &[][..] } else { &self.proxies };
        cmd = cmd.args(proxies.iter().flat_map(|name| ["--build-arg", name]));
        cmd = cmd.args(secrets.iter().flat_map(|secret| ["--secret", secret]));
        for (key, value) in &build.labels {
            cmd = cmd.arg("--label").arg(format!("{key}={value}"));
        }
        if let Some(target) = &build.target {
            cmd = cmd.args(["--target", target]);
        }
        cmd.path(&build.context)
    }

    /// Selects the builder inside the engine: a builder in its own container can reach neither the engine's
    /// images nor a registry on this machine's loopback interface. Attestations are disabled because their
    /// timestamps change the digest, and they turn the image into an index.
    fn buildx_cmd(&self, cmd: Cmd) -> Cmd {
        let cmd = cmd.args(["buildx", "build", "--progress", "plain", "--provenance=false"]);
        if self.context.is_empty() { cmd } else { cmd.args(["--builder", &self.context]) }
    }
}

/// Prefixes of lines that are not shown.
const NOISE: [&str; 7] = ["DONE", "CACHED", "sha256:", "transferring ", "...", "--->", "[internal]"];

/// The line to show as progress, without `BuildKit`'s step number and seconds.
fn progress(line: &str) -> Option<&str> {
    let mut line = line.trim();
    if let Some(rest) = line.strip_prefix('#') {
        let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if number.bytes().all(|byte| byte.is_ascii_digit()) {
            line = rest;
        }
    }
    if let Some((seconds, rest)) = line.split_once(' ')
        && seconds.contains('.')
        && seconds.parse::<f64>().is_ok()
    {
        line = rest;
    }
    (!line.is_empty() && !NOISE.iter().any(|noise| line.starts_with(noise))).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::host::BuildSecrets;
    use crate::host::recorded::wsl;
    use crate::process_env::ProcessEnv;

    fn build() -> Build {
        Build {
            context: "/app".into(),
            dockerfile: "/app/Dockerfile".into(),
            tags: vec!["app:1".to_owned(), "app:latest".to_owned()],
            args: vec![("BASE".to_owned(), "base:1".to_owned())],
            labels: vec![("inputs".to_owned(), "abc".to_owned())],
            target: Some("run".to_owned()),
        }
    }

    #[test]
    fn builds_get_the_names_of_proxies_only() {
        let proxies = vec!["HTTPS_PROXY".to_owned()];
        let args = |name: &str| {
            let engine = Engine { name: name.to_owned(), proxies: proxies.clone(), ..engine() };
            engine.build_cmd(&build(), "t", Destination::Store, &[]).argv()
        };
        assert!(args("docker").contains(" --build-arg HTTPS_PROXY "), "{}", args("docker"));
        assert!(!args("podman").contains("PROXY"), "{}", args("podman"));
    }

    #[test]
    fn builds_get_the_settings_of_package_managers_as_files() {
        let index = "https://me:secret@pypi.example/simple";
        let process_env = ProcessEnv {
            env: [("PIP_INDEX_URL".to_owned(), index.into())].into(),
            home: None,
            ..ProcessEnv::real()
        };
        let secrets = BuildSecrets::of(&process_env, &[]);
        let dir = tempfile::tempdir().unwrap();
        for (builder, expected) in
            [(Builder::Buildx, true), (Builder::Buildah, true), (Builder::Legacy, false)]
        {
            let engine = Engine { secrets: secrets.clone(), ..machine(builder) };
            let written = engine.write_secrets(dir.path()).unwrap();
            let argv = engine.build_cmd(&build(), "t", Destination::Store, &written).argv();
            let file = dir.path().join("pip.conf");
            let argument = format!(" --secret id=pip.conf,src={} ", file.display());
            assert_eq!(argv.contains(&argument), expected, "{argv}");
            assert!(!argv.contains("secret@"), "{argv}");
            assert!(std::fs::read_to_string(&file).unwrap().contains(index));
        }
    }

    #[test]
    fn each_builder_gets_its_own_arguments() {
        let tags = "--tag app:1 --tag app:latest";
        let rest = "--build-arg BASE=base:1 --label inputs=abc --target run /app";
        let platform = "--platform linux/arm64 --file /app/Dockerfile";
        let buildx = format!("buildx build --progress plain --provenance=false --builder desktop {platform}");
        for (builder, words) in [
            (Builder::BuildKit, format!("build --progress plain {platform} {tags}")),
            (Builder::Buildx, format!("{buildx} --load {tags}")),
            (Builder::Legacy, format!("build --file /app/Dockerfile {tags}")),
            (Builder::Buildah, format!("build {platform} {tags}")),
        ] {
            let cmd = machine(builder).build_cmd(&build(), "app:1", Destination::Store, &[]);
            assert_eq!(cmd.argv(), format!("docker {words} {rest}"));
        }
        let cmd = machine(Builder::Buildx).build_cmd(&build(), "app:1", Destination::Registry, &[]);
        let output = "--output type=image,name=app:1,push=true,unpack=false,store=false";
        assert_eq!(cmd.argv(), format!("docker {buildx} {output} {rest}"));
    }

    fn machine(builder: Builder) -> Engine {
        let (context, platform) = ("desktop".to_owned(), "linux/arm64".to_owned());
        Engine { builder, context, platform, ..engine() }
    }

    #[test]
    fn an_image_is_pushed_directly_if_the_engine_can() {
        let ran = |engine: Engine| {
            let script = Script::default().on("docker", 0, "");
            with_task(&script, |task| engine.build_and_push(task, &build())).0.unwrap();
            script.ran()
        };
        let graph = ran(machine(Builder::Buildx));
        assert!(
            graph.len() == 2 && graph[0].contains("--load") && graph[1] == "docker push app:1",
            "{graph:?}"
        );
        let containerd = ran(Engine { containerd_store: true, ..machine(Builder::Buildx) });
        assert!(containerd.len() == 1 && containerd[0].contains("push=true"), "{containerd:?}");
        assert_eq!(ran(machine(Builder::BuildKit)).len(), 2);
    }

    #[test]
    fn podman_pulls_base_images_on_loopback_first_and_builds_with_tls() {
        let base = "127.0.0.1:5055/base@sha256:00";
        let build = Build { args: vec![("BASE".to_owned(), base.to_owned())], ..build() };
        let podman = Engine { name: "podman".to_owned(), builder: Builder::Buildah, ..engine() };
        let script = Script::default().on("docker", 0, "4711");
        with_task(&script, |task| podman.build(task, &build)).0.unwrap();
        assert_eq!(script.ran()[0], format!("docker pull --tls-verify=false {base}"));
        assert!(!script.ran()[1].contains("tls-verify"), "{}", script.ran()[1]);
    }

    #[test]
    fn build_returns_the_id_and_reports_progress() {
        let script = Script::default()
            .on("docker build", 0, "#5 [2/3] RUN make\n#5 0.345 compiling\n#5 DONE 1.2s\n")
            .on("docker image inspect", 0, "sha256:4711");
        let (id, recorder) = with_task(&script, |task| engine().build(task, &build()));
        assert_eq!(id.unwrap(), "sha256:4711");
        let messages: Vec<_> = recorder.events().into_iter().map(|event| event.message).collect();
        assert_eq!(messages, ["[2/3] RUN make", "compiling"]);
    }

    #[test]
    fn a_dockerfile_that_requires_buildkit_is_refused_for_the_legacy_builder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Dockerfile");
        let legacy = Engine { builder: Builder::Legacy, ..engine() };
        std::fs::write(&file, "FROM a\nRUN make\n").unwrap();
        legacy.can_build(&wsl(), &file).unwrap();
        std::fs::write(&file, "FROM a\nRUN --mount=type=cache,target=/x make\n").unwrap();
        assert!(legacy.can_build(&wsl(), &file).unwrap_err().hints()[0].ends_with("docker-buildx"));
        for builder in [Builder::BuildKit, Builder::Buildx, Builder::Buildah] {
            Engine { builder, ..engine() }.can_build(&wsl(), &file).unwrap();
        }
    }
}
