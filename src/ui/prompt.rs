//! Questions, asked on a terminal only; without one, the error names the flag that answers.

use dialoguer::{Confirm, Input};

use crate::error::{Error, Result};
use crate::process_env::ProcessEnv;

/// Asks yes or no; `flag` is what answers it where nobody can be asked.
pub fn ask(process_env: &ProcessEnv, question: &str, flag: &str) -> Result<bool> {
    if !process_env.can_ask() {
        return Err(Error::refused(format!("{question} was not answered: there is no terminal to ask on"))
            .help(format!("run the command again with {flag}")));
    }
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| Error::interrupted().because(error))
}

/// Asks for a name to be typed before data goes.
pub fn confirm_name(process_env: &ProcessEnv, what: &str, name: &str) -> Result<bool> {
    if !process_env.can_ask() {
        return Err(Error::refused(format!("{what} was not confirmed: there is no terminal to ask on"))
            .help("run the command again with --yes"));
    }
    let typed: String = Input::new()
        .with_prompt(format!("{what}. Type `{name}` to continue"))
        .allow_empty(true)
        .interact_text()
        .map_err(|error| Error::interrupted().because(error))?;
    Ok(typed.trim() == name)
}
