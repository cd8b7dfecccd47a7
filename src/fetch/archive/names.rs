//! Names in archives: the paths they mean on disk, and whether one is the wanted one.

use super::{Checked, refused};

/// Looks for one name among all those of an archive.
pub(super) struct Names {
    wanted: Vec<u8>,
    seen: bool,
    count: u64,
}

impl Names {
    pub(super) fn new(member: &str) -> Checked<Self> {
        Ok(Self { wanted: plain(member.as_bytes())?, seen: false, count: 0 })
    }

    /// Whether this entry is the one that is wanted; an error where there is another of its name.
    pub(super) fn is_wanted(&mut self, name: &[u8]) -> Checked<bool> {
        self.count += 1;
        if self.count > super::ENTRIES {
            return refused(format!("has more than {} entries", super::ENTRIES));
        }
        let name = plain(name)?;
        if !name.eq_ignore_ascii_case(&self.wanted) {
            return Ok(false);
        }
        if self.seen {
            return refused(format!("has {} twice", shown(&self.wanted)));
        }
        self.seen = true;
        Ok(name == self.wanted)
    }
}

/// A name as text; what is no UTF-8 is replaced.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    if text.len() <= 200 { format!("{text:?}") } else { "a file with an endless name".to_owned() }
}

/// The parts of a path without those that change nothing, joined by `/`. One that leads out is refused.
fn plain(name: &[u8]) -> Checked<Vec<u8>> {
    if name.contains(&0) {
        return refused(format!("has a name with a NUL byte, {}", shown(name)));
    }
    let drive = name.first().is_some_and(u8::is_ascii_alphabetic) && name.get(1) == Some(&b':');
    if name.starts_with(b"/") || name.starts_with(b"\\") || drive {
        return refused(format!("has an absolute path, {}", shown(name)));
    }
    // `\` parts names on Windows, and stands in none elsewhere.
    let parts = name.split(|byte| matches!(byte, b'/' | b'\\'));
    let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&&b".."[..]) {
        return refused(format!("has a path that leaves the archive, {}", shown(name)));
    }
    Ok(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::fetch::archive::Fault;

    #[test]
    fn what_leads_out_is_refused_anywhere() {
        for name in ["/a", "..", "a/../b", "../a", "\\a", "a\\..\\b", "C:\\a", "c:a", "a\0b"] {
            assert!(matches!(plain(name.as_bytes()), Err(Fault::Refused(_))), "{name}");
        }
        assert!(plain(b"a..b/..c").is_ok());
    }
}
