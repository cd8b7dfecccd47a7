//! `env`: the settings of the application. These commands never show a value.

use clap::Subcommand;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::context::{Context, print_json};
use super::reach::{application, connect};
use crate::config::Application;
use crate::config::env::{self, EnvValues, Environment, Finding, Level, Setting, Source};
use crate::deploy::{self, secrets};
use crate::error::{Exit, Result};
use crate::files::sha256;
use crate::steps::Session;
use crate::steps::env::{describe, in_use};
use crate::steps::secrets::wanted;
use crate::ui::{Table, data};

#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Check .env against its contract, .env.example
    Check {
        /// Print plain sha256 digests: equal everywhere, but short values can be guessed from them
        #[arg(long)]
        sha256: bool,
    },
    /// Show which keys differ between .env and the cluster, and what uses them
    Diff,
    /// Create .env from .env.example, or add the secrets that it lacks
    Init,
}

pub(crate) fn run(context: &Context<'_>, command: &EnvCommand) -> Result<Exit> {
    match command {
        EnvCommand::Check { sha256 } => check(context, *sha256),
        EnvCommand::Diff => diff(context),
        EnvCommand::Init => init(context),
    }
}

/// Validates the settings and prints warnings, at the beginning of `up` and `plan`.
pub(crate) fn validate(context: &Context<'_>, session: &Session, application: &Application) -> Result<()> {
    let environment = session.environment(application)?;
    let tracked = tracked_by_git(context, &environment)?;
    // Step `env` reports the secrets that it generates.
    for finding in environment.findings.iter().chain(&tracked).filter(|finding| finding.code != "to-generate")
    {
        warn(context, &environment, finding);
    }
    environment.verdict().map_err(|error| error.help(env::CHECK))?;
    environment.suits(application)
}

fn tracked_by_git(context: &Context<'_>, environment: &Environment) -> Result<Option<Finding>> {
    if !environment.exists {
        return Ok(None);
    }
    let bench = context.silent()?;
    Ok(env::tracked(&bench.task("env"), &environment.file))
}

fn warn(context: &Context<'_>, environment: &Environment, finding: &Finding) {
    if finding.level == Level::Warning {
        let file = environment.file.display();
        let place = finding.line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"));
        context.ui.warn(&format!("{place}: {}", finding.message));
    }
}

fn check(context: &Context<'_>, plain: bool) -> Result<Exit> {
    let session = context.session()?;
    let mut environment = Environment::load(application(&session)?)?;
    environment.findings.extend(tracked_by_git(context, &environment)?);
    if context.json() {
        let key = if plain { None } else { session.digest_key()? };
        let keys: Vec<_> =
            environment.settings.iter().map(|setting| row(setting, plain, key.as_deref())).collect();
        print_json(&json!({
            "file": environment.file, "exists": environment.exists,
            "keys": keys, "findings": environment.findings,
        }))?;
    } else {
        print_table(&environment);
        for finding in &environment.findings {
            warn(context, &environment, finding);
        }
    }
    environment.verdict()?;
    if !environment.exists && environment.contract.is_some() {
        let file = environment.file.display();
        context.ui.say(&format!("{file} does not exist yet; `up` creates it (or: todo-bootstrap env init)"));
    }
    Ok(Exit::Fine)
}

/// A setting as JSON. It has no keyed digest before `up` creates the key.
fn row(setting: &Setting, plain: bool, key: Option<&[u8]>) -> serde_json::Value {
    let (name, digest) = if plain {
        ("sha256", Some(sha256(setting.value.expose_secret().as_bytes())))
    } else {
        ("hmac", key.map(|key| secrets::digest(key, &setting.key, &setting.value)))
    };
    json!({
        "key": setting.key, "class": setting.class, "line": setting.line, "source": setting.source,
        "empty": setting.value.expose_secret().is_empty(), name: digest,
    })
}

fn print_table(environment: &Environment) {
    let mut table = Table::new(&["key", "class", ">line", "state"]);
    for setting in &environment.settings {
        let line = setting.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        table.row([&setting.key, setting.class.name(), &line, state(environment, setting)]);
    }
    for finding in environment.findings.iter().filter(|finding| finding.code == "unknown-key") {
        let line = finding.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        table.row([finding.key.as_str(), "-", &line, "unknown"]);
    }
    data(&table.render());
}

fn state<'e>(environment: &'e Environment, setting: &Setting) -> &'e str {
    let own = environment.findings.iter().filter(|finding| finding.key == setting.key);
    let worst = own.min_by_key(|finding| finding.level);
    match (worst, setting.source) {
        (_, Source::Pending) => "to be generated",
        (Some(finding), _) => finding.code,
        (None, Source::Mock) => "set by --mock",
        (None, Source::Environment) => "set by the environment",
        (None, Source::Default) if setting.value.expose_secret().is_empty() => "empty (default)",
        (None, Source::Default) => "default",
        (None, _) if setting.value.expose_secret().is_empty() => "empty",
        (None, _) => "set",
    }
}

fn diff(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let application = application(&session)?;
    validate(context, &session, application)?;
    let bench = context.bench()?;
    let task = bench.task("env");
    connect(&session, &task)?;
    let environment = Environment::load_with(application, &in_use(&task, &session, application)?)?;
    let wanted = wanted(application, &environment);
    let changes = secrets::changes(&task, session.kube()?, &wanted)?;
    let users = deploy::users(&task, session.kube()?, &application.namespace)?;
    let used_by = |change: &secrets::Change| {
        let object = wanted.iter().find(|object| object.class == change.class);
        object.map(|object| users.of(&object.name, &change.key)).unwrap_or_default()
    };
    if context.json() {
        let rows: Vec<_> = changes
            .iter()
            .map(|change| {
                json!({
                    "key": change.key, "class": change.class, "what": change.what,
                    "usedBy": used_by(change),
                })
            })
            .collect();
        return print_json(&json!({ "equal": rows.is_empty(), "changes": rows }));
    }
    if changes.is_empty() {
        data(&format!("The settings in the cluster match {}.\n", environment.file.display()));
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["key", "class", "in .env", "used by"]);
    for change in &changes {
        let users = used_by(change).join(", ");
        let users = if users.is_empty() { "-".to_owned() } else { users };
        table.row([change.key.as_str(), change.class.name(), change.what, &users]);
    }
    data(&table.render());
    data("\nTo apply it:  todo-bootstrap up   # restarts only what uses a changed key\n");
    Ok(Exit::Fine)
}

fn init(context: &Context<'_>) -> Result<Exit> {
    let session = context.session()?;
    let application = application(&session)?;
    let mut given = EnvValues::new();
    if session.receipt().made.cluster.complete {
        // With new secrets, the application could no longer read its existing data.
        let bench = context.bench()?;
        let task = bench.task("env");
        connect(&session, &task)?;
        given = in_use(&task, &session, application)?;
    }
    let written = env::complete(application, &given)?;
    session.forget_environment();
    data(&format!("{}\n", describe(application, &written)));
    validate(context, &session, application)?;
    Ok(Exit::Fine)
}
