//! The command line: one thin file per command.

mod backup;
mod bundle;
mod check;
mod context;
mod doctor;
mod down;
mod env;
mod forward;
#[cfg(test)]
mod help_tests;
mod images;
mod interrupt;
mod kubeconfig;
mod log;
mod logs;
mod open;
mod plan;
mod reach;
mod restart;
mod restore;
mod rollback;
mod scale;
mod secrets;
mod start;
mod status;
mod stop;
mod tools;
mod up;
mod url;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::error::{Exit, Kind, Result};
use crate::exec::Cmd;
use crate::process_env::ProcessEnv;
use crate::ui::{Ui, Volume, data};

/// The default of `--timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(90 * 60);

// These name their variables in the format of clap.
const MIRROR: &str = "Try this mirror before the release hosts; it serves each file as <host>/<path> \
                      [env: TODO_BOOTSTRAP_MIRROR]";
const REGISTRY_MIRROR: &str = "Copy images of a registry from this mirror; may be repeated \
                               [env: TODO_BOOTSTRAP_REGISTRY_MIRROR, separated by commas]";
const STRICT: &str = "Ignore programs already installed on this machine [env: TODO_BOOTSTRAP_STRICT=1]";
const PINS: &str =
    "Override the built-in pins with <tool>/pin.toml from this folder [env: TODO_BOOTSTRAP_PINS]";

/// Set up a verified, working application on Kubernetes from a bare machine, with one command.
#[derive(Debug, Parser)]
#[command(name = "todo-bootstrap", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(args_override_self = true)]
#[command(after_help = "Start with:  todo-bootstrap up --dir DIR   # a folder with an application.toml")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)] // independent flags
pub(crate) struct Global {
    /// Provider and size of the cluster: a profile name or a TOML file [default: that of the existing cluster, else kind]
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Project to deploy: a folder with an application.toml [default: the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Answer yes to every question
    #[arg(long, short, global = true)]
    pub yes: bool,
    #[arg(long, global = true, value_name = "URL|DIR", help_heading = "Trust", help = MIRROR)]
    pub mirror: Option<String>,
    #[arg(long, global = true, value_name = "UPSTREAM=HOST[/PREFIX]", help_heading = "Trust", help = REGISTRY_MIRROR)]
    pub registry_mirror: Vec<String>,
    #[arg(long, global = true, help_heading = "Trust", help = STRICT)]
    pub strict: bool,
    /// Accept files whose checksum only one source confirms
    #[arg(long, global = true, help_heading = "Trust")]
    pub allow_unpinned: bool,
    #[arg(long, global = true, value_name = "DIR", help_heading = "Trust", help = PINS)]
    pub pins: Option<PathBuf>,
    /// Format of the results on standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Print progress as one JSON object per line on standard output
    #[arg(long, global = true, value_enum)]
    pub events: Option<Events>,
    /// Time limit for the command, such as 90s, 30m or 1h
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, default_value = "90m")]
    pub timeout: Duration,
    /// Disable colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Print more details
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Print only warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Events {
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create whatever is missing, and verify that everything works
    Up(up::UpArgs),
    /// Save the data, then delete the cluster
    Down(down::DownArgs),
    /// Stop the cluster and keep its data
    Stop,
    /// Start a stopped cluster, and verify that it works
    Start,
    /// Show the cluster, the application and its address
    Status,
    /// Print the address of the application
    Url(url::UrlArgs),
    /// Open the application in the browser
    Open(open::OpenArgs),
    /// Show the logs of the application's services in one stream
    Logs(logs::LogsArgs),
    /// Restart services by replacing their pods one by one
    Restart(restart::RestartArgs),
    /// Set the number of pods of a service
    Scale(scale::ScaleArgs),
    /// Install an earlier revision of the application again, or list the revisions
    Rollback(rollback::RollbackArgs),
    /// Save the data of the application, and list or verify its backups
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Replace the data of the application by that of a backup, after saving it
    Restore(restore::RestoreArgs),
    /// Run the checks against the running cluster
    Check(check::CheckArgs),
    /// Predict what `up` will meet on this machine, and suggest or apply a fix for each problem
    Doctor(doctor::DoctorArgs),
    /// Show what `up` would do and change, without doing it
    Plan(up::UpArgs),
    /// Check the settings in .env, compare them with the cluster, or create the file
    #[command(subcommand)]
    Env(env::EnvCommand),
    /// Replace the key that encrypts Secrets in etcd
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Add the cluster to your own kubeconfig, or remove it
    #[command(subcommand)]
    Kubeconfig(kubeconfig::KubeconfigCommand),
    /// Create, verify or inspect a bundle of all artifacts, for machines without a network
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// List the application's images, print their SBOMs, or scan them
    #[command(subcommand)]
    Images(images::ImagesCommand),
    /// List, install, verify or locate the tools in use (kubectl, helm, …)
    #[command(subcommand)]
    Tools(tools::ToolsCommand),
    /// Print the completion script for a shell
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Parses and runs a command line.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>, process_env: &ProcessEnv) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let global = &cli.global;
    let volume = match (global.quiet, global.verbose) {
        (true, _) => Volume::Quiet,
        (_, true) => Volume::Verbose,
        _ => Volume::Normal,
    };
    let ui = Ui::new(process_env, global.events == Some(Events::Json), global.no_color, volume);
    let exit = dispatch(&cli, process_env, &ui).unwrap_or_else(|error| {
        let error = if error.kind() == Kind::Interrupted { error.help(again(&args)) } else { error };
        ui.error(&error);
        error.exit()
    });
    ExitCode::from(exit as u8)
}

/// The command line, to be run again.
fn again(args: &[OsString]) -> String {
    let args = args.iter().skip(1).map(|arg| arg.to_string_lossy());
    format!("{}   # continues where it stopped", Cmd::new("todo-bootstrap", "").args(args).argv())
}

fn dispatch(cli: &Cli, process_env: &ProcessEnv, ui: &Ui) -> Result<Exit> {
    let context = context::Context::new(&cli.global, process_env, ui);
    match &cli.command {
        Command::Up(args) if args.dry_run => plan::run(&context, args),
        Command::Up(args) => up::run(&context, args),
        Command::Plan(args) => plan::run(&context, args),
        Command::Down(args) => down::run(&context, args),
        Command::Stop => stop::run(&context),
        Command::Start => start::run(&context),
        Command::Status => status::run(&context),
        Command::Url(args) => url::run(&context, args),
        Command::Open(args) => open::run(&context, args),
        Command::Logs(args) => logs::run(&context, args),
        Command::Restart(args) => restart::run(&context, args),
        Command::Scale(args) => scale::run(&context, args),
        Command::Rollback(args) => rollback::run(&context, args),
        Command::Backup(command) => backup::run(&context, command),
        Command::Restore(args) => restore::run(&context, args),
        Command::Check(args) => check::run(&context, args),
        Command::Doctor(args) => doctor::run(&context, args),
        Command::Env(command) => env::run(&context, command),
        Command::Secrets(command) => secrets::run(&context, command),
        Command::Kubeconfig(command) => kubeconfig::run(&context, command),
        Command::Bundle(command) => bundle::run(&context, command),
        Command::Images(command) => images::run(&context, command),
        Command::Tools(command) => tools::run(&context, command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "todo-bootstrap", &mut script);
            data(&String::from_utf8_lossy(&script));
            Ok(Exit::Fine)
        }
    }
}

/// Prints help and version to standard output, and errors to standard error with exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // A failure to print does not change the exit code.
        let _ = error.print();
        return ExitCode::from(Exit::Usage as u8);
    }
    data(&error.render().to_string());
    ExitCode::from(Exit::Fine as u8)
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| "use a time such as 90s, 30m or 1h")?;
    let duration = Duration::try_from(parsed).map_err(|_| "must not be negative")?;
    if duration.is_zero() { Err("must be greater than zero".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_parsed() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_secs(30 * 60)));
        assert!(duration("soon").is_err() && duration("0s").is_err());
        let cli = Cli::try_parse_from(["todo-bootstrap", "status"]).unwrap();
        assert_eq!(cli.global.timeout, DEFAULT_TIMEOUT);
        // `install.sh --up` passes --yes, and its user may pass it again.
        let twice = ["todo-bootstrap", "up", "--yes", "--yes", "--timeout", "1m", "--timeout", "2m"];
        assert_eq!(Cli::try_parse_from(twice).unwrap().global.timeout, Duration::from_secs(2 * 60));
    }
}
