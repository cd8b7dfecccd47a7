//! `bundle create`: collects all artifacts first, and reports everything that is missing at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::context::{Bench, Context};
use super::CreateArgs;
use crate::bundle::{self, Entry};
use crate::config::Paths;
use crate::engine::Engine;
use crate::error::{Error, Exit, Kind, Result};
use crate::files::{sha256_file, temp_dir};
use crate::host::{Arch, Facts, Os};
use crate::images::Order;
use crate::local_registry::LocalRegistry;
use crate::origins::{FoundImage, Origins};
use crate::quantity::show_bytes;
use crate::registry::Registry;
use crate::steps::{self, Session, UpOptions};
use crate::task::Task;
use crate::ui::data;

/// The platform of the tools. The images are for Linux on the same architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Platform {
    os: Os,
    arch: Arch,
}

impl Platform {
    fn image(self) -> Self {
        Self { os: Os::Linux, ..self }
    }

    fn name(self) -> String {
        format!("{}/{}", self.os.name(), self.arch.name())
    }
}

pub(super) fn platform(text: &str) -> std::result::Result<Platform, String> {
    const KNOWN: [(Os, Arch); 5] = [
        (Os::Linux, Arch::Amd64),
        (Os::Linux, Arch::Arm64),
        (Os::MacOs, Arch::Amd64),
        (Os::MacOs, Arch::Arm64),
        (Os::Windows, Arch::Amd64),
    ];
    let known = KNOWN.map(|(os, arch)| Platform { os, arch });
    let names = || known.map(Platform::name).join(", ");
    known.into_iter().find(|known| known.name() == text).ok_or_else(|| format!("use one of {}", names()))
}

pub(super) fn run(context: &Context<'_>, args: &CreateArgs) -> Result<Exit> {
    let path = context.process_env.cwd.join(&args.path);
    if path.symlink_metadata().is_ok() {
        return Err(bundle::taken(&path));
    }
    let options = UpOptions { environment: args.environment.clone(), ..UpOptions::default() };
    let session = context.session_with(None, context.global.yes, options)?;
    let bench = context.bench()?;
    let gathered = gather(context, args, &session, &bench)?;
    let task = bench.task("bundle");
    let digest = bundle::create(&task, &gathered.entries, &path)?;
    bundle::trust::record(&session.paths.state, &digest, &path)?;
    let bytes: u64 = gathered.entries.iter().map(|(entry, _)| entry.size).sum();
    let (count, shown) = (gathered.entries.len(), path.display());
    context.ui.good(&format!("✓ {count} artifacts, {} in {shown}", show_bytes(bytes)));
    context.ui.say(&format!("  use it:  todo-bootstrap up --bundle {shown} --bundle-sha256 {digest}"));
    data(&format!("{digest}\n"));
    Ok(Exit::Fine)
}

/// The artifacts that were found, and those that are missing.
struct Gathered {
    entries: Vec<(Entry, PathBuf)>,
    /// The missing artifacts by platform.
    missing: BTreeMap<String, Vec<String>>,
    /// Contains the files that were created only for the bundle.
    work: tempfile::TempDir,
}

impl Gathered {
    /// Returns the artifact, or records why it is missing; fails only if the command was interrupted.
    fn add<T>(&mut self, platform: &str, what: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == Kind::Interrupted => Err(error),
            Err(error) => {
                let why = error
                    .causes()
                    .first()
                    .map_or_else(|| error.one_line(), |why| format!("{}: {why}", error.what()));
                self.missing.entry(platform.to_owned()).or_default().push(format!("{what}: {why}"));
                Ok(None)
            }
        }
    }
}

fn gather(context: &Context<'_>, args: &CreateArgs, session: &Session, bench: &Bench) -> Result<Gathered> {
    let here = Platform { os: session.facts.os, arch: session.facts.arch };
    let mut wanted = if args.platform.is_empty() { vec![here] } else { args.platform.clone() };
    wanted.sort_by_key(|platform| platform.name());
    wanted.dedup();
    let task = bench.task("bundle");
    let engine = if args.tools_only {
        None
    } else {
        let fault = session.detect_engine(&task)?.map(|fault| fault.error(&session.facts));
        let engine = fault.map_or_else(|| session.engine(), Err);
        let able = engine.and_then(|engine| steps::able_to_build(session, engine).map(|()| engine));
        Some(able.map_err(|error| {
            error.help("todo-bootstrap bundle create --tools-only PATH   # needs no engine")
        })?)
    };
    let cache = &session.paths.cache;
    let work = temp_dir(cache, ".bundling-")?;
    let mut gathered = Gathered { entries: Vec::new(), missing: BTreeMap::new(), work };
    for platform in &wanted {
        let own = if *platform == here { None } else { Some(elsewhere(context, session, *platform)?) };
        let origins = own.as_ref().unwrap_or(&session.origins);
        for tool in steps::up::tools(session.profile.provider) {
            let result = origins.tool_entry(&task, engine, tool);
            let found = gathered.add(&platform.name(), tool, result)?;
            gathered.entries.extend(found);
        }
    }
    if let Some(engine) = engine {
        let local =
            LocalRegistry::ensure(&task, engine, cache, || session.origins.registry_image(&task, engine))?;
        for platform in image_platforms(&wanted) {
            if platform == here.image() {
                own_images(session, &task, (engine, local.client()), &mut gathered)?;
            } else {
                let origins = elsewhere(context, session, platform)?;
                foreign_images(session, &origins, &task, (&platform.name(), &mut gathered))?;
            }
        }
        charts(session, &mut gathered)?;
    }
    complete(gathered)
}

/// The platforms of the images for these platforms of tools, each once.
fn image_platforms(wanted: &[Platform]) -> Vec<Platform> {
    let mut images: Vec<Platform> = wanted.iter().map(|platform| platform.image()).collect();
    images.sort_by_key(|platform| platform.name());
    images.dedup();
    images
}

/// The origins for another platform, with a separate cache.
fn elsewhere(context: &Context<'_>, session: &Session, platform: Platform) -> Result<Origins> {
    let Platform { os, arch } = platform;
    let cache = session.paths.cache.join("platforms").join(format!("{}-{}", os.name(), arch.name()));
    let paths = Paths { cache, ..session.paths.clone() };
    let facts = Facts { os, arch, ..session.facts.clone() };
    Origins::new(
        context.process_env,
        &paths,
        &session.data,
        &session.versions,
        &facts,
        None,
        context.trust()?,
    )
}

/// The images that `up` needs, and then those of the project, which are based on some of them.
fn own_images(
    session: &Session,
    task: &Task<'_>,
    (engine, registry): (&Engine, &Registry),
    gathered: &mut Gathered,
) -> Result<()> {
    let (origins, platform) = (&session.origins, session.facts.container_platform());
    let work = gathered.work.path().to_owned();
    let mut found: BTreeMap<String, FoundImage> = BTreeMap::new();
    for image in steps::up::images(session)? {
        let result = origins.image_entry(task, engine, registry, &image, &work);
        if let Some((image, entry, file)) = gathered.add(&platform, &format!("image `{image}`"), result)? {
            found.insert(image.name.clone(), image);
            gathered.entries.push((entry, file));
        }
    }
    let Some(app) = &session.application else { return Ok(()) };
    for spec in &app.images {
        let base = match &spec.base {
            // The base image is already reported as missing.
            Some(name) if !found.contains_key(name) => continue,
            base => base.as_ref().and_then(|name| found.get(name)),
        };
        let base = base.map(|base| &base.stored);
        let order = Order { app, spec, target: session.target(), base };
        let result = origins.application_entries(task, engine, registry, &order, &work);
        let entries = gathered.add(&platform, &format!("image `{}` of {}", spec.name, app.name), result)?;
        gathered.entries.extend(entries.into_iter().flatten());
    }
    Ok(())
}

fn foreign_images(
    session: &Session,
    origins: &Origins,
    task: &Task<'_>,
    (platform, gathered): (&str, &mut Gathered),
) -> Result<()> {
    let work = gathered.work.path().to_owned();
    for image in steps::up::images(session)? {
        let result = origins.archive_entry(task, &image, &work);
        let found = gathered.add(platform, &format!("image `{image}`"), result)?;
        gathered.entries.extend(found);
    }
    if let Some(app) = &session.application {
        let own = session.facts.container_platform();
        let why = Error::failed(format!("this machine builds the images of {} for {own} only", app.name))
            .because(format!("a build runs programs of its platform, {platform}"));
        for spec in &app.images {
            gathered.add(platform, &format!("image `{}`", spec.name), Err::<(), _>(why.clone()))?;
        }
    }
    Ok(())
}

/// Manifests and charts, for documentation only: `up` uses its own.
fn charts(session: &Session, gathered: &mut Gathered) -> Result<()> {
    let work = gathered.work.path().to_owned();
    for addon in &session.profile.addons {
        let folder = work.join(format!("addon-{addon}"));
        session.data.extract(&format!("manifests/addons/{addon}"), &folder)?;
        let version = session.versions.get(addon).unwrap_or(env!("CARGO_PKG_VERSION")).to_owned();
        gathered.entries.push(chart(addon, version, &folder, &work)?);
    }
    if let Some(app) = &session.application {
        gathered.entries.push(chart(&app.name, app.version.clone(), &app.chart, &work)?);
    }
    Ok(())
}

fn chart(name: &str, version: String, folder: &Path, work: &Path) -> Result<(Entry, PathBuf)> {
    let file = work.join(format!("chart-{name}.tar"));
    bundle::pack(folder, &file)?;
    let (sha256, size) = sha256_file(&file)?;
    let entry = Entry {
        name: format!("chart-{name}"),
        kind: "chart".to_owned(),
        version,
        platform: "any".to_owned(),
        file: "chart.tar".to_owned(),
        inputs: sha256.clone(),
        sha256,
        size,
        ..Entry::default()
    };
    Ok((entry, file))
}

/// Fails if anything is missing: an incomplete bundle would only be noticed on a machine without a network.
fn complete(gathered: Gathered) -> Result<Gathered> {
    if gathered.missing.is_empty() {
        return Ok(gathered);
    }
    let count: usize = gathered.missing.values().map(Vec::len).sum();
    let noun = if count == 1 { "artifact" } else { "artifacts" };
    let mut error = Error::host(format!("this machine cannot provide {count} {noun} of the bundle"));
    for (platform, missing) in &gathered.missing {
        for what in missing {
            error = error.because(format!("{platform}: {what}"));
        }
    }
    for platform in gathered.missing.keys() {
        error =
            error.help(format!("on a {platform} machine with a network: todo-bootstrap bundle create PATH"));
    }
    if gathered.missing.values().flatten().any(|what| what.starts_with("image")) {
        let platforms: Vec<&str> = gathered.missing.keys().map(String::as_str).collect();
        let platforms = platforms.join(" --platform ");
        error = error.help(format!(
            "todo-bootstrap bundle create --tools-only --platform {platforms} PATH   # without images and charts"
        ));
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::{image_platforms, platform};

    #[test]
    fn platforms_share_their_images() {
        let wanted = ["darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64"];
        let images = image_platforms(&wanted.map(|text| platform(text).unwrap()));
        assert_eq!(
            images.iter().map(|image| image.name()).collect::<Vec<_>>(),
            ["linux/amd64", "linux/arm64"]
        );
    }

    #[test]
    fn only_platforms_with_published_tools_are_accepted() {
        assert_eq!(platform("darwin/arm64").unwrap().image().name(), "linux/arm64");
        assert!(platform("linux/riscv64").unwrap_err().contains("linux/amd64, linux/arm64"));
    }
}
