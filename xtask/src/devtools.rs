//! Commands that need the program's library are in another program, which is built on demand: `xtask`
//! itself must compile in seconds.

use std::ffi::OsString;

use crate::shell::{CI_PROFILE, Result, cargo_run};

/// Arguments that are passed on unparsed.
#[derive(clap::Args)]
pub(crate) struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn passed(command: &str, passed: &Passed) -> Result {
    let args: Vec<String> = passed.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(&[&[command], args.as_slice()].concat())
}

pub(crate) fn run(args: &[&str]) -> Result {
    let call = ["run", "--quiet", CI_PROFILE, "--locked", "--package", "devtools", "--"];
    cargo_run(&[&call, args].concat())
}
