//! Downloads published files from the user's mirror or from their release host.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::chain::{Attempt, Miss, fetch_miss, refused};
use super::mirror::Place;
use super::store::adopt;
use super::tools::{Search, of_cached, record};
use super::{Found, Mirror, Origin, Origins};
use crate::error::Error;
use crate::fetch::{FetchError, LIMIT, Remote, Urgency, download, extract_member, permitted};
use crate::files::place;
use crate::task::Task;
use crate::tools::{Asset, Unpack};

/// What a published file is called until it is a program.
const PUBLISHED: &str = ".published-";
const REPORT_EVERY: Duration = Duration::from_millis(100);

impl Origins {
    pub(super) fn mirrored_tool(&self, task: &Task<'_>, search: &Search, urgency: Urgency) -> Attempt<Found> {
        let Some(mirror) = &self.trust.mirror else { return refused("no mirror was given") };
        let asset = self.asset(search)?;
        let at = mirror.place(&asset.url).map_err(Miss::refused)?;
        if mirror.is_plain() && !self.plain_told.swap(true, Ordering::Relaxed) {
            task.warn(format!("{mirror} uses plain HTTP; downloads are verified by their sha256"));
        }
        match at {
            Place::File(file) => {
                if let Mirror::Folder(dir) = mirror
                    && !dir.is_dir()
                {
                    return Err(Miss::Fatal(no_folder(dir)));
                }
                self.arrive(search, asset, Origin::Mirror, |to| copy_published(task, asset, &file, to))
            }
            Place::Url(url) => {
                let authority = mirror.authority().unwrap_or_default();
                if let Some(miss) = self.reach.miss(&authority) {
                    return Err(miss);
                }
                let remote =
                    Remote { url: url.as_str(), plain_http: mirror.is_plain(), hosts: &[], ..remote(asset) };
                self.arrive(search, asset, Origin::Mirror, |to| {
                    // The user named this mirror, so it is tried again in the next run.
                    self.transfer(task, urgency, &remote, to, |cause| {
                        self.reach.record(&authority, cause, Duration::ZERO);
                    })
                })
            }
        }
    }

    pub(super) fn downloaded_tool(
        &self,
        task: &Task<'_>,
        search: &Search,
        urgency: Urgency,
    ) -> Attempt<Found> {
        let asset = self.asset(search)?;
        self.dead_end(&asset.url)?;
        let client = self.client().map_err(|error| Miss::refused(error.one_line()))?;
        self.reach.survey(task, &client, &self.release_hosts(search))?;
        self.dead_end(&asset.url)?;
        let started = Instant::now();
        self.arrive(search, asset, Origin::Download, |to| {
            self.transfer(task, urgency, &remote(asset), to, |cause| {
                self.reach.record(&host(&asset.url).unwrap_or_default(), cause, started.elapsed());
            })
        })
    }

    /// Refuses an address whose host is known to be out of reach.
    pub(super) fn dead_end(&self, url: &str) -> Attempt<()> {
        host(url).and_then(|host| self.reach.miss(&host)).map_or(Ok(()), Err)
    }

    fn transfer(
        &self,
        task: &Task<'_>,
        urgency: Urgency,
        remote: &Remote<'_>,
        to: &Path,
        unreachable: impl FnOnce(&str),
    ) -> Attempt<()> {
        let client = self.client().map_err(|error| Miss::refused(error.one_line()))?;
        let place = self.queue.join(urgency);
        let remote = Remote { place: Some(&place), ..*remote };
        download(task, &client, &remote, to).map_err(|error| {
            if let FetchError::Unreachable { cause, .. } = &error {
                unreachable(cause);
            }
            fetch_miss(task, error)
        })?;
        Ok(())
    }

    /// Lets `fetch` write the verified file to a place of its own for each pin, and makes a program of it.
    fn arrive(
        &self,
        search: &Search,
        asset: &Asset,
        origin: Origin,
        fetch: impl FnOnce(&Path) -> Attempt<()>,
    ) -> Attempt<Found> {
        let version = search.wanted.tool.clone();
        let folder = self.store.folder(search.spec.name, &version)?;
        let published = folder.join(format!("{PUBLISHED}{}", &asset.sha256[..16.min(asset.sha256.len())]));
        if asset.unpack == Unpack::Plain {
            self.store.take_back(search.spec.name, &folder, &published, &asset.sha256)?;
        }
        fetch(&published)?;
        let record = record(origin, Some(asset.sha256.clone()), None);
        let installed = self.store.install(search.spec, version, record, |to| match &asset.unpack {
            Unpack::Member(member) => extract_member(&published, member, to, 0o755),
            _ => adopt(&published, to, &asset.sha256),
        });
        Ok(of_cached(search, origin, installed?))
    }

    /// The hosts of what `up` fetches: the first tool that is downloaded asks for the others as well.
    fn release_hosts(&self, search: &Search) -> Vec<&str> {
        let optional = |name: &str| crate::tools::ToolSpec::named(name).is_ok_and(|spec| spec.optional);
        let pins = self.pins.iter().filter(|(name, _)| *name == search.spec.name || !optional(name));
        let assets = pins.filter_map(|(_, pin)| pin.assets.get(&search.platform));
        let mut hosts: Vec<&str> =
            assets.filter_map(|asset| asset.url.strip_prefix("https://")?.split('/').next()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }
}

fn host(url: &str) -> Option<String> {
    permitted(url).ok()?.host_str().map(str::to_owned)
}

fn remote(asset: &Asset) -> Remote<'_> {
    let Asset { url, sha256, size, hosts, .. } = asset;
    Remote { url, sha256, size: *size, hosts, ..Remote::default() }
}

/// A missing folder is a mistake, not a mirror that lacks a file.
fn no_folder(dir: &Path) -> Error {
    let shown = dir.display();
    let error = Error::usage(format!("there is no folder {shown} to use as a mirror"));
    let text = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if text.contains(['.', ':']) {
        return error.help(format!("--mirror https://{text}   # if you mean a server"));
    }
    error.help("--mirror DIR   # a folder with the published files as <host>/<path>")
}

/// Copies a file of a mirror's folder and verifies it. A link may lead anywhere: the bytes count.
fn copy_published(task: &Task<'_>, asset: &Asset, from: &Path, to: &Path) -> Attempt<()> {
    let shown = from.display();
    let total = match std::fs::metadata(from) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return refused(format!("{shown} is not a file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refused(format!("{shown} does not exist"));
        }
        Err(error) => return refused(format!("{shown} cannot be read ({error})")),
    };
    let mut file = match std::fs::File::open(from) {
        Ok(file) => Watched { file, task, got: 0, total, told: None },
        Err(error) => return refused(format!("{shown} cannot be read ({error})")),
    };
    let limit = asset.size.unwrap_or(LIMIT);
    if total > limit {
        return refused(format!("{shown} has {total} bytes, more than {limit}"));
    }
    let (sha256, _) = place(&mut file, to, 0o600, limit)?;
    if sha256 == asset.sha256 {
        return Ok(());
    }
    std::fs::remove_file(to).map_err(|e| Error::io("remove", to, &e))?;
    let reason = format!("{shown} has sha256 {sha256}, expected {}", asset.sha256);
    task.warn(format!("{reason}; it was not used"));
    refused(reason)
}

/// A file that reports how far it is read, and stops on cancellation.
struct Watched<'a> {
    file: std::fs::File,
    task: &'a Task<'a>,
    got: u64,
    total: u64,
    told: Option<Instant>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.task.check().map_err(std::io::Error::other)?;
        let count = self.file.read(buffer)?;
        self.got += count as u64;
        if count == 0 || self.told.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            self.task.progress(Some(self.got), Some(self.total), "from the mirror");
            self.told = Some(Instant::now());
        }
        Ok(count)
    }
}
