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

impl Engine {
    /// Builds an image and returns its id (`sha256:…`).
    pub fn build(&self, task: &Task<'_>, build: &Build) -> Result<String> {
        let tag = build.tags.first().ok_or_else(|| Error::failed("an image to build has no tag"))?;
        task.run_lines(&self.build_cmd(build, tag), &mut |line| {
            if let Some(line) = told(line) {
                task.say(line);
            }
        })?;
        let id = self.image_id(task, tag)?;
        id.ok_or_else(|| Error::failed(format!("the engine built {tag} and does not have it")))
    }

    fn build_cmd(&self, build: &Build, tag: &str) -> Cmd {
        let cmd = self.cmd(format!("build the image {tag}"));
        let mut cmd = match self.builder {
            Builder::BuildKit => cmd.env("DOCKER_BUILDKIT", "1").args(["build", "--progress", "plain"]),
            Builder::Buildx => cmd.args(["buildx", "build", "--load", "--progress", "plain"]),
            Builder::Legacy => cmd.env("DOCKER_BUILDKIT", "0").arg("build"),
            Builder::Buildah => cmd.arg("build"),
        };
        cmd = cmd.arg("--file").path(&build.dockerfile);
        for tag in &build.tags {
            cmd = cmd.args(["--tag", tag]);
        }
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
        let rest = "--file /app/Dockerfile --tag app:1 --tag app:latest --build-arg BASE=base:1 \
                    --label inputs=abc --target run /app";
        for (builder, words) in [
            (Builder::BuildKit, "build --progress plain"),
            (Builder::Buildx, "buildx build --load --progress plain"),
            (Builder::Legacy, "build"),
            (Builder::Buildah, "build"),
        ] {
            let engine = Engine { builder, ..engine() };
            assert_eq!(engine.build_cmd(&build(), "app:1").argv(), format!("docker {words} {rest}"));
        }
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
