//! `pin.toml`: where each platform's file of a tool is published, and its sha256.

use std::collections::BTreeMap;

use semver::Version;

use crate::config::Fields;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The version that the checksums are of.
    pub version: Version,
    /// By platform, `linux/amd64`.
    pub assets: BTreeMap<String, Asset>,
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    pub url: String,
    /// Of the file as it is published, 64 lower-case hex digits.
    pub sha256: String,
    pub unpack: Unpack,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpack {
    /// The file is the program.
    Plain,
    /// The program is this member of a .tar.gz.
    Member(String),
    /// The archive is of a kind that we do not open.
    Unsupported,
}

impl Pin {
    /// Reads `version`, `url` and `member` (templates with `{version}`, `{os}`, `{arch}`) and
    /// `[platforms."os/arch"]` with `sha256` and, where they differ, `url` and `member`.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let text = fields.string("version")?;
        let version = Version::parse(&text).ok();
        if version.is_none() {
            fields.problem("version", "is no semantic version");
        }
        let url = fields.string("url");
        let member = fields.opt_string("member");
        let mut assets = BTreeMap::new();
        fields.opt_table("platforms", |platforms| {
            for platform in platforms.keys() {
                let (os, arch) = platform.split_once('/').unwrap_or((&platform, ""));
                if arch.is_empty() {
                    platforms.problem(&platform, "must be an operating system and an architecture, OS/ARCH");
                }
                let fill = |template: &str| {
                    template.replace("{version}", &text).replace("{os}", os).replace("{arch}", arch)
                };
                let asset = platforms.opt_table(&platform, |fields| {
                    read_asset(fields, url.as_deref(), member.as_deref(), &fill)
                });
                assets.extend(asset.map(|asset| (platform, asset)));
            }
            Some(())
        });
        Some(Self { version: version?, assets })
    }
}

fn read_asset(
    fields: &mut Fields<'_, '_>,
    url: Option<&str>,
    member: Option<&str>,
    fill: &dyn Fn(&str) -> String,
) -> Option<Asset> {
    let sha256 = fields.string("sha256")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(hex) {
        fields.problem("sha256", "must be 64 lower-case hex digits");
    }
    let (own_url, own_member) = (fields.opt_string("url"), fields.opt_string("member"));
    let url = fill(own_url.as_deref().or(url)?);
    let member = own_member.as_deref().or(member).map(fill);
    let unpack = match member {
        None => Unpack::Plain,
        Some(member) if url.ends_with(".tar.gz") => Unpack::Member(member),
        Some(_) => Unpack::Unsupported,
    };
    Some(Asset { url, sha256, unpack })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    fn parse(text: &str) -> crate::error::Result<Pin> {
        Document::parse("pin.toml", text)?.read(Pin::read)
    }

    #[test]
    fn fills_the_templates_of_each_platform() {
        let hash = "a".repeat(64);
        let pin = parse(&format!(
            "version = \"1.2.3\"\nurl = \"https://e.org/{{version}}/{{os}}-{{arch}}.tar.gz\"\n\
             member = \"{{os}}/x\"\n[platforms.\"linux/amd64\"]\nsha256 = \"{hash}\"\n\
             [platforms.\"windows/amd64\"]\nsha256 = \"{hash}\"\nurl = \"https://e.org/x.zip\"\n"
        ))
        .unwrap();
        let linux = &pin.assets["linux/amd64"];
        assert_eq!(linux.url, "https://e.org/1.2.3/linux-amd64.tar.gz");
        assert_eq!(linux.unpack, Unpack::Member("linux/x".to_owned()));
        assert_eq!(pin.assets["windows/amd64"].unpack, Unpack::Unsupported);
    }

    #[test]
    fn names_every_mistake() {
        let error = parse(
            "version = \"1.2\"\nurl = \"u\"\n[platforms.\"linux\"]\nsha256 = \"x\"\n\
             [platforms.\"linux/amd64\"]\nsha256 = \"AB\"\n",
        )
        .unwrap_err();
        assert_eq!(error.causes().len(), 4, "{error}");
    }
}
