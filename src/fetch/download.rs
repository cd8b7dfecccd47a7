//! One download: streamed, hashed on the way, resumed after a break, renamed when verified.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};

use super::{Client, FetchError, causes, hex, permitted, sha256_file, sync_dir};
use crate::error::Error;
use crate::task::Task;

/// A transfer that breaks off is taken up again this often in all.
const TRIES: u32 = 3;
/// Nothing that we fetch is larger.
const LIMIT: u64 = 4 << 30;
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// A published file, and all that is known of it beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    pub url: &'a str,
    /// 64 lower-case hex digits.
    pub sha256: &'a str,
    /// Bytes, where it is known.
    pub size: Option<u64>,
    /// The hosts that a redirect may lead to, besides that of `url`.
    pub hosts: &'a [String],
    /// Whether plain HTTP is allowed; only for a mirror that the user named.
    pub plain_http: bool,
}

/// Fetches what `remote` describes to `to`. What was fetched before a break stays as
/// `<to>.partial`; a file that does not match is removed. Returns the size in bytes.
pub fn download(task: &Task<'_>, client: &Client, remote: &Remote<'_>, to: &Path) -> Result<u64, FetchError> {
    let Remote { url, sha256, size, .. } = *remote;
    let parsed = permitted(url).map_err(|why| FetchError::NotPermitted { url: shown(url), why })?;
    let wanted = Wanted { url: parsed, sha256, size };
    let _lock = lock(task, &beside(to, "lock"))?;
    if to.is_file() {
        let (got, size) = sha256_file(to)?;
        if got == sha256 {
            return Ok(size);
        }
    }
    let mut partial = Partial::open(&beside(to, "partial"))?;
    let resumed = partial.len > 0;
    partial.fill(task, client, &wanted)?;
    match partial.finish(&wanted, to) {
        // The first part may be an older file's: only a transfer in one piece is a verdict.
        Err(FetchError::Wrong { .. } | FetchError::Size { .. }) if resumed => {
            let mut partial = Partial::open(&beside(to, "partial"))?;
            partial.fill(task, client, &wanted)?;
            partial.finish(&wanted, to)
        }
        result => result,
    }
}

struct Wanted<'a> {
    url: Url,
    sha256: &'a str,
    size: Option<u64>,
}

impl Wanted<'_> {
    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn shown(&self) -> String {
        shown(self.url.as_str())
    }

    fn broken(&self, got: u64, error: &reqwest::Error) -> FetchError {
        FetchError::Broken { url: self.shown(), got, cause: causes(error) }
    }
}

/// An address without the name and password that a mirror's may carry: messages go into logs.
fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    // Both are refused for addresses that can carry neither.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.to_string()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Two runs that want the same file take turns; the second one finds it done.
fn lock(task: &Task<'_>, path: &Path) -> Result<File, Error> {
    let io = |e: &std::io::Error| Error::io("lock", path, e);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(|e| io(&e))?;
    let mut said = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(io(&error)),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut said, true) {
                    task.say("another run downloads the same file; waiting for it");
                }
                task.check()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// What has arrived so far, with the state of its hash.
struct Partial {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    len: u64,
}

impl Partial {
    /// Opens what an earlier try left, or an empty file.
    fn open(path: &Path) -> Result<Self, Error> {
        let io = |e: &std::io::Error| Error::io("open", path, e);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(path).map_err(|e| io(&e))?;
        let (mut hasher, mut len) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer).map_err(|e| io(&e))?;
            if count == 0 {
                return Ok(Self { path: path.to_owned(), file, hasher, len });
            }
            hasher.update(&buffer[..count]);
            len += count as u64;
        }
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.hasher = Sha256::new();
        self.len = 0;
        let done = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        done.map(|_| ()).map_err(|e| Error::io("empty", &self.path, &e))
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| Error::io("write", &self.path, &e))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Transfers the rest, taking up a broken transfer where it broke.
    fn fill(&mut self, task: &Task<'_>, client: &Client, wanted: &Wanted<'_>) -> Result<(), FetchError> {
        for attempt in 1.. {
            let what = format!("the download of {}", wanted.shown());
            match task.wait(&what, async { Ok(self.transfer(task, client, wanted).await) })? {
                Err(FetchError::Broken { cause, got, .. }) if attempt < TRIES => {
                    task.say(format!("the transfer broke off after {got} bytes ({cause}); going on"));
                    let pause = Duration::from_secs(u64::from(attempt));
                    task.wait("the pause before the next try", async {
                        tokio::time::sleep(pause).await;
                        Ok(())
                    })?;
                }
                result => return result,
            }
        }
        Ok(())
    }

    async fn transfer(
        &mut self,
        task: &Task<'_>,
        client: &Client,
        wanted: &Wanted<'_>,
    ) -> Result<(), FetchError> {
        let response = self.request(client, wanted).await?;
        let total = wanted.size.or_else(|| response.content_length().map(|rest| rest + self.len));
        let limit = wanted.size.unwrap_or(LIMIT);
        let name = wanted.url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let message = format!("{name} from {}", wanted.host());
        let mut body = response.bytes_stream();
        let mut told: Option<Instant> = None;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| wanted.broken(self.len, &error))?;
            self.add(&chunk)?;
            if self.len > limit {
                break;
            }
            if told.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                task.progress(Some(self.len), total, &message);
                told = Some(Instant::now());
            }
        }
        task.progress(Some(self.len), total, message);
        Ok(())
    }

    async fn request(&mut self, client: &Client, wanted: &Wanted<'_>) -> Result<Response, FetchError> {
        if wanted.size.is_some_and(|size| self.len >= size) {
            self.restart()?;
        }
        let mut request = client.http().get(wanted.url.clone());
        if self.len > 0 {
            request = request.header(RANGE, format!("bytes={}-", self.len));
        }
        let response = request.send().await.map_err(|error| match error {
            error if error.is_connect() || error.is_timeout() || error.is_dns() => {
                let cause = if error.is_timeout() { "no answer in time".to_owned() } else { causes(&error) };
                FetchError::Unreachable { host: wanted.host(), cause }
            }
            error if error.is_redirect() => {
                FetchError::NotPermitted { url: wanted.shown(), why: causes(&error) }
            }
            error => wanted.broken(self.len, &error),
        })?;
        let status = response.status();
        if status == StatusCode::PARTIAL_CONTENT && self.len > 0 && continues(&response, self.len) {
            return Ok(response);
        }
        if status == StatusCode::OK {
            self.restart()?;
            return Ok(response);
        }
        if self.len > 0 {
            // The server has no more of this file: begin anew on the next try.
            self.restart()?;
            let cause = format!("going on was answered with {status}");
            return Err(FetchError::Broken { url: wanted.shown(), got: 0, cause });
        }
        Err(FetchError::Answered { url: wanted.shown(), status })
    }

    /// Verifies what arrived and gives it its name; what does not match is removed.
    fn finish(self, wanted: &Wanted<'_>, to: &Path) -> Result<u64, FetchError> {
        let Self { path, file, hasher, len } = self;
        let remove = || std::fs::remove_file(&path).map_err(|e| Error::io("remove", &path, &e));
        let url = wanted.shown();
        if let Some(expected) = wanted.size.filter(|size| *size != len) {
            remove()?;
            return Err(FetchError::Size { url, expected, got: len });
        }
        let got = hex(&hasher.finalize());
        if got != wanted.sha256 {
            remove()?;
            return Err(FetchError::Wrong { url, expected: wanted.sha256.to_owned(), got });
        }
        file.sync_all().map_err(|e| Error::io("sync", &path, &e))?;
        std::fs::rename(&path, to).map_err(|e| Error::io("rename into place", to, &e))?;
        sync_dir(to.parent().unwrap_or_else(|| Path::new(".")))?;
        Ok(len)
    }
}

fn continues(response: &Response, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

#[cfg(test)]
mod tests;
