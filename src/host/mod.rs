//! Facts about the machine. The parsers are pure; [`probe`] gives them the files of the machine.

mod authority;
mod build_secrets;
mod capability;
mod cgroup;
mod desktop;
mod details;
mod distro;
mod facts;
mod folder;
pub mod hosts_file;
pub mod names;
mod port;
#[cfg(test)]
pub(crate) mod recorded;

pub use build_secrets::{BuildSecrets, npm_registry, pip_index};
pub use cgroup::Cgroup;
pub use desktop::desktop;
pub use details::{Details, Inotify, MissingHelpers, details, docker_config};
pub use distro::{Distro, Packages};
pub use facts::{Arch, Facts, Os, container_proxies, disk_free, probe};
pub use folder::{Folder, Purpose};
pub use port::{PortState, free_port, holder, port_state};
