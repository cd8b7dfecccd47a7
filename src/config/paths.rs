//! Where todo-bootstrap keeps its files: the cache (can be recreated) and the state (needed to undo).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process_env::ProcessEnv;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Tools and images, by content; shared by all clusters. `TODO_BOOTSTRAP_CACHE` moves it.
    pub cache: PathBuf,
    /// Journal, receipt, kubeconfig and logs of each cluster. `TODO_BOOTSTRAP_STATE` moves it.
    pub state: PathBuf,
}

impl Paths {
    /// XDG directories on every system (macOS too), unless the environment names others.
    pub fn new(process_env: &ProcessEnv) -> Result<Self> {
        let own = |key: &str| process_env.var(key).map(|value| process_env.cwd.join(value));
        let base = |home: &Path, xdg: &str, default: &str| {
            let given = process_env.var(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            given.unwrap_or_else(|| home.join(default)).join("todo-bootstrap")
        };
        let (cache, state) = (own("TODO_BOOTSTRAP_CACHE"), own("TODO_BOOTSTRAP_STATE"));
        if let (Some(cache), Some(state)) = (&cache, &state) {
            return Ok(Self { cache: cache.clone(), state: state.clone() });
        }
        let home = process_env.home.clone().ok_or_else(|| {
            Error::usage("no home directory is known (HOME is not set)")
                .help("TODO_BOOTSTRAP_CACHE=DIR TODO_BOOTSTRAP_STATE=DIR todo-bootstrap …")
        })?;
        Ok(Self {
            cache: cache.unwrap_or_else(|| base(&home, "XDG_CACHE_HOME", ".cache")),
            state: state.unwrap_or_else(|| base(&home, "XDG_STATE_HOME", ".local/state")),
        })
    }

    /// The state of one cluster.
    pub fn cluster(&self, name: &str) -> PathBuf {
        self.state.join("clusters").join(name)
    }

    /// The backups of one cluster: not in its state, which `down` deletes.
    pub fn backups(&self, name: &str) -> PathBuf {
        self.state.join("backups").join(name)
    }

    /// The lock of one cluster: not in its state, which `down` deletes.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.state.join("locks").join(name)
    }
}
