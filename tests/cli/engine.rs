//! The container engine is absent, stopped, or not permitted.

use crate::support::Machine;

const PROJECT: &str = "name = \"app\"\nhost = \"app.localhost\"\nchart = \"chart\"\n";

const STOPPED: &str = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. \
                       Is the docker daemon running?' >&2; exit 1";
const FORBIDDEN: &str = "echo 'permission denied while trying to connect to the Docker daemon socket at \
                         unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission \
                         denied' >&2; exit 1";

#[test]
fn doctor_names_the_remedy_where_there_is_no_engine() {
    let screen = Machine::new().run(&["doctor"]).exits(3);
    let all = format!("{}{}", screen.stdout, screen.stderr);
    assert!(all.contains("help:") || all.contains("todo-bootstrap up --yes"), "{screen}");
}

#[test]
fn doctor_speaks_json() {
    let found = Machine::new().run(&["doctor", "--output", "json"]).exits(3).json();
    let text = found.to_string();
    assert!(text.contains("engine"), "{text}");
}

#[test]
fn an_engine_that_does_not_run_is_told_from_one_that_is_absent() {
    let machine = Machine::new().stub("docker", STOPPED).stub("dockerd", "exit 1");
    let screen = machine.run(&["doctor"]).exits(3);
    let all = format!("{}{}", screen.stdout, screen.stderr).to_lowercase();
    assert!(all.contains("running") || all.contains("not responding"), "{screen}");
    assert!(!machine.calls("docker").is_empty(), "the client was asked");
}

#[test]
fn an_engine_without_permission_is_told_from_one_that_does_not_run() {
    let screen = Machine::new().stub("docker", FORBIDDEN).run(&["doctor"]).exits(3);
    let all = format!("{}{}", screen.stdout, screen.stderr).to_lowercase();
    assert!(all.contains("permission"), "{screen}");
}

/// Nothing is asked or installed: there is no terminal and no `--yes`.
#[test]
fn up_without_consent_installs_nothing() {
    let machine = Machine::new()
        .file("app/application.toml", PROJECT)
        .file("app/chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
        .stub("apt-get", "exit 1")
        .stub("sudo", "exit 1");
    machine.run(&["up", "--dir", "app"]).exits(3).err_has("help:");
    for program in ["apt-get", "sudo"] {
        assert_eq!(machine.calls(program), Vec::<String>::new(), "{program} was called");
    }
}

#[test]
fn plan_shows_what_would_be_installed_and_installs_nothing() {
    let machine = Machine::new()
        .file("app/application.toml", PROJECT)
        .file("app/chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
        .stub("apt-get", "exit 1");
    machine.run(&["plan", "--dir", "app"]).exits(0).out_has("This would change:");
    assert_eq!(machine.calls("apt-get"), Vec::<String>::new());
}

/// The client is asked by a real child process; kubectl and git stand for programs without a group.
#[test]
fn child_processes_do_not_inherit_settings_of_other_programs() {
    const HOSTILE: [&str; 7] = [
        "DOCKER_DEFAULT_PLATFORM",
        "DOCKER_CONTENT_TRUST",
        "BUILDX_BUILDER",
        "KUBECONFIG",
        "GIT_DIR",
        "HELM_DRIVER",
        "LD_PRELOAD_OF_ANOTHER_PROGRAM",
    ];
    let mut machine = Machine::new().env("DOCKER_CONFIG", "/of the user");
    for name in HOSTILE {
        machine = machine.env(name, "/hostile");
    }
    let (docker, kubectl) = (machine.path("docker.env"), machine.path("kubectl.env"));
    let machine = machine
        .stub("docker", &format!("env >'{}'; exit 1", docker.display()))
        .stub("kubectl", &format!("env >'{}'; exit 1", kubectl.display()));
    machine.run(&["doctor"]).exits(3);
    machine.run(&["tools", "install", "kubectl", "--timeout", "5s"]);
    for file in [docker, kubectl] {
        let env = std::fs::read_to_string(&file).expect("the stub was called");
        for name in HOSTILE {
            assert!(!env.contains(name), "{}: {env}", file.display());
        }
        assert!(env.contains("HOME="), "{env}");
        assert_eq!(env.contains("DOCKER_CONFIG="), file.ends_with("docker.env"), "{env}");
    }
}

/// A client newer than 22 without buildx has the legacy builder only.
#[test]
fn what_the_legacy_builder_cannot_build_is_refused_before_anything_is_done() {
    const INFO: &str = r#"{"Driver":"overlay2","CgroupVersion":"2","NCPU":4,"MemTotal":16000000000,"ServerVersion":"28.0.1","OSType":"linux","Architecture":"x86_64","ClientInfo":{"Version":"28.0.1","Plugins":[]}}"#;
    let project = format!("{PROJECT}[[images]]\nname = \"web\"\ncontext = \"web\"\n");
    let machine = Machine::new()
        .file("app/application.toml", &project)
        .file("app/chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
        .file("app/web/Dockerfile", "FROM scratch\nRUN --mount=type=cache,target=/c make\n")
        .stub("docker", &format!("[ \"$1\" = info ] && echo '{INFO}'"));
    for args in [vec!["up", "--yes", "--dir", "app"], vec!["bundle", "create", "b.tar", "--dir", "app"]] {
        let screen = machine.run(&args).exits(3).err_has("RUN --mount").err_has("help:");
        assert!(screen.stderr.contains("buildx"), "{screen}");
    }
    let calls = machine.calls("docker");
    assert!(calls.iter().all(|call| call.starts_with("info")), "{calls:?}");
    assert!(!machine.path("state/clusters").exists(), "nothing was written down");
}

/// The ports of a cluster would be published on the loopback address of the other machine.
#[test]
fn an_engine_on_another_machine_is_refused_before_anything_is_done() {
    let machine = Machine::new()
        .file("app/application.toml", PROJECT)
        .file("app/chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
        .env("DOCKER_HOST", "ssh://me@box")
        .stub("docker", "exit 1");
    for args in [&["doctor"][..], &["plan", "--dir", "app"], &["up", "--yes", "--dir", "app"]] {
        let screen = machine.run(args).exits(3).err_has("help: unset DOCKER_HOST");
        let all = format!("{}{}", screen.stdout, screen.stderr);
        assert!(all.contains("the container engine runs on another machine"), "{screen}");
        assert!(all.contains("DOCKER_HOST is set to ssh://me@box"), "{screen}");
    }
    assert_eq!(machine.calls("docker"), Vec::<String>::new());
    assert!(!machine.path("state/clusters").exists(), "no file was written");
}

#[test]
fn a_docker_context_without_an_engine_is_named_and_no_daemon_is_started() {
    const REFUSED: &str = "echo 'Cannot connect to the Docker daemon at unix:///nowhere.sock. \
                           Is the docker daemon running?' >&2; exit 1";
    let machine = Machine::new()
        .file("app/application.toml", PROJECT)
        .file("app/chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n")
        .stub("docker", REFUSED)
        .stub("dockerd", "exit 1")
        .stub("systemctl", "exit 1");
    let meta = machine.path("home/.docker/contexts/meta").join(todo_bootstrap::files::sha256(b"work"));
    std::fs::create_dir_all(&meta).expect("a directory");
    let context = r#"{"Endpoints":{"docker":{"Host":"unix:///nowhere.sock"}}}"#;
    std::fs::write(meta.join("meta.json"), context).expect("a file");
    std::fs::write(machine.path("home/.docker/config.json"), r#"{"currentContext":"work"}"#).expect("a file");
    for args in [&["doctor"][..], &["plan", "--dir", "app"], &["up", "--yes", "--dir", "app"]] {
        let screen = machine.run(args).exits(3).err_has("help: docker context use default");
        let all = format!("{}{}", screen.stdout, screen.stderr);
        assert!(all.contains("the docker context `work` uses unix:///nowhere.sock"), "{screen}");
    }
    for daemon in ["dockerd", "systemctl"] {
        assert_eq!(machine.calls(daemon), Vec::<String>::new(), "{daemon} was started");
    }
}

const APP: &str = "apiVersion: v2\nname: app\nversion: 0.1.0\n";

/// Podman's images, clusters and volumes are not those of Docker, so it does not replace Docker unasked.
#[test]
fn a_docker_that_refuses_is_not_silently_replaced_by_podman() {
    const PODMAN: &str = r#"{"host":{"arch":"amd64","os":"linux","cgroupVersion":"v2","cpus":4,"memTotal":16000000000,"ociRuntime":{"name":"crun"},"security":{"rootless":false}},"store":{"graphDriverName":"overlay"},"version":{"Version":"5.8.1"}}"#;
    let machine = || {
        Machine::new()
            .file("app/application.toml", PROJECT)
            .file("app/chart/Chart.yaml", APP)
            .stub("docker", FORBIDDEN)
            .stub("podman", &format!("[ \"$1\" = info ] && echo '{PODMAN}'"))
    };
    let refused = machine();
    for args in [&["doctor"][..], &["plan", "--dir", "app"], &["up", "--yes", "--dir", "app"]] {
        let screen = refused.run(args).exits(3).err_has("sudo usermod -aG docker");
        let all = format!("{}{}", screen.stdout, screen.stderr);
        assert!(all.contains("podman 5.8.1 works, but is not used unless it is selected"), "{screen}");
        assert!(all.contains("export TODO_BOOTSTRAP_ENGINE=podman"), "{screen}");
    }
    let calls = refused.calls("podman");
    assert!(calls.iter().all(|call| call.starts_with("info")), "{calls:?}");
    assert!(!refused.path("state/clusters").exists(), "no file was written");
    let selected = machine().env("TODO_BOOTSTRAP_ENGINE", "podman");
    let screen = selected.run(&["doctor"]);
    assert!(format!("{screen}").contains("podman 5.8.1"), "{screen}");
    assert_eq!(selected.calls("docker"), Vec::<String>::new());
}

/// Later commands must find the cluster that `TODO_BOOTSTRAP_ENGINE=podman todo-bootstrap up` created.
#[test]
fn the_engine_that_has_the_cluster_is_used_without_being_selected_again() {
    const RECEIPT: &str = r#"{"schema":2,"instance":"i","cluster":"todo-bootstrap","provider":"kind","profile":"kind",
                             "made":{"cluster":{"complete":true,"engine":"podman"}}}"#;
    let machine = || {
        let fails = |name: &str| format!("echo 'Error: permission denied by {name}' >&2; exit 1");
        let machine = Machine::new().stub("docker", &fails("docker")).stub("podman", &fails("podman"));
        let dir = machine.path("state/clusters/todo-bootstrap");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("receipt.json"), RECEIPT).expect("a receipt");
        machine
    };
    let made = machine();
    for args in [&["stop"][..], &["down", "--yes"], &["doctor"]] {
        let screen = made.run(args).exits(3);
        let all = format!("{}{}", screen.stdout, screen.stderr);
        assert!(all.contains("denied by podman"), "{screen}");
    }
    assert_eq!(made.calls("docker"), Vec::<String>::new());
    let other = machine().env("TODO_BOOTSTRAP_ENGINE", "docker");
    for args in [&["stop"][..], &["down", "--yes"]] {
        let screen = other.run(args).exits(5);
        screen
            .err_has(
                "cluster `todo-bootstrap` was created with podman, but TODO_BOOTSTRAP_ENGINE selects docker",
            )
            .err_has("help: TODO_BOOTSTRAP_ENGINE=podman todo-bootstrap down");
    }
    assert!(other.path("state/clusters/todo-bootstrap/receipt.json").is_file());
}

/// Docker Desktop's stand-in for the client in WSL (docker/for-win#14517).
#[test]
fn docker_desktop_without_wsl_integration_is_a_fault_of_its_own() {
    const STAND_IN: &str = "printf '\\nThe command '\"'docker'\"' could not be found in this WSL 2 distro.\\nWe recommend to \
                            activate the WSL integration in Docker Desktop settings.\\n\\nFor details about using Docker \
                            Desktop with WSL 2, visit:\\n\\nhttps://docs.docker.com/go/wsl2/\\n\\n'; exit 1";
    let machine = Machine::new().stub("docker", STAND_IN);
    let screen = machine.run(&["doctor", "--output", "json"]).exits(3);
    assert!(screen.stdout.contains("engine-wsl-integration"), "{screen}");
    assert!(screen.stderr.contains("Settings > Resources > WSL integration"), "{screen}");
}

/// As kind does, but before anything is downloaded or built.
#[test]
fn an_engine_without_root_and_delegation_is_refused_before_anything_is_done() {
    let info = include_str!("../../src/engine/recorded/podman-rootless-undelegated.json");
    let machine = Machine::new()
        .file("app/application.toml", PROJECT)
        .file("app/chart/Chart.yaml", APP)
        .stub("podman", &format!("[ \"$1\" = info ] && echo '{info}'"));
    for args in [&["doctor"][..], &["plan", "--dir", "app"], &["up", "--yes", "--dir", "app"]] {
        let screen = machine.run(args).exits(3);
        let all = format!("{}{}", screen.stdout, screen.stderr);
        assert!(all.contains("control group controllers not delegated to it: cpu"), "{screen}");
    }
    let calls = machine.calls("podman");
    assert!(calls.iter().all(|call| call.starts_with("info")), "{calls:?}");
    assert!(!machine.path("state/clusters").exists(), "no file was written");
}
