//! `cargo xtask soak`: downloads cut 200 times and killed 100 times.

use std::path::Path;

use crate::shell::{self, Result, root};

pub(crate) fn downloads() -> Result {
    let args = ["test", "--release", "--locked", "--test", "main", "fetch::cuts", "--", "--nocapture"];
    println!("$ TODO_BOOTSTRAP_SOAK=1 cargo {}", args.join(" "));
    let call = shell::cmd(&root(), Path::new(&shell::cargo()), args).env("TODO_BOOTSTRAP_SOAK", "1");
    let status = call.unchecked().run().map_err(|error| format!("cannot start cargo: {error}"))?.status;
    if status.success() { Ok(()) } else { Err(format!("the soak of downloads ended with {status}")) }
}
