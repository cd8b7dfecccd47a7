//! `env check`, `env init`, `env diff`, and how `up` and `plan` handle settings.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Machine, Screen};

const CONTRACT: &str = "\
# @public-prefix=WEB_

# Who the shop belongs to.
# @config @required @pattern=[a-z]+
OWNER=shop
# @secret @generated=hex:16
PASSWORD=
# @secret @required
URL=store://${OWNER}:${PASSWORD}@store/
# @secret
API_KEY=
# @config
WEB_TITLE=Shop
";

fn project() -> Machine {
    Machine::new()
        .file("application.toml", "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n")
        .file("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
        .file(".env.example", CONTRACT)
}

fn with(env: &str) -> Machine {
    let machine = project().file(".env", env);
    chmod(&machine, 0o600);
    machine
}

fn chmod(machine: &Machine, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(machine.path("work/.env"), fs::Permissions::from_mode(mode)).expect("chmod");
}

#[test]
fn a_project_without_settings_is_told_what_would_be() {
    let machine = project();
    let screen = machine.run(&["env", "check"]).exits(0);
    assert_snapshot!(screen.stdout, @r"
    KEY        CLASS   LINE  STATE
    OWNER      config     -  default
    PASSWORD   secret     -  to be generated
    URL        secret     -  default
    API_KEY    secret     -  empty (default)
    WEB_TITLE  config     -  default
    ");
    screen.err_has("`up` creates it");
    assert!(!machine.path("work/.env").exists(), "looking writes nothing");
}

#[test]
fn init_makes_the_file_once_and_says_names_only() {
    let machine = project();
    let screen = machine.run(&["env", "init"]).exits(0);
    assert_snapshot!(screen.stdout, @"created [machine]/work/.env; generated: PASSWORD");
    let text = fs::read_to_string(machine.path("work/.env")).expect("the file");
    let password = text.lines().find_map(|line| line.strip_prefix("PASSWORD=")).expect("a password");
    assert_eq!(password.len(), 32);
    assert_eq!(text.replace(password, ""), CONTRACT);
    let again = machine.run(&["env", "init"]).exits(0);
    assert_snapshot!(again.stdout, @"nothing was missing");
    assert!(again.stderr.is_empty() && !format!("{screen}{again}").contains(password));
    machine.run(&["env", "check"]).exits(0).out_has("PASSWORD   secret     7  set");
}

#[test]
fn all_that_is_wrong_is_named_and_no_value_shown() {
    let machine =
        with("OWNER=Canary1\nURLL=canary2\nPASSWORD=canary3\nAPI_KEY=<canary4>\nWEB_TITLE=${PASSWORD}y\n");
    for (command, code) in [(&["env", "check"][..], 2), (&["env", "diff"], 2), (&["plan"], 2), (&["up"], 2)] {
        let screen = machine.run(command).exits(code);
        assert!(!format!("{screen}").to_lowercase().contains("canary"), "{screen}");
    }
    let screen = machine.run(&["env", "check"]).exits(2);
    assert_snapshot!(screen.stdout, @r"
    KEY        CLASS   LINE  STATE
    OWNER      config     1  pattern
    PASSWORD   secret     3  weak-secret
    URL        secret     -  default
    API_KEY    secret     4  placeholder
    WEB_TITLE  config     5  set
    URLL       -          2  unknown
    ");
    assert_snapshot!(screen.stderr, @r"
    warning: [machine]/work/.env:3: the value of `PASSWORD` is weak: it has fewer than 16 characters, or too few different ones; if nothing uses it yet, leave it empty to generate one
    error: [machine]/work/.env has 3 problems
      because [machine]/work/.env:1: the value of `OWNER` does not match [a-z]+ (Who the shop belongs to)
      because [machine]/work/.env:2: `URLL` is not a key of this application (did you mean `URL`?)
      because [machine]/work/.env:4: the value of `API_KEY` is a placeholder; enter the real one, or leave it empty
      help: fix the lines named above in [machine]/work/.env
    ");
}

#[test]
fn quotes_of_a_word_processor_and_control_characters_are_errors() {
    for value in ["“a1b2c3d4”", "„a1b2c3d4“", "‘a1b2c3d4’", "«a1b2c3d4»", "＂a1b2c3d4＂", "“a1b2 c3d4” "]
    {
        let machine = with(&format!("OWNER=shop\nAPI_KEY={value}\n"));
        let screen = machine.run(&["env", "check"]).exits(2);
        assert!(!format!("{screen}").contains("a1b2"), "{screen}");
        screen.out_has("typographic-quotes").err_has(".env:2: the value of `API_KEY` is enclosed in “…”");
        machine.run(&["plan"]).exits(2);
    }
    for value in ["a\u{1b}[31mb", "a\u{7}", "a\u{8}b", "a\u{9b}b", "\"a\\ab\"", "a\u{7f}"] {
        let machine = with(&format!("API_KEY={value}\n"));
        machine.run(&["env", "check"]).exits(2).out_has("control-character").err_has(".env:1: ");
    }
    // ASCII quotes around a value keep typographic quotes in it; newlines and tabs are text.
    for value in ["'“a1b2c3d4”'", "\"a\\tb\\nc\"", "'a\r\nb'"] {
        let screen = with(&format!("API_KEY={value}\n")).run(&["env", "check"]).exits(0);
        assert!(screen.stderr.contains("to-generate") || !screen.stderr.contains("API_KEY"), "{screen}");
    }
}

#[test]
fn invisible_characters_are_a_warning_and_any_language_is_text() {
    for (value, point) in
        [("a\u{200b}b", "U+200B"), ("a\u{a0}b", "U+00A0"), ("ab\u{feff}", "U+FEFF"), ("a\u{202f}b", "U+202F")]
    {
        let screen = with(&format!("API_KEY={value}\n")).run(&["env", "check"]).exits(0);
        screen.err_has(&format!("API_KEY` contains {point}")).out_has("invisible-character");
    }
    for value in
        ["Ça coûte 5 €, d’accord", "日本語のテキスト", "می‌خواهم", "👩‍🚀 Zoë", "«a» ou «b» ?", "שלום", "क्‍ष"]
    {
        let screen = with(&format!("API_KEY={value}\n")).run(&["env", "check"]).exits(0);
        assert!(!screen.stderr.contains("API_KEY"), "{screen}");
    }
}

/// One problem per value, at its first line; the value is not shown.
#[test]
fn values_of_many_lines_without_quotes_are_told_once_each() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEcanary1/AbC\nCanary2==\n-----END PRIVATE KEY-----";
    let json = "{\n  \"canary3\": \"x\",\n  \"list\": [\n    1\n  ]\n}";
    let machine = with(&format!("OWNER=shop\nAPI_KEY={pem}\nWEB_TITLE={json}\nURL=x\n"));
    for command in [&["env", "check"][..], &["env", "init"], &["plan"]] {
        let screen = machine.run(command).exits(2);
        assert!(!format!("{screen}").to_lowercase().contains("canary"), "{screen}");
        assert_eq!(screen.stderr.matches("because ").count(), 2, "{screen}");
        screen
            .err_has(".env:2: begins a value of several lines without quotes")
            .err_has(".env:6: begins a value of several lines without quotes");
    }
    // An unterminated value does not hide other problems.
    let machine = with("API_KEY=-----BEGIN X-----\ncanary\n\nOWNER=Bad\n");
    machine.run(&["env", "init"]).exits(2).err_has(".env:1: begins a value");
    with("API_KEY={\"a\": [1, 2]}\n").run(&["env", "check"]).exits(0);
    with("API_KEY='{\n  \"a\": 1\n}'\n").run(&["env", "check"]).exits(0);
}

#[test]
fn public_keys_hold_no_secret() {
    let machine = with("PASSWORD=0123456789abcdef\nWEB_TITLE=x${PASSWORD}\n");
    machine
        .run(&["env", "check"])
        .exits(2)
        .err_has("`WEB_TITLE` can be read by anybody and contains the value of `PASSWORD`");
}

#[test]
fn digests_are_keyed_unless_plain_ones_are_asked_for() {
    let machine = with("API_KEY=abc\nPASSWORD=0123456789abcdef\n");
    // The key that `up` creates with the cluster.
    let state = machine.path("state/clusters/todo-bootstrap");
    fs::create_dir_all(&state).expect("a folder");
    fs::write(state.join("digest.key"), [7; 32]).expect("a key");
    let list = |args: &[&str]| machine.run(args).exits(0).json();
    let keyed = list(&["env", "check", "--output", "json"]);
    let key = keyed["keys"].as_array().expect("a list").iter().find(|key| key["key"] == "API_KEY");
    let key = key.expect("the key");
    assert_eq!((&key["class"], &key["line"]), (&"secret".into(), &1.into()));
    let hmac = key["hmac"].as_str().expect("a digest");
    assert_eq!(hmac.len(), 16);
    // The sha256 of `abc`.
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert!(!keyed.to_string().contains(&known[..16]));
    assert_eq!(list(&["env", "check", "--output", "json"]), keyed, "the same each time");
    assert!(list(&["env", "check", "--output", "json", "--sha256"]).to_string().contains(known));
    // Without the key, there is nothing to compare a digest with.
    fs::remove_file(state.join("digest.key")).expect("remove");
    let screen = machine.run(&["env", "check", "--output", "json"]).exits(0);
    assert!(screen.json()["keys"][0]["hmac"].is_null() && !screen.stdout.contains(&known[..16]), "{screen}");
    assert!(!state.join("digest.key").exists(), "looking writes nothing");
}

#[test]
fn what_cannot_be_read_is_said() {
    let machine = project();
    fs::create_dir(machine.path("work/.env")).expect("a folder");
    machine.run(&["env", "check"]).exits(2).err_has("it is a folder").err_has("help:");
    machine.run(&["env", "init"]).exits(2).err_has("it is a folder");
    for (bytes, part) in [
        (&b"OWNER=shop\nA=\xff\n"[..], ".env:2: a character here is not UTF-8"),
        (b"\xff\xfeA\0=\x001\0", "UTF-16"),
        (b"OWNER='shop\n", ".env:1: begins a quoted value without an end"),
        (&vec![b'#'; (1 << 20) + 1], "too large"),
    ] {
        let machine = project();
        fs::write(machine.path("work/.env"), bytes).expect("write");
        for command in [&["env", "check"][..], &["env", "init"], &["plan"]] {
            machine.run(command).exits(2).err_has(part).err_has("help:");
        }
    }
    let machine = with("OWNER=shop\r\nPASSWORD=0123456789abcdef\r\n");
    machine.run(&["env", "check"]).exits(0);
}

#[test]
fn a_contract_that_is_wrong_shows_all_its_problems() {
    let machine = project().file(".env.example", "A=1\n# @secrt\nB=\n");
    let screen = machine.run(&["env", "check"]).exits(2);
    for part in [".env.example:1:", ".env.example:2:", "did you mean `@secret`?", ".env.example:3:"] {
        assert!(screen.stderr.contains(part), "`{part}` is missing\n{screen}");
    }
}

#[test]
fn git_is_asked_whether_it_would_take_the_file() {
    let good = "PASSWORD=0123456789abcdef\n";
    let tracked = with(good).file(".git/HEAD", "").stub("git", "exit 0");
    tracked.run(&["env", "check"]).exits(0).err_has("is in the git repository");
    let taken = with(good).file(".git/HEAD", "").stub("git", "exit 1");
    taken.run(&["env", "check"]).exits(0).err_has("git does not ignore");
    let no_git = with(good).file(".git/HEAD", "");
    assert_eq!(no_git.run(&["env", "check"]).exits(0).stderr, "");
}

#[test]
fn other_eyes_on_the_file_are_told() {
    let machine = project().file(".env", "PASSWORD=0123456789abcdef\n");
    chmod(&machine, 0o644);
    machine.run(&["env", "check"]).exits(0).err_has("(mode 0644); chmod 600 [machine]/work/.env");
}

#[test]
fn plan_tells_of_a_new_file_and_writes_none() {
    let machine = project();
    let screen = machine.run(&["plan"]).exits(0);
    screen.out_has(".env from [machine]/work/.env.example, with secrets: PASSWORD");
    assert!(!machine.path("work/.env").exists());
}

#[test]
fn diff_without_a_cluster_says_so() {
    with("PASSWORD=0123456789abcdef\n").run(&["env", "diff"]).exits(1).err_has("there is no cluster");
}

/// A program on PATH that records its arguments and its environment.
const NOSY: &str = "env >>\"$0.env\"; exit 1";
const CANARY: &str = "c4n4ry-5b1e7a90d2";

/// The value is only in the file: not on a screen, in an argument list, in the environment of a program,
/// in a log, or in the state. `tests/e2e` checks the cluster.
#[test]
fn a_value_goes_nowhere_else() {
    let machine = with(&format!("PASSWORD={CANARY}\nAPI_KEY={CANARY}\nWEB_TITLE=x\n")).env("KEPT", "yes");
    let machine = ["docker", "podman", "git", "kind", "helm", "kubectl", "go", "apt-get", "sudo"]
        .iter()
        .fold(machine.file(".git/HEAD", ""), |machine, name| machine.stub(name, NOSY));
    let mut said = String::new();
    for command in [
        &["env", "check"][..],
        &["env", "check", "--output", "json", "-v"],
        &["env", "init", "-v"],
        &["env", "diff", "-v"],
        &["plan", "-v"],
        &["up", "-v", "--yes", "--timeout", "20s"],
        &["up", "--yes", "--events", "json", "--timeout", "20s"],
        &["status", "-v"],
    ] {
        let Screen { stdout, stderr, .. } = machine.run(command);
        said.push_str(&stdout);
        said.push_str(&stderr);
    }
    assert!(!said.contains(CANARY), "{said}");
    let mut seen = 0;
    for folder in ["state", "cache", "calls", "bin", "home"] {
        for path in all(&machine.path(folder)) {
            let bytes = fs::read(&path).expect("read");
            let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!found, "{} holds the value", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10 && !machine.calls("docker").is_empty(), "the programs were called");
}

fn all(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(all(&path)) } else { found.push(path) }
    }
    found
}
