//! All recipes, checked for consistency.

use std::collections::{BTreeMap, BTreeSet};

use super::recipe::{Go, Kind, Recipe, split};
use crate::config::Versions;
use crate::data::Data;
use crate::error::{Error, Result};

const FOLDER: &str = "offline/recipes";

/// The recipes by artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipes {
    map: BTreeMap<String, Recipe>,
}

impl Recipes {
    /// Reads every recipe; the problems of all of them are reported together.
    pub fn load(data: &Data, versions: &Versions) -> Result<Self> {
        let (mut map, mut causes) = (BTreeMap::new(), Vec::new());
        for file in data.list(FOLDER) {
            let Some(name) = file.strip_suffix(".toml") else { continue };
            let Some(text) = data.read(&format!("{FOLDER}/{file}"))? else { continue };
            match Recipe::parse(name, &text.origin, &versions.fill(&text.text)) {
                Ok(recipe) => drop(map.insert(name.to_owned(), recipe)),
                Err(error) => causes.extend(error.causes().to_vec()),
            }
        }
        // With a recipe missing, others would seem to name artifacts that do not exist.
        if causes.is_empty() {
            for recipe in map.values() {
                causes.extend(misfits(data, &map, recipe));
            }
        }
        let mut recipes = Self { map };
        if causes.is_empty() {
            causes.extend(recipes.cycle().map(|cycle| format!("{FOLDER}: dependency cycle: {cycle}")));
        }
        if !causes.is_empty() {
            let noun = if causes.len() == 1 { "problem" } else { "problems" };
            let error = Error::usage(format!("the recipes in {FOLDER} have {} {noun}", causes.len()));
            return Err(causes.into_iter().fold(error, Error::because).help("fix the problems named above"));
        }
        for recipe in recipes.map.values_mut() {
            if let Kind::Go(go) = &recipe.kind {
                recipe.version = version(data, &recipe.name, go)?;
            }
        }
        Ok(recipes)
    }

    pub fn get(&self, name: &str) -> Result<&Recipe> {
        self.map.get(name).ok_or_else(|| Error::failed(format!("there is no recipe `{name}`")))
    }

    /// A dependency cycle among the recipes, as `a → b → a`.
    fn cycle(&self) -> Option<String> {
        let mut done = BTreeSet::new();
        self.iter().find_map(|recipe| self.walk(&recipe.name, &mut Vec::new(), &mut done))
    }

    fn walk<'a>(
        &'a self,
        name: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        if let Some(start) = path.iter().position(|step| *step == name) {
            return Some([&path[start..], &[name]].concat().join(" → "));
        }
        if done.contains(name) {
            return None;
        }
        path.push(name);
        let uses = self.get(name).map(|recipe| recipe.kind.uses()).unwrap_or_default();
        let found = uses.into_iter().find_map(|used| self.walk(used, path, done));
        path.pop();
        done.insert(name);
        found
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Recipe> {
        self.map.values()
    }

    #[cfg(test)]
    pub(super) fn of(recipes: impl IntoIterator<Item = Recipe>) -> Self {
        Self { map: recipes.into_iter().map(|recipe| (recipe.name.clone(), recipe)).collect() }
    }
}

/// What a recipe names that does not exist.
fn misfits(data: &Data, all: &BTreeMap<String, Recipe>, recipe: &Recipe) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |what: String| found.push(format!("{FOLDER}/{}.toml: {what}", recipe.name));
    let files = match &recipe.kind {
        Kind::Go(_) | Kind::Rootfs(_) | Kind::Npm(_) | Kind::Pypi(_) => None,
        Kind::Image(image) => Some(&image.files),
        Kind::Layers(layers) => Some(&layers.files),
    };
    for file in files.into_iter().flat_map(BTreeMap::values) {
        let (artifact, output) = split(file);
        match all.get(artifact) {
            None => say(format!("there is no artifact `{artifact}`")),
            Some(other) if !other.kind.outputs().contains(&output) => {
                say(format!("`{artifact}` has no output `{output}`"));
            }
            Some(_) => {}
        }
    }
    let exists = |path: &str| data.read(path).is_ok_and(|text| text.is_some());
    let mut module = |name: &str| {
        for file in ["go.mod", "go.sum"].map(|file| format!("offline/go/{name}/{file}")) {
            if !exists(&file) {
                say(format!("{file} is missing"));
            }
        }
    };
    match &recipe.kind {
        Kind::Go(go) => module(&go.module),
        Kind::Rootfs(_) | Kind::Npm(_) | Kind::Pypi(_) | Kind::Layers(_) => {}
        Kind::Image(image) => {
            image.module_files.values().for_each(|files| module(&files.module));
            for base in image.bases.values() {
                match all.get(base).map(|base| &base.kind) {
                    None => say(format!("there is no artifact `{base}`")),
                    Some(Kind::Go(_) | Kind::Npm(_) | Kind::Pypi(_)) => {
                        say(format!("`{base}` is not an image"));
                    }
                    Some(_) => {}
                }
            }
            let dockerfile = format!("offline/{}/Dockerfile", image.context);
            if !exists(&dockerfile) {
                say(format!("{dockerfile} is missing"));
            }
        }
    }
    found
}

/// The version of the module of the programs, as go.mod pins it; our own for our own programs.
fn version(data: &Data, name: &str, go: &Go) -> Result<String> {
    let text = data.read(&format!("offline/go/{}/go.mod", go.module))?.map(|text| text.text);
    let required = required(text.as_deref().unwrap_or_default());
    let holds = |module: &str, package: &str| {
        package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let pinned = go.outputs.values().find_map(|package| {
        let holding = required.iter().filter(|(module, _)| holds(module, package));
        holding.max_by_key(|(module, _)| module.len())
    });
    let namesake = || required.iter().find(|(module, _)| module.rsplit('/').next() == Some(name));
    let version = pinned.or_else(namesake).map_or(env!("CARGO_PKG_VERSION"), |(_, version)| version);
    Ok(version.to_owned())
}

/// Module → version without its `v`, as go.mod requires them.
fn required(go_mod: &str) -> Vec<(&str, &str)> {
    let mut required = Vec::new();
    for line in go_mod.lines() {
        let mut words = line.trim().trim_start_matches("require ").split_whitespace();
        let (module, version) = (words.next(), words.next().and_then(|word| word.strip_prefix('v')));
        required.extend(module.zip(version));
    }
    required
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_module_s_own() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("offline/go/m")).unwrap();
        let text = "module x\n\nrequire (\n\tk8s.io/kubernetes v1.34.4\n\tk8s.io/kube v1.0.0 // indirect\n\t\
                    example.com/dns/dns v1.12.4\n)\nrequire helm.sh/helm/v4 v4.3.0\n\
                    replace k8s.io/api => k8s.io/api v0.34.4\n";
        std::fs::write(dir.path().join("offline/go/m/go.mod"), text).unwrap();
        let data = Data::new(Some(dir.path().to_owned()));
        for (name, package, wanted) in [
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl", "1.34.4"),
            ("helm", "helm.sh/helm/v4/cmd/helm", "4.3.0"),
            ("dns", "./cmd/dns", "1.12.4"),
            ("pause", "./cmd/pause", env!("CARGO_PKG_VERSION")),
        ] {
            let go = Go {
                module: "m".to_owned(),
                cgo: false,
                tags: Vec::new(),
                ldflags: Vec::new(),
                outputs: [(name.to_owned(), package.to_owned())].into(),
            };
            assert_eq!(version(&data, name, &go).unwrap(), wanted, "{name}");
        }
    }
}
