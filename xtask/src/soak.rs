//! `cargo xtask soak`: downloads cut 200 times and killed 100 times.

use std::ffi::OsStr;
use std::path::Path;

use crate::shell::{self, CI_PROFILE, Result, root, run_tests};

pub(crate) fn downloads() -> Result {
    let args = ["test", CI_PROFILE, "--locked", "--test", "main", "fetch::cuts", "--", "--nocapture"];
    run_tests(&root(), Path::new(&shell::cargo()), &args, &[("TODO_BOOTSTRAP_SOAK", OsStr::new("1"))])
}
