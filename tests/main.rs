//! The command line as a user meets it, the install script, and the shape of the code base.
//!
//! One binary for all of it, as linking is what costs. The real cluster is in `tests/e2e`.
// The fence is the tool's, this drives it from outside; and a test ends by panicking.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::expect_used, clippy::unwrap_used)]

mod architecture;
mod cli;
mod env;
mod fetch;
mod fuzzed;
#[path = "../xtask/devtools/src/pack.rs"]
mod pack;
mod support;
