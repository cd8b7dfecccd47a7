//! Building images, with the lines of the build as progress.

use std::path::PathBuf;

use super::{Builder, Engine};
use crate::error::{Error, Result};
use crate::exec::Cmd;
use crate::task::Task;

/// What to build. Nothing secret belongs in `args`: they stand in the image's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// At least one; the image is known by the first.
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

/// What becomes of what was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// The engine keeps it, under all tags.
    Store,
    /// It goes to the registry of the first tag, and nothing of it stays in the engine.
    Registry,
}

impl Engine {
    /// Builds an image and returns its id (`sha256:…`).
    ///
    /// Arguments that name images in a registry on loopback are bases. Podman gets those beforehand:
    /// told to do without TLS while it builds, it would do so with every other registry as well.
    pub fn build(&self, task: &Task<'_>, build: &Build) -> Result<String> {
        let tag = build.tag()?;
        self.run_build(task, build, To::Store)?;
        let id = self.image_id(task, tag)?;
        id.ok_or_else(|| Error::failed(format!("the engine built {tag} but does not have it")))
    }

    /// Builds an image and pushes it under its first tag, which names a registry on loopback; the
    /// registry tells its digest. The engine keeps a copy only where it cannot do without.
    pub fn build_and_push(&self, task: &Task<'_>, build: &Build) -> Result<()> {
        if self.builder == Builder::Buildx && self.containerd_store {
            return self.run_build(task, build, To::Registry);
        }
        self.run_build(task, build, To::Store)?;
        self.push(task, build.tag()?)
    }

    fn run_build(&self, task: &Task<'_>, build: &Build, to: To) -> Result<()> {
        for (_, base) in build.args.iter().filter(|(_, value)| !self.transport(value).is_empty()) {
            self.pull(task, base)?;
        }
        let cmd = self.build_cmd(build, build.tag()?, to);
        task.run_lines(&cmd, &mut |line| {
            if let Some(line) = told(line) {
                task.say(line);
            }
        })?;
        Ok(())
    }

    fn build_cmd(&self, build: &Build, tag: &str, to: To) -> Cmd {
        let cmd = self.cmd(format!("build the image {tag}"));
        let mut cmd = match self.builder {
            Builder::BuildKit => cmd.env("DOCKER_BUILDKIT", "1").args(["build", "--progress", "plain"]),
            Builder::Buildx => self.buildx_cmd(cmd),
            Builder::Legacy => cmd.env("DOCKER_BUILDKIT", "0").arg("build"),
            Builder::Buildah => cmd.arg("build"),
        };
        // Said by name, as DOCKER_DEFAULT_PLATFORM may say otherwise. The legacy builder of old
        // engines knows the word as an experiment only, and follows the engine.
        if self.builder != Builder::Legacy && !self.platform.is_empty() {
            cmd = cmd.args(["--platform", &self.platform]);
        }
        cmd = cmd.arg("--file").path(&build.dockerfile);
        cmd = match to {
            // Unpacking and keeping it would cost as much again, and nothing runs it here.
            To::Registry => {
                cmd.args(["--output", &format!("type=image,name={tag},push=true,unpack=false,store=false")])
            }
            To::Store => {
                let cmd = if self.builder == Builder::Buildx { cmd.arg("--load") } else { cmd };
                cmd.args(build.tags.iter().flat_map(|tag| ["--tag", tag]))
            }
        };
        for (key, value) in &build.args {
            cmd = cmd.arg("--build-arg").arg(format!("{key}={value}"));
        }
        for (key, value) in &build.labels {
            cmd = cmd.arg("--label").arg(format!("{key}={value}"));
        }
        if let Some(target) = &build.target {
            cmd = cmd.args(["--target", target]);
        }
        cmd.path(&build.context)
    }

    /// Builds inside the engine, whatever builder the user has made current: one in a container of its
    /// own sees neither the engine's images nor a registry on this machine's loopback interface. No
    /// attestations: their time gives equal inputs another digest, and they make an index of an image.
    fn buildx_cmd(&self, cmd: Cmd) -> Cmd {
        let cmd = cmd.args(["buildx", "build", "--progress", "plain", "--provenance=false"]);
        if self.context.is_empty() { cmd } else { cmd.args(["--builder", &self.context]) }
    }
}

/// How the lines of a build's book-keeping start.
const NOISE: [&str; 7] = ["DONE", "CACHED", "sha256:", "transferring ", "...", "--->", "[internal]"];

/// The part of a build's line that is worth a progress message: without `BuildKit`'s step numbers
/// and seconds, and without its book-keeping.
fn told(line: &str) -> Option<&str> {
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
    fn builds_in_the_words_of_each_builder() {
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
            let cmd = machine(builder).build_cmd(&build(), "app:1", To::Store);
            assert_eq!(cmd.argv(), format!("docker {words} {rest}"));
        }
        let cmd = machine(Builder::Buildx).build_cmd(&build(), "app:1", To::Registry);
        let output = "--output type=image,name=app:1,push=true,unpack=false,store=false";
        assert_eq!(cmd.argv(), format!("docker {buildx} {output} {rest}"));
    }

    fn machine(builder: Builder) -> Engine {
        let (context, platform) = ("desktop".to_owned(), "linux/arm64".to_owned());
        Engine { builder, context, platform, ..engine() }
    }

    #[test]
    fn goes_to_the_registry_the_shortest_way() {
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
    fn podman_pulls_bases_on_loopback_first_and_builds_with_tls() {
        let base = "127.0.0.1:5055/base@sha256:00";
        let build = Build { args: vec![("BASE".to_owned(), base.to_owned())], ..build() };
        let podman = Engine { name: "podman".to_owned(), builder: Builder::Buildah, ..engine() };
        let script = Script::default().on("docker pull", 0, "").on("docker build", 0, "").on(
            "docker image inspect",
            0,
            "4711",
        );
        with_task(&script, |task| podman.build(task, &build)).0.unwrap();
        assert_eq!(script.ran()[0], format!("docker pull --tls-verify=false {base}"));
        assert!(!script.ran()[1].contains("tls-verify"), "{}", script.ran()[1]);
    }

    #[test]
    fn returns_the_id_and_tells_what_it_does() {
        let script = Script::default()
            .on("docker build", 0, "#5 [2/3] RUN make\n#5 0.345 compiling\n#5 DONE 1.2s\n")
            .on("docker image inspect", 0, "sha256:4711");
        let (id, recorder) = with_task(&script, |task| engine().build(task, &build()));
        assert_eq!(id.unwrap(), "sha256:4711");
        let said: Vec<_> = recorder.events().into_iter().map(|event| event.message).collect();
        assert_eq!(said, ["[2/3] RUN make", "compiling"]);
    }

    #[test]
    fn a_failed_build_shows_its_last_lines() {
        let script = Script::default().on_err("docker build", 1, "", "error: make: *** [all] Error 2");
        let (result, _) = with_task(&script, |task| engine().build(task, &build()));
        let text = result.unwrap_err().to_string();
        assert!(text.contains("cannot build the image app:1") && text.contains("Error 2"), "{text}");
    }
}
