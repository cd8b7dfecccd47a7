//! Creates, fills and deletes a cluster with the plain commands of kind and of minikube.

use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;
use serde_json::json;

use crate::bench_up::{HTTP, HTTPS};
use crate::plain::{read_data, text, versions};
use crate::shell::{Result, read};

const NAME: &str = "todo-bench-plain";

/// The provider of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Maker {
    Kind,
    Minikube,
}

impl Maker {
    /// The name of the program and of the profile.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Minikube => "minikube",
        }
    }

    /// The artifact of its node image.
    pub(crate) fn image(self) -> &'static str {
        match self {
            Self::Kind => "node",
            Self::Minikube => "minikube-base",
        }
    }
}

pub(crate) struct Cluster {
    pub(crate) maker: Maker,
    /// The program.
    pub(crate) tool: String,
    /// The node image.
    pub(crate) image: String,
    pub(crate) dir: PathBuf,
    /// A PATH with the engine's client, as the program and the user find it.
    pub(crate) path: String,
}

impl Cluster {
    /// Fills the caches as they are on a user's machine after the first run.
    pub(crate) fn prepare(&self) -> Result {
        if self.maker == Maker::Kind {
            return Ok(());
        }
        let version = versions("{kubernetes}")?;
        let platform = read("docker".as_ref(), &["version", "--format", "{{.Server.Arch}}"])?;
        let cache = self.home().join("cache/linux").join(platform.trim()).join(format!("v{version}"));
        std::fs::create_dir_all(&cache).map_err(|e| format!("cannot create {}: {e}", cache.display()))?;
        let container = read("docker".as_ref(), &["create", &self.image])?;
        for name in ["kubeadm", "kubelet", "kubectl"] {
            let from = format!("{}:/usr/bin/{name}", container.trim());
            self.call("docker", &["cp", &from, &text(&cache)])?;
        }
        self.call("docker", &["rm", "--volumes", container.trim()])
    }

    pub(crate) fn create(&self) -> Result {
        match self.maker {
            Maker::Kind => {
                let config = text(&self.kind_config()?);
                self.call(&self.tool, &["create", "cluster", "--name", NAME, "--config", &config])
            }
            Maker::Minikube => {
                let (image, kubernetes) =
                    (format!("--base-image={}", self.image), versions("--kubernetes-version=v{kubernetes}")?);
                let ports =
                    [(HTTP, 80), (HTTPS, 443)].map(|(host, node)| format!("--ports=127.0.0.1:{host}:{node}"));
                let mut args =
                    vec!["start", "--profile", NAME, "--driver=docker", "--cpus=2", "--memory=4096"];
                args.extend(["--container-runtime=containerd", "--cni=bridge", "--force", "--preload=false"]);
                args.extend(["--cache-images=false", "--install-addons=false", "--interactive=false"]);
                args.extend([image.as_str(), &kubernetes, &ports[0], &ports[1]]);
                args.push("--image-repository=localhost/todo-bootstrap");
                self.call(&self.tool, &args)?;
                let apply = ["exec", NAME, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "apply"];
                let storage = ["--filename", "/kind/manifests/default-storage.yaml"];
                self.call("docker", &[&apply[..], &storage].concat())
            }
        }
    }

    pub(crate) fn load(&self, image: &str) -> Result {
        match self.maker {
            Maker::Kind => self.call(&self.tool, &["load", "docker-image", image, "--name", NAME]),
            Maker::Minikube => self.call(&self.tool, &["image", "load", image, "--profile", NAME]),
        }
    }

    pub(crate) fn clear(&self) -> Result {
        match self.maker {
            Maker::Kind => {
                self.call(&self.tool, &["delete", "cluster", "--name", NAME])?;
                self.call("docker", &["network", "rm", NAME])
            }
            Maker::Minikube => self.call(&self.tool, &["delete", "--profile", NAME]),
        }
    }

    pub(crate) fn call(&self, program: &str, args: &[&str]) -> Result {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("PATH", &self.path)
            .env("KUBECONFIG", self.dir.join("plain.kubeconfig"))
            .env("MINIKUBE_HOME", self.home())
            .env("KIND_EXPERIMENTAL_DOCKER_NETWORK", NAME)
            .env("DOCKER_BUILDKIT", "1");
        let output = command.output().map_err(|error| format!("cannot start {program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{program} {}` ended with {}: {said}", args.join(" "), output.status))
    }

    fn home(&self) -> PathBuf {
        self.dir.join("plain-home/.minikube")
    }

    /// Our own node image uses its own images for the control plane.
    fn kind_config(&self) -> Result<PathBuf> {
        let patch = versions(&read_data("offline/images/node/kubeadm-patch.yaml")?)?;
        let port = |container: u16, host: u16| json!({"containerPort": container, "hostPort": host, "listenAddress": "127.0.0.1"});
        let node = json!({
            "role": "control-plane", "image": self.image,
            "extraPortMappings": [port(80, HTTP), port(443, HTTPS)],
        });
        let config = json!({
            "kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [node], "kubeadmConfigPatches": [patch],
        });
        let path = self.dir.join("plain-kind.yaml");
        std::fs::write(&path, format!("{config:#}"))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(path)
    }
}
