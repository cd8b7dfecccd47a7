//! Exits with what the library's `run` returns, and does nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    todo_bootstrap::run(std::env::args_os(), &todo_bootstrap::process_env::ProcessEnv::real())
}
