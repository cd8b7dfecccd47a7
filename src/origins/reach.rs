//! Hosts that cannot be reached, so that no two artifacts wait for the same one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::chain::Miss;
use crate::error::Result;
use crate::fetch::{Client, FetchError, permitted};
use crate::files::write_atomic;
use crate::task::Task;

/// A host that took long to fail is not asked again for so long, in later runs too.
const REMEMBER: SignedDuration = SignedDuration::from_mins(10);
/// A host that fails faster than this costs nothing to ask again.
const SLOW: Duration = Duration::from_secs(2);
/// For an answer of any kind; connecting has its own, shorter bound.
const ANSWER: Duration = Duration::from_secs(12);

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Dead {
    at: Timestamp,
    why: String,
}

#[derive(Debug)]
pub(super) struct Reach {
    file: PathBuf,
    now: fn() -> Timestamp,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    dead: BTreeMap<String, Dead>,
    asked: bool,
}

impl Reach {
    /// What earlier runs found recently; a file that cannot be read counts as none.
    pub(super) fn load(cache: &Path, now: fn() -> Timestamp) -> Self {
        let file = cache.join("unreachable.json");
        let text = std::fs::read(&file).unwrap_or_default();
        let mut dead: BTreeMap<String, Dead> = serde_json::from_slice(&text).unwrap_or_default();
        let fresh = |dead: &Dead| {
            let age = now().duration_since(dead.at);
            age >= SignedDuration::ZERO && age < REMEMBER
        };
        dead.retain(|_, entry| fresh(entry));
        Self { file, now, known: Mutex::new(Known { dead, asked: false }) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why `host` is not to be tried, if it is known to be out of reach.
    pub(super) fn refusal(&self, host: &str) -> Option<String> {
        let known = self.known();
        let dead = known.dead.get(host)?;
        let minutes = (self.now)().duration_since(dead.at).as_mins();
        let when = match minutes {
            0 => "just now".to_owned(),
            minutes => format!("{minutes} min ago; it is tried again after {} min", REMEMBER.as_mins()),
        };
        Some(format!("{host} could not be reached ({}), {when}", dead.why))
    }

    /// As a [`Miss`], with the help that the cause has; `None` if the host may be tried.
    pub(super) fn miss(&self, host: &str) -> Option<Miss> {
        let reason = self.refusal(host)?;
        let cause = self.known().dead.get(host)?.why.clone();
        let help = Some(FetchError::Unreachable { host: host.to_owned(), cause }.help());
        Some(Miss::Refused { reason, help })
    }

    /// Asks all `hosts` at once, once per process; whatever they answer, they are within reach.
    pub(super) fn survey(&self, task: &Task<'_>, client: &Client, hosts: &[&str]) -> Result<()> {
        let mut known = self.known();
        if std::mem::replace(&mut known.asked, true) {
            return Ok(());
        }
        let hosts: Vec<&str> = hosts.iter().copied().filter(|host| !known.dead.contains_key(*host)).collect();
        if hosts.is_empty() {
            return Ok(());
        }
        task.say(format!("asking {}", hosts.join(", ")));
        let answers = task.wait("asking the release hosts", async {
            Ok(join_all(hosts.iter().map(|host| async move { (*host, ask(client, host).await) })).await)
        });
        // Interrupted: the next one asks again.
        known.asked = answers.is_ok();
        for (host, answer) in answers? {
            if let Err((why, took)) = answer {
                self.note(&mut known, host, why, took);
            }
        }
        Ok(())
    }

    /// As [`Reach::survey`], for one host more.
    pub(super) fn ask_one(&self, task: &Task<'_>, client: &Client, host: &str) -> Result<()> {
        if self.refusal(host).is_some() {
            return Ok(());
        }
        let answer = task.wait(&format!("asking {host}"), async { Ok(ask(client, host).await) })?;
        if let Err((why, took)) = answer {
            self.record(host, &why, took);
        }
        Ok(())
    }

    /// Remembers that `host` could not be reached, for which it took `took`.
    pub(super) fn record(&self, host: &str, why: &str, took: Duration) {
        self.note(&mut self.known(), host, why.to_owned(), took);
    }

    fn note(&self, known: &mut Known, host: &str, why: String, took: Duration) {
        known.dead.insert(host.to_owned(), Dead { at: (self.now)(), why });
        if took < SLOW {
            return;
        }
        let saved = serde_json::to_vec_pretty(&known.dead).unwrap_or_default();
        if let Err(error) = write_atomic(&self.file, &saved, 0o600) {
            tracing::debug!(%error, "cannot remember unreachable hosts");
        }
    }
}

async fn ask(client: &Client, host: &str) -> Result<(), (String, Duration)> {
    let started = Instant::now();
    // A registry mirror on the loopback address speaks plain HTTP.
    let plain = format!("http://{host}/");
    let url = permitted(&plain).map_or_else(|_| format!("https://{host}/"), |_| plain);
    let request = client.http().head(url).timeout(ANSWER);
    match request.send().await {
        Ok(_) => Ok(()),
        // A redirect that we do not follow is an answer as well.
        Err(error) if error.is_redirect() || error.is_status() => Ok(()),
        Err(error) => Err((crate::fetch::causes(&error), started.elapsed())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_wants_a_login_is_told_with_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let reach = Reach::load(dir.path(), || "2026-01-01T12:00:00Z".parse().unwrap());
        for (cause, expected) in [
            ("tunnel error: proxy authorization required", "http://NAME:PASSWORD@HOST:PORT"),
            ("no such name", "curl -I https://a.example/"),
        ] {
            reach.record("a.example", cause, Duration::ZERO);
            let Some(Miss::Refused { reason, help: Some(help) }) = reach.miss("a.example") else { panic!() };
            assert!(reason.contains(cause) && help.contains(expected), "{reason}\n{help}");
        }
    }

    #[test]
    fn a_slow_failure_is_remembered_for_ten_minutes_and_a_fast_one_for_this_run() {
        let dir = tempfile::tempdir().unwrap();
        let reach = Reach::load(dir.path(), || "2026-01-01T12:00:00Z".parse().unwrap());
        assert_eq!(reach.refusal("a.example"), None);
        reach.record("fast.example", "no such name", Duration::from_millis(3));
        assert!(!dir.path().join("unreachable.json").exists());
        reach.record("slow.example", "no answer", Duration::from_secs(8));
        assert!(reach.refusal("fast.example").unwrap().contains("no such name"));
        let again = Reach::load(dir.path(), || "2026-01-01T12:09:00Z".parse().unwrap());
        assert!(again.refusal("slow.example").unwrap().contains("9 min ago"));
        let late = Reach::load(dir.path(), || "2026-01-01T12:10:01Z".parse().unwrap());
        // A clock that was set back must not make it last for years.
        let early = Reach::load(dir.path(), || "2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!((late.refusal("slow.example"), early.refusal("slow.example")), (None, None));
    }
}
