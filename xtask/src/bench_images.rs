//! `cargo xtask bench images`: compares ways to get images to a node, in one run.
//!
//! It compares the local registry (`docker push`, then the node pulls), `docker save | ctr images import`,
//! and `kind load docker-image` or `minikube image load`. All of them get the same images on the same
//! cluster and alternate, so that other load on the machine affects all of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::bench_up::Bench;
use crate::measure::median;
use crate::plain;
use crate::plain_cluster::Maker;
use crate::shell::{self, CI_PROFILE, Result, binary, cargo_run, read, root};

/// The name of the registry for nodes (`src/local_registry`).
const REGISTRY: &str = "registry.todo-bootstrap.internal";
/// The service that is changed, and the file in it: it builds within a second, so that the transfer of the
/// image dominates.
const IMAGE: &str = "backend";
const SOURCE: &str = "todo_api/__main__.py";

#[derive(Args)]
pub(crate) struct Options {
    /// How often to measure each way
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The provider of the cluster
    #[arg(long, value_enum, default_value = "kind")]
    provider: Maker,
}

/// The name and the times of one way.
struct Way {
    name: String,
    times: Vec<Duration>,
}

impl Way {
    fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), times: Vec::new() }
    }

    fn median(&self) -> Duration {
        median(self.times.clone()).unwrap_or_default()
    }
}

pub(crate) fn run(options: &Options) -> Result {
    cargo_run(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])?;
    let bench = Bench::new(options.provider)?;
    bench.call(&["up", "--yes"])?;
    let measured = measure(&bench, options);
    bench.down()?;
    measured
}

fn measure(bench: &Bench, options: &Options) -> Result {
    let site = Site::of(bench)?;
    let (layer, unpacking) = one_layer(&site, options.runs.max(1))?;
    tell("one changed layer (64 KiB) to the node", &layer);
    println!("| unpacking alone, the lower limit | {} | |", seconds(unpacking.median()));
    let (file, parts) = one_file(bench, &site, options.runs.max(1))?;
    tell("one changed source file to a ready pod", &file);
    for part in parts {
        println!("| of which {} | {} | |", part.name, seconds(part.median()));
    }
    Ok(())
}

/// The first way is ours; the others are shown as multiples of it.
fn tell(title: &str, ways: &[Way]) {
    let ours = ways.first().map(Way::median).unwrap_or_default().as_secs_f64();
    println!("\n| {title} | median | × ours |\n|---|---|---|");
    for way in ways {
        println!("| {} | {} | {:.1} |", way.name, seconds(way.median()), way.median().as_secs_f64() / ours);
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// What the measured commands need, determined before the measurement.
struct Site {
    /// A client that can build.
    docker: PathBuf,
    maker: Maker,
    tool: String,
    kubectl: String,
    kubeconfig: String,
    node: String,
    cluster: String,
    /// `127.0.0.1:PORT`.
    registry: String,
    /// The base image, as the program built it.
    base: String,
    /// The `MINIKUBE_HOME`.
    home: String,
}

impl Site {
    fn of(bench: &Bench) -> Result<Self> {
        let tool = |name: &str| -> Result<String> {
            let path = read(&binary(), &["tools", "path", name])?;
            Ok(path.lines().last().unwrap_or_default().trim().to_owned())
        };
        let client = plain::client()?;
        let docker = |args: &[&str]| read(&client, args);
        let cluster = format!("todo-bench-{}", bench.maker.name());
        let state = bench.dir.join("state/clusters").join(&cluster);
        let registry =
            docker(&["ps", "--filter", "label=todo-bootstrap.dev/registry", "--format", "{{.Ports}}"])?;
        let registry = registry.lines().next().and_then(|ports| ports.split("->").next());
        let node = match bench.maker {
            Maker::Kind => format!("{cluster}-control-plane"),
            Maker::Minikube => cluster.clone(),
        };
        let registry = registry.ok_or("the local registry is not running")?.trim().to_owned();
        let running = ["exec", &node, "crictl", "images", "-o", "json"];
        let images: serde_json::Value =
            serde_json::from_str(&docker(&running)?).map_err(|error| format!("crictl images: {error}"))?;
        let start = format!("{REGISTRY}/todo-chatbot/{IMAGE}@");
        let all = images["images"].as_array().cloned().unwrap_or_default();
        let mut names =
            all.iter().flat_map(|image| image["repoDigests"].as_array().cloned().unwrap_or_default());
        let found = names
            .find_map(|name| name.as_str().and_then(|name| name.strip_prefix(&start)).map(str::to_owned));
        let digest = found.ok_or_else(|| format!("{node} has no image {IMAGE}"))?;
        Ok(Self {
            maker: bench.maker,
            tool: tool(bench.maker.name())?,
            kubectl: tool("kubectl")?,
            kubeconfig: state.join("kubeconfig").to_string_lossy().into_owned(),
            base: format!("{registry}/todo-chatbot/{IMAGE}@{digest}"),
            home: state.join("minikube/.minikube").to_string_lossy().into_owned(),
            node,
            cluster,
            registry,
            docker: client,
        })
    }

    /// Loads an image with the provider's own command.
    fn load(&self, image: &str) -> Result {
        let mut call = std::process::Command::new(&self.tool);
        match self.maker {
            Maker::Kind => call.args(["load", "docker-image", image, "--name", &self.cluster]),
            Maker::Minikube => call.args(["image", "load", image, "--profile", &self.cluster]),
        };
        call.env("MINIKUBE_HOME", &self.home).env("KUBECONFIG", &self.kubeconfig);
        let output = call.output().map_err(|error| format!("cannot start {}: {error}", self.tool))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{} load: {}", self.tool, String::from_utf8_lossy(&output.stderr)))
    }

    fn loader(&self) -> &'static str {
        match self.maker {
            Maker::Kind => "`kind load docker-image`",
            Maker::Minikube => "`minikube image load`",
        }
    }

    fn kubectl(&self, args: &[&str]) -> Result<String> {
        read(Path::new(&self.kubectl), &[&["--kubeconfig", self.kubeconfig.as_str()], args].concat())
    }

    /// The image that the ready pods of the service run.
    fn deployed(&self) -> Result<String> {
        let path = "jsonpath={.spec.template.spec.containers[0].image}";
        self.kubectl(&["get", "deployment", IMAGE, "--namespace", "todo-chatbot", "--output", path])
    }

    /// Removes an image from the node, and from the engine, where its name is `in_engine`.
    fn forget(&self, image: &str, in_engine: &str) -> Result {
        self.docker(&["exec", &self.node, "crictl", "rmi", image])?;
        self.docker(&["rmi", "--force", in_engine]).map(drop)
    }

    fn docker(&self, args: &[&str]) -> Result<String> {
        let call = shell::cmd(&root(), &self.docker, args.iter().copied()).env("DOCKER_BUILDKIT", "1");
        call.read().map_err(|error| format!("`{} {}`: {error}", self.docker.display(), args.join(" ")))
    }

    /// A new tag in the repository that the program pushes this image to.
    fn tag(&self, name: &str) -> String {
        format!("{}/todo-chatbot/{IMAGE}:bench-{name}", self.registry)
    }
}

/// Pushes `image` (a tag in the registry) and makes the node pull it by the resulting digest;
/// returns the node's reference.
fn through_registry(site: &Site, image: &str) -> Result<String> {
    site.docker(&["push", "--quiet", image])?;
    let pulled = image.replacen(&site.registry, REGISTRY, 1);
    site.docker(&["exec", &site.node, "crictl", "pull", &pulled])?;
    Ok(pulled)
}

/// An image with one more layer, which is different each time.
fn changed(site: &Site, number: usize, name: &str) -> Result<String> {
    let dir = tempfile()?;
    let seed = format!("{}-{number}", std::process::id());
    let noise: String = (0..65536)
        .map(|i| char::from(b'a' + u8::try_from((i * 31 + number * 7) % 26).unwrap_or(0)))
        .collect();
    std::fs::write(dir.join("change"), seed + &noise).map_err(|error| error.to_string())?;
    let file = format!("FROM {}\nCOPY change /tmp/change\n", site.base);
    std::fs::write(dir.join("Dockerfile"), file).map_err(|error| error.to_string())?;
    site.docker(&["build", "--quiet", "--tag", name, &dir.to_string_lossy()])?;
    std::fs::remove_dir_all(&dir).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

fn tempfile() -> Result<std::path::PathBuf> {
    let dir = crate::shell::target().join(format!("bench-layer-{}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    Ok(dir)
}

fn timed<T>(way: &mut Way, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let done = work()?;
    way.times.push(started.elapsed());
    Ok(done)
}

fn one_layer(site: &Site, runs: usize) -> Result<(Vec<Way>, Way)> {
    let mut ours = Way::new("the local registry: push, pull");
    let mut import = Way::new("`docker save \\| ctr images import`");
    let mut load = Way::new(site.loader());
    let mut unpacking = Way::new("unpacking alone");
    for number in 0..runs {
        let image = changed(site, number * 4, &site.tag(&number.to_string()))?;
        let pulled = timed(&mut ours, || through_registry(site, &image))?;
        site.forget(&pulled, &image)?;

        let image = changed(site, number * 4 + 1, &site.tag(&format!("{number}-unpacked")))?;
        site.docker(&["push", "--quiet", &image])?;
        let name = image.replacen(&site.registry, REGISTRY, 1);
        let fetch =
            format!("ctr --namespace k8s.io content fetch --hosts-dir /etc/containerd/certs.d {name}");
        site.docker(&["exec", &site.node, "sh", "-c", &format!("{fetch} >/dev/null")])?;
        timed(&mut unpacking, || site.docker(&["exec", &site.node, "crictl", "pull", &name]))?;
        site.forget(&name, &image)?;

        let image = changed(site, number * 4 + 2, &format!("localhost/bench/import:{number}"))?;
        let script = format!(
            "{0} save {image} | {0} exec --interactive {1} ctr --namespace=k8s.io images import --snapshotter=overlayfs - >/dev/null",
            site.docker.display(),
            site.node
        );
        timed(&mut import, || shell::run(Path::new("sh"), &["-c", &script]))?;
        site.forget(&image, &image)?;

        let image = changed(site, number * 4 + 3, &format!("localhost/bench/load:{number}"))?;
        timed(&mut load, || site.load(&image))?;
        site.forget(&image, &image)?;
    }
    Ok((vec![ours, import, load], unpacking))
}

/// Measures `up` after an edit, and the plain commands after the same kind of edit, together and one by one.
fn one_file(bench: &Bench, site: &Site, runs: usize) -> Result<(Vec<Way>, [Way; 3])> {
    let mut ours = Way::new("`todo-bootstrap up`");
    let mut plain = Way::new(format!("`docker build`, {}, `kubectl rollout`", site.loader()));
    let mut parts = ["`docker build`", site.loader(), "`kubectl rollout`"].map(Way::new);
    let context = bench.project.join("services");
    let (source, dockerfile) = (context.join(IMAGE).join(SOURCE), context.join(IMAGE).join("Dockerfile"));
    let text = std::fs::read_to_string(&source).map_err(|error| error.to_string())?;
    let edit = |number: usize| {
        std::fs::write(&source, format!("{text}# {}-{number}\n", std::process::id()))
            .map_err(|e| e.to_string())
    };
    let mut before = site.deployed()?;
    let mut expect_another = || -> Result {
        let now = site.deployed()?;
        let same = now == before;
        before = now;
        if same { Err(format!("{before} is still running")) } else { Ok(()) }
    };
    for number in 0..runs {
        edit(number * 2)?;
        timed(&mut ours, || bench.call(&["up", "--yes", "--quiet"]))?;
        expect_another()?;
        edit(number * 2 + 1)?;
        let image = format!("localhost/bench/{IMAGE}:{number}");
        // With a warm registry, the engine has no copy.
        site.docker(&["pull", "--quiet", &site.base])?;
        let base = site.docker(&["inspect", "--format", "{{json .Config.Labels}}", &site.base])?;
        let base: serde_json::Value = serde_json::from_str(&base).map_err(|error| error.to_string())?;
        let label = |name: &str| {
            base[format!("org.opencontainers.image.base.{name}")].as_str().unwrap_or_default().to_owned()
        };
        let repository = label("name");
        let repository = repository.split(':').next().unwrap_or_default();
        let base = format!("BASE_IMAGE={}/{repository}@{}", site.registry, label("digest"));
        let (dockerfile, context) = (dockerfile.to_string_lossy(), context.to_string_lossy());
        let place = ["--build-arg", &base, "--file", &dockerfile, &context];
        let set = format!("*={image}");
        let namespace = ["--namespace", "todo-chatbot"];
        timed(&mut plain, || {
            let build = [&["build", "--quiet", "--tag", &image], &place[..]].concat();
            timed(&mut parts[0], || site.docker(&build))?;
            timed(&mut parts[1], || site.load(&image))?;
            timed(&mut parts[2], || {
                site.kubectl(&[&["set", "image", "deployment", IMAGE, &set], &namespace[..]].concat())?;
                let wait = ["rollout", "status", "deployment", IMAGE, "--timeout=5m"];
                site.kubectl(&[&wait[..], &namespace].concat())
            })
        })?;
        expect_another()?;
    }
    Ok((vec![ours, plain], parts))
}
