//! Where an artifact would come from, for `plan`: determined from what is known, without asking anyone.

use super::Origins;
use super::chain::{Attempt, Miss};
use super::images::artifact;
use crate::pins::PublishedImage;
use crate::quantity::show_bytes;

impl Origins {
    /// Where [`Origins::tool`] would get a missing tool.
    pub fn tool_effect(&self, name: &str) -> String {
        let Ok(search) = self.search(name) else { return format!("{name}, which is unknown") };
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
        choose(name, bundled, download, self.source.refusal(name), None)
    }

    /// As [`Origins::tool_effect`], for an image.
    pub fn image_effect(&self, name: &str) -> String {
        let what = format!("image `{name}`");
        let bundled = self
            .bundled_image_entry(name)
            .map(|entry| format!("{what} {} ({}) from the bundle", entry.version, show_bytes(entry.size)));
        let download = self.pullable(name).map(|reference| {
            let from =
                self.copied_from(reference).map_or_else(|_| reference.to_owned(), |from| from.to_string());
            format!("{what} copied from {from}")
        });
        let differs = self.published.get(name).and_then(PublishedImage::difference);
        choose(&what, bundled, download, self.source.refusal(&artifact(name)), differs)
    }
}

/// The first way that is open, and what follows a download if its host cannot be reached.
fn choose(
    what: &str,
    bundled: Attempt<String>,
    download: Attempt<String>,
    closed: Option<String>,
    differs: Option<String>,
) -> String {
    let differs = differs.map(|differs| format!("; {differs}")).unwrap_or_default();
    match (bundled, download, closed) {
        (Ok(bundled), ..) => bundled,
        (_, Ok(download), Some(_)) => download,
        (_, Ok(download), None) => {
            format!("{download} (or built from source if that is not reachable{differs})")
        }
        (_, _, None) => format!("{what} built from source{differs}"),
        (_, Err(Miss::Refused { reason, .. }), Some(closed)) => {
            format!("{what}, which is not available: {reason}; {closed}")
        }
        (_, Err(Miss::Fatal(error)), Some(_)) => {
            format!("{what}, which is not available: {}", error.one_line())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_open_way_is_named_and_what_could_follow_it() {
        let yes = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let way = |text: &str| yes(text).ok_or_else(|| Miss::refused("no"));
        for (bundled, download, closed, differs, expected) in [
            ("b", "d", "", "", "b"),
            ("", "d", "closed", "", "d"),
            ("", "d", "", "", "d (or built from source if that is not reachable)"),
            ("", "d", "", "v2", "d (or built from source if that is not reachable; v2)"),
            ("", "", "", "", "x built from source"),
            ("", "", "", "v2", "x built from source; v2"),
            // Where it cannot be made, how it would differ is of no interest.
            ("", "d", "closed", "v2", "d"),
            ("", "", "closed", "", "x, which is not available: no; closed"),
        ] {
            assert_eq!(choose("x", way(bundled), way(download), yes(closed), yes(differs)), expected);
        }
    }
}
