//! The command line as a user sees it, the install script, and the structure of the code base.
//!
//! A single binary, because linking is slow. The real cluster is in `tests/e2e`.
// These rules apply to the program, not to tests; and a test fails by panicking.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, clippy::expect_used, clippy::unwrap_used)]

mod architecture;
mod cli;
mod diagram;
mod env;
mod fetch;
mod fuzzed;
#[path = "../xtask/devtools/src/pack.rs"]
mod pack;
mod support;
