//! What the developer commands share: `xtask` itself, and `devtools`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // the fence is the tool's; this drives it from outside

pub mod output;
pub mod shell;
pub mod tally;
