//! Platforms of images, and how one is chosen from an index.

use std::fmt;

use serde::Deserialize;

use super::manifest::{Listed, is_manifest};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) variant: Option<String>,
}

impl Platform {
    /// Of `linux/arm64` or `linux/arm64/v8`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let platform = Self { os: parts.next()?, architecture: parts.next()?, variant: parts.next() };
        parts.next().is_none().then_some(platform)
    }

    /// Whether images of `other` are images of this one: what has no variant has the common one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.os == other.os && self.architecture == other.architecture && self.level() == other.level()
    }

    fn level(&self) -> &str {
        match (&self.variant, self.architecture.as_str()) {
            (Some(variant), _) if !variant.is_empty() => variant,
            (_, "arm64") => "v8",
            (_, "arm") => "v7",
            (_, "amd64") => "v1",
            _ => "",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

/// The image of an index for `wanted`, or the available platforms.
pub(super) fn choose<'a>(listed: &'a [Listed], wanted: &Platform) -> Result<&'a Listed, Vec<String>> {
    let images = || listed.iter().filter(|one| is_manifest(&one.descriptor.media_type) && !one.is_remark());
    let fits = |one: &&Listed| one.platform.as_ref().is_some_and(|platform| platform.is(wanted));
    images()
        .find(fits)
        .ok_or_else(|| images().filter_map(|one| one.platform.as_ref()).map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::manifest::OCI_MANIFEST;
    use serde_json::{Value, json};

    fn index() -> Vec<Listed> {
        let platforms = [
            json!({ "os": "linux", "architecture": "amd64", "variant": "v3" }),
            json!({ "os": "linux", "architecture": "amd64" }),
            json!({ "os": "linux", "architecture": "arm64", "variant": "v8" }),
            json!({ "os": "windows", "architecture": "amd64", "os.version": "10" }),
            json!({ "os": "unknown", "architecture": "unknown" }),
        ];
        let entry = |(index, platform): (u8, Value)| {
            let digest = format!("sha256:{}", (index + 1).to_string().repeat(64));
            json!({ "mediaType": OCI_MANIFEST, "size": 1, "digest": digest, "platform": platform })
        };
        let all: Vec<_> = (0..).zip(platforms).map(entry).collect();
        serde_json::from_value(all.into()).unwrap()
    }

    #[test]
    fn the_image_for_a_platform_is_found_with_and_without_a_variant() {
        let listed = index();
        for (wanted, found) in [
            ("linux/amd64", '2'),
            ("linux/amd64/v3", '1'),
            ("linux/arm64", '3'),
            ("linux/arm64/v8", '3'),
            ("windows/amd64", '4'),
        ] {
            let chosen = choose(&listed, &Platform::parse(wanted).unwrap()).unwrap();
            assert!(chosen.descriptor.digest.ends_with(found), "{wanted}");
        }
    }

    #[test]
    fn what_is_there_instead_is_listed_without_attestations() {
        let there = choose(&index(), &Platform::parse("linux/s390x").unwrap()).unwrap_err();
        assert_eq!(there, ["linux/amd64/v3", "linux/amd64", "linux/arm64/v8", "windows/amd64"]);
        assert!(choose(&index(), &Platform::parse("unknown/unknown").unwrap()).is_err());
        assert_eq!((Platform::parse("linux"), Platform::parse("a/b/c/d")), (None, None));
    }
}
