//! Images on their way between the engine and a registry.

use std::time::Duration;

use super::Engine;
use crate::error::Result;
use crate::exec::Cmd;
use crate::task::Task;

/// Without a terminal the clients tell a layer's begin and end only: this is what the largest one
/// (0.3 GB compressed) takes on a line of 2 Mbit/s. How long all layers take together is nobody's
/// business as long as one after the other arrives.
const SILENCE: Duration = Duration::from_mins(20);

impl Engine {
    /// Gets an image from its registry. Ended when nothing was told for [`SILENCE`], or by the
    /// task's deadline.
    pub fn pull(&self, task: &Task<'_>, reference: &str) -> Result<()> {
        let cmd = self.cmd(format!("pull {reference}")).arg("pull").args(self.transport(reference).to_vec());
        transfer(task, cmd.arg(reference))
    }

    /// Sends an image to the registry that `reference` names; layers that it has are not sent. The
    /// digest is the registry's to tell: Podman's push makes a manifest that its store never had.
    pub fn push(&self, task: &Task<'_>, reference: &str) -> Result<()> {
        let cmd = self.cmd(format!("push {reference}")).arg("push").args(self.transport(reference).to_vec());
        transfer(task, cmd.arg(reference))
    }
}

fn transfer(task: &Task<'_>, cmd: Cmd) -> Result<()> {
    task.run_lines(&cmd.silent_for(SILENCE), &mut |line| task.say(line)).map(drop)
}

#[cfg(test)]
mod tests {
    use crate::engine::testing::{engine, with_task};
    use crate::engine::{Builder, Engine};
    use crate::exec::Script;

    #[test]
    fn pulls_and_pushes_in_each_engines_words() {
        let podman = Engine { name: "podman".to_owned(), builder: Builder::Buildah, ..engine() };
        let (ours, public) = ("127.0.0.1:5055/a:1", "docker.io/library/a:1");
        let script = Script::default().on("docker", 0, "");
        with_task(&script, |task| {
            for engine in [engine(), podman] {
                for reference in [ours, public] {
                    engine.pull(task, reference).unwrap();
                    engine.push(task, reference).unwrap();
                }
            }
        });
        assert_eq!(
            script.ran(),
            [
                "docker pull 127.0.0.1:5055/a:1",
                "docker push 127.0.0.1:5055/a:1",
                "docker pull docker.io/library/a:1",
                "docker push docker.io/library/a:1",
                "docker pull --tls-verify=false 127.0.0.1:5055/a:1",
                "docker push --tls-verify=false 127.0.0.1:5055/a:1",
                "docker pull docker.io/library/a:1",
                "docker push docker.io/library/a:1",
            ]
        );
    }
}
