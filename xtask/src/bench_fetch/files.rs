//! The files of `bench fetch`: four tools in their real sizes, and pins for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::shell::{self, Result, root, tool_cache};

pub(crate) const TOOLS: [&str; 4] = ["kubectl", "helm", "kind", "minikube"];

/// The sizes of tools that are not in the cache: about those published for linux/amd64.
const SIZES: [(&str, u64); 4] =
    [("kubectl", 60_000_000), ("helm", 66_000_000), ("kind", 11_000_000), ("minikube", 130_000_000)];

pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    /// The total size of the served files.
    pub(crate) bytes: u64,
    all: Vec<File>,
}

struct File {
    path: PathBuf,
    name: String,
    sha256: String,
}

/// The host in the pins' URLs; it does not resolve.
const HOST: &str = "release.test";

impl Files {
    /// Copies or creates the files below `dir`, with a pin for each.
    pub(crate) fn prepare(dir: &Path) -> Result<Self> {
        if dir.exists() {
            std::fs::remove_dir_all(dir).map_err(|error| fail("remove", dir, &error))?;
        }
        let mut files = Self { dir: dir.to_owned(), bytes: 0, all: Vec::new() };
        for tool in TOOLS {
            files.add(tool)?;
        }
        Ok(files)
    }

    fn add(&mut self, tool: &str) -> Result {
        let folder = self.dir.join("served").join(tool);
        std::fs::create_dir_all(&folder).map_err(|error| fail("create", &folder, &error))?;
        let mut path = folder.join(tool);
        match built(tool) {
            Some(built) => _ = std::fs::copy(&built, &path).map_err(|error| fail("copy", &built, &error))?,
            None => generate(tool, &path)?,
        }
        if tool == "helm" {
            let archive = self.dir.join("served").join("helm.tar.gz");
            let (archive, parent) = (archive.to_string_lossy(), folder.to_string_lossy());
            shell::run(Path::new("tar"), &["-czf", &archive, "-C", &parent, "helm"])?;
            path = PathBuf::from(archive.as_ref());
        }
        let size = std::fs::metadata(&path).map_err(|error| fail("look at", &path, &error))?.len();
        let said = shell::read(Path::new("sha256sum"), &[&path.to_string_lossy()])?;
        let sha256 = said.split_whitespace().next().unwrap_or_default().to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("{name}: {size} bytes");
        self.write_pin(tool, &name, &sha256, size)?;
        self.bytes += size;
        self.all.push(File { path, name, sha256 });
        Ok(())
    }

    fn write_pin(&self, tool: &str, name: &str, sha256: &str, size: u64) -> Result {
        let dir = self.dir.join("pins").join(tool);
        std::fs::create_dir_all(&dir).map_err(|error| fail("create", &dir, &error))?;
        let member = if tool == "helm" { "member = \"helm\"\n" } else { "" };
        let text = format!(
            "version = \"{}\"\nurl = \"https://{HOST}/{name}\"\n{member}\
             sources = [\"https://one.test\", \"https://two.test\"]\n\
             [platforms.\"linux/amd64\"]\nsha256 = \"{sha256}\"\nsize = {size}\n",
            version(tool)?
        );
        let file = dir.join("pin.toml");
        std::fs::write(&file, text).map_err(|error| fail("write", &file, &error))
    }

    /// The files by their paths on a mirror.
    pub(crate) fn served(&self) -> BTreeMap<String, PathBuf> {
        self.all.iter().map(|file| (format!("/{HOST}/{}", file.name), file.path.clone())).collect()
    }

    /// The minimum time on the link, in seconds.
    pub(crate) fn best(&self, rate: u64) -> f64 {
        Duration::from_nanos(self.bytes * 1_000_000_000 / rate).as_secs_f64()
    }

    /// The serial script, as in typical installation instructions.
    pub(crate) fn script(&self, port: u16) -> String {
        let one = |file: &File| {
            let File { name, sha256, .. } = file;
            format!(
                "curl -fsSL -o {name} http://127.0.0.1:{port}/{HOST}/{name}\necho '{sha256}  {name}' | sha256sum -c -\n"
            )
        };
        self.all.iter().map(one).collect()
    }

    /// Empties a directory.
    pub(crate) fn forget(&self, name: &str) -> Result {
        let dir = self.dir.join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(|error| fail("remove", &dir, &error))?;
        }
        std::fs::create_dir_all(&dir).map_err(|error| fail("create", &dir, &error))
    }

    /// The total size of the installed programs.
    pub(crate) fn installed(&self) -> Result<u64> {
        let mut bytes = 0;
        for tool in TOOLS {
            let path = self.dir.join("cache/tools").join(format!("{tool}-{}", version(tool)?)).join(tool);
            bytes += std::fs::metadata(&path).map_err(|error| fail("look at", &path, &error))?.len();
        }
        Ok(bytes)
    }
}

fn fail(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

/// The program that this machine built from source, if any.
fn built(tool: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(tool_cache().join("artifacts")).ok()?.flatten();
    let own = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().rsplit_once('-').is_some_and(|(name, _)| name == tool)
    });
    own.map(|entry| entry.path().join(tool)).find(|path| path.is_file())
}

/// Incompressible bytes.
fn generate(tool: &str, path: &Path) -> Result {
    use std::io::Read as _;
    let size = SIZES.iter().find(|(name, _)| *name == tool).map_or(0, |(_, size)| *size);
    let mut noise =
        std::fs::File::open("/dev/urandom").map_err(|error| fail("open", path, &error))?.take(size);
    let mut file = std::fs::File::create(path).map_err(|error| fail("create", path, &error))?;
    std::io::copy(&mut noise, &mut file).map_err(|error| fail("write", path, &error))?;
    Ok(())
}

/// The version that the program requires.
fn version(tool: &str) -> Result<String> {
    let path = root().join(format!("src/tools/{tool}/pin.toml"));
    let text = std::fs::read_to_string(&path).map_err(|error| fail("read", &path, &error))?;
    let version = text.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| format!("{} has no version", path.display()))
}
