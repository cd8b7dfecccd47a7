//! The test bed: its own state, cluster name and ports; the user's cache; one project.

use std::cell::RefCell;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use toml::Table;

pub use crate::engine::{Engine, docker, output};
use crate::http::Address;
use crate::leftover;
use crate::program::{Event, Run, Then, run};
use crate::provider::Provider;
use crate::sample;

pub const CPUS: &str = "2";
pub const MEMORY_GIB: u64 = 4;

/// Building everything from source on a cold and slow machine.
const COLD: Duration = Duration::from_secs(65 * 60);
const WARM: Duration = Duration::from_secs(10 * 60);

/// The application file.
pub struct App {
    pub namespace: String,
    pub name: String,
    /// All its host names, the main one first.
    pub hosts: Vec<String>,
    /// The images that are built from its sources.
    pub images: Vec<String>,
}

pub struct Bed {
    pub provider: Provider,
    /// The cluster's name.
    pub cluster: String,
    pub root: PathBuf,
    pub dir: PathBuf,
    pub state: PathBuf,
    pub profile: PathBuf,
    pub project: PathBuf,
    pub app: App,
    /// Keeps the profile's HTTP port in use, so that `up` must choose another one.
    pub taken: TcpListener,
    /// `None` until an engine runs.
    before: RefCell<Option<Engine>>,
    kube_config_before: Option<Vec<u8>>,
    address: RefCell<Option<Address>>,
    scene: RefCell<String>,
    last: RefCell<String>,
}

impl Bed {
    pub fn new(provider: Provider) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        // Kept between runs: it contains the engine's receipt, and what an interrupted run left behind.
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("e2e");
        std::fs::create_dir_all(&dir).expect("create the test bed's folder");
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = taken.local_addr().expect("its address").port();
        let project = copy_of_the_application(&root, &dir);
        let cluster = leftover::cluster_name(&dir) + provider.ending;
        let mut bed = Self {
            provider,
            state: dir.join("state"),
            profile: write_profile(&root, &dir, provider, &cluster, port),
            cluster,
            app: read_app(&project),
            root,
            dir,
            project,
            taken,
            before: RefCell::default(),
            kube_config_before: None,
            address: RefCell::default(),
            scene: RefCell::default(),
            last: RefCell::default(),
        };
        let resumed = std::env::var_os("TODO_BOOTSTRAP_E2E_FROM").is_some();
        if !resumed && bed.cluster_state().exists() {
            println!("=== taking down what an earlier run left");
            let left = bed.call(&["down", "--yes", "--no-backup"]);
            println!("`down` ended with {:?}", left.code);
        }
        if docker(&["version"]).is_ok() {
            bed.engine_runs();
        }
        bed.kube_config_before = users_kube_config();
        bed
    }

    /// From here on, the scenes use the project in `dir`.
    pub fn turn_to(&mut self, project: PathBuf) {
        self.app = read_app(&project);
        self.project = project;
    }

    pub fn enter(&self, scene: &str) {
        scene.clone_into(&mut self.scene.borrow_mut());
    }

    /// The program with the bed's environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_todo-bootstrap"));
        command.args(args).current_dir(&self.root).env("TODO_BOOTSTRAP_STATE", &self.state);
        command
    }

    /// Runs the program on the bed's cluster and project.
    pub fn call(&self, args: &[&str]) -> Run {
        self.call_in(&self.project, args, WARM, &mut |_| Then::GoOn)
    }

    pub fn call_in(
        &self,
        project: &Path,
        args: &[&str],
        limit: Duration,
        watch: &mut dyn FnMut(&Event) -> Then,
    ) -> Run {
        println!("$ todo-bootstrap {}", args.join(" "));
        self.watched(self.command(args), project, limit, watch)
    }

    fn watched(
        &self,
        mut command: Command,
        project: &Path,
        limit: Duration,
        watch: &mut dyn FnMut(&Event) -> Then,
    ) -> Run {
        command.arg("--profile").arg(&self.profile).arg("--dir").arg(project);
        let run = run(command, limit, &mut |event| {
            self.note_engine(event);
            watch(event)
        });
        *self.last.borrow_mut() = run.tail(80);
        run
    }

    /// An engine that this `up` started may contain older objects of others.
    fn note_engine(&self, event: &Event) {
        let runs = event.step == "engine" && ["done", "unchanged"].contains(&event.state.as_str());
        if runs && self.before.borrow().is_none() {
            self.engine_runs();
        }
    }

    fn engine_runs(&self) {
        leftover::sweep(&leftover::cluster_name(&self.dir));
        *self.before.borrow_mut() = Some(Engine::now());
    }

    /// The first `up`, which may have to build everything.
    pub fn cold_up(&self) -> Run {
        self.call_in(&self.project, UP_COLD, COLD, &mut |_| Then::GoOn).expect(0)
    }

    /// The same, for a user who has only the checkout.
    pub fn install_and_up(&self) -> Run {
        let mut command = Command::new("sh");
        command.arg("./install.sh").arg("--dir").arg(self.dir.join("bin")).arg("--up");
        command.args(&UP_COLD[1..]).current_dir(&self.root).env("TODO_BOOTSTRAP_STATE", &self.state);
        // Variables that cargo sets for tests would make another cargo build everything again.
        let of_test = |key: &str| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_");
        for (key, _) in std::env::vars().filter(|(key, _)| of_test(key)) {
            command.env_remove(key);
        }
        if !sample::full() {
            // The program was built already, as tests are; the complete run builds it as users do.
            command.env("TODO_BOOTSTRAP_BUILD_PROFILE", "ci");
        }
        println!("$ {command:?}");
        self.watched(command, &self.project, COLD, &mut |_| Then::GoOn).expect(0)
    }

    /// An `up` that must succeed. A new cluster may have a different port.
    pub fn up(&self) -> Run {
        let up = self.call(UP).expect(0);
        self.set_address(Address::find(&up.stdout, &self.app.hosts).expect("`up` ends with the address"));
        up
    }

    pub fn down(&self) -> Run {
        self.call(&["down", "--yes"]).expect(0)
    }

    /// The program's standard output for arguments that need no project.
    pub fn read(&self, args: &[&str]) -> Run {
        run(self.command(args), COLD, &mut |_| Then::GoOn)
    }

    /// The path of a tool, according to the program.
    pub fn tool(&self, name: &str) -> PathBuf {
        let run = self.read(&["tools", "path", name]).expect(0);
        PathBuf::from(run.stdout.lines().last().expect("a path").trim())
    }

    pub fn address(&self) -> Address {
        self.address.borrow().clone().expect("the first `up` printed an address")
    }

    pub fn set_address(&self, address: Address) {
        *self.address.borrow_mut() = Some(address);
    }

    /// The home page, which must respond.
    #[track_caller]
    pub fn expect_page(&self) {
        let mut reply = self.address().get("/").expect("the page answers");
        if let Some(path) = reply.location {
            // It requires a log-in.
            reply = self.address().get(&path).expect("the target page responds");
        }
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster_state().join("kubeconfig")
    }

    /// The cluster's state directory.
    pub fn cluster_state(&self) -> PathBuf {
        self.state.join("clusters").join(&self.cluster)
    }

    /// The node's container: name and whether it is running.
    pub fn node_container(&self) -> (String, bool) {
        let label = format!("label={}={}", self.provider.label, self.cluster);
        let format = "{{.Names}}\t{{.State}}";
        let text = docker(&["ps", "--all", "--filter", &label, "--format", format]).expect("docker ps");
        let line = text.lines().next().expect("the node's container");
        let (name, state) = line.split_once('\t').expect("name and state");
        (name.to_owned(), state == "running")
    }

    /// Standard output of kubectl, which must succeed.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        println!("$ kubectl {}", args.join(" "));
        let mut command = Command::new(self.tool("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(args);
        output(command).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    pub fn kubectl_json(&self, args: &[&str]) -> Value {
        let text = self.kubectl(&[args, &["--output", "json"]].concat());
        serde_json::from_str(&text).expect("JSON from kubectl")
    }

    /// The names of the application's Deployments.
    pub fn deployments(&self) -> Vec<String> {
        let list = self.kubectl_json(&["get", "deployments", "--namespace", &self.app.namespace]);
        names(&list)
    }

    pub fn before(&self) -> Engine {
        self.before.borrow().clone().expect("an engine was seen before the cluster was created")
    }

    /// The user's own kubeconfig must be unchanged.
    pub fn expect_users_kube_config_untouched(&self) {
        assert_eq!(users_kube_config(), self.kube_config_before, "~/.kube/config was touched");
    }
}

fn users_kube_config() -> Option<Vec<u8>> {
    std::fs::read(std::env::home_dir()?.join(".kube/config")).ok()
}

pub const UP: &[&str] = &["up", "--yes", "--events", "json"];
const UP_COLD: &[&str] = &["up", "--yes", "--events", "json", "--timeout", "60m"];

/// The address of this machine in the network of a node.
pub fn gateway(node: &str) -> String {
    let gateway = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}";
    docker(&["inspect", "--format", gateway, node]).expect("the node's gateway").trim().to_owned()
}

/// `metadata.name` of each item of a list.
pub fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items.iter().filter_map(|item| Some(item["metadata"]["name"].as_str()?.to_owned())).collect()
}

/// A copy of the application outside the sources, so that its `.env` is separate from the
/// developer's.
fn copy_of_the_application(root: &Path, dir: &Path) -> PathBuf {
    let copy = dir.join("todo");
    if copy.exists() {
        if std::env::var_os("TODO_BOOTSTRAP_E2E_FROM").is_some() {
            return copy;
        }
        std::fs::remove_dir_all(&copy).expect("remove an older copy");
    }
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "--"]);
    git.args(["application.toml", ".env.example", "services", "manifests/todo-chatbot", "checks/app"]);
    let files = output(git).expect("git ls-files");
    for file in files.lines().filter(|file| root.join(file).is_file()) {
        let target = copy.join(file);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("create a folder");
        std::fs::copy(root.join(file), target).expect("copy a file");
    }
    copy
}

/// The provider's profile with a different name, different ports, and a fixed size.
fn write_profile(root: &Path, dir: &Path, provider: Provider, name: &str, http_port: u16) -> PathBuf {
    let mut profile = read_toml(&root.join(format!("profiles/{}.toml", provider.name)));
    let cluster = profile.get_mut("cluster").and_then(|value| value.as_table_mut()).expect("[cluster]");
    let mut set = |key: &str, value: toml::Value| cluster.insert(key.to_owned(), value);
    set("name", name.into());
    if provider.nodes > 1 {
        set("nodes", i64::from(provider.nodes).into());
    }
    set("cpus", CPUS.into());
    set("memory", format!("{MEMORY_GIB}Gi").into());
    set("http-port", i64::from(http_port).into());
    set("https-port", 18443.into());
    let path = dir.join(format!("{name}.toml"));
    std::fs::write(&path, toml::to_string(&profile).expect("TOML")).expect("write the profile");
    path
}

fn read_app(project: &Path) -> App {
    let file = read_toml(&project.join("application.toml"));
    let text = |key: &str| file.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let name = text("name").expect("a name");
    let list = |key: &str| file.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let built =
        |image: &toml::Value| image.get("context").and(image.get("name")?.as_str()).map(str::to_owned);
    let aliases = list("aliases");
    let aliases = aliases.iter().filter_map(|alias| alias.as_str().map(str::to_owned));
    App {
        namespace: text("namespace").unwrap_or_else(|| name.clone()),
        hosts: text("host").into_iter().chain(aliases).collect(),
        images: list("images").iter().filter_map(built).collect(),
        name,
    }
}

pub fn read_toml(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

impl Drop for Bed {
    /// After a failed scene: prints what a developer looks at first, then ends what was started.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        println!("\n=== failed in scene: {}", self.scene.borrow());
        println!("--- output of the last run:\n{}", self.last.borrow());
        println!("{}", docker(&["ps", "--all"]).unwrap_or_else(|error| error));
        if std::env::var_os("TODO_BOOTSTRAP_E2E_KEEP").is_some() {
            println!("kept for you: TODO_BOOTSTRAP_STATE={}", self.state.display());
            return;
        }
        for args in [["get", "pods", "--all-namespaces"], ["get", "events", "--all-namespaces"]] {
            let mut command = Command::new("kubectl");
            command.arg("--kubeconfig").arg(self.kubeconfig()).arg("--request-timeout=10s").args(args);
            println!("{}", output(command).unwrap_or_else(|error| error));
        }
        let mut command = self.command(&["down", "--yes", "--no-backup", "--profile"]);
        command.arg(&self.profile);
        println!("{}", output(command).unwrap_or_else(|error| error));
    }
}
