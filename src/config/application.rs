//! An application, defined by `application.toml` in `--dir`: images to build, chart to install, host name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::data_store::{self, DataStore};
use super::dockerfile::Dockerfile;
use super::environments::{self, Purpose};
use super::overrides::{self, Override};
use super::profile::dns_label;
use super::reader::{Document, Fields};
use super::target::Target;
use crate::error::{Error, Result};

/// The file that makes a directory a project.
pub const FILE: &str = "application.toml";
/// The build argument that names the base image.
pub const BASE_ARG: &str = "BASE_IMAGE";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// Where it was read from; all paths below are absolute, within it.
    pub dir: PathBuf,
    pub name: String,
    pub namespace: String,
    /// Semantic version, part of each image's tag.
    pub version: String,
    pub chart: PathBuf,
    /// Values files in the order in which Helm merges them.
    pub values: Vec<PathBuf>,
    /// The host name that its Ingress answers to.
    pub host: String,
    /// Further names that it answers to; one below `localhost` needs no entry in a hosts file.
    pub aliases: Vec<String>,
    pub images: Vec<ImageSpec>,
    /// Images that are used as they are: artifacts of these names.
    pub ready_images: Vec<String>,
    /// Sizes of the application, from small to large.
    pub presets: Vec<Preset>,
    /// Values that are merged after those of the preset if the cluster has several nodes.
    pub several_nodes: Option<PathBuf>,
    /// What it can be for; the first one is the default.
    pub environments: Vec<Purpose>,
    /// The one that applies; `None` if there are none.
    pub environment: Option<Purpose>,
    pub overrides: Vec<Override>,
    /// What backups contain, in the order in which it is restored.
    pub data: Vec<DataStore>,
    /// What `--mock` puts in place of settings of `.env`, so that nothing outside is called.
    pub mock: BTreeMap<String, String>,
    /// Whether that counts, see [`Application::mocked`].
    pub is_mocked: bool,
    /// Keys for the Secret `<name>-env`, see [`Application::secret_name`].
    pub env_file: PathBuf,
    pub env_example: PathBuf,
}

/// An image that is built from the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSpec {
    pub name: String,
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// The name of the base image in `offline/recipes/` or `versions.toml`, for build argument `BASE_IMAGE`.
    pub base: Option<String>,
    /// What is particular to a target, by `[images.targets.<target>]`.
    pub targets: BTreeMap<Target, TargetSpec>,
}

/// What a target means to one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetSpec {
    /// The Dockerfile's stage to stop at; without it the one that has the target's name, if any.
    pub stage: Option<String>,
    /// Build arguments. The image's history contains them, so none may be secret.
    pub args: BTreeMap<String, String>,
}

/// A size of the application: values with the resources of its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    pub name: String,
    pub values: PathBuf,
}

impl Application {
    /// The application in `dir`, or `None` if it holds none.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let origin = path.display().to_string();
        Document::parse(&origin, &text)?.read(|fields| read(dir, fields)).map(Some)
    }

    /// The application as `--mock` wants it.
    pub fn mocked(self) -> Result<Self> {
        if self.mock.is_empty() {
            return Err(Error::usage(format!("--mock means nothing to {}", self.name))
                .because(format!("{} has no [mock]", self.dir.join(FILE).display()))
                .help("todo-bootstrap up   # uses the real settings"));
        }
        Ok(Self { is_mocked: true, ..self })
    }

    /// The Secret with the values of `.env`.
    pub fn secret_name(&self) -> String {
        format!("{}-env", self.name)
    }

    /// The `ConfigMap` with the values of `.env` that are not secrets.
    pub fn config_name(&self) -> String {
        format!("{}-config", self.name)
    }

    /// The Secret with the certificate of its hosts, in an environment with TLS.
    pub fn certificate_name(&self) -> String {
        format!("{}-tls", self.name)
    }

    /// The values of `preset` in a cluster with this number of nodes, and of the environment, for Helm to merge after
    /// [`Application::values`].
    pub fn values_of(&self, preset: Option<&str>, nodes: u32) -> Vec<PathBuf> {
        let preset = self.presets.iter().filter(|one| Some(one.name.as_str()) == preset);
        let several = self.several_nodes.iter().filter(|_| nodes > 1);
        let environment = self.environment.iter().filter_map(|one| one.values.as_ref());
        preset.map(|one| &one.values).chain(several).chain(environment).cloned().collect()
    }

    /// All host names that it answers to, the main one first.
    pub fn hosts(&self) -> Vec<String> {
        std::iter::once(&self.host).chain(&self.aliases).cloned().collect()
    }

    /// The names of all images that the chart is given.
    pub fn image_names(&self) -> Vec<String> {
        self.images.iter().map(|spec| &spec.name).chain(&self.ready_images).cloned().collect()
    }
}

fn read(dir: &Path, fields: &mut Fields<'_, '_>) -> Option<Application> {
    let name = label(fields, "name");
    let namespace = if fields.has("namespace") { label(fields, "namespace") } else { name.clone() };
    let version = fields.opt_parsed("version", |text| {
        semver::Version::parse(text)
            .map(|_| text.to_owned())
            .map_err(|e| format!("is not a semantic version: {e}"))
    });
    let version = if fields.has("version") { version } else { Some("0.1.0".to_owned()) };
    let host = fields.string("host");
    let chart = inside(dir, fields, "chart", Path::is_dir);
    let values: Vec<PathBuf> = fields.strings("values").iter().map(|file| dir.join(file)).collect();
    if let Some(missing) = values.iter().find(|file| !file.is_file()) {
        fields.problem("values", format!("refers to {}, which is not a file", missing.display()));
    }
    let aliases = fields.strings("aliases");
    let mut ready_images = Vec::new();
    let images = fields.tables("images", |fields| {
        if fields.has("context") || fields.has("base") || fields.has("dockerfile") {
            return read_image(dir, fields);
        }
        ready_images.extend(label(fields, "name"));
        None
    });
    let presets = fields.tables("presets", |fields| {
        let name = label(fields, "name");
        Some(Preset { name: name?, values: inside(dir, fields, "values", Path::is_file)? })
    });
    let environments = environments::read(dir, fields);
    let names: Vec<String> =
        images.iter().map(|image| image.name.clone()).chain(ready_images.clone()).collect();
    let overrides = overrides::read(dir, fields, &names);
    let data = data_store::read(dir, fields);
    let several_nodes =
        if fields.has("several-nodes") { inside(dir, fields, "several-nodes", Path::is_file) } else { None };
    let mock = fields.string_map("mock");
    let env = fields.opt_string("env").unwrap_or_else(|| ".env".to_owned());
    let example = fields.opt_string("env-example").unwrap_or_else(|| ".env.example".to_owned());
    Some(Application {
        dir: dir.to_owned(),
        name: name?,
        namespace: namespace?,
        version: version?,
        chart: chart?,
        values,
        host: host?,
        aliases,
        images,
        ready_images,
        presets,
        several_nodes,
        environment: environments.first().cloned(),
        environments,
        overrides,
        data,
        mock,
        is_mocked: false,
        env_file: dir.join(env),
        env_example: dir.join(example),
    })
}

pub(super) fn label(fields: &mut Fields<'_, '_>, key: &str) -> Option<String> {
    if fields.has(key) { fields.opt_parsed(key, dns_label) } else { fields.string(key) }
}

fn read_image(dir: &Path, fields: &mut Fields<'_, '_>) -> Option<ImageSpec> {
    let name = label(fields, "name");
    let context = inside(dir, fields, "context", Path::is_dir);
    let dockerfile = fields.opt_string("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let base = fields.opt_string("base");
    let context = context?;
    let dockerfile = context.join(dockerfile);
    if !dockerfile.is_file() {
        fields.problem("context", format!("has no {}", dockerfile.display()));
    }
    // A file that cannot be read is named by the build.
    let offers = Dockerfile::parse(&std::fs::read_to_string(&dockerfile).unwrap_or_default());
    let targets = fields.opt_table("targets", |fields| Some(read_targets(fields, &offers)));
    Some(ImageSpec { name: name?, context, dockerfile, base, targets: targets.unwrap_or_default() })
}

fn read_targets(fields: &mut Fields<'_, '_>, offers: &Dockerfile) -> BTreeMap<Target, TargetSpec> {
    let mut read = |target: Target| {
        let spec = fields.opt_table(target.name(), |fields| {
            let stage = fields.opt_string("stage");
            if let Some(stage) = stage.as_ref().filter(|stage| !offers.has_stage(stage)) {
                fields.problem("stage", format!("refers to {stage}, which is not a stage of the Dockerfile"));
            }
            let args = fields.string_map("args");
            if let Some(arg) = args.keys().find(|arg| !offers.has_arg(arg) || *arg == BASE_ARG) {
                let why =
                    if arg == BASE_ARG { "is set by `base`" } else { "is not an ARG of the Dockerfile" };
                fields.problem("args", format!("sets {arg}, which {why}"));
            }
            Some(TargetSpec { stage, args })
        });
        Some((target, spec?))
    };
    Target::ALL.into_iter().filter_map(&mut read).collect()
}

pub(super) fn inside(
    dir: &Path,
    fields: &mut Fields<'_, '_>,
    key: &str,
    is: fn(&Path) -> bool,
) -> Option<PathBuf> {
    let path = dir.join(fields.string(key)?);
    if !is(&path) {
        fields.problem(key, format!("refers to {}, which does not exist", path.display()));
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Application::load(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(FILE), "name = \"X\"\nchart = \"no\"\n[[images]]\ncontext = \"no\"\n")
            .unwrap();
        let error = Application::load(dir.path()).unwrap_err();
        assert_eq!(error.causes().len(), 5, "{error}");
    }

    #[test]
    fn targets_name_what_the_dockerfile_has() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("chart")).unwrap();
        std::fs::write(dir.path().join("Dockerfile"), "ARG MODE\nFROM scratch AS debug\n").unwrap();
        let load = |targets: &str| {
            let text = format!(
                "name = \"shop\"\nhost = \"shop.local\"\nchart = \"chart\"\n[[images]]\nname = \"web\"\n\
                 context = \".\"\n{targets}"
            );
            std::fs::write(dir.path().join(FILE), text).unwrap();
            Application::load(dir.path())
        };
        let good = load("[images.targets.dev]\nstage = \"debug\"\nargs = {MODE = \"x\"}\n").unwrap().unwrap();
        let dev = &good.images[0].targets[&Target::Dev];
        assert_eq!((dev.stage.as_deref(), dev.args["MODE"].as_str()), (Some("debug"), "x"));
        let bad = "[images.targets.dev]\nstage = \"run\"\nargs = {NO = \"x\"}\n[images.targets.live]\n";
        let error = load(bad).unwrap_err();
        assert_eq!(error.causes().len(), 3, "{error}");
    }

    #[test]
    fn an_image_without_a_context_is_used_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("chart")).unwrap();
        std::fs::write(dir.path().join("small.yaml"), "").unwrap();
        std::fs::write(dir.path().join("many.yaml"), "").unwrap();
        let text = "name = \"shop\"\nhost = \"shop.local\"\naliases = [\"shop.localhost\"]\n\
                    chart = \"chart\"\nseveral-nodes = \"many.yaml\"\n[[images]]\nname = \"store\"\n\
                    [[presets]]\nname = \"small\"\nvalues = \"small.yaml\"\n\
                    [[overrides]]\nkeys = [\"URL\"]\nunless-matches = \".*@store\"\nvalues = \"small.yaml\"\n";
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let application = Application::load(dir.path()).unwrap().unwrap();
        assert!(application.clone().mocked().unwrap_err().to_string().contains("--mock"));
        assert_eq!(application.image_names(), ["store"]);
        assert_eq!(application.hosts(), ["shop.local", "shop.localhost"]);
        assert_eq!((application.presets.len(), application.overrides.len()), (1, 1));
        let values = |preset, nodes| {
            let files = application.values_of(preset, nodes);
            files.iter().map(|file| file.file_name().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(values(Some("small"), 1), ["small.yaml"]);
        assert_eq!(values(Some("small"), 3), ["small.yaml", "many.yaml"]);
        assert_eq!(values(None, 3), ["many.yaml"]);
    }
}
