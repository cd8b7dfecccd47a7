//! Programs from wheels of the Python Package Index, pinned by sha256. Neither Python nor pip is needed; the index
//! that pip is configured to use is used.

use std::collections::BTreeMap;
use std::path::Path;

use regex_lite::{Regex, escape};
use reqwest::{Method, StatusCode};
use serde::Serialize;

use super::Source;
use crate::error::{Error, Result};
use crate::fetch::{Client, FetchError, Halt, Remote, Url, again, ask, extract_member};
use crate::host::pip_index;
use crate::task::Task;

const INDEX: &str = "https://pypi.org/simple";
/// The list of a project's files (bytes). Those of the largest projects have 3 MB.
const PAGE: u64 = 16 << 20;
const HELP: &str = "pip config get global.index-url   # shows the index that must be reachable";

/// Programs from wheels of the Python Package Index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pypi {
    pub version: String,
    /// File → architecture → wheel.
    pub outputs: BTreeMap<String, BTreeMap<String, Wheel>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wheel {
    pub package: String,
    pub version: String,
    /// The name of the wheel's file.
    pub file: String,
    /// The path of the program in it.
    pub member: String,
    /// 64 lower-case hex digits, of the wheel.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

impl Source {
    pub(super) fn build_pypi(&self, task: &Task<'_>, pypi: &Pypi, out: &Path) -> Result<()> {
        let index = pip_index(&self.process_env).unwrap_or_else(|| INDEX.to_owned());
        let client = Client::new(&self.process_env)?;
        for (output, wheels) in &pypi.outputs {
            let arch = self.facts.arch.name();
            let wheel =
                wheels.get(arch).ok_or_else(|| Error::host(format!("{output} is not pinned for {arch}")))?;
            task.say(format!("get {} {}", wheel.package, wheel.version));
            let url = find(task, &client, &index, wheel)?;
            let file = self.package(task, &client, "pypi", &url, &wheel.sha256, wheel.size);
            let file = file.map_err(|error| error.help(HELP))?;
            extract_member(&file, &wheel.member, &out.join(output), 0o755)?;
            std::fs::remove_file(&file).map_err(|e| Error::io("delete", &file, &e))?;
        }
        Ok(())
    }
}

/// The address of the wheel's file, which only the index knows.
fn find(task: &Task<'_>, client: &Client, index: &str, wheel: &Wheel) -> Result<String> {
    let page = format!("{}/{}/", index.trim_end_matches('/'), wheel.package);
    let remote = Remote { url: &page, ..Remote::default() };
    let list = task.wait("looking for a wheel", listed(task, client, &remote))?;
    link(&page, &list, &wheel.file).ok_or_else(|| {
        Error::failed(format!("the Python package index does not have {}", wheel.file)).help(HELP)
    })
}

/// The page of a project, after as many tries as a download has.
async fn listed(task: &Task<'_>, client: &Client, page: &Remote<'_>) -> Result<String> {
    let mut tries = 0;
    let list = again(task, client.timeouts, async || {
        tries += 1;
        let answer = ask(client, &Method::GET, page, "text/html", PAGE).await?;
        let after = answer.after;
        match (answer.is_passing(), answer.url, answer.status) {
            (true, url, status) => {
                Err(Halt::Again { error: FetchError::Unwell { url, status, tries }, after })
            }
            (false, _, StatusCode::OK) => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            (false, url, status) => Err(Halt::Final(FetchError::Answered { url, status })),
        }
    });
    list.await.map_err(|error| Error::from(error).help(HELP))
}

/// The target of the link to `file` on a page with the address `page`, without the fragment, which has a digest.
fn link(page: &str, list: &str, file: &str) -> Option<String> {
    let pattern = format!(r#"href\s*=\s*["']([^"'#]*/)?{}[#"']"#, escape(file));
    let found = Regex::new(&pattern).ok()?.captures(list)?;
    let folder = found.get(1).map_or("", |folder| folder.as_str()).replace("&amp;", "&");
    Some(Url::parse(page).ok()?.join(&format!("{folder}{file}")).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_be_relative_and_have_a_digest() {
        let page = "https://pip.example/root/simple/web/";
        let file = "web-1.0-py3-none-any.whl";
        for (href, target) in [
            ("https://files.example/a/b/FILE#sha256=12", "https://files.example/a/b/FILE"),
            ("../../files/FILE", "https://pip.example/root/files/FILE"),
            ("FILE", "https://pip.example/root/simple/web/FILE"),
        ] {
            let list = format!("<a href=\"other.whl\">o</a>\n<a class='x' href=\"{href}\">FILE</a>");
            let found = link(page, &list.replace("FILE", file), file);
            assert_eq!(found.unwrap(), target.replace("FILE", file));
        }
        for other in ["my-web-1.0-py3-none-any.whl", "web-1.0-py3-none-any.whl.metadata"] {
            assert_eq!(link(page, &format!("<a href=\"{other}\">"), file), None, "{other}");
        }
    }
}
