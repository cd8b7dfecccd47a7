//! `doctor --fix`: runs the remedies that are commands.

use super::super::context::Context;
use super::inspect::Found;
use crate::doctor::{Finding, Fix, Severity};
use crate::error::Result;
use crate::exec::{Cmd, Inherit};
use crate::task::Task;
use crate::ui;

/// Runs the fixes, each command shown before it is run, after a question unless it is safe. Returns whether
/// something was run.
pub(super) fn all(context: &Context<'_>, found: &Found) -> Result<bool> {
    let bench = context.bench()?;
    let task = bench.task("doctor");
    let say = |text: &str| context.ui.say(text);
    let troubles = found.rows.iter().map(|row| &row.finding).filter(|one| one.severity != Severity::Ok);
    let (mut ran, mut fixable) = (false, 0);
    for (finding, fix) in troubles.filter_map(|finding| Some((finding, finding.fix.as_ref()?))) {
        fixable += 1;
        say(&format!("{} ({})", finding.title, finding.code));
        let shown = fix.commands.join("\n    ");
        if !fix.safe && !context.global.yes && !context.process_env.can_ask() {
            say(&format!(
                "  changes this system, and there is no terminal to ask on: --yes, or run\n    {shown}"
            ));
            continue;
        }
        if fix.wants_root() && !may_sudo(&task)? {
            say(&format!(
                "  sudo wants a password: run `sudo -v` and this command again, or run\n    {shown}"
            ));
            continue;
        }
        if !fix.safe && !context.global.yes {
            say(&format!("  this changes the system:\n    {shown}"));
            if !ui::ask(context.process_env, "Run it now?", "--yes")? {
                continue;
            }
        }
        ran = true;
        run(context, &task, finding, fix)?;
    }
    if fixable == 0 {
        say("no problem that was found has a command that can be run for you");
    }
    Ok(ran)
}

/// Runs the commands until one fails.
fn run(context: &Context<'_>, task: &Task<'_>, finding: &Finding, fix: &Fix) -> Result<()> {
    for command in &fix.commands {
        context.ui.say(&format!("  $ {command}"));
        let output = task.run(&cmd(context, finding, command).any_status());
        task.check()?;
        match output {
            Ok(output) if output.ok() => {}
            Ok(output) => {
                let said = output.stderr.trim().lines().last().unwrap_or_default().to_owned();
                context.ui.warn(&format!("`{command}` ended with status {}: {said}", output.status));
                return Ok(());
            }
            Err(error) => {
                context.ui.warn(&error.one_line());
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Our own commands are run by this very program, all others by a shell.
fn cmd(context: &Context<'_>, finding: &Finding, command: &str) -> Cmd {
    let process_env = context.process_env;
    let purpose = format!("solve {}", finding.code);
    let cmd = match command.split_once(' ') {
        Some(("todo-bootstrap", args)) => Cmd::new(&process_env.exe, purpose).args(args.split_whitespace()),
        _ => Cmd::new("sh", purpose).args(["-c", command]),
    };
    let own = process_env.env.iter().filter(|(name, _)| name.starts_with("TODO_BOOTSTRAP_"));
    let cmd = own.fold(cmd, |cmd, (name, value)| cmd.env(name, value.clone()));
    cmd.cwd(&process_env.cwd).inherit(Inherit::Engine)
}

/// Whether `sudo` works without a password: commands run in the background and cannot ask for one.
fn may_sudo(task: &Task<'_>) -> Result<bool> {
    let sudo = Cmd::new("sudo", "find out whether sudo wants a password");
    let output = task.try_run(&sudo.args(["--non-interactive", "true"]).any_status());
    task.check()?;
    Ok(output.is_ok_and(|output| output.ok()))
}

/// Says what the fixes solved, and what is left of what they were for.
pub(super) fn compare(context: &Context<'_>, before: &Found, after: &Found) {
    let solvable = before.rows.iter().filter(|row| row.finding.severity != Severity::Ok);
    for row in solvable.filter(|row| row.finding.fix.is_some()) {
        let now = after.rows.iter().find(|now| now.probe == row.probe).map(|now| &now.finding);
        let (code, title) = (row.finding.code, row.finding.title);
        match now.filter(|now| now.severity != Severity::Ok) {
            None => context.ui.good(&format!("solved: {title} ({code})")),
            Some(now) => context.ui.warn(&format!("not solved: {}: {}", now.title, now.detail)),
        }
    }
}
