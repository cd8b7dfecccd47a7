//! `cargo xtask pins`: compares the pins of tools and images with what is published, and creates new ones.

mod images;
mod published;
mod registry;
mod signed;
mod update;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use todo_bootstrap::tools::{Asset, Pin, TOOLS, ToolSpec};

use crate::shell::{Result, root};
use published::{Published, Site, checksum_in};

#[derive(Subcommand)]
pub(crate) enum Pins {
    /// Fetch the published checksums (with --files also the files) and compare them; query registries for
    /// the digests of images
    Verify(Verify),
    /// Write the pin of a version: for a tool from the published checksum and the hash of the file, for an
    /// image from its tag
    Update(Update),
}

#[derive(Args)]
pub(crate) struct Verify {
    /// Tools and images [default: all]
    names: Vec<String>,
    /// Also fetch and hash the files, and verify signatures if cosign or gpg is available. For images,
    /// only the index is fetched
    #[arg(long)]
    files: bool,
    #[command(flatten)]
    whence: Whence,
}

#[derive(Args)]
pub(crate) struct Update {
    name: String,
    version: String,
    #[command(flatten)]
    whence: Whence,
}

/// Where the pins are and which hosts are queried.
#[derive(Args, Clone)]
pub(crate) struct Whence {
    /// Query only this mirror
    #[arg(long, value_name = "URL|DIR")]
    mirror: Option<String>,
    /// The directory with <tool>/pin.toml and images.toml [default: src/tools, manifests/images.toml]
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
}

impl Whence {
    fn pins(&self) -> PathBuf {
        self.pins.clone().unwrap_or_else(|| root().join("src/tools"))
    }

    fn read(&self, name: &str) -> Result<(PathBuf, String)> {
        let file = self.pins().join(name).join("pin.toml");
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok((file, text))
    }
}

pub(crate) fn run(command: &Pins) -> Result {
    match command {
        Pins::Verify(options) => verify(options),
        Pins::Update(options) => {
            let Update { name, version, whence } = options;
            let file = if images::names(whence)?.contains(name) {
                images::update(name, version, whence)?
            } else {
                update::run(name, version, whence)?
            };
            println!("wrote {}; review versions.toml and the sources in it", file.display());
            Ok(())
        }
    }
}

/// The result of one comparison.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    proved: usize,
    /// The host could not be reached, or it publishes nothing to compare with.
    open: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, what: &str, outcome: Published<String>) {
        match outcome {
            Published::Is(said) => {
                self.proved += 1;
                println!("{what}: {said}");
            }
            Published::Unknown(why) => {
                self.open += 1;
                println!("{what}: not verified online: {why}");
            }
            Published::Wrong(why) => {
                println!("{what}: WRONG: {why}");
                self.wrong.push(format!("{what}: {why}"));
            }
        }
    }
}

fn verify(options: &Verify) -> Result {
    let tally = compare(options)?;
    println!("{} verified, {} not verified online, {} wrong", tally.proved, tally.open, tally.wrong.len());
    if !tally.wrong.is_empty() {
        return Err(format!("pins differ from what is published:\n{}", tally.wrong.join("\n")));
    }
    if tally.proved == 0 {
        return Err("nothing could be verified: no host could be reached".to_owned());
    }
    Ok(())
}

fn compare(options: &Verify) -> Result<Tally> {
    let site = Site::new(options.whence.mirror.as_deref())?;
    let specs: Vec<&ToolSpec> = match options.names.as_slice() {
        [] => TOOLS.iter().filter(|spec| options.whence.pins().join(spec.name).is_dir()).collect(),
        names => {
            let images = images::names(&options.whence)?;
            let tools = names.iter().filter(|name| !images.contains(name));
            tools
                .map(|name| ToolSpec::named(name))
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| error.to_string())?
        }
    };
    let mut tally = Tally::default();
    for spec in specs {
        let (file, text) = options.whence.read(spec.name)?;
        let pin = Pin::parse(&file.display().to_string(), &text).map_err(|error| error.to_string())?;
        for (platform, asset) in &pin.assets {
            let what = format!("{} {} {platform}", spec.name, pin.version);
            tally.note(&format!("{what}, checksum"), published_checksum(&site, &pin, asset));
            if options.files {
                let fetched = site.file(asset);
                if let Published::Is(file) = &fetched {
                    tally
                        .note(&format!("{what}, signature"), signed::verify(&site, &pin, asset, file.path()));
                }
                tally.note(&format!("{what}, file"), fetched.map(|_| "matches the pin".to_owned()));
            }
        }
    }
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    images::compare(options, &site, &mut tally, &wanted)?;
    Ok(tally)
}

fn published_checksum(site: &Site, pin: &Pin, asset: &Asset) -> Published<String> {
    let Some(url) = pin.checksum_url(asset) else {
        return Published::Unknown("no published checksum is known".to_owned());
    };
    site.text(&url, &asset.hosts).and_then(|text| match checksum_in(&text, &asset.url) {
        None => Published::Wrong(format!("{url} contains no checksum for it")),
        Some(sha256) if sha256 == asset.sha256 => Published::Is(format!("as in {url}")),
        Some(sha256) => Published::Wrong(format!("{url} has {sha256}, but the pin has {}", asset.sha256)),
    })
}

#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod tests;
