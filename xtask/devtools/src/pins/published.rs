//! Fetches what is published, as the tool itself does, from the release host or a mirror.

use std::time::{Duration, Instant};

use todo_bootstrap::cancel::Cancel;
use todo_bootstrap::exec::System;
use todo_bootstrap::fetch::{Client, FetchError, Remote, allows, causes, download, permitted};
use todo_bootstrap::files::sha256_file;
use todo_bootstrap::origins::{Mirror, Place};
use todo_bootstrap::process_env::ProcessEnv;
use todo_bootstrap::progress::Silent;
use todo_bootstrap::task::Task;
use todo_bootstrap::tools::Asset;

use crate::shell::Result;

/// For one file on a slow connection.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// Much larger than any checksum list, signature or certificate.
pub(super) const TEXT: usize = 1 << 20;
pub(super) const HOPS: usize = 5;

/// The result of a request for a published file.
#[derive(Debug)]
pub(super) enum Published<T> {
    Is(T),
    /// No host could be queried.
    Unknown(String),
    Wrong(String),
}

impl<T> Published<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Published<U> {
        self.and_then(|value| Published::Is(change(value)))
    }

    pub(super) fn and_then<U>(self, next: impl FnOnce(T) -> Published<U>) -> Published<U> {
        match self {
            Self::Is(value) => next(value),
            Self::Unknown(why) => Published::Unknown(why),
            Self::Wrong(why) => Published::Wrong(why),
        }
    }
}

/// The hosts to query.
pub(super) struct Site {
    pub(super) mirror: Option<Mirror>,
    pub(super) client: Client,
    pub(super) runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Site {
    pub(super) fn new(mirror: Option<&str>) -> Result<Self> {
        let process_env = ProcessEnv::real();
        let mirror = mirror.map(|text| Mirror::parse(text, &process_env.cwd)).transpose();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self {
            mirror: mirror.map_err(|error| error.to_string())?,
            client: Client::new(&process_env).map_err(|error| error.to_string())?,
            runtime: runtime.map_err(|error| error.to_string())?,
            dir: tempfile::tempdir().map_err(|error| error.to_string())?,
        })
    }

    pub(super) fn place(&self, url: &str) -> std::result::Result<Place, String> {
        match &self.mirror {
            Some(mirror) => mirror.place(url),
            None => permitted(url).map(Place::Url),
        }
    }

    /// Fetches a small text; a redirect may lead to `hosts`.
    pub(super) fn text(&self, url: &str, hosts: &[String]) -> Published<String> {
        let text = match self.place(url) {
            Err(why) => return Published::Wrong(why),
            Ok(Place::File(file)) => {
                std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))
            }
            Ok(Place::Url(at)) => self.runtime.block_on(self.get(at.as_str(), hosts)),
        };
        match text.map(String::from_utf8) {
            Ok(Ok(text)) => Published::Is(text),
            Ok(Err(_)) => Published::Wrong(format!("{url} is not text")),
            Err(why) => Published::Unknown(why),
        }
    }

    async fn get(&self, url: &str, hosts: &[String]) -> std::result::Result<Vec<u8>, String> {
        let mut at = url.to_owned();
        for _ in 0..=HOPS {
            let request = self.client.http().get(&at).timeout(Duration::from_secs(60));
            let mut response = request.send().await.map_err(|error| format!("{at}: {}", causes(&error)))?;
            let status = response.status();
            if status.is_redirection() {
                let to =
                    response.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
                let from = permitted(&at).or_else(|why| {
                    if self.mirror.is_some() { Ok(response.url().clone()) } else { Err(why) }
                })?;
                let to = from.join(to).map_err(|error| format!("{at} has an invalid redirect: {error}"))?;
                let host = to.host_str().unwrap_or_default();
                if from.host_str() != Some(host) && !hosts.iter().any(|pattern| allows(pattern, host)) {
                    return Err(format!("{at} redirects to {host}, which the pin does not allow"));
                }
                at = permitted(to.as_str())?.to_string();
                continue;
            }
            if !status.is_success() {
                return Err(format!("{at} returned {status}"));
            }
            let mut text = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error))? {
                text.extend_from_slice(&chunk);
                if text.len() > TEXT {
                    return Err(format!("{at} is too large"));
                }
            }
            return Ok(text);
        }
        Err(format!("{url} has more than {HOPS} redirects"))
    }

    /// Fetches the file; the caller compares it with the pin.
    pub(super) fn file(&self, asset: &Asset) -> Published<Fetched> {
        let to = self.dir.path().join(&asset.sha256);
        let at = match self.place(&asset.url) {
            Err(why) => return Published::Wrong(why),
            Ok(Place::File(file)) => return hashed(&file, asset),
            Ok(Place::Url(at)) => at,
        };
        let plain_http = self.mirror.as_ref().is_some_and(Mirror::is_plain);
        let remote = Remote {
            url: at.as_str(),
            sha256: &asset.sha256,
            size: asset.size,
            hosts: &asset.hosts,
            plain_http,
            ..Remote::default()
        };
        let (runner, cancel) = (System::default(), Cancel::default());
        let task = Task {
            step: "pins",
            runner: &runner,
            reporter: &Silent,
            cancel: &cancel,
            runtime: self.runtime.handle(),
            deadline: Instant::now() + LIMIT,
        };
        match download(&task, &self.client, &remote, &to) {
            Ok(size) => Published::Is(Fetched { path: to, size, ours: true }),
            // Only a file that was received and differs contradicts the pin.
            Err(error @ (FetchError::Wrong { .. } | FetchError::Size { .. })) => {
                Published::Wrong(error.to_string())
            }
            Err(error) => Published::Unknown(error.to_string()),
        }
    }
}

fn hashed(file: &std::path::Path, asset: &Asset) -> Published<Fetched> {
    match sha256_file(file) {
        Err(error) => Published::Unknown(error.one_line()),
        Ok((sha256, size)) if sha256 == asset.sha256 => {
            Published::Is(Fetched { path: file.to_owned(), size, ours: false })
        }
        Ok((sha256, _)) => {
            Published::Wrong(format!("{} has sha256 {sha256}, expected {}", file.display(), asset.sha256))
        }
    }
}

/// A file that matches its pin; our copy is deleted when this value is dropped.
#[derive(Debug)]
pub(super) struct Fetched {
    path: std::path::PathBuf,
    pub(super) size: u64,
    ours: bool,
}

impl Fetched {
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Finds the checksum of the file at `url` in a bare checksum or in a list of `hash  name`.
pub(super) fn checksum_in(text: &str, url: &str) -> Option<String> {
    let file = url.rsplit('/').next()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let hashes: Vec<(&str, Option<&str>)> = lines
        .filter_map(|line| {
            let (hash, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let good = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            let name = name.trim().trim_start_matches('*').rsplit('/').next().unwrap_or_default();
            good.then_some((hash, Some(name).filter(|name| !name.is_empty())))
        })
        .collect();
    let named = hashes.iter().find(|(_, name)| *name == Some(file));
    let only = if hashes.len() == 1 { hashes.first().filter(|(_, name)| name.is_none()) } else { None };
    named.or(only).map(|(hash, _)| hash.to_ascii_lowercase())
}
