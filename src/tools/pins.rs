//! The pins of a run: those of the program, and those that the user provides instead.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;

use super::{Asset, Pin, TOOLS, ToolSpec, Wanted};
use crate::config::{Versions, suggest};
use crate::error::{Error, Result};

const FILE: &str = "pin.toml";

#[derive(Debug)]
pub struct Pins {
    pins: BTreeMap<&'static str, Pin>,
    /// The tools whose pin the user gave.
    given: Vec<&'static str>,
}

impl Pins {
    /// The program's pins; where `dir` has a `<tool>/pin.toml`, that one stands in, as long as its version goes
    /// with the cluster. All problems of all files in `dir` are reported at once.
    pub fn load(dir: Option<&Path>, versions: &Versions) -> Result<Self> {
        let mut pins = BTreeMap::new();
        for spec in TOOLS {
            pins.insert(spec.name, spec.pin()?);
        }
        let mut loaded = Self { pins, given: Vec::new() };
        if let Some(dir) = dir {
            loaded.stand_in(dir, versions)?;
        }
        Ok(loaded)
    }

    fn stand_in(&mut self, dir: &Path, versions: &Versions) -> Result<()> {
        let mut problems = Vec::new();
        for folder in folders(dir)? {
            match given(dir, &folder, versions, self) {
                Ok((spec, pin)) => {
                    self.pins.insert(spec.name, pin);
                    self.given.push(spec.name);
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() && self.given.is_empty() {
            problems.push(format!("{} contains no <tool>/{FILE}", dir.display()));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let count = problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let error = Error::usage(format!("the pins in {} have {count} {noun}", dir.display()));
        let error = problems.iter().fold(error, Error::because);
        Err(error.help(format!("fix the problems named above, or leave out: --pins {}", dir.display())))
    }

    pub fn get(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Pin)> {
        self.pins.iter().map(|(name, pin)| (*name, pin))
    }

    /// The versions that a tool has to go with.
    pub fn wanted(&self, spec: &ToolSpec, versions: &Versions) -> Result<Wanted> {
        let wanted = spec.wanted(versions)?;
        match self.pins.get(spec.name) {
            Some(pin) if self.given.contains(&spec.name) => {
                Ok(Wanted { tool: pin.version.clone(), ..wanted })
            }
            _ => Ok(wanted),
        }
    }

    /// The pins that stand in, `kubectl 1.34.6`.
    pub fn given(&self) -> Vec<String> {
        let pins = self.given.iter().filter_map(|name| self.pins.get_key_value(name));
        pins.map(|(name, pin)| format!("{name} {}", pin.version)).collect()
    }

    #[cfg(test)]
    pub(crate) fn assets_mut(&mut self) -> impl Iterator<Item = &mut Asset> {
        self.pins.values_mut().flat_map(|pin| pin.assets.values_mut())
    }

    /// The pinned file of a version for a platform.
    pub fn asset(&self, name: &str, version: &Version, platform: &str) -> Option<&Asset> {
        self.get(name).filter(|pin| pin.version == *version)?.assets.get(platform)
    }
}

/// The names in `dir` that do not begin with a dot, sorted.
fn folders(dir: &Path) -> Result<Vec<String>> {
    let list = |e: &std::io::Error| {
        Error::io("list the pins in", dir, e)
            .with_kind(crate::error::Kind::Usage)
            .help("--pins DIR   # a folder with <tool>/pin.toml")
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| list(&e))? {
        let entry = entry.map_err(|e| list(&e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn given(
    dir: &Path,
    folder: &str,
    versions: &Versions,
    own: &Pins,
) -> Result<(&'static ToolSpec, Pin), Vec<String>> {
    let file = dir.join(folder).join(FILE);
    let shown = file.display();
    let Some(spec) = TOOLS.iter().find(|spec| spec.name == folder) else {
        let names: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
        return Err(vec![format!("{shown}: there is no tool `{folder}`{}", suggest(folder, &names))]);
    };
    let text = std::fs::read_to_string(&file).map_err(|e| vec![Error::io("read", &file, &e).one_line()])?;
    let pin = Pin::parse(&shown.to_string(), &text).map_err(|error| error.causes().to_vec())?;
    let wanted = own.wanted(spec, versions).map_err(|error| vec![error.one_line()])?;
    match spec.fits(&pin.version, &wanted) {
        Ok(()) => Ok((spec, pin)),
        Err(why) => Err(vec![format!("{shown}: version {} of {folder} {why}", pin.version)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Data;

    fn versions() -> Versions {
        Versions::load(&Data::default()).unwrap()
    }

    fn write(dir: &Path, tool: &str, version: &str, extra: &str) {
        std::fs::create_dir_all(dir.join(tool)).unwrap();
        let text = format!(
            "version = \"{version}\"\nurl = \"https://e.org/{tool}\"\nsources = [\"a\", \"b\"]\n{extra}\
             [platforms.\"linux/amd64\"]\nsha256 = \"{}\"\n",
            "b".repeat(64)
        );
        std::fs::write(dir.join(tool).join(FILE), text).unwrap();
    }

    #[test]
    fn a_given_pin_stands_in_with_its_version() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "kubectl", "1.34.9", "");
        let pins = Pins::load(Some(dir.path()), &versions()).unwrap();
        assert_eq!(pins.given(), ["kubectl 1.34.9"]);
        let wanted = |name: &str| pins.wanted(ToolSpec::named(name).unwrap(), &versions()).unwrap().tool;
        assert_eq!(wanted("kubectl"), Version::new(1, 34, 9));
        assert_eq!(wanted("helm").to_string(), versions().get("helm").unwrap());
        assert!(pins.asset("kubectl", &Version::new(1, 34, 9), "linux/amd64").is_some());
        assert!(pins.asset("kubectl", &Version::new(1, 34, 8), "linux/amd64").is_none());
    }

    #[test]
    fn the_problems_of_all_files_come_together() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "kubectl", "1.20.0", "");
        write(dir.path(), "kind", "0.33.0", "colour = 1\nsize = 2\n");
        write(dir.path(), "helmm", "4.3.0", "");
        std::fs::create_dir(dir.path().join("helm")).unwrap();
        let error = Pins::load(Some(dir.path()), &versions()).unwrap_err();
        let text = error.to_string();
        for part in [
            "have 5 problems",
            "`colour`",
            "`size`",
            "did you mean `helm`?",
            "helm/pin.toml",
            "1.20.0",
            "help:",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_folder_without_pins_is_no_folder_of_pins() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Pins::load(Some(dir.path()), &versions()).unwrap_err().to_string().contains("contains no"));
        let error = Pins::load(Some(&dir.path().join("none")), &versions()).unwrap_err();
        assert_eq!(error.exit(), crate::error::Exit::Usage);
    }
}
