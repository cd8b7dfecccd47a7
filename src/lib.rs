//! `todo-bootstrap`: from a bare machine to a verified, working application on Kubernetes.
//!
//! Each module depends only on modules of its own layer and of the layers below it:
//!
//! | layer | modules |
//! |---|---|
//! | user interface | `cli`, `ui` |
//! | steps of `up` and `down` | `steps` |
//! | work of the steps | `origins`, `source`, `bundle`, `tools`, `pins`, `engine`, `local_registry`, `images`, `cluster`, `backup`, `deploy`, `checks`, `addons`, `diagnose`, `kubeconfig` |
//! | foundations | `registry`, `fetch`, `exec`, `host`, `config`, `data`, `user_file` |
//! | common types | `error`, `cancel`, `lock`, `progress`, `task`, `process_env` |
#![forbid(unsafe_code)]

pub mod addons;
pub mod backup;
pub mod bundle;
pub mod cancel;
pub mod checks;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod data;
pub mod deploy;
pub mod diagnose;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod exec;
pub mod fetch;
pub mod files;
pub mod host;
pub mod images;
pub mod issuer;
pub mod kubeconfig;
pub mod kubernetes;
pub mod local_registry;
pub mod lock;
pub mod origins;
pub mod pins;
pub mod process_env;
pub mod progress;
pub mod quantity;
pub mod registry;
pub mod source;
pub mod steps;
pub mod task;
pub mod tools;
pub mod ui;
pub mod user_file;

/// Runs the command line `args`, which starts with the program name, in `process_env`.
pub fn run(
    args: impl IntoIterator<Item = std::ffi::OsString>,
    process_env: &process_env::ProcessEnv,
) -> std::process::ExitCode {
    cli::run(args, process_env)
}
