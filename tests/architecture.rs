//! The structure of the code base: registrations, dependencies between modules, and data files.
//!
//! Every test reports all violations, not only the first one.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Table;

use crate::support::{files, folders, read, root, shown};

#[track_caller]
fn expect_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether `text` contains `word` as a whole word. As in `grep -w`, `_` is part of a word:
/// `DEBIAN_FRONTEND` contains no service name.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part.eq_ignore_ascii_case(word))
}

fn parse(path: &Path, wrong: &mut Vec<String>) -> Option<Table> {
    match read(path).parse::<Table>() {
        Ok(table) => Some(table),
        Err(error) => {
            wrong.push(format!("{}: {error}", shown(path)));
            None
        }
    }
}

#[test]
fn every_tool_is_registered_and_pinned() {
    let tools = root().join("src/tools");
    let module = read(&tools.join("mod.rs"));
    let register = module.split("TOOLS:").nth(1).and_then(|rest| rest.split(';').next());
    let register = register.expect("src/tools/mod.rs has a list TOOLS");
    let mut wrong = Vec::new();
    let names = folders(&tools);
    assert!(!names.is_empty(), "src/tools holds a folder for each tool");
    for name in names {
        if !register.contains(&format!("\"{name}\"")) {
            wrong.push(format!("src/tools/{name} is not in TOOLS (src/tools/mod.rs)"));
        }
        let pin = tools.join(&name).join("pin.toml");
        if !pin.is_file() {
            wrong.push(format!("src/tools/{name} has no pin.toml"));
        } else if let Some(table) = parse(&pin, &mut wrong) {
            let text = table.to_string();
            if !text.contains("sha256") {
                wrong.push(format!("{} pins no sha256", shown(&pin)));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn every_data_file_is_toml() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for folder in ["checks", "profiles", "manifests", "offline", "examples", "src/tools"] {
        for path in files(&root().join(folder), &["toml"]) {
            count += 1;
            parse(&path, &mut wrong);
        }
    }
    expect_none(&wrong);
    assert!(count > 10, "only {count} data files were found");
}

#[test]
fn codes_of_checks_are_unique() {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for path in files(&root().join("checks"), &["toml"]) {
        let Some(table) = parse(&path, &mut wrong) else { continue };
        for key in ["id", "code"] {
            let Some(value) = table.get(key).and_then(toml::Value::as_str) else { continue };
            let name = format!("{key} {value}");
            if let Some(other) = seen.insert(name.clone(), shown(&path)) {
                wrong.push(format!("{}: {name} is that of {other}", shown(&path)));
            }
        }
    }
    expect_none(&wrong);
}

#[test]
fn every_image_of_an_addon_has_a_recipe() {
    let addons = root().join("manifests/addons");
    let recipes = root().join("offline/recipes");
    let mut wrong = Vec::new();
    let names = folders(&addons);
    assert!(!names.is_empty(), "manifests/addons holds a folder for each addon");
    for name in names {
        let path = addons.join(&name).join("addon.toml");
        if !path.is_file() {
            wrong.push(format!("manifests/addons/{name} has no addon.toml"));
            continue;
        }
        let Some(table) = parse(&path, &mut wrong) else { continue };
        let images = table.get("images").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        for image in images.iter().filter_map(toml::Value::as_str) {
            let known = [format!("image-{image}.toml"), format!("{image}.toml")];
            if !known.iter().any(|file| recipes.join(file).is_file()) {
                wrong.push(format!("{}: no recipe makes `{image}` ({})", shown(&path), known.join(", ")));
            }
        }
    }
    expect_none(&wrong);
}

/// A new service is data, as is an ingress controller: the program's code names none. (Tests use Traefik's image as an
/// example of a pinned one.)
#[test]
fn no_service_is_named_in_the_program() {
    const SERVICES: [&str; 9] =
        ["frontend", "backend", "mcp", "redis", "postgres", "postgresql", "hello", "contour", "envoy"];
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), &["rs", "toml"]) {
        for (index, line) in read(&path).lines().enumerate() {
            for service in SERVICES.iter().filter(|service| has_word(line, service)) {
                wrong.push(format!("{}:{}: `{service}` in: {}", shown(&path), index + 1, line.trim()));
            }
        }
    }
    expect_none(&wrong);
}

/// All modules of the program, the lowest first: each uses only those before it, in its tests as well.
const MODULES: &[&str] = &[
    "error",
    "cancel",
    "quantity",
    "files",
    "issuer",
    "data",
    "progress",
    "process_env",
    "exec",
    "task",
    "lock",
    "fetch",
    "user_file",
    "config",
    "host",
    "tools",
    "registry",
    "pins",
    "engine",
    "kubeconfig",
    "kubernetes",
    "diagnose",
    "deploy",
    "backup",
    "local_registry",
    "images",
    "checks",
    "cluster",
    "addons",
    "bundle",
    "source",
    "origins",
    "doctor",
    "steps",
    "ui",
    "cli",
];

#[test]
fn each_module_uses_only_lower_ones() {
    let source = root().join("src");
    let mut wrong = Vec::new();
    for path in files(&source, &["rs"]) {
        let relative = path.strip_prefix(&source).expect("below src");
        let first = relative.components().next().expect("a part").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let Some(place) = MODULES.iter().position(|known| *known == module) else {
            wrong.push(format!("{}: add `{module}` to MODULES", shown(&path)));
            continue;
        };
        for (index, line) in read(&path).lines().enumerate() {
            let higher = MODULES[place + 1..].iter().find(|name| names_module(line, name));
            if let Some(higher) = higher {
                wrong.push(format!("{}:{}: `{module}` uses `{higher}`", shown(&path), index + 1));
            }
        }
    }
    expect_none(&wrong);
}

/// Whether code in `line` names `crate::<module>`; comments are ignored.
fn names_module(line: &str, module: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").any(|(at, found)| {
        let rest = &code[at + found.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let group = rest.strip_prefix('{').is_some_and(|group| {
            group.split(['}', ',']).any(|part| part.trim().split("::").next() == Some(module))
        });
        &rest[..end] == module || group
    })
}

#[test]
fn every_file_says_what_it_owns_and_is_of_a_readable_size() {
    const MOST_LINES: usize = 400;
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "xtask"] {
        for path in files(&root().join(folder), &["rs"]) {
            let text = read(&path);
            if !text.starts_with("//!") {
                wrong.push(format!("{} does not begin with a //! line", shown(&path)));
            }
            let lines = text.lines().count();
            if lines > MOST_LINES {
                wrong.push(format!("{} has {lines} lines, more than {MOST_LINES}", shown(&path)));
            }
        }
    }
    expect_none(&wrong);
}

/// Engines of version 20.10 pull a frontend for this line, and there may be no registry.
#[test]
fn no_dockerfile_asks_for_a_frontend() {
    let mut wrong = Vec::new();
    for folder in ["offline", "examples", "services"] {
        for path in dockerfiles(&root().join(folder)) {
            let text = read(&path);
            if text.lines().any(|line| line.trim_start().starts_with("# syntax=")) {
                wrong.push(format!("{} has a `# syntax=` line", shown(&path)));
            }
        }
    }
    expect_none(&wrong);
}

fn dockerfiles(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(dockerfiles(&path));
        } else if entry.file_name().to_string_lossy().starts_with("Dockerfile") {
            found.push(path);
        }
    }
    found
}

#[test]
fn words_and_modules_are_told_apart() {
    assert!(has_word("the `hello` project", "hello") && !has_word("a_redis_b", "redis"));
    assert!(!has_word("othello", "hello"));
    assert!(names_module("use crate::ui::data;", "ui") && names_module("use crate::{ui, error};", "ui"));
    assert!(!names_module("use crate::uid;", "ui") && !names_module("// as crate::ui does", "ui"));
}

/// In docs/PLATFORMS.md, a name with three underscores is that of a test, and a quoted one that of a scene.
#[test]
fn every_test_that_the_platforms_name_exists() {
    let sources = ["src", "tests"].iter().flat_map(|dir| files(&root().join(dir), &["rs"]));
    let code: String = sources.map(|path| read(&path)).collect();
    let document = read(&root().join("docs/PLATFORMS.md"));
    let is_test = |name: &&str| {
        name.matches('_').count() >= 3 && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    let tests: Vec<&str> = document.split('`').filter(is_test).collect();
    let scenes: Vec<&str> = document.split('"').skip(1).step_by(2).collect();
    assert!(tests.len() > 10 && scenes.len() > 2, "the document names tests and scenes");
    let missing_tests = tests.iter().filter(|name| !code.contains(&format!("fn {name}()")));
    let missing_scenes = scenes.iter().filter(|name| !code.contains(&format!("(\"{name}\", ")));
    let missing = missing_tests.chain(missing_scenes);
    expect_none(&missing.map(|name| format!("docs/PLATFORMS.md: there is no `{name}`")).collect::<Vec<_>>());
}
