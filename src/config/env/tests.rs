//! `.env` and its contract together.

use std::path::Path;

use proptest::prelude::{any, prop, prop_assert, proptest};
use tempfile::TempDir;

use super::*;

mod purpose;

const CONTRACT: &str = "\
# @public-prefix=WEB_

# The owner.
# @config @required @pattern=[a-z]+
OWNER=shop
# @secret @generated=hex:16
PASSWORD=
# @secret @required
URL=store://${OWNER}:${PASSWORD}@store/
# From the provider.
# @secret @required
API_KEY=
# @secret
OTHER_KEY=
# @config
WEB_TITLE=Shop
# @config
LEVEL=info
";

/// A project with these two files.
struct Project {
    dir: TempDir,
    application: Application,
}

impl Project {
    fn new(example: Option<&str>, env: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [(".env.example", example), (".env", env)] {
            if let Some(text) = text {
                std::fs::write(dir.path().join(name), text).unwrap();
            }
        }
        std::fs::create_dir(dir.path().join("chart")).unwrap();
        std::fs::write(dir.path().join("own.yaml"), "").unwrap();
        let text = "name = \"shop\"\nhost = \"h\"\nchart = \"chart\"\n\
                    [[overrides]]\nkeys = [\"URL\"]\nunless-matches = \".*@store/.*\"\nvalues = \"own.yaml\"\n\
                    [[overrides]]\nkeys = [\"KEY_A\", \"KEY_B\"]\nunless = {MOCK = \"true\"}\nvalues = \"own.yaml\"\n";
        std::fs::write(dir.path().join("application.toml"), text).unwrap();
        let application = Application::load(dir.path()).unwrap().unwrap();
        Self { dir, application }
    }

    fn load(&self) -> Environment {
        Environment::load(&self.application).unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join(".env")
    }
}

fn codes(environment: &Environment) -> Vec<String> {
    let told = |finding: &Finding| {
        let line = finding.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{} {}{line}", finding.code, finding.key).trim().to_owned()
    };
    let found = environment.findings.iter().filter(|finding| finding.code != "file-mode");
    found.map(told).collect()
}

fn value<'e>(environment: &'e Environment, key: &str) -> &'e str {
    environment.get(key).unwrap().value.expose_secret()
}

#[test]
fn defaults_count_for_what_the_file_does_not_name() {
    let project = Project::new(Some(CONTRACT), Some("PASSWORD=0123456789abcdef\nAPI_KEY=k\nOWNER=me\n"));
    let environment = project.load();
    assert_eq!(value(&environment, "URL"), "store://me:0123456789abcdef@store/");
    assert_eq!(environment.get("URL").unwrap().source, Source::Default);
    assert!(codes(&environment).is_empty());
    assert_eq!(environment.values(Class::Config).len(), 3);
    assert_eq!(environment.values(Class::Secret).len(), 4);
}

#[test]
fn all_that_breaks_the_contract_is_found() {
    let text = "OWNER=Me\nOWNR=me\nEXTRA=1\nPASSWORD=short\nAPI_KEY=<your-key>\nOTHER_KEY=abcdefgh12\n\
                WEB_TITLE=x-${OTHER_KEY}\nWEB_OTHER=sk-abcdefgh12\nLEVEL=sk-abcdefgh12\n";
    let environment = Project::new(Some(CONTRACT), Some(text)).load();
    assert_eq!(
        codes(&environment),
        [
            "pattern OWNER:1",
            "unknown-key OWNR:2",
            "unknown-key EXTRA:3",
            "weak-secret PASSWORD:4",
            "placeholder API_KEY:5",
            "public-secret WEB_TITLE:7",
            "unknown-key WEB_OTHER:8",
            "public-secret WEB_OTHER:8",
            "secret-in-config LEVEL:9",
        ]
    );
    let error = environment.verdict().unwrap_err().to_string();
    assert!(error.contains(":1: ") && error.contains(":7: ") && !error.contains(":3: "), "{error}");
    for secret in ["short", "abcdefgh12", "your-key", "Me"] {
        let all = format!("{error} {:?}", environment.findings);
        assert!(!all.contains(secret), "`{secret}` is shown in {all}");
    }
}

#[test]
fn a_required_key_has_a_value() {
    let environment = Project::new(Some(CONTRACT), Some("API_KEY=\n")).load();
    assert_eq!(codes(&environment), ["missing-key API_KEY:1", "to-generate PASSWORD"]);
    assert!(environment.findings[0].message.contains("From the provider"), "{:?}", environment.findings);
    assert_eq!(environment.pending(), ["PASSWORD"]);
}

#[test]
fn the_default_is_no_placeholder_and_a_key_that_is_there_was_not_misspelt() {
    let contract = "# @config @required\nOWNER=todo\n# @config\nHOST=\n";
    let of = |text| codes(&Project::new(Some(contract), Some(text)).load());
    assert!(of("OWNER=todo\nHOST=\n").is_empty());
    assert_eq!(of("OWNER=tbd\n"), ["placeholder OWNER:1"]);
    let level = |text| Project::new(Some(contract), Some(text)).load().findings[0].level;
    assert_eq!((level("PORT=1\n"), level("PORT=1\nHOST=\n")), (Level::Error, Level::Warning));
}

#[test]
fn without_a_contract_every_key_is_a_secret() {
    let environment = Project::new(None, Some("A=changeme\n")).load();
    assert_eq!(environment.get("A").unwrap().class, Class::Secret);
    assert!(codes(&environment).is_empty());
    assert!(Project::new(None, None).load().settings.is_empty());
}

#[test]
fn problems_of_both_files_are_told_together() {
    let project = Project::new(Some("A=\n"), Some("B\n"));
    let error = Environment::load(&project.application).unwrap_err().to_string();
    assert!(error.contains(".env.example:1: `A` has no class") && error.contains(".env:1: "), "{error}");
}

#[test]
fn an_override_applies_where_one_of_its_keys_leads_elsewhere_unless_another_key_forbids_it() {
    let example = "# @secret\nURL=\n# @secret\nKEY_A=\n# @secret\nKEY_B=\n# @config\nMOCK=false\n";
    for (env, applied, mocked) in [
        ("URL=store://a@store/\n", 0, 0),
        ("URL=store://a@elsewhere/\n", 1, 1),
        ("URL=\nKEY_A=\nKEY_B=\n", 0, 0),
        ("KEY_A=x\n", 1, 0),
        ("KEY_B=x\nMOCK=false\n", 1, 0),
        ("KEY_A=x\nKEY_B=x\nMOCK=true\n", 0, 0),
    ] {
        let mut project = Project::new(Some(example), Some(env));
        assert_eq!(project.load().overrides(&project.application).len(), applied, "{env}");
        project.application.mock = [("MOCK".to_owned(), "true".to_owned())].into();
        project.application = project.application.clone().mocked().unwrap();
        assert_eq!(project.load().overrides(&project.application).len(), mocked, "--mock: {env}");
    }
}

#[test]
fn a_new_file_is_the_contract_with_secrets_in_it() {
    let project = Project::new(Some(&CONTRACT.replace('\n', "\r\n")), None);
    let written = complete(&project.application, &EnvValues::new()).unwrap();
    assert_eq!((written.made, written.generated), (true, vec!["PASSWORD".to_owned()]));
    let environment = project.load();
    assert_eq!(value(&environment, "PASSWORD").len(), 32);
    assert!(value(&environment, "URL").contains(value(&environment, "PASSWORD")));
    assert!(project.text().contains("URL=store://${OWNER}:${PASSWORD}@store/\r\n"), "kept as text");
    assert_eq!(mode(&project.file()), 0o600);
    let again = complete(&project.application, &EnvValues::new()).unwrap();
    assert_eq!(again, Written::default());
}

#[test]
fn what_is_to_be_generated_may_be_in_use() {
    let in_use = EnvValues::from([("PASSWORD".to_owned(), SecretString::from("in-use"))]);
    for text in ["API_KEY=k\nURL=u:$PASSWORD\n", "API_KEY=k\nPASSWORD=\nURL=u:$PASSWORD\n"] {
        let project = Project::new(Some(CONTRACT), Some(text));
        let environment = Environment::load_with(&project.application, &in_use).unwrap();
        assert_eq!(environment.pending(), ["PASSWORD"]);
        assert_eq!((value(&environment, "PASSWORD"), value(&environment, "URL")), ("in-use", "u:in-use"));
        assert_eq!(value(&project.load(), "URL"), "u:");
    }
}

#[test]
fn a_file_that_was_lost_takes_nothing_in_use_with_it() {
    let project = Project::new(Some(CONTRACT), None);
    let given = [
        ("OWNER", "shop"),
        ("PASSWORD", "in-use"),
        ("URL", "store://shop:in-use@store/"),
        ("API_KEY", "it's $5"),
        ("LEVEL", ""),
        ("WEB_TITLE", "My shop"),
        ("GONE", "1"),
    ];
    let given = given.into_iter().map(|(key, value)| (key.to_owned(), SecretString::from(value))).collect();
    let written = complete(&project.application, &given).unwrap();
    assert_eq!(written.kept, ["PASSWORD", "API_KEY", "WEB_TITLE", "LEVEL"]);
    let environment = project.load();
    for (key, value) in given.iter().filter(|(key, _)| *key != "GONE") {
        assert_eq!(self::value(&environment, key), value.expose_secret(), "{key}");
    }
    assert!(project.text().contains("URL=store://${OWNER}"), "what is as the contract has it stays text");
}

#[test]
fn missing_secrets_are_added_above_what_uses_them() {
    let text = "\u{feff}URL=a${PASSWORD}b\nexport API_KEY = k\n";
    let project = Project::new(Some(CONTRACT), Some(text));
    complete(&project.application, &EnvValues::new()).unwrap();
    let environment = project.load();
    assert_eq!(value(&environment, "URL").len(), 34);
    let new = project.text();
    assert!(
        new.starts_with("\u{feff}# Added by") && new.ends_with(text.trim_start_matches('\u{feff}')),
        "{new:?}"
    );
}

#[test]
fn a_former_default_is_replaced_together_with_the_secret_that_it_lacked() {
    let contract = "# @secret @generated=hex:32\nPASSWORD=\n\
        # @secret @formerly=store://store:1/\nURL=store://:${PASSWORD}@store:1/\n";
    for (url, updated) in [("store://store:1/", true), ("'store://store:1/'", true), ("store://own/", false)]
    {
        let project = Project::new(Some(contract), Some(&format!("URL={url} # c\n")));
        let written = complete(&project.application, &EnvValues::new()).unwrap();
        assert_eq!(written.updated, if updated { vec!["URL"] } else { vec![] }, "{url}");
        let environment = project.load();
        let password = value(&environment, "PASSWORD");
        let wanted =
            if updated { format!("store://:{password}@store:1/") } else { "store://own/".to_owned() };
        assert_eq!(value(&environment, "URL"), wanted);
        assert!(project.text().ends_with(" # c\n"), "{}", project.text());
    }
    // A file that was lost does not bring it back.
    let project = Project::new(Some(contract), None);
    let in_use = EnvValues::from([("URL".to_owned(), SecretString::from("store://store:1/"))]);
    let written = complete(&project.application, &in_use).unwrap();
    assert!(written.kept.is_empty() && project.text().contains("URL=store://:${PASSWORD}@store:1/"));
}

/// Whose file it is may want others to read it, and is warned.
#[test]
fn a_file_that_is_there_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(Some(CONTRACT), Some("API_KEY=k\n"));
    for wanted in [0o644, 0o640, 0o600] {
        std::fs::write(project.file(), "API_KEY=k\n").unwrap();
        std::fs::set_permissions(project.file(), std::fs::Permissions::from_mode(wanted)).unwrap();
        complete(&project.application, &EnvValues::new()).unwrap();
        let warned = project.load().findings.iter().any(|finding| finding.code == "file-mode");
        assert_eq!((mode(&project.file()), warned), (wanted, wanted != 0o600));
    }
}

#[test]
fn empty_secrets_are_filled_in_their_place() {
    for empty in ["PASSWORD=", "PASSWORD= ", "export PASSWORD=\"\" # c", "PASSWORD: ''", "PASSWORD = \t"] {
        let text = format!("API_KEY=k\n{empty}\nLEVEL=x");
        let project = Project::new(Some(CONTRACT), Some(&text));
        let given = EnvValues::from([("PASSWORD".to_owned(), SecretString::from("in-use"))]);
        let written = complete(&project.application, &given).unwrap();
        assert_eq!(written.kept, ["PASSWORD"]);
        let environment = project.load();
        assert_eq!(
            (value(&environment, "PASSWORD"), value(&environment, "LEVEL")),
            ("in-use", "x"),
            "{empty}"
        );
        assert_eq!(project.text().lines().count(), 3);
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let project = Project::new(Some(CONTRACT), None);
    let real = project.dir.path().join("real");
    std::fs::write(&real, "API_KEY=k\n").unwrap();
    std::os::unix::fs::symlink(&real, project.file()).unwrap();
    complete(&project.application, &EnvValues::new()).unwrap();
    assert!(std::fs::symlink_metadata(project.file()).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("PASSWORD="));
}

#[test]
fn writers_side_by_side_make_one_file() {
    let project = Project::new(Some(CONTRACT), None);
    let made: Vec<bool> = std::thread::scope(|scope| {
        let writer = || complete(&project.application, &EnvValues::new()).unwrap().made;
        let writers: Vec<_> = (0..8).map(|_| scope.spawn(writer)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(project.text().matches("PASSWORD=").count(), 1);
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_here_shows_a_value() {
    let project = Project::new(Some(CONTRACT), Some("API_KEY=canary-7f3a\nLEVEL=canary-7f3a\n"));
    let environment = project.load();
    let all = format!("{environment:?} {:?}", parse("f", "A=canary-7f3a\nB=\"x\n").unwrap_err());
    assert!(!all.contains("canary-7f3a"), "{all}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        any in any::<String>(),
        signs in "[A-C=:$\\{\\}\"'\\\\# \n\r0-?+@é-]{0,60}",
    ) {
        for text in [any, signs] {
            let _ = parse("f", &text);
            let _ = Contract::parse("f", &text);
        }
    }

    #[test]
    fn errors_hold_no_value(
        secret in "[a-z]{2}[A-Z]{2}q[0-9]{3}[a-z]{4}",
        around in prop::collection::vec("[A-C=:$\\{\\}\"'\\\\# \n?-]{0,8}", 3),
    ) {
        let text = format!("A=\"{0}{secret}{1}{secret}{2}\nB={0}{secret}", around[0], around[1], around[2]);
        if let Err(error) = parse("f", &text) {
            prop_assert!(!error.to_string().contains(&secret), "{text:?}\n{error}");
        }
    }

    #[test]
    fn what_is_made_keeps_its_contract(owner in "[a-z]{1,9}", key in "[a-z]{9,20}", crlf in any::<bool>()) {
        // What looks like a placeholder is none that was filled in.
        proptest::prop_assume!(!key.contains("xxxx"));
        let mut text = format!("API_KEY={key}-q\nOWNER='{owner}'\n");
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let project = Project::new(Some(CONTRACT), Some(&text));
        complete(&project.application, &EnvValues::new()).unwrap();
        let environment = project.load();
        prop_assert!(environment.verdict().is_ok() && environment.pending().is_empty());
        prop_assert!(value(&environment, "OWNER") == owner);
    }
}

#[test]
fn mock_takes_the_place_of_what_stands_in_the_file() {
    let mut project = Project::new(Some("# @config @pattern=true|false\nMOCK=false\n"), Some("MOCK=false\n"));
    project.application.mock = [("MOCK".to_owned(), "true".to_owned())].into();
    assert_eq!(value(&project.load(), "MOCK"), "false", "only when it is asked for");
    project.application = project.application.clone().mocked().unwrap();
    assert_eq!(value(&project.load(), "MOCK"), "true");
    project.application.mock = [("NO".to_owned(), "true".to_owned())].into();
    let error = Environment::load(&project.application).unwrap_err();
    assert!(error.to_string().contains("NO"), "{error}");
}
