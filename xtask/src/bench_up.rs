//! `cargo xtask bench up`: compares a warm `up` with the plain commands of the specification, in one run.
//!
//! Both start without a cluster, with the same cached tools and images, and end when the page and the API
//! respond through the ingress. They alternate, so that other load on the machine affects both.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::measure::median;
use crate::path::{self, Traced};
use crate::plain::Plain;
use crate::plain_cluster::Maker;
use crate::shell::{self, CI_PROFILE, Result, binary, cargo_run, root, target};
use crate::stages::show;

/// N1 of the requirements: the application is ready this soon after a warm start.
const READY: Duration = Duration::from_secs(2 * 60);
/// N1 again: a response takes no longer than this.
const RESPONSE: Duration = Duration::from_secs(2);
/// What both measurements wait for: the page and the API.
const PATHS: [&str; 2] = ["/log-in", "/api/health"];
/// How often each of them is asked after an `up`.
const REQUESTS: usize = 20;

#[derive(Args)]
pub(crate) struct Options {
    /// How often to run each of the two
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The provider of the cluster for both
    #[arg(long, value_enum, default_value = "kind")]
    provider: Maker,
}

/// The files of this benchmark: state, a copy of the application, a separate profile.
pub(crate) struct Bench {
    pub(crate) maker: Maker,
    pub(crate) dir: PathBuf,
    pub(crate) project: PathBuf,
    profile: PathBuf,
}

/// The port of the ingress controller, for both.
pub(crate) const HTTP: u16 = 18180;
pub(crate) const HTTPS: u16 = 18543;
pub(crate) const HOST: &str = "todo-app.localhost";

/// Plain values, because `kubectl create secret --from-env-file` does not expand `${…}`.
const ENV: &str = "POSTGRES_USER=todo\nPOSTGRES_DB=todo\nPOSTGRES_PASSWORD=0123456789abcdef0123456789abcdef\n\
DATABASE_URL=postgresql://todo:0123456789abcdef0123456789abcdef@postgres:5432/todo\n\
INTERNAL_API_TOKEN=fedcba9876543210fedcba9876543210\n\
BETTER_AUTH_SECRET=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n\
OPENAI_API_KEY=\nGEMINI_API_KEY=\nGROQ_API_KEY=\nREDIS_PASSWORD=0123456789abcdef0123456789abcdef\n\
REDIS_URL=redis://:0123456789abcdef0123456789abcdef@redis:6379/0\nENVIRONMENT=production\n\
LOG_LEVEL=INFO\nHOST=0.0.0.0\nCORS_ORIGINS=\nMCP_SERVER_URL=http://mcp-server:8001/mcp\n\
AUTH_ORIGINS=\nAUTH_JWKS_URL=http://frontend:3000/auth/jwks\nAI_MOCK=false\n\
LLM_BASE_URL=\nLLM_MODEL=\nLLM_API_KEY=\n\
NEXT_PUBLIC_API_URL=http://backend:8000\nNEXT_PUBLIC_APP_TITLE=Todo Chatbot\n";

pub(crate) fn run(options: &Options) -> Result {
    cargo_run(&["build", CI_PROFILE, "--workspace", "--all-targets", "--locked"])?;
    let bench = Bench::new(options.provider)?;
    println!("preparing the common starting state");
    let plan = bench.call(&["up", "--yes"]).and_then(|()| bench.plan())?;
    let plain = Plain::of(&bench)?;
    bench.down()?;
    let (mut ours, mut theirs, mut paths, mut responses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.runs.max(1) {
        let (time, events) = bench.up()?;
        ours.push(time);
        paths.push((time, path::critical(&plan, &events)));
        responses.extend(self::responses()?);
        bench.down()?;
        let ran = plain.run();
        plain.clear()?;
        theirs.push(ran?);
        println!("todo-bootstrap {}, plain commands {}", show(time), show(theirs[theirs.len() - 1]));
    }
    let (ours, theirs) = (median(ours).unwrap_or_default(), median(theirs).unwrap_or_default());
    let path = paths.into_iter().find(|(time, _)| *time == ours).map(|(_, path)| path).unwrap_or_default();
    tell(ours, theirs, &path);
    let response = median(responses).unwrap_or_default();
    println!("\nmedian of the responses of page and API: {}", show(response));
    for (what, time, limit) in [("`up`", ours, READY), ("a response", response, RESPONSE)] {
        if time > limit {
            return Err(format!("{what} took {}, more than {}", show(time), show(limit)));
        }
    }
    Ok(())
}

fn tell(ours: Duration, theirs: Duration, path: &[Traced]) {
    println!("\n| from no cluster to responses, warm | median |\n|---|---|");
    println!("| `todo-bootstrap up` | {} |", show(ours));
    println!("| the plain commands, in order | {} |", show(theirs));
    println!("| ratio | {:.2} |", ours.as_secs_f64() / theirs.as_secs_f64());
    println!("\ncritical path of the median `up`:");
    for step in path {
        println!("{:>7} to {:>7}  {}", show(step.began), show(step.ended), step.step);
    }
}

impl Bench {
    pub(crate) fn new(maker: Maker) -> Result<Self> {
        let dir = target().join("bench");
        let project = dir.join("todo");
        let fail = |error: std::io::Error| format!("cannot prepare {}: {error}", dir.display());
        if project.exists() {
            std::fs::remove_dir_all(&project).map_err(fail)?;
        }
        let wanted = ["application.toml", ".env.example", "services", "manifests/todo-chatbot", "checks/app"];
        let list = ["ls-files", "--cached", "--others", "--exclude-standard", "--"];
        for file in shell::read(Path::new("git"), &[&list, &wanted[..]].concat())?.lines() {
            let copy = project.join(file);
            std::fs::create_dir_all(copy.parent().unwrap_or(&project)).map_err(fail)?;
            std::fs::copy(root().join(file), copy).map_err(fail)?;
        }
        std::fs::write(project.join(".env"), ENV).map_err(fail)?;
        let profile = root().join(format!("profiles/{}.toml", maker.name()));
        let profile = std::fs::read_to_string(profile).map_err(fail)?;
        let name = format!("name = \"todo-bench-{}\"", maker.name());
        let profile = profile
            .replace("name = \"todo-bootstrap-minikube\"", &name)
            .replace("name = \"todo-bootstrap\"", &name)
            .replace("http-port = 80", &format!("http-port = {HTTP}"))
            .replace("https-port = 443", &format!("https-port = {HTTPS}"));
        let path = dir.join("bench.toml");
        std::fs::write(&path, profile).map_err(fail)?;
        Ok(Self { maker, dir, project, profile: path })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).arg("--profile").arg(&self.profile).arg("--dir").arg(&self.project);
        command.env("TODO_BOOTSTRAP_STATE", self.dir.join("state")).stdin(Stdio::null());
        command
    }

    pub(crate) fn call(&self, args: &[&str]) -> Result {
        let status = self.command(args).status().map_err(|error| format!("cannot start: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", args.join(" "))) }
    }

    pub(crate) fn down(&self) -> Result {
        self.call(&["down", "--yes", "--quiet"])
    }

    fn plan(&self) -> Result<Value> {
        let output = self.command(&["plan", "--output", "json"]).output().map_err(|e| e.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| format!("`plan --output json`: {error}"))
    }

    /// Runs `up` until the application responds, recording every event and its time.
    fn up(&self) -> Result<(Duration, Vec<(Duration, Value)>)> {
        let started = Instant::now();
        let mut up = self.command(&["up", "--yes", "--events", "json"]);
        let mut child = up.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        let lines = std::io::BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let events = lines
            .map_while(std::result::Result::ok)
            .filter_map(|line| Some((started.elapsed(), serde_json::from_str(&line).ok()?)))
            .collect();
        let status = child.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("`up` ended with {status}"));
        }
        answers(started)?;
        Ok((started.elapsed(), events))
    }
}

/// Waits until page and API respond through the ingress; both measurements end with this.
pub(crate) fn answers(started: Instant) -> Result {
    for path in PATHS {
        while response(path).is_err() {
            if started.elapsed() > Duration::from_secs(10 * 60) {
                return Err(format!("{path} does not respond"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// The times of some responses of page and API.
fn responses() -> Result<Vec<Duration>> {
    (0..REQUESTS).flat_map(|_| PATHS).map(response).collect()
}

/// How long a successful request takes.
fn response(path: &str) -> Result<Duration> {
    let (url, host) = (format!("http://127.0.0.1:{HTTP}{path}"), format!("Host: {HOST}"));
    let args = ["--silent", "--fail", "--output", "/dev/null", "--write-out", "%{time_total}"];
    let rest = ["--max-time", "5", "--header", &host, &url];
    let seconds = shell::read(Path::new("curl"), &[&args[..], &rest].concat())?;
    seconds.trim().parse().map(Duration::from_secs_f64).map_err(|error| format!("curl: {error}"))
}
