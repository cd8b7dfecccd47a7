//! `requirements.lock`: pip's list of pinned packages with their digests.

use super::Package;
use super::purl::purl;

/// All packages of the file, or the first line that pins none.
pub(super) fn parse(text: &str) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    for line in joined(text) {
        let line = line.trim();
        // Options such as `--index-url` name no package.
        if line.is_empty() || line.starts_with("--") {
            continue;
        }
        packages.push(package(line).ok_or_else(|| {
            let start: String = line.chars().take(60).collect();
            format!("`{start}` pins no version by `==`")
        })?);
    }
    Ok(packages)
}

/// Lines without comments, those joined that a `\` ties together.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = if line.trim_start().starts_with('#') { "" } else { line };
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        if let Some(start) = line.strip_suffix('\\') {
            open.push_str(start);
        } else {
            lines.push(std::mem::take(&mut open) + line);
        }
    }
    lines.push(open);
    lines
}

fn package(line: &str) -> Option<Package> {
    let (requirement, options) = line.split_once(" --").map_or((line, ""), |(a, b)| (a, b));
    let pin = requirement.split(';').next()?;
    let (name, version) = pin.split_once("==")?;
    let name = normal(name.split('[').next()?.trim());
    let version = version.trim_start_matches('=').trim().to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+!".contains(c);
    if name.is_empty() || version.is_empty() || !version.chars().all(plain) {
        return None;
    }
    let mut hashes = options.split("hash=sha256:").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let hash = match (hashes.next(), hashes.next()) {
        (Some(only), None) => Some(("SHA-256", only.to_owned())),
        _ => None,
    };
    let purl = purl("pypi", None, &name, &version);
    let (group, licence) = (None, None);
    Some(Package { purl, group, name, version, licence, hash, development: false, optional: false })
}

/// A project's one name among its spellings, as PEP 503 has it.
fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn pins_are_read_with_their_only_digest() {
        let text = "--index-url https://example.org/simple\n# a comment \\\nAlembic==1.20.1 \\\n    \
                    --hash=sha256:aa \\\n    --hash=sha256:bb\nsqlalchemy[asyncio]==2.0.1 ; python_version >= \
                    \"3.8\" --hash=sha256:cc  # via alembic\nzope.interface==7+local\n";
        let packages = parse(text).unwrap();
        let said: Vec<_> = packages
            .iter()
            .map(|p| (p.purl.as_str(), p.hash.as_ref().map(|(_, hash)| hash.as_str())))
            .collect();
        assert_eq!(
            said,
            [
                ("pkg:pypi/alembic@1.20.1", None),
                ("pkg:pypi/sqlalchemy@2.0.1", Some("cc")),
                ("pkg:pypi/zope-interface@7%2Blocal", None),
            ]
        );
    }

    #[test]
    fn what_is_not_pinned_is_named() {
        for line in ["flask>=2", "flask", "flask==2.*", "./wheels/a.whl", "a @ https://example.org/a.whl"] {
            assert!(parse(line).unwrap_err().contains(line), "{line}");
        }
    }
}
