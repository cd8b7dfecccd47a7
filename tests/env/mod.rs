//! Compares our parser of env files with that of docker compose (compose-go), value by value.
//!
//! Both read each text. If both return values, they must be equal. If only ours reports an
//! error, this is intended (`STRICTER`). Ours is never the only one that returns values.

mod cases;
mod compose;
mod random;

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use todo_bootstrap::config::env::{self, Class, Contract};

use crate::support::{files, folders, read, root};

pub type Read = Result<BTreeMap<String, String>, String>;

/// How our interpretation of a text compares with compose's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    BothRefuse,
    /// We report an error for what compose accepts.
    Stricter,
    Different,
}

fn ours(text: &str) -> Read {
    let read = env::parse("f", text).map_err(|error| error.to_string())?;
    Ok(read.into_iter().map(|(key, value)| (key, value.expose_secret().to_owned())).collect())
}

fn verdict(ours: &Read, theirs: &Read) -> Verdict {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => Verdict::Same,
        (Err(_), Err(_)) => Verdict::BothRefuse,
        (Err(_), Ok(_)) => Verdict::Stricter,
        _ => Verdict::Different,
    }
}

#[test]
fn written_cases_are_read_as_compose_reads_them() {
    let lists = [
        (Verdict::Same, cases::SAME),
        (Verdict::Stricter, cases::STRICTER),
        (Verdict::BothRefuse, cases::REFUSED),
    ];
    let texts: Vec<String> =
        lists.iter().flat_map(|(_, list)| list.iter().map(|text| (*text).to_owned())).collect();
    assert!(texts.len() >= 100, "only {} cases", texts.len());
    let theirs = compose::read(&texts);
    let mut wrong = Vec::new();
    let expected = lists.iter().flat_map(|(verdict, list)| list.iter().map(move |_| *verdict));
    for ((text, theirs), expected) in texts.iter().zip(&theirs).zip(expected) {
        let ours = ours(text);
        let found = verdict(&ours, theirs);
        if found != expected {
            wrong.push(format!(
                "{text:?}: {found:?}, not {expected:?}\n  ours:    {ours:?}\n  compose: {theirs:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn random_files_are_read_as_compose_reads_them() {
    let seed = random::seed();
    let mut texts = random::Texts::new(seed);
    let texts: Vec<String> = (0..random::COUNT).map(|_| texts.next_text()).collect();
    let theirs = compose::read(&texts);
    let (mut same, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for (text, theirs) in texts.iter().zip(&theirs) {
        let ours = ours(text);
        match verdict(&ours, theirs) {
            Verdict::Same => same += 1,
            Verdict::BothRefuse | Verdict::Stricter => refused += 1,
            Verdict::Different => {
                wrong.push(format!("{text:?}\n  ours:    {ours:?}\n  compose: {theirs:?}"));
            }
        }
    }
    wrong.truncate(10);
    println!("{same} read the same, {refused} refused");
    assert!(wrong.is_empty(), "with {}={seed}:\n{}", random::SEED, wrong.join("\n"));
    // Otherwise, the two would only agree on errors.
    assert!(same * 4 > random::COUNT && refused * 10 > random::COUNT, "{same} same, {refused} refused");
}

/// The contracts in this repository.
fn contracts() -> Vec<std::path::PathBuf> {
    let examples = root().join("examples");
    let dirs = folders(&examples).into_iter().map(|name| examples.join(name)).chain([root().to_owned()]);
    dirs.map(|dir| dir.join(".env.example")).filter(|file| file.is_file()).collect()
}

#[test]
fn every_contract_can_be_read_and_says_what_each_key_is_for() {
    let contracts = contracts();
    assert!(contracts.len() >= 2, "{contracts:?}");
    for path in contracts {
        let contract = Contract::load(&path).unwrap_or_else(|error| panic!("{error}")).expect("a contract");
        for declaration in &contract.declarations {
            assert!(
                !declaration.description.is_empty(),
                "{}: {} has no description",
                path.display(),
                declaration.key
            );
        }
    }
}

/// The mapping in the specifications (S15), except for `REDIS_URL`: it contains the password of the cache.
#[test]
fn the_classes_are_those_of_the_specifications() {
    let contract = Contract::load(&root().join(".env.example")).expect("a contract").expect("a contract");
    let class = |key: &str| contract.get(key).unwrap_or_else(|| panic!("{key} is not declared")).class;
    let secret = ["OPENAI_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "BETTER_AUTH_SECRET"];
    for key in secret.into_iter().chain(["DATABASE_URL", "REDIS_URL"]) {
        assert_eq!(class(key), Class::Secret, "{key}");
    }
    let config = ["ENVIRONMENT", "MCP_SERVER_URL", "LOG_LEVEL", "HOST", "CORS_ORIGINS"];
    for key in
        config.into_iter().chain(contract.keys().into_iter().filter(|key| key.starts_with("NEXT_PUBLIC_")))
    {
        assert_eq!(class(key), Class::Config, "{key}");
    }
}

/// Only the contract decides which keys are public.
#[test]
fn no_public_prefix_stands_in_the_program() {
    for path in files(&root().join("src"), &["rs", "toml"]) {
        assert!(!read(&path).contains("NEXT_PUBLIC"), "{}", path.display());
    }
}
