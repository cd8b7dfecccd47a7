//! Where an artifact would come from, and what it costs: determined from what is known, without asking anyone.

use super::chain::Miss;
use super::images::artifact;
use super::{Origin, Origins, Place};
use crate::error::Result;
use crate::fetch::permitted;
use crate::pins::PublishedImage;
use crate::quantity::show_bytes;
use crate::registry::{Registry, host_to_ask};
use crate::source::Cost;
use crate::task::Task;

/// What is known of an artifact that `up` needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Forecast {
    /// Of the tool or image.
    pub name: String,
    pub image: bool,
    /// Empty where nobody says it.
    pub version: String,
    #[serde(flatten)]
    pub way: Way,
    pub build: Build,
}

/// The first way that is open.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "way", rename_all = "kebab-case")]
pub enum Way {
    /// It is on this machine already.
    Present {
        origin: Origin,
    },
    Bundle {
        bytes: u64,
    },
    /// Downloaded, or copied from a registry.
    Fetched {
        origin: Origin,
        /// For messages, without user names and passwords.
        from: String,
        /// One of these has to answer; none for a folder.
        hosts: Vec<Host>,
        /// Of the published file, where the pin has it.
        bytes: Option<u64>,
    },
    /// Built from source.
    Built,
    Nowhere {
        reason: String,
    },
}

/// A host, and an address there that shows whether it can be reached.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Host {
    /// With a port where it has one.
    pub name: String,
    #[serde(skip)]
    pub url: String,
}

impl Host {
    fn of(name: &str, path: &str) -> Self {
        // Only loopback addresses may be asked without TLS.
        let plain = format!("http://{name}/{path}");
        let url = permitted(&plain).map_or_else(|_| format!("https://{name}/{path}"), |_| plain);
        Self { name: name.to_owned(), url }
    }
}

/// What building it from source takes, whichever way comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Build {
    /// Why it cannot be built on this machine.
    pub refusal: Option<String>,
    #[serde(flatten)]
    pub cost: Cost,
    /// What would not be the same as in the published one.
    #[serde(skip)]
    pub differs: Option<String>,
}

impl Origins {
    /// Where [`Origins::tool`] would get a missing tool.
    pub fn tool_forecast(&self, name: &str) -> Forecast {
        let build = self.build(name, None);
        let new = |version: String, way| Forecast {
            name: name.to_owned(),
            image: false,
            version,
            way,
            build: build.clone(),
        };
        let search = match self.search(name) {
            Ok(search) => search,
            Err(error) => return new(String::new(), Way::Nowhere { reason: error.one_line() }),
        };
        if let Ok((version, entry)) = self.bundled_entry(&search) {
            return new(version.to_string(), Way::Bundle { bytes: entry.size });
        }
        let version = search.wanted.tool.to_string();
        let fetched = self.asset(&search).and_then(|asset| {
            let (bytes, host) = (asset.size, asset.url.split('/').nth(2).unwrap_or_default());
            let Some(mirror) = &self.trust.mirror else {
                self.dead_end(&asset.url)?;
                let (from, hosts) = (host.to_owned(), vec![Host::of(host, "")]);
                return Ok(Way::Fetched { origin: Origin::Download, from, hosts, bytes });
            };
            let from = format!("the mirror {mirror}, else from {host}");
            let hosts = match mirror.place(&asset.url) {
                Ok(Place::File(file)) if file.is_file() => Vec::new(),
                _ => {
                    let mirror = mirror.authority().map(|name| Host { name, url: mirror.to_string() });
                    mirror.into_iter().chain([Host::of(host, "")]).collect()
                }
            };
            Ok(Way::Fetched { origin: Origin::Mirror, from, hosts, bytes })
        });
        let way = fetched.unwrap_or_else(|miss| otherwise(miss, &build));
        new(version, way)
    }

    /// As [`Origins::tool_forecast`], for an image.
    pub fn image_forecast(&self, name: &str) -> Forecast {
        let published = self.published.get(name);
        let artifact = artifact(name);
        let differs = match published {
            Some(image) => image.difference(),
            None => Some("always, because no published image of it is pinned".to_owned()),
        };
        let build = self.build(&artifact, differs);
        let (version, way) = if let Ok(entry) = self.bundled_image_entry(name) {
            (entry.version.clone(), Way::Bundle { bytes: entry.size })
        } else {
            let copied = self.pullable(name).map(|reference| self.copied(reference, published));
            let made = || Some(self.source.recipes().get(&artifact).ok()?.version.clone());
            let version = published.map(|image| image.version.clone()).or_else(made).unwrap_or_default();
            (version, copied.unwrap_or_else(|miss| otherwise(miss, &build)))
        };
        Forecast { name: name.to_owned(), image: true, version, way, build }
    }

    fn copied(&self, reference: &str, published: Option<&PublishedImage>) -> Way {
        let (origin, platform) = (Origin::Download, self.facts.container_platform());
        let bytes = published.and_then(|image| image.sizes.get(&platform)).copied();
        let Ok(from) = self.copied_from(reference) else {
            return Way::Fetched { origin, from: reference.to_owned(), hosts: Vec::new(), bytes };
        };
        let digest = from.digest.as_deref().unwrap_or_default();
        let path = format!("v2/{}/manifests/{digest}", from.repository);
        let hosts = vec![Host::of(host_to_ask(&from.host), &path)];
        Way::Fetched { origin, from: from.to_string(), hosts, bytes }
    }

    /// As [`Origins::tool_forecast`], for a tool that may be there. Changes nothing.
    pub fn forecast_of_tool(&self, task: &Task<'_>, name: &str) -> Result<Forecast> {
        let forecast = self.tool_forecast(name);
        Ok(match self.present_tool(task, name)?.0 {
            Some(found) => {
                Forecast { version: found.version, way: Way::Present { origin: found.origin }, ..forecast }
            }
            None => forecast,
        })
    }

    /// As [`Origins::image_forecast`], for an image that may be in the local registry. If that does not run,
    /// its volume is believed to have what was recorded.
    pub fn forecast_of_image(
        &self,
        task: &Task<'_>,
        registry: Option<&Registry>,
        name: &str,
    ) -> Result<Forecast> {
        let forecast = self.image_forecast(name);
        let present = match registry.filter(|_| name != super::REGISTRY) {
            Some(registry) => self.present_image(task, registry, name)?.is_ok(),
            None => self.is_recorded(name),
        };
        let way = if present { Way::Present { origin: Origin::Cache } } else { forecast.way };
        Ok(Forecast { way, ..forecast })
    }

    fn build(&self, artifact: &str, differs: Option<String>) -> Build {
        let cost = self.source.cost(artifact);
        Build { refusal: self.source.lasting_refusal(artifact), cost, differs }
    }
}

/// What remains if an artifact cannot be fetched.
fn otherwise(miss: Miss, build: &Build) -> Way {
    let (reason, closed) = match (miss, &build.refusal) {
        (_, None) => return Way::Built,
        (Miss::Refused { reason, .. }, Some(closed)) => (reason, format!("; {closed}")),
        (Miss::Fatal(error), Some(_)) => (error.one_line(), String::new()),
    };
    Way::Nowhere { reason: reason + &closed }
}

impl Forecast {
    /// One line of `plan`: how it gets to `place`.
    pub fn effect(&self, place: &str) -> String {
        let what = if self.image { format!("image `{}`", self.name) } else { self.name.clone() };
        let (plain, image) = (what.clone(), self.image);
        let what = format!("{what} {}", self.version).trim_end().to_owned();
        let size = |bytes: Option<u64>| bytes.map(|size| format!(" ({})", show_bytes(size)));
        let differs = self.build.differs.as_ref().map(|differs| format!("; {differs}")).unwrap_or_default();
        match &self.way {
            Way::Present { origin } => format!("takes {what} from the {origin} into {place}"),
            Way::Bundle { bytes } => {
                format!("copies {what} ({}) from the bundle into {place}", show_bytes(*bytes))
            }
            Way::Fetched { from, bytes, .. } => {
                // The reference of an image has a version.
                let (verb, what) = if image { ("copies", plain) } else { ("downloads", what) };
                let size = size(*bytes).unwrap_or_default();
                // The digest is pinned, and does not help people.
                let from = from.split('@').next().unwrap_or(from);
                let instead = match self.build.refusal {
                    None => format!(" (or builds it from source if that is not reachable{differs})"),
                    Some(_) => String::new(),
                };
                format!("{verb} {what}{size} from {from} into {place}{instead}")
            }
            Way::Built => format!("builds {what} from source into {place}{differs}"),
            Way::Nowhere { reason } => format!("needs {what}, which is not available: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn fetched() -> Way {
        let (origin, hosts) = (Origin::Download, vec![Host::of("r.example", "")]);
        Way::Fetched { origin, from: "r.example".to_owned(), hosts, bytes: None }
    }

    #[test]
    fn the_first_open_way_is_named_and_what_could_follow_it() {
        let yes = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let build = |closed: &str, differs: &str| Build {
            refusal: yes(closed),
            differs: yes(differs),
            ..Build::default()
        };
        let nowhere = |closed: &str| otherwise(Miss::refused("no"), &build(closed, ""));
        for (way, closed, differs, expected) in [
            (Way::Bundle { bytes: 2048 }, "", "", "copies x 1 (2.0 KiB) from the bundle into y"),
            (fetched(), "closed", "", "downloads x 1 from r.example into y"),
            (
                fetched(),
                "",
                "v2",
                "downloads x 1 from r.example into y (or builds it from source if that is not reachable; v2)",
            ),
            (nowhere(""), "", "", "builds x 1 from source into y"),
            (nowhere(""), "", "v2", "builds x 1 from source into y; v2"),
            // Where it cannot be made, how it would differ is of no interest.
            (fetched(), "closed", "v2", "downloads x 1 from r.example into y"),
            (nowhere("closed"), "closed", "", "needs x 1, which is not available: no; closed"),
        ] {
            let (name, version) = ("x".to_owned(), "1".to_owned());
            let forecast = Forecast { name, image: false, version, way, build: build(closed, differs) };
            assert_eq!(forecast.effect("y"), expected);
        }
        let fatal = otherwise(Miss::Fatal(Error::failed("broken")), &build("closed", ""));
        assert_eq!(fatal, Way::Nowhere { reason: "broken".to_owned() });
    }

    #[test]
    fn a_size_is_only_shown_where_a_pin_has_it() {
        let (origin, from) = (Origin::Download, "r.example/x:1@sha256:00".to_owned());
        let way = Way::Fetched { origin, from, hosts: Vec::new(), bytes: Some(3 << 20) };
        let build = Build { refusal: Some("closed".to_owned()), ..Build::default() };
        let forecast = Forecast { name: "x".to_owned(), image: true, version: String::new(), way, build };
        assert_eq!(forecast.effect("y"), "copies image `x` (3.0 MiB) from r.example/x:1 into y");
    }
}
