//! `.dockerignore`: which files of a folder are not part of the build.
//!
//! Lines with character classes (`[a-z]`) or escapes exclude nothing, and such exceptions keep everything: at
//! worst an image is built once too often, never too rarely.

use std::path::Path;

use crate::error::{Error, Result};

#[derive(Debug, Default, Clone)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    except: bool,
    /// The segments of the pattern; `None` if we do not understand it.
    pattern: Option<Vec<String>>,
}

impl Ignore {
    /// Reads `<Dockerfile>.dockerignore`, as `BuildKit` does, else the context's `.dockerignore`.
    pub(super) fn load(context: &Path, dockerfile: &Path) -> Result<Self> {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        for file in [Path::new(&own), &context.join(".dockerignore")] {
            match std::fs::read_to_string(file) {
                Ok(text) => return Ok(Self::parse(&text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", file, &error)),
            }
        }
        Ok(Self::default())
    }

    pub(super) fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(rule).collect();
        Self { rules }
    }

    /// Whether the file or folder at `path` (relative, with `/`) is left out.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let mut excluded = false;
        for rule in &self.rules {
            if excluded == rule.except && rule.matches(&parts) {
                excluded = !rule.except;
            }
        }
        excluded
    }

    /// Whether an exception may include something below the excluded folder at `path`.
    pub(super) fn has_exceptions_below(&self, path: &str) -> bool {
        let below = |pattern: &Vec<String>| {
            let fixed = pattern.iter().take_while(|part| *part != "**");
            fixed.zip(path.split('/')).all(|(part, name)| wildcard(part.as_bytes(), name.as_bytes()))
        };
        self.rules.iter().any(|rule| rule.except && rule.pattern.as_ref().is_none_or(below))
    }
}

fn rule(line: &str) -> Rule {
    let (except, pattern) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    let strange = pattern.contains(['[', '\\']) || pattern.split('/').any(|part| part == "..");
    let parts = pattern.split('/').filter(|part| !part.is_empty() && *part != ".");
    Rule { except, pattern: (!strange).then(|| parts.map(str::to_owned).collect()) }
}

impl Rule {
    /// A pattern that matches a folder matches all below it.
    fn matches(&self, path: &[&str]) -> bool {
        let Some(pattern) = &self.pattern else { return self.except };
        !pattern.is_empty() && (1..=path.len()).any(|length| segments(pattern, &path[..length]))
    }
}

fn segments(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => {
            (0..=path.len()).any(|skipped| segments(rest, &path[skipped..]))
        }
        Some((first, rest)) => match path.split_first() {
            Some((name, below)) => wildcard(first.as_bytes(), name.as_bytes()) && segments(rest, below),
            None => false,
        },
    }
}

fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skipped| wildcard(rest, &name[skipped..])),
        (Some((b'?', rest)), Some((_, name))) => wildcard(rest, name),
        (Some((expected, rest)), Some((got, name))) => expected == got && wildcard(rest, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn patterns_exclude_what_docker_leaves_out() {
        let ignore = Ignore::parse("# c\n\nnode_modules/\n*.log\n**/tmp\n/docs/*.md\n!docs/keep.md\na?c\n");
        for path in ["node_modules", "node_modules/x/y.js", "a.log", "tmp", "x/y/tmp/z", "docs/a.md", "abc"] {
            assert!(ignore.excludes(path), "{path}");
        }
        for path in ["x/a.log", "docs/keep.md", "docs/x/a.md", "ac", "src/node_modules"] {
            assert!(!ignore.excludes(path), "{path}");
        }
    }

    #[test]
    fn only_folders_with_exceptions_are_entered() {
        let ignore = Ignore::parse("*\n!common/lib\n!a*/src\n");
        for path in ["common", "common/lib", "common/lib/x", "app", "app/src"] {
            assert!(ignore.has_exceptions_below(path), "{path}");
        }
        for path in ["web", "web/node_modules", "common/tests", "app/x"] {
            assert!(!ignore.has_exceptions_below(path), "{path}");
        }
        assert!(Ignore::parse("*\n!x/**/y\n").has_exceptions_below("x/z"));
        assert!(Ignore::parse("*\n![ab]\n").has_exceptions_below("x"));
    }

    #[test]
    fn what_is_not_understood_keeps_files_in() {
        assert!(!Ignore::parse("[ab].txt").excludes("a.txt"));
        assert!(!Ignore::parse("*\n![ab].txt").excludes("a.txt"));
        assert!(Ignore::parse("*\n!a.txt").excludes("b.txt"));
    }
}
