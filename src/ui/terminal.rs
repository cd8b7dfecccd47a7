//! Progress on a terminal: a moving line per running step, a ✓ line per finished one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width, style, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::downloads;
use super::plain::progress_text;
use crate::progress::{Event, Reporter, State};
use crate::quantity::show_time;

pub struct Terminal {
    bars: MultiProgress,
    titles: BTreeMap<String, (usize, String)>,
    running: Mutex<BTreeMap<String, (Instant, ProgressBar)>>,
}

impl Terminal {
    pub fn new(steps: &[(String, String)]) -> Self {
        let titles =
            steps.iter().enumerate().map(|(index, (id, title))| (id.clone(), (index + 1, title.clone())));
        Self { bars: MultiProgress::new(), titles: titles.collect(), running: Mutex::new(BTreeMap::new()) }
    }

    fn title(&self, step: &str) -> String {
        self.titles.get(step).map_or_else(
            || step.to_owned(),
            |(number, title)| {
                let total = self.titles.len().to_string();
                let count = format!("[{number:>0$}/{total}]", total.len());
                format!("{} {title}", style(count).for_stderr().dim())
            },
        )
    }

    /// A new line; that of all downloads stays the last one.
    fn spin(&self, step: &str, sum: Option<&ProgressBar>) -> ProgressBar {
        let bar = ProgressBar::new_spinner();
        let bar = match sum {
            Some(sum) => self.bars.insert_before(sum, bar),
            None => self.bars.add(bar),
        };
        // The sum of all downloads has a time left, and its first seconds are not shown.
        let took = if step == downloads::STEP { "" } else { "{took:.dim} " };
        let template = format!("{{spinner:.cyan}} {{prefix}} {took}{{wide_msg:.dim}}");
        if let Ok(look) = ProgressStyle::with_template(&template) {
            let look = look.with_key("took", |state: &ProgressState, out: &mut dyn Write| {
                let _ = write!(out, "({})", passed(state.elapsed()));
            });
            bar.set_style(look.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "]));
        }
        bar.set_prefix(self.title(step));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn end(&self, step: &str, mark: &str, message: &str) {
        let ended = self.running.lock().ok().and_then(|mut running| running.remove(step));
        let took = ended.map_or(String::new(), |(started, bar)| {
            bar.finish_and_clear();
            let took = format!(" ({})", show_time(started.elapsed()));
            if step == downloads::STEP { String::new() } else { style(took).for_stderr().dim().to_string() }
        });
        let message = style(message).for_stderr().dim();
        let _ = self.bars.println(format!("{mark} {} {message}{took}", self.title(step)));
    }
}

impl Reporter for Terminal {
    fn report(&self, event: &Event) {
        match event.state {
            State::Started | State::Progress => {
                let Ok(mut running) = self.running.lock() else { return };
                let sum = running.get(downloads::STEP).map(|(_, bar)| bar.clone());
                let (_, bar) = running
                    .entry(event.step.clone())
                    .or_insert_with(|| (Instant::now(), self.spin(&event.step, sum.as_ref())));
                let columns = Term::stderr().size_checked().map_or(usize::MAX, |(_, columns)| columns.into());
                // The spinner, the time in parentheses, and the spaces between them.
                let before = measure_text_width(&bar.prefix()) + passed(bar.elapsed()).len() + 6;
                bar.set_message(fitted(&progress_text(event), columns.saturating_sub(before)));
            }
            State::Done | State::Unchanged => {
                let mark = style("✓").for_stderr().green().to_string();
                self.end(&event.step, &mark, &event.message);
            }
            State::Failed => {
                let mark = style("✗").for_stderr().red().to_string();
                self.end(&event.step, &mark, &event.message);
            }
            State::Warning => {
                let mark = style("warning:").for_stderr().yellow().bold();
                let _ = self.bars.println(format!("{mark} {}", event.message));
            }
        }
    }
}

/// Whole seconds, as a line does not flicker that way.
fn passed(elapsed: Duration) -> String {
    show_time(Duration::from_secs(elapsed.as_secs()))
}

/// The message in so many columns. Of a download, the figures, after two spaces, are of more interest than its
/// name.
fn fitted(message: &str, columns: usize) -> String {
    let name = message.rsplit_once("  ").and_then(|(name, figures)| {
        let room = columns.checked_sub(measure_text_width(figures) + 2)?;
        Some(format!("{}  {figures}", truncate_str(name, room, "…")))
    });
    if measure_text_width(message) <= columns {
        return message.to_owned();
    }
    name.unwrap_or_else(|| truncate_str(message, columns, "…").into_owned())
}

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn what_does_not_fit_loses_what_matters_least() {
        let download = "kubectl from dl.k8s.io  12 MiB of 55 MiB, 4 s left";
        for (message, columns, expected) in [
            (download, 80, download),
            (download, 40, "kubectl fro…  12 MiB of 55 MiB, 4 s left"),
            (download, 12, "kubectl fro…"),
            ("building the image", 10, "building …"),
            ("building", 1, "…"),
        ] {
            assert_eq!(fitted(message, columns), expected);
        }
    }
}
