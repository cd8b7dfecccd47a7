//! What it takes to have an artifact, for `plan`: told from what is known, nothing is asked for it.

use super::Origins;
use super::chain::{Attempt, Miss};
use super::images::artifact;
use crate::config::show_bytes;

impl Origins {
    /// Where [`Origins::tool`] would turn to for a tool that is not there.
    pub fn tool_effect(&self, name: &str) -> String {
        let Ok(search) = self.search(name) else { return format!("{name}, which is not known") };
        let bundled = self
            .bundled_entry(&search)
            .map(|(version, entry)| format!("{name} {version} ({}) from the bundle", show_bytes(entry.size)));
        let download = self.asset(&search).and_then(|asset| {
            let version = &search.wanted.tool;
            let host = asset.url.split('/').nth(2).unwrap_or_default();
            if let Some(mirror) = &self.trust.mirror {
                return Ok(format!("{name} {version} from the mirror {mirror}, else from {host}"));
            }
            self.dead_end(&asset.url)?;
            Ok(format!("{name} {version} from {host}"))
        });
        choose(name, bundled, download, self.source.refusal(name))
    }

    /// As [`Origins::tool_effect`], for an image.
    pub fn image_effect(&self, name: &str) -> String {
        let what = format!("image `{name}`");
        let bundled = self
            .bundled_image_entry(name)
            .map(|entry| format!("{what} {} ({}) from the bundle", entry.version, show_bytes(entry.size)));
        let download = self.pullable(name).map(|reference| format!("{what} pulled as {reference}"));
        choose(&what, bundled, download, self.source.refusal(&artifact(name)))
    }
}

/// The first way that is open. A host that can be reached is only known once it is asked, so what
/// comes after a download is named as well.
fn choose(what: &str, bundled: Attempt<String>, download: Attempt<String>, closed: Option<String>) -> String {
    match (bundled, download, closed) {
        (Ok(bundled), ..) => bundled,
        (_, Ok(download), Some(_)) => download,
        (_, Ok(download), None) => format!("{download} (or made from source where that is out of reach)"),
        (_, _, None) => format!("{what} made from source"),
        (_, Err(Miss::Refused(reason) | Miss::Failed { reason, .. }), Some(closed)) => {
            format!("{what}, which cannot be had: {reason}; {closed}")
        }
        (_, Err(Miss::Fatal(error)), Some(_)) => format!("{what}, which cannot be had: {}", error.one_line()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_open_way_is_named_and_what_could_follow_it() {
        let no = || Err(Miss::Refused("no".to_owned()));
        let yes = |text: &str| Ok(text.to_owned());
        assert_eq!(choose("x", yes("b"), yes("d"), None), "b");
        assert_eq!(choose("x", no(), yes("d"), Some("closed".to_owned())), "d");
        assert!(choose("x", no(), yes("d"), None).contains("or made from source"));
        assert_eq!(choose("x", no(), no(), None), "x made from source");
        assert_eq!(choose("x", no(), no(), Some("closed".to_owned())), "x, which cannot be had: no; closed");
    }
}
