//! `tools`: downloaded from a mirror directory, with the tests' own pins. No network.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Machine, Screen};

/// Two-line programs, pinned and on a mirror.
fn machine() -> Machine {
    let machine = Machine::new();
    for (tool, version) in [("kubectl", "1.35.2"), ("helm", "4.3.0"), ("kind", "0.33.0")] {
        publish(&machine, tool, version, &format!("#!/bin/sh\necho {tool} {version}\n"));
    }
    machine
}

/// Pins a test program and adds it to the mirror.
pub(super) fn publish(machine: &Machine, tool: &str, version: &str, body: &str) {
    let folder = machine.path("work/mirror/release.example").join(version);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(tool), body).expect("a program");
    let sha256 = todo_bootstrap::files::sha256(body.as_bytes());
    let mut pin = format!(
        "version = \"{version}\"\nurl = \"https://release.example/{{version}}/{tool}\"\n\
         sources = [\"a test\", \"another test\"]\n"
    );
    for platform in ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"] {
        pin.push_str(&format!("[platforms.\"{platform}\"]\nsha256 = \"{sha256}\"\n"));
    }
    let folder = machine.path("work/pins").join(tool);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("pin.toml"), pin).expect("a pin");
}

/// The options for the pins and the mirror.
pub(super) const TRUST: [&str; 4] = ["--pins", "pins", "--mirror", "mirror"];

/// Runs `tools …` with the pins and the mirror.
fn tools(machine: &Machine, args: &[&str]) -> Screen {
    machine.run(&[&["tools"], args, &TRUST].concat())
}

fn program(machine: &Machine, tool: &str) -> std::path::PathBuf {
    let version = match tool {
        "kubectl" => "1.35.2",
        "helm" => "4.3.0",
        _ => "0.33.0",
    };
    machine.path("cache/tools").join(format!("{tool}-{version}")).join(tool)
}

/// The messages of parallel work, in a fixed order and without times.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn whoever_asks_for_events_gets_nothing_else() {
    let screen = tools(&machine(), &["install", "--events", "json"]).exits(0);
    for line in screen.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("an event");
    }
    assert!(screen.stdout.contains("\"step\":\"tool-helm\""), "{screen}");
}

#[test]
fn what_up_needs_is_installed_and_listed() {
    let machine = machine();
    let screen = tools(&machine, &["install"]).exits(0);
    assert_snapshot!(screen.stdout, @r"
    TOOL     VERSION  ORIGIN  PATH
    kind     0.33.0   mirror  [machine]/cache/tools/kind-0.33.0/kind
    helm     4.3.0    mirror  [machine]/cache/tools/helm-4.3.0/helm
    kubectl  1.35.2   mirror  [machine]/cache/tools/kubectl-1.35.2/kubectl
    ");
    assert_snapshot!(sorted(&screen.stderr), @r"
    [1/3] Tool kind … looking for it
    [1/3] Tool kind ✓ 0.33.0 from mirror: [machine]/cache/tools/kind-0.33.0/kind
    [2/3] Tool helm … looking for it
    [2/3] Tool helm ✓ 4.3.0 from mirror: [machine]/cache/tools/helm-4.3.0/helm
    [3/3] Tool kubectl … looking for it
    [3/3] Tool kubectl ✓ 1.35.2 from mirror: [machine]/cache/tools/kubectl-1.35.2/kubectl
    warning: these pins override the built-in ones: helm 4.3.0, kind 0.33.0, kubectl 1.35.2
    ");
    assert_snapshot!(tools(&machine, &["list"]).exits(0).stdout, @r"
    TOOL      WANTED  VERSION  ORIGIN   PATH
    kubectl   1.35.2  1.35.2   cache    [machine]/cache/tools/kubectl-1.35.2/kubectl
    helm      4.3.0   4.3.0    cache    [machine]/cache/tools/helm-4.3.0/helm
    kind      0.33.0  0.33.0   cache    [machine]/cache/tools/kind-0.33.0/kind
    minikube  1.38.1  -        missing  -

    Optional tools, installed with: todo-bootstrap tools install NAME

    TOOL        WANTED   VERSION  ORIGIN   PATH
    k9s         0.51.0   -        missing  -
    stern       1.34.0   -        missing  -
    kubectl-ai  0.0.5    -        missing  -
    cosign      3.1.3    -        missing  -
    grype       0.119.0  -        missing  -
    ");
    assert_snapshot!(tools(&machine, &["verify"]).exits(0).stdout, @r"
    TOOL     VERSION  ORIGIN  STATE  PATH
    kubectl  1.35.2   mirror  good   [machine]/cache/tools/kubectl-1.35.2/kubectl
    helm     4.3.0    mirror  good   [machine]/cache/tools/helm-4.3.0/helm
    kind     0.33.0   mirror  good   [machine]/cache/tools/kind-0.33.0/kind
    ");
    let path = tools(&machine, &["path", "kind"]).exits(0);
    assert_eq!(path.stdout.trim(), "[machine]/cache/tools/kind-0.33.0/kind");
}

#[test]
fn rows_for_programs() {
    let machine = machine();
    let installed = tools(&machine, &["install", "kind", "--output", "json"]).exits(0).json();
    for key in ["name", "version", "origin", "path", "sha256", "size", "refusals"] {
        assert!(installed[0].get(key).is_some(), "{key}: {installed}");
    }
    let list = tools(&machine, &["list", "--output", "json"]).exits(0).json();
    let of = |name: &str| list.as_array().expect("a list").iter().find(|row| row["name"] == name).cloned();
    let kind = of("kind").expect("kind");
    assert_eq!((&kind["origin"], &kind["optional"]), (&"cache".into(), &false.into()));
    assert_eq!(kind["size"], "#!/bin/sh\necho kind 0.33.0\n".len());
    let k9s = of("k9s").expect("k9s");
    assert_eq!((&k9s["origin"], &k9s["optional"]), (&"missing".into(), &true.into()));
    assert!(k9s["version"].is_null() && k9s["wanted"].is_string() && k9s["refusals"].is_array());
    let verify = tools(&machine, &["verify", "--output", "json"]).exits(0).json();
    assert!(verify[0]["fault"].is_null(), "{verify}");
    let env = tools(&machine, &["env", "--shell", "bash", "--output", "json"]).exits(0).json();
    assert_eq!((&env["shell"], env["folders"].as_array().map(Vec::len)), (&"bash".into(), Some(1)));
}

#[test]
fn a_wrong_name_is_answered_with_the_near_one() {
    let machine = machine();
    tools(&machine, &["path", "kubctl"]).exits(2).err_has("did you mean `kubectl`?");
    assert_snapshot!(tools(&machine, &["install", "kubctl"]).exits(2).stderr, @r"
    error: there is no tool `kubctl` (did you mean `kubectl`?)
      because the tools are: kubectl, helm, kind, minikube, k9s, stern, kubectl-ai, cosign, grype
      help: todo-bootstrap tools list
    ");
}

#[test]
fn a_changed_tool_is_named_and_the_remedy_mends_it() {
    let machine = machine();
    tools(&machine, &["install"]).exits(0);
    fs::write(program(&machine, "kind"), "#!/bin/sh\necho changed\n").expect("change it");
    let screen = tools(&machine, &["verify"]).exits(4);
    assert_snapshot!(screen.stdout, @r"
    TOOL     VERSION  ORIGIN  STATE  PATH
    kubectl  1.35.2   mirror  good   [machine]/cache/tools/kubectl-1.35.2/kubectl
    helm     4.3.0    mirror  good   [machine]/cache/tools/helm-4.3.0/helm
    kind     0.33.0   mirror  wrong  [machine]/cache/tools/kind-0.33.0/kind
    ");
    assert_snapshot!(screen.stderr, @r"
    warning: these pins override the built-in ones: helm 4.3.0, kind 0.33.0, kubectl 1.35.2
    error: 1 tool has changed since installation
      because kind: [machine]/cache/tools/kind-0.33.0/kind was changed after it was installed: its sha256 is 9a111093110c4a677d0efe9017e0cd6f9acdc40c9c5a9769d991fd50749e008c, it was 4507763dcdcac4860e2bf1df33f49da1e288bf763cc4ac85edfb18b93fb0736d
      help: todo-bootstrap tools install kind --strict   # removes and downloads it again
    ");
    let left = tools(&machine, &["env", "--shell", "bash"]).exits(0).stdout;
    assert!(left.contains("helm-") && !left.contains("kind-"), "{left}");
    tools(&machine, &["install", "kind", "--strict"]).exits(0).err_has("removing and downloading it again");
    tools(&machine, &["verify"]).exits(0);
}

#[test]
fn a_tool_of_this_machine_is_announced_and_its_change_found() {
    let machine = machine().stub("kind", "echo 'kind v0.33.0 go1.24.1 linux/amd64'");
    let screen = tools(&machine, &["install", "kind"]).exits(0);
    assert!(
        screen.stderr.contains("using kind 0.33.0 of this machine: [machine]/bin/kind, sha256 "),
        "{screen}"
    );
    tools(&machine, &["verify"]).exits(0);
    let machine = machine.stub("kind", "echo 'kind v0.33.1 go1.24.1 linux/amd64'");
    tools(&machine, &["verify"]).exits(4).err_has("[machine]/bin/kind changed since it was first used");
    let strict = tools(&machine, &["install", "kind", "--strict"]).exits(0);
    assert!(strict.stdout.contains("mirror"), "{strict}");
    let machine = machine.env("TODO_BOOTSTRAP_STRICT", "1");
    let list = tools(&machine, &["list", "--output", "json"]).exits(0);
    assert!(list.stdout.contains("--strict was given"), "{list}");
}

/// `plan` shows what `up` would record, and records nothing itself.
#[test]
fn a_tool_of_this_machine_is_work_until_it_is_recorded() {
    let machine = machine().stub("kind", "echo 'kind v0.33.0 go1.24.1 linux/amd64'");
    let kind = |machine: &Machine| {
        let plan = machine.run(&["plan", "--output", "json"]).exits(0).json();
        let steps = plan["steps"].as_array().cloned().unwrap_or_default();
        steps.into_iter().find(|step| step["step"] == "tool-kind").expect("a step for kind")
    };
    for _ in 0..2 {
        let step = kind(&machine);
        assert_eq!(step["state"], "change", "{step}");
        let effect = step["effects"][0].as_str().unwrap_or_default();
        assert!(effect.starts_with("records kind 0.33.0 of this machine: "), "{effect}");
    }
    machine.run(&["tools", "install", "kind"]).exits(0);
    let step = kind(&machine);
    assert_eq!(step["state"], "unchanged", "{step}");
    assert!(step["detail"].as_str().is_some_and(|text| text.contains("sha256 ")), "{step}");
}

#[test]
fn the_environment_gives_what_the_flags_do() {
    let machine = machine().env("TODO_BOOTSTRAP_MIRROR", "mirror").env("TODO_BOOTSTRAP_PINS", "pins");
    let screen = machine.run(&["tools", "install", "kind"]).exits(0);
    assert!(screen.stdout.contains("mirror"), "{screen}");
    machine.run(&["tools", "install", "kind", "--from", "mirror", "--mirror", "other"]).exits(2);
}

#[test]
fn mirrors_that_are_none() {
    let machine = machine();
    let with = |mirror: &str| {
        let args = ["tools", "install", "kind", "--from", "mirror", "--pins", "pins", "--mirror", mirror];
        machine.run(&args)
    };
    assert_snapshot!(with("usb").exits(2).stderr.lines().skip(1).collect::<Vec<_>>().join("\n"), @r"
    [1/1] Tool kind … looking for it
    [1/1] Tool kind ✗ there is no folder [machine]/work/usb to use as a mirror
    error: there is no folder [machine]/work/usb to use as a mirror
      help: --mirror DIR   # a folder with the published files as <host>/<path>
    ");
    with("mirror.local:8080").exits(2).err_has("help: --mirror https://mirror.local:8080");
    with("ftp://me:geheim@mirror.local").exits(2).err_has("error: ftp://mirror.local cannot be used");
    let gone = with("http://me:geheim@127.0.0.1:1/")
        .exits(3)
        .err_has("warning: http://127.0.0.1:1/ uses plain HTTP");
    assert!(!gone.stderr.contains("geheim"), "{gone}");
    // The hint is this command, not `up`.
    gone.err_has("HTTPS_PROXY=http://HOST:PORT todo-bootstrap tools install kind   # behind a proxy");
    // A slash at the end changes nothing.
    with("mirror/").exits(0);
}

#[test]
fn pins_that_are_wrong_are_told_all_at_once() {
    let machine = machine();
    let file = machine.path("work/pins/kind/pin.toml");
    let text = fs::read_to_string(&file).expect("a pin").replace("sources", "sauces");
    fs::write(&file, text.replace("0.33.0", "0.12.0")).expect("a pin");
    fs::create_dir(machine.path("work/pins/hlem")).expect("a folder");
    fs::write(machine.path("work/pins/helm/pin.toml"), "version = \"four\"\n").expect("a pin");
    assert_snapshot!(tools(&machine, &["install"]).exits(2).stderr, @r#"
    error: the pins in [machine]/work/pins have 4 problems
      because [machine]/work/pins/helm/pin.toml:1: `version` is not a semantic version
              1 | version = "four"
      because [machine]/work/pins/helm/pin.toml: `platforms` is missing: no file is pinned
      because [machine]/work/pins/hlem/pin.toml: there is no tool `hlem` (did you mean `helm`?)
      because [machine]/work/pins/kind/pin.toml:3: unknown key `sauces` (did you mean `sources`?)
              3 | sauces = ["a test", "another test"]
      help: fix the problems named above, or leave out: --pins [machine]/work/pins
    "#);
    machine.run(&["tools", "list", "--pins", "none"]).exits(2).err_has("help: --pins DIR");
}

#[test]
fn one_source_alone_needs_a_word() {
    let machine = machine();
    let file = machine.path("work/pins/kind/pin.toml");
    let text = fs::read_to_string(&file).expect("a pin");
    fs::write(&file, text.replace(", \"another test\"", "")).expect("a pin");
    let args = ["install", "kind", "--from", "mirror"];
    tools(&machine, &args).exits(3).err_has("only one source confirms its checksum (a test)");
    tools(&machine, &[&args[..], &["--allow-unpinned"]].concat()).exits(0);
}

#[test]
fn links_are_made_on_request_and_replace_nothing_foreign() {
    let machine = machine();
    let install = || tools(&machine, &["install", "kind", "helm", "--link", "links"]);
    install().exits(0).err_has("warning: [machine]/work/links is not on PATH");
    install().exits(0);
    assert_eq!(fs::read_link(machine.path("work/links/kind")).expect("a link"), program(&machine, "kind"));
    fs::remove_file(machine.path("work/links/kind")).expect("remove it");
    fs::write(machine.path("work/links/kind"), "mine").expect("a file");
    let screen = install().exits(5).err_has("[machine]/work/links/kind was not created by todo-bootstrap");
    assert!(screen.stderr.contains("help: move it away"), "{screen}");
    assert_eq!(fs::read_to_string(machine.path("work/links/kind")).expect("a file"), "mine");
    fs::remove_file(machine.path("work/links/kind")).expect("remove it");
    std::os::unix::fs::symlink("/bin/true", machine.path("work/links/kind")).expect("a link");
    install().exits(5);
    assert_eq!(
        fs::read_link(machine.path("work/links/kind")).expect("a link"),
        std::path::Path::new("/bin/true")
    );
}

#[test]
fn one_that_cannot_be_had_stops_no_other() {
    let machine = machine();
    fs::remove_file(machine.path("work/mirror/release.example/4.3.0/helm")).expect("remove it");
    let args = ["install", "kind", "helm", "--from", "mirror", "--output", "json"];
    let screen = tools(&machine, &args).exits(3).err_has("helm is not available on this machine");
    let rows = screen.json();
    assert_eq!((&rows[0]["origin"], &rows[1]["origin"]), (&"mirror".into(), &serde_json::Value::Null));
    assert!(rows[1]["error"].as_str().is_some_and(|text| text.contains("does not exist")), "{screen}");
}

/// The shell itself verifies the line, for a directory name with special characters.
#[test]
fn the_line_for_the_shell_is_one() {
    let machine = machine();
    let cache = machine.path("a b'c $x `y`");
    fs::create_dir(&cache).expect("a folder");
    let machine = machine.env("TODO_BOOTSTRAP_CACHE", &cache.display().to_string());
    tools(&machine, &["install", "kind"]).exits(0);
    let trust = TRUST.join(" ");
    let screen = machine.shell(&format!(
        "eval \"$(\"$program\" tools env --shell bash {trust} 2>/dev/null)\"; kind; echo \"${{PATH##*:}}\""
    ));
    assert_snapshot!(screen.stdout, @r"
    kind 0.33.0
    [machine]/bin
    ");
    let fish = tools(&machine, &["env", "--shell", "fish"]).exits(0).stdout;
    assert!(fish.starts_with("set -gx PATH '") && fish.contains(r"b\'c $x"), "{fish}");
    let none = Machine::new().run(&["tools", "env"]).exits(0).err_has("no tools are installed yet");
    assert_eq!(none.stdout, "");
}

#[test]
fn a_world_without_home_says_what_to_set() {
    let machine = machine().without_home();
    tools(&machine, &["install", "kind"]).exits(0);
    let screen = machine.shell(&format!(
        "unset TODO_BOOTSTRAP_CACHE TODO_BOOTSTRAP_STATE; \"$program\" tools verify {}",
        TRUST.join(" ")
    ));
    // If the system knows a home directory without HOME, that one is used.
    assert!(screen.code == Some(0) || screen.stderr.contains("TODO_BOOTSTRAP_CACHE=DIR"), "{screen}");
}

/// Root can write everywhere regardless of modes, so a file in place of the directory represents
/// a cache that cannot be written to.
#[test]
fn a_cache_that_cannot_be_written_is_named_with_a_way_out() {
    let machine = machine();
    fs::write(machine.path("cache/tools"), "").expect("a file");
    let screen = tools(&machine, &["install", "kind"]).exits(1).err_has("[machine]/cache/tools");
    assert!(screen.stderr.contains("help: TODO_BOOTSTRAP_CACHE=DIR"), "{screen}");
}

/// Cached tools are found, run and verified without writing anything.
#[cfg(unix)]
#[test]
fn a_cache_that_is_only_read_is_enough_for_what_it_has() {
    let machine = machine();
    tools(&machine, &["install", "kind"]).exits(0);
    let cache = machine.path("cache/tools");
    // A command that changes something creates it, whatever the modes are (root may write anywhere).
    fs::remove_dir_all(cache.join(".turns")).expect("remove it");
    set_mode(&cache, 0o500);
    let screen = tools(&machine, &["path", "kind"]).exits(0);
    assert_eq!(screen.stdout.trim(), "[machine]/cache/tools/kind-0.33.0/kind");
    for args in [&["install", "kind"][..], &["verify"], &["env"], &["list"]] {
        tools(&machine, args).exits(0);
    }
    assert!(!cache.join(".turns").exists());
    set_mode(&cache, 0o700);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set the mode");
}
