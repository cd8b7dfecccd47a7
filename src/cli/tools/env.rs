//! `tools env`: prints the shell command that adds the installed tools to PATH.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::context::{Context, print_json};
use crate::error::{Exit, Result};
use crate::process_env::ProcessEnv;
use crate::ui::data;

#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The shell to print it for [default: from $SHELL, PowerShell on Windows]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    Pwsh,
}

pub(super) fn run(context: &Context<'_>, args: &EnvArgs) -> Result<Exit> {
    let session = context.session()?;
    let bench = context.silent()?;
    let shell = args.shell.unwrap_or_else(|| shell(context.process_env));
    let (mut folders, mut lines) = (Vec::new(), Vec::new());
    for folder in session.origins.tool_folders(&bench.task("tools"))? {
        match folder.to_str().filter(|text| cfg!(windows) || !text.contains(':')) {
            Some(text) => {
                lines.push(text.to_owned());
                folders.push(folder);
            }
            None => context.ui.warn(&format!("{} cannot be added to PATH", folder.display())),
        }
    }
    if context.json() {
        return print_json(&json!({ "shell": name(shell), "folders": folders, "line": line(shell, &lines) }));
    }
    if lines.is_empty() {
        context.ui.say("no tools are installed yet:  todo-bootstrap tools install");
        return Ok(Exit::Fine);
    }
    data(&format!("{}\n", line(shell, &lines)));
    Ok(Exit::Fine)
}

fn name(shell: Shell) -> String {
    shell.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The user's shell. An unknown shell is assumed to be compatible with bash.
fn shell(process_env: &ProcessEnv) -> Shell {
    let path = process_env.var("SHELL").map(PathBuf::from);
    match path.as_deref().and_then(Path::file_stem).and_then(|name| name.to_str()) {
        Some("fish") => Shell::Fish,
        Some("zsh") => Shell::Zsh,
        Some("pwsh" | "powershell") => Shell::Pwsh,
        None if cfg!(windows) => Shell::Pwsh,
        _ => Shell::Bash,
    }
}

/// The command that puts `folders` at the beginning of PATH, with their names quoted.
fn line(shell: Shell, folders: &[String]) -> String {
    match shell {
        Shell::Bash | Shell::Zsh => {
            format!("export PATH='{}':\"$PATH\"", folders.join(":").replace('\'', r"'\''"))
        }
        Shell::Fish => {
            let quote = |folder: &String| format!("'{}'", folder.replace('\\', r"\\").replace('\'', r"\'"));
            format!("set -gx PATH {} $PATH", folders.iter().map(quote).collect::<Vec<_>>().join(" "))
        }
        Shell::Pwsh => {
            // PowerShell treats typographic quotes like quotes.
            let double = |text: &str| {
                let quote = |c: char| matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}');
                text.chars()
                    .flat_map(|c| std::iter::repeat_n(c, 1 + usize::from(quote(c))))
                    .collect::<String>()
            };
            let quoted: Vec<String> = folders.iter().map(|folder| format!("'{}'", double(folder))).collect();
            format!("$env:PATH = (@({}) + $env:PATH) -join [IO.Path]::PathSeparator", quoted.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_quoted_for_the_shell() {
        let folders = ["/a b/kind".to_owned(), "/it's/$x`y`".to_owned()];
        let line_of = |shell: Shell| line(shell, &folders);
        assert_eq!(line_of(Shell::Bash), r#"export PATH='/a b/kind:/it'\''s/$x`y`':"$PATH""#);
        assert_eq!(line_of(Shell::Zsh), line_of(Shell::Bash));
        assert_eq!(line_of(Shell::Fish), r"set -gx PATH '/a b/kind' '/it\'s/$x`y`' $PATH");
        assert_eq!(
            line_of(Shell::Pwsh),
            "$env:PATH = (@('/a b/kind', '/it''s/$x`y`') + $env:PATH) -join [IO.Path]::PathSeparator"
        );
    }

    #[test]
    fn the_default_shell_is_from_the_environment() {
        let of = |value: &str| {
            let env = std::collections::BTreeMap::from([("SHELL".to_owned(), value.into())]);
            shell(&ProcessEnv { env, ..ProcessEnv::real() })
        };
        assert_eq!((of("/usr/bin/fish"), of("/bin/zsh")), (Shell::Fish, Shell::Zsh));
        assert_eq!((of("/bin/dash"), of("/opt/pwsh")), (Shell::Bash, Shell::Pwsh));
    }
}
