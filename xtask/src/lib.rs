//! Code that `xtask` and `devtools` share.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // these rules apply to the program, not to this tool

pub mod output;
pub mod shell;
pub mod tally;
