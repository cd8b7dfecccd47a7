//! The system's hosts file: one marked line per name; no other line, of whatever encoding, is ever changed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Facts, Os};
use crate::error::{Error, Result};
use crate::user_file;

/// The mode of a new file: every program looks into it.
const MODE: u32 = 0o644;

/// Ends each line that is ours.
pub const MARK: &str = "# todo-bootstrap";

/// The line that leads `name` to this machine.
pub fn line(name: &str) -> String {
    format!("127.0.0.1 {name} {MARK}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    None,
    Ours,
    /// A line (its number, its address) that we did not write.
    Foreign(usize, String),
}

/// The first line that counts for `name`, as resolvers read the file.
pub fn entry(text: &[u8], name: &str) -> Entry {
    for (index, row) in text.split(|byte| *byte == b'\n').enumerate() {
        let row = String::from_utf8_lossy(row);
        if row.trim() == line(name) {
            return Entry::Ours;
        }
        let mut words = row.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next() else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) {
            return Entry::Foreign(index + 1, address.to_owned());
        }
    }
    Entry::None
}

/// The text with our line for `name` at its end; line ends as the text has them.
pub fn with(text: &[u8], name: &str) -> Vec<u8> {
    let end: &[u8] = if text.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    let mut out = text.to_vec();
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(end);
    }
    out.extend_from_slice(line(name).as_bytes());
    out.extend_from_slice(end);
    out
}

/// The text without our line for `name`; every other byte stays.
pub fn without(text: &[u8], name: &str) -> Vec<u8> {
    let ours = line(name);
    let rows = text.split_inclusive(|byte| *byte == b'\n');
    rows.filter(|row| String::from_utf8_lossy(row).trim() != ours).flatten().copied().collect()
}

/// The file, and how somebody without rights to it is told what to do.
#[derive(Debug, Clone)]
pub struct HostsFile {
    pub path: PathBuf,
    pub os: Os,
}

impl HostsFile {
    pub fn new(path: &Path, facts: &Facts) -> Self {
        Self { path: path.to_owned(), os: facts.os }
    }

    /// The whole text; a file that is not there is empty.
    pub fn read(&self) -> Result<Vec<u8>> {
        Ok(user_file::read(&self.path)?.unwrap_or_default())
    }

    /// Adds our line; `false` if a line leads the name here already. `backup` is for [`user_file::write`].
    pub fn add(&self, name: &str, backup: &Path) -> Result<bool> {
        let text = self.read()?;
        match entry(&text, name) {
            Entry::Ours => Ok(false),
            Entry::Foreign(_, address) if address == "127.0.0.1" => Ok(false),
            Entry::Foreign(number, address) => {
                let path = self.path.display();
                Err(Error::refused(format!("{path} already maps {name} to {address}; nothing was changed"))
                    .because(format!("its line {number} was not written by todo-bootstrap"))
                    .help(format!("remove line {number} of {path}, then run the command again")))
            }
            Entry::None => {
                let command = self.append_command(name);
                self.replace(&with(&text, name), backup, &command).map(|()| true)
            }
        }
    }

    pub fn remove(&self, name: &str, backup: &Path) -> Result<bool> {
        let text = self.read()?;
        let rest = without(&text, name);
        if rest.len() == text.len() {
            return Ok(false);
        }
        self.replace(&rest, backup, &self.remove_command(name)).map(|()| true)
    }

    fn replace(&self, text: &[u8], backup: &Path, command: &str) -> Result<()> {
        user_file::write(&self.path, text, MODE, Some(backup)).map_err(|error| {
            let failed = Error::io("write", &self.path, &error);
            if error.kind() == ErrorKind::PermissionDenied { failed.help(command) } else { failed }
        })
    }

    fn append_command(&self, name: &str) -> String {
        let (line, path) = (line(name), self.path.display());
        match self.os {
            Os::Windows => format!("as Administrator: Add-Content -Path '{path}' -Value '{line}'"),
            Os::Linux | Os::MacOs => format!("echo '{line}' | sudo tee -a {path}"),
        }
    }

    fn remove_command(&self, name: &str) -> String {
        let path = self.path.display();
        let pattern = line(name).replace('.', r"\.");
        match self.os {
            Os::Windows => format!(
                "as Administrator: (Get-Content '{path}') -notmatch '^{pattern}$' | Set-Content '{path}'"
            ),
            Os::MacOs => format!("sudo sed -i '' '/^{pattern}$/d' {path}"),
            Os::Linux => format!("sudo sed -i '/^{pattern}$/d' {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::recorded::{debian, macos, windows};

    const TEXT: &[u8] = b"127.0.0.1 localhost\n# caf\xe9\n10.0.0.5\tnas.lan nas # home\n";

    fn file(text: &[u8]) -> (tempfile::TempDir, HostsFile, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let hosts = HostsFile::new(&dir.path().join("hosts"), &debian());
        std::fs::write(&hosts.path, text).unwrap();
        let backup = dir.path().join("backup");
        (dir, hosts, backup)
    }

    #[test]
    fn a_line_is_added_once_and_taken_out_again() {
        let (dir, hosts, backup) = file(TEXT);
        assert!(hosts.add("shop.local", &backup).unwrap());
        assert!(!hosts.add("shop.local", &backup).unwrap(), "never twice");
        assert_eq!(hosts.read().unwrap(), [TEXT, b"127.0.0.1 shop.local # todo-bootstrap\n"].concat());
        assert!(hosts.remove("shop.local", &backup).unwrap());
        assert!(!hosts.remove("shop.local", &backup).unwrap());
        assert_eq!(hosts.read().unwrap(), TEXT, "every other byte is as it was");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn line_ends_are_those_of_the_file() {
        assert_eq!(with(b"a b\r\n", "x"), b"a b\r\n127.0.0.1 x # todo-bootstrap\r\n");
        assert_eq!(with(b"a b", "x"), b"a b\n127.0.0.1 x # todo-bootstrap\n");
        assert_eq!(without(&with(b"a b\r\n", "x"), "x"), b"a b\r\n");
    }

    #[test]
    fn lines_of_others_are_left_alone() {
        assert_eq!(entry(TEXT, "NAS"), Entry::Foreign(3, "10.0.0.5".to_owned()));
        assert_eq!(entry(TEXT, "home"), Entry::None, "a comment is no name");
        let (_dir, hosts, backup) = file(TEXT);
        let error = hosts.add("nas", &backup).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
        assert!(!hosts.add("localhost", &backup).unwrap(), "somebody leads it here already");
        assert!(!hosts.remove("nas", &backup).unwrap());
        assert_eq!(hosts.read().unwrap(), TEXT);
    }

    #[test]
    fn without_rights_the_exact_command_is_told() {
        let on = |facts| HostsFile::new(Path::new("/etc/hosts"), &facts);
        assert_eq!(
            on(debian()).append_command("a.local"),
            "echo '127.0.0.1 a.local # todo-bootstrap' | sudo tee -a /etc/hosts"
        );
        assert_eq!(
            on(macos()).remove_command("a.local"),
            r"sudo sed -i '' '/^127\.0\.0\.1 a\.local # todo-bootstrap$/d' /etc/hosts"
        );
        assert!(on(windows()).append_command("a.local").starts_with("as Administrator: Add-Content"));
    }
}
