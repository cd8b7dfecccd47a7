//! The plain commands of the specification (seed 003, steps 2 to 7; with kind instead of minikube
//! if kind is measured), one after the other, as a user types them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bench_up::{Bench, HOST, answers};
use crate::plain_cluster::Cluster;
use crate::shell::{Result, binary, read, root};

const NAMESPACE: &str = "todo-chatbot";
const OWN: &str = "localhost/todo-bootstrap/";

/// All that the commands need, determined before the measurement.
pub(crate) struct Plain {
    dir: PathBuf,
    project: PathBuf,
    cluster: Cluster,
    kubectl: String,
    helm: String,
    /// The application's images: name, context, base.
    built: Vec<(String, PathBuf, String)>,
    /// References of images that are not built here.
    ready: Vec<String>,
    preset: String,
}

impl Plain {
    /// Prepared after an `up`, when the tools and images exist from which both sides start.
    pub(crate) fn of(bench: &Bench) -> Result<Self> {
        let tool = |name: &str| -> Result<String> {
            let said = read(&binary(), &["tools", "path", name])?;
            Ok(said.lines().last().unwrap_or_default().trim().to_owned())
        };
        let images = read(Path::new("docker"), &["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
        let image = |name: &str| {
            let start = format!("{OWN}{name}:");
            let found = images.lines().find(|tag| tag.starts_with(&start));
            found.map(str::to_owned).ok_or_else(|| format!("{start}… is not in the engine"))
        };
        let cluster = Cluster {
            maker: bench.maker,
            tool: tool(bench.maker.name())?,
            image: image(bench.maker.image())?,
            dir: bench.dir.clone(),
            path: client_first(&bench.dir)?,
        };
        cluster.prepare()?;
        let built =
            [("frontend", "nodejs"), ("backend", "python"), ("mcp-server", "python"), ("mock-llm", "python")];
        let built = built.into_iter().map(|(name, base)| {
            Ok((name.to_owned(), bench.project.join("services").join(name).join("Dockerfile"), image(base)?))
        });
        let ready = ["postgres", "valkey", "traefik", "metrics-server"];
        Ok(Self {
            dir: bench.dir.clone(),
            project: bench.project.clone(),
            cluster,
            kubectl: tool("kubectl")?,
            helm: tool("helm")?,
            built: built.collect::<Result<_>>()?,
            ready: ready.into_iter().map(image).collect::<Result<_>>()?,
            preset: "manifests/todo-chatbot/values/tiny.yaml".to_owned(),
        })
    }

    /// Runs all commands and measures the time until page and API respond.
    pub(crate) fn run(&self) -> Result<Duration> {
        let addons = self.addons()?;
        let started = Instant::now();
        for (name, dockerfile, base) in &self.built {
            let (tag, base) = (tag(name), format!("BASE_IMAGE={base}"));
            let own = dockerfile.parent().unwrap_or(dockerfile);
            // The Python services share the folder above theirs.
            let shared = own.join("requirements.lock").is_file();
            let context = own.parent().filter(|_| shared).unwrap_or(own);
            let args = ["build", "--quiet", "--tag", &tag, "--build-arg", &base, "--file"];
            self.call("docker", &[&args[..], &[&text(dockerfile), &text(context)]].concat())?;
        }
        self.cluster.create()?;
        let built = self.built.iter().map(|(name, _, _)| tag(name));
        for image in built.chain(self.ready.iter().cloned()) {
            self.cluster.load(&image)?;
        }
        for (file, workload) in &addons {
            self.kubectl(&["apply", "--filename", &text(file)])?;
            self.kubectl(&["rollout", "status", workload, "--namespace", "kube-system", "--timeout=5m"])?;
        }
        self.kubectl(&["create", "namespace", NAMESPACE])?;
        let env = format!("--from-env-file={}", self.project.join(".env").display());
        self.kubectl(&["create", "secret", "generic", "todo-chatbot-env", &env, "--namespace", NAMESPACE])?;
        self.kubectl(&["create", "configmap", "todo-chatbot-config", &env, "--namespace", NAMESPACE])?;
        self.release()?;
        answers(started)?;
        Ok(started.elapsed())
    }

    pub(crate) fn clear(&self) -> Result {
        self.cluster.clear()
    }

    fn release(&self) -> Result {
        let chart = text(&self.project.join("manifests/todo-chatbot"));
        let values = text(&self.project.join(&self.preset));
        let mut args = vec!["upgrade", "--install", "todo-chatbot", &chart, "--namespace", NAMESPACE];
        args.extend(["--values", &values, "--wait", "--timeout", "5m"]);
        let images = self.built.iter().map(|(name, _, _)| format!("images.{name}={}", tag(name)));
        let named = |reference: &String| {
            let name = reference.strip_prefix(OWN)?.split(':').next()?;
            ["postgres", "valkey"].contains(&name).then(|| format!("images.{name}={reference}"))
        };
        let sets: Vec<String> = images
            .chain(self.ready.iter().filter_map(named))
            .chain([format!("hosts[0]={HOST}"), "secret.name=todo-chatbot-env".to_owned()])
            .chain(["config.name=todo-chatbot-config".to_owned()])
            .collect();
        for set in &sets {
            args.extend(["--set", set]);
        }
        self.call(&self.helm, &args)
    }

    fn kubectl(&self, args: &[&str]) -> Result {
        self.call(&self.kubectl, args)
    }

    fn call(&self, program: &str, args: &[&str]) -> Result {
        self.cluster.call(program, args)
    }

    /// The addons' manifests with their images, and the workload of each.
    fn addons(&self) -> Result<Vec<(PathBuf, &'static str)>> {
        let workloads = [("metrics-server", "deployment/metrics-server"), ("traefik", "daemonset/traefik")];
        let file = |name: &str| -> Result<PathBuf> {
            let mut manifest = versions(&read_data(&format!("manifests/addons/{name}/{name}.yaml"))?)?;
            for reference in &self.ready {
                let image = reference.strip_prefix(OWN).and_then(|rest| rest.split(':').next());
                manifest = manifest.replace(&format!("{{image:{}}}", image.unwrap_or_default()), reference);
            }
            self.write(&format!("plain-{name}.yaml"), &manifest)
        };
        workloads.into_iter().map(|(name, workload)| Ok((file(name)?, workload))).collect()
    }

    fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        std::fs::write(&path, content).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(path)
    }
}

fn tag(name: &str) -> String {
    format!("localhost/todo-bench/{name}:v1.0.0")
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(crate) fn read_data(path: &str) -> Result<String> {
    let path = root().join(path);
    std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Replaces `{key}` with the version of that name.
pub(crate) fn versions(text: &str) -> Result<String> {
    let all = read_data("versions.toml")?;
    let pairs = all.lines().filter_map(|line| line.split_once(" = "));
    Ok(pairs.fold(text.to_owned(), |text, (key, value)| {
        text.replace(&format!("{{{}}}", key.trim()), value.trim().trim_matches('"'))
    }))
}

/// A PATH on which `docker` is a client that can build.
fn client_first(dir: &Path) -> Result<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let client = client()?;
    let bin = dir.join("bin");
    let _ = std::fs::remove_dir_all(&bin);
    let made =
        std::fs::create_dir_all(&bin).and_then(|()| std::os::unix::fs::symlink(&client, bin.join("docker")));
    made.map_err(|error| format!("cannot create {}: {error}", bin.display()))?;
    Ok(format!("{}:{path}", bin.display()))
}

/// The first `docker` on PATH that can build: one with buildx, or a version that includes the builder.
pub(crate) fn client() -> Result<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let builds = |program: &PathBuf| {
        let old = read(program, &["version", "--format", "{{.Client.Version}}"]).unwrap_or_default();
        let major: u32 = old.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        (1..23).contains(&major) || crate::shell::works(program, &["buildx", "version"])
    };
    let mut clients =
        std::env::split_paths(&path).map(|dir| dir.join("docker")).filter(|file| file.is_file());
    clients.find(builds).ok_or_else(|| "no docker client that can build is on PATH".to_owned())
}
