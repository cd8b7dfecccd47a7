//! `cargo xtask bench first-up`: a first `up` from nothing and the plain commands of the specification, on
//! laptops in a private internet with a limited link. The tests on a real cluster have both.

use std::ffi::OsStr;
use std::path::Path;

use clap::Args;

use crate::shell::{self, CI_PROFILE, Result, root, run_tests};

#[derive(Args)]
pub(crate) struct Options {
    /// How often to run each of the two
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The rate of the link in Mbit/s
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// The round trip time of the link in ms
    #[arg(long, default_value_t = 20)]
    round_trip: u64,
}

pub(crate) fn run(options: &Options) -> Result {
    let texts = [options.runs.max(1) as u64, options.rate.max(1), options.round_trip].map(|n| n.to_string());
    let keys = ["ROUNDS", "RATE", "ROUND_TRIP"].map(|key| format!("TODO_BOOTSTRAP_FIRST_UP_{key}"));
    let env: Vec<(&str, &OsStr)> =
        keys.iter().map(String::as_str).zip(texts.iter().map(OsStr::new)).collect();
    let args = ["test", CI_PROFILE, "--locked", "--workspace", "--test", "e2e", "--"];
    let own = ["first_up::first_up", "--exact", "--ignored", "--nocapture"];
    run_tests(&root(), Path::new(&shell::cargo()), &[&args[..], &own].concat(), &env)
}
