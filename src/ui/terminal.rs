//! Progress on a terminal: a moving line per running step, a ✓ line per finished one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plain::progress_text;
use crate::progress::{Event, Reporter, State};

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
                let count = format!("[{number:>2}/{}]", self.titles.len());
                format!("{} {title}", style(count).for_stderr().dim())
            },
        )
    }

    fn spin(&self, step: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(look) =
            ProgressStyle::with_template("{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}")
        {
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
            format!(" {}", style(format!("{:.1} s", started.elapsed().as_secs_f32())).for_stderr().dim())
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
                let (_, bar) = running
                    .entry(event.step.clone())
                    .or_insert_with(|| (Instant::now(), self.spin(&event.step)));
                bar.set_message(progress_text(event));
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
