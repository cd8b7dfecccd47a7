//! `tools env`: the line by which a shell finds the fetched tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::context::{Context, print_json};
use crate::error::{Exit, Result};
use crate::progress::Silent;
use crate::ui::data;
use crate::world::World;

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
    let session = context.session(None, false)?;
    let bench = context.bench(Arc::new(Silent), None)?;
    let shell = args.shell.unwrap_or_else(|| shell(context.world));
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
        print_json(&json!({ "shell": name(shell), "folders": folders, "line": line(shell, &lines) }))?;
        return Ok(Exit::Fine);
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

/// The user's shell; what is not known is taken for one that reads what bash does.
fn shell(world: &World) -> Shell {
    let path = world.var("SHELL").map(PathBuf::from);
    match path.as_deref().and_then(Path::file_stem).and_then(|name| name.to_str()) {
        Some("fish") => Shell::Fish,
        Some("zsh") => Shell::Zsh,
        Some("pwsh" | "powershell") => Shell::Pwsh,
        None if cfg!(windows) => Shell::Pwsh,
        _ => Shell::Bash,
    }
}

/// Puts `folders` before all others. Nothing in their names means anything to the shell.
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
            // It takes typographic quotes for quotes as well.
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
    fn quotes_are_those_of_the_shell() {
        let folders = ["/a b/kind".to_owned(), "/it's/$x`y`".to_owned()];
        let said = |shell: Shell| line(shell, &folders);
        assert_eq!(said(Shell::Bash), r#"export PATH='/a b/kind:/it'\''s/$x`y`':"$PATH""#);
        assert_eq!(said(Shell::Zsh), said(Shell::Bash));
        assert_eq!(said(Shell::Fish), r"set -gx PATH '/a b/kind' '/it\'s/$x`y`' $PATH");
        assert_eq!(
            said(Shell::Pwsh),
            "$env:PATH = (@('/a b/kind', '/it''s/$x`y`') + $env:PATH) -join [IO.Path]::PathSeparator"
        );
    }

    #[test]
    fn the_shell_is_that_of_the_environment() {
        let of = |value: &str| {
            let env = std::collections::BTreeMap::from([("SHELL".to_owned(), value.into())]);
            shell(&World { env, ..World::real() })
        };
        assert_eq!((of("/usr/bin/fish"), of("/bin/zsh")), (Shell::Fish, Shell::Zsh));
        assert_eq!((of("/bin/dash"), of("/opt/pwsh")), (Shell::Bash, Shell::Pwsh));
    }
}
