//! An application by data alone: the images to build, the chart to install, the host name to
//! answer to. Read from `application.toml` in `--dir`.

use std::path::{Path, PathBuf};

use super::profile::dns_label;
use super::reader::{Document, Fields};
use crate::error::{Error, Result};

/// The file that makes a directory a project.
pub const FILE: &str = "application.toml";

#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub images: Vec<ImageSpec>,
    /// Keys for the Secret `<name>-env`, see [`Application::secret_name`].
    pub env_file: PathBuf,
    pub env_example: PathBuf,
}

/// An image that is built from the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    pub name: String,
    pub context: PathBuf,
    pub dockerfile: PathBuf,
    /// The base image by its name in `offline/recipes/` or `versions.toml`; given to the build as
    /// argument `BASE_IMAGE`.
    pub base: Option<String>,
}

impl Application {
    /// The application in `dir`, or `None` where it holds none.
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

    /// The Secret that holds the values of `.env`.
    pub fn secret_name(&self) -> String {
        format!("{}-env", self.name)
    }
}

fn read(dir: &Path, fields: &mut Fields<'_, '_>) -> Option<Application> {
    let label = |fields: &mut Fields<'_, '_>, key: &str| {
        if !fields.has(key) {
            return fields.string(key);
        }
        fields.opt_parsed(key, dns_label)
    };
    let name = label(fields, "name");
    let namespace = if fields.has("namespace") { label(fields, "namespace") } else { name.clone() };
    let version = fields.opt_parsed("version", |text| {
        semver::Version::parse(text)
            .map(|_| text.to_owned())
            .map_err(|e| format!("is no semantic version: {e}"))
    });
    let version = if fields.has("version") { version } else { Some("0.1.0".to_owned()) };
    let host = fields.string("host");
    let chart = inside(dir, fields, "chart", Path::is_dir);
    let values: Vec<PathBuf> = fields.strings("values").iter().map(|file| dir.join(file)).collect();
    if let Some(missing) = values.iter().find(|file| !file.is_file()) {
        fields.problem("values", format!("names {}, which is no file", missing.display()));
    }
    let images = fields.tables("images", |fields| read_image(dir, fields));
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
        images,
        env_file: dir.join(env),
        env_example: dir.join(example),
    })
}

fn read_image(dir: &Path, fields: &mut Fields<'_, '_>) -> Option<ImageSpec> {
    let name = if fields.has("name") { fields.opt_parsed("name", dns_label) } else { fields.string("name") };
    let context = inside(dir, fields, "context", Path::is_dir);
    let dockerfile = fields.opt_string("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let base = fields.opt_string("base");
    let context = context?;
    let dockerfile = context.join(dockerfile);
    if !dockerfile.is_file() {
        fields.problem("context", format!("has no {}", dockerfile.display()));
    }
    Some(ImageSpec { name: name?, context, dockerfile, base })
}

fn inside(dir: &Path, fields: &mut Fields<'_, '_>, key: &str, is: fn(&Path) -> bool) -> Option<PathBuf> {
    let path = dir.join(fields.string(key)?);
    if !is(&path) {
        fields.problem(key, format!("names {}, which does not exist", path.display()));
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_the_file_holds_no_application() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Application::load(dir.path()).unwrap(), None);
    }

    #[test]
    fn all_mistakes_are_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "name = \"X\"\nchart = \"no\"\n[[images]]\ncontext = \"no\"\n")
            .unwrap();
        let error = Application::load(dir.path()).unwrap_err();
        assert_eq!(error.causes().len(), 5, "{error}");
    }
}
