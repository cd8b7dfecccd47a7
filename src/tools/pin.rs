//! `pin.toml`: where each platform's file of a tool is published, its sha256, and the sources of that.

use std::collections::BTreeMap;

use semver::Version;

use super::signature::Signature;
use crate::config::{Document, Fields};
use crate::error::Result;
use crate::fetch::permitted;
use crate::files::is_sha256;

/// So many published texts have to agree on a checksum before it is believed.
pub const SOURCES: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The version that the checksums are of.
    pub version: Version,
    /// Where the project publishes checksums, a template with `{url}` or the address of one list.
    pub checksum: Option<String>,
    pub signature: Option<Signature>,
    /// By platform, `linux/amd64`.
    pub assets: BTreeMap<String, Asset>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub url: String,
    /// Of the file as it is published, 64 lower-case hex digits.
    pub sha256: String,
    /// Bytes of the published file. Where it is not known, the transfer has a cap.
    pub size: Option<u64>,
    pub unpack: Unpack,
    /// The hosts that a redirect may lead to, besides that of `url`: names, or `*.example.org`.
    pub hosts: Vec<String>,
    /// The published texts that agree on the checksum, independent of each other.
    pub sources: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpack {
    Plain,
    /// The program is this member of a .tar.gz or .zip.
    Member(String),
    /// The archive is of a kind that we do not open.
    Unsupported,
}

impl Pin {
    /// Where the checksum of `asset` is published, alone or in a list.
    pub fn checksum_url(&self, asset: &Asset) -> Option<String> {
        self.checksum.as_ref().map(|template| template.replace("{url}", &asset.url))
    }
}

impl Asset {
    /// Why its checksum is not believed; the reason is a sentence of its own.
    pub fn doubt(&self) -> Option<String> {
        doubt("checksum", &self.sources)
    }
}

/// Why what `sources` say, a checksum or a digest, is not believed.
pub(crate) fn doubt(what: &str, sources: &[String]) -> Option<String> {
    match sources {
        [] => Some(format!("no source confirms its {what}")),
        few if few.len() < SOURCES => {
            Some(format!("only one source confirms its {what} ({})", few.join(", ")))
        }
        _ => None,
    }
}

impl Pin {
    /// Parses a whole file; `file` is its name in messages. All problems are reported at once.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        Document::parse(file, text)?.read(Self::read)
    }

    /// `url` and `member` are templates with `{version}`, `{os}`, `{arch}`; `[platforms."os/arch"]` has `sha256` and,
    /// where they are known or differ, `size`, `url`, `member` and `sources`.
    fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let text = fields.string("version");
        let version = text.as_deref().and_then(|text| Version::parse(text).ok());
        if text.is_some() && version.is_none() {
            fields.problem("version", "is not a semantic version");
        }
        let common = Common {
            version: text.unwrap_or_default(),
            url: fields.opt_string("url"),
            member: fields.opt_string("member"),
            hosts: hosts(fields),
            sources: sources(fields),
        };
        let checksum = fields.opt_string("checksum").map(|text| text.replace("{version}", &common.version));
        if let Some(Err(why)) = checksum.as_ref().map(|text| address(&text.replace("{url}", "https://a.b/c")))
        {
            fields.problem("checksum", why);
        }
        let signature = fields.opt_table("signature", Signature::read);
        let mut assets = BTreeMap::new();
        fields.opt_table("platforms", |platforms| {
            for platform in platforms.keys() {
                let asset = platforms.opt_table(&platform, |fields| common.asset(&platform, fields));
                if !is_platform(&platform) {
                    platforms.problem(&platform, "must be an operating system and an architecture, OS/ARCH");
                }
                assets.extend(asset.map(|asset| (platform, asset)));
            }
            Some(())
        });
        if !fields.has("platforms") {
            fields.problem("platforms", "is missing: no file is pinned");
        }
        Some(Self { version: version?, checksum, signature, assets })
    }
}

/// What holds for all platforms, unless one says otherwise.
struct Common {
    version: String,
    url: Option<String>,
    member: Option<String>,
    hosts: Vec<String>,
    sources: Vec<String>,
}

impl Common {
    fn asset(&self, platform: &str, fields: &mut Fields<'_, '_>) -> Option<Asset> {
        let (os, arch) = platform.split_once('/').unwrap_or((platform, ""));
        let fill = |template: &str| {
            template.replace("{version}", &self.version).replace("{os}", os).replace("{arch}", arch)
        };
        let sha256 = fields.string("sha256");
        if sha256.as_ref().is_some_and(|text| !is_sha256(text)) {
            fields.problem("sha256", "must be 64 lower-case hex digits");
        }
        let size = fields.opt_integer("size", 1..=i64::MAX).and_then(|size| u64::try_from(size).ok());
        let own = fields.opt_string("url");
        let url = own.as_deref().or(self.url.as_deref()).map(fill);
        match url.as_deref().map(address) {
            None => fields.problem("url", "is missing, here and at the top"),
            Some(Err(why)) => fields.problem("url", why),
            Some(Ok(())) => {}
        }
        let member = fields.opt_string("member").or_else(|| self.member.clone()).map(|text| fill(&text));
        if member.as_deref().is_some_and(|member| !is_inside(member)) {
            fields.problem("member", "must be the name of a file in the archive");
        }
        let sources = if fields.has("sources") { sources(fields) } else { self.sources.clone() };
        let (url, sha256) = (url?, sha256?);
        let unpack = unpack(&url, member);
        Some(Asset { url, sha256, size, unpack, hosts: self.hosts.clone(), sources })
    }
}

fn unpack(url: &str, member: Option<String>) -> Unpack {
    match member {
        None => Unpack::Plain,
        Some(member) if [".tar.gz", ".tgz", ".zip"].iter().any(|end| url.ends_with(end)) => {
            Unpack::Member(member)
        }
        Some(_) => Unpack::Unsupported,
    }
}

fn is_platform(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split_once('/').is_some_and(|(os, arch)| word(os) && word(arch))
}

/// Whether `member` is a path that leads nowhere else.
fn is_inside(member: &str) -> bool {
    !member.is_empty() && member.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether a file can be had at `url`, and a mirror can serve it under its host and path.
fn address(url: &str) -> Result<(), String> {
    if url.contains(['{', '}']) {
        return Err(format!("contains an unknown placeholder: {url}"));
    }
    let parsed = permitted(url)?;
    if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty() {
        return Err(format!("must be a host and a path, nothing more: {url}"));
    }
    Ok(())
}

/// Reads `hosts`: where a redirect may lead to.
pub(crate) fn hosts(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let hosts = fields.strings("hosts");
    let good = |host: &str| {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let label = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // `*.com` would allow half the internet.
        name.split('.').all(label) && (name.contains('.') || name == host)
    };
    for host in hosts.iter().filter(|host| !good(host)) {
        fields.problem(
            "hosts",
            format!("contains \"{host}\", which is not a host (cdn.example.org, *.example.org)"),
        );
    }
    hosts
}

/// Reads `sources`: published texts that agree.
pub(crate) fn sources(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let sources = fields.strings("sources");
    for (index, source) in sources.iter().enumerate() {
        if source.trim().is_empty() {
            fields.problem("sources", "contains an empty text");
        } else if sources[..index].contains(source) {
            fields.problem("sources", format!("lists \"{source}\" twice: that is one source"));
        }
    }
    sources
}

#[cfg(test)]
#[path = "pin_tests.rs"] // a folder here is a tool
mod tests;
