//! Facts about the machine. The parsers are pure; [`probe`] gives them the files of the machine.

mod authority;
mod capability;
mod cgroup;
mod desktop;
mod distro;
mod facts;
pub mod hosts_file;
pub mod names;
mod port;
#[cfg(test)]
pub(crate) mod recorded;

pub use cgroup::Cgroup;
pub use desktop::desktop;
pub use distro::{Distro, Packages};
pub use facts::{Arch, Facts, Os, container_proxies, probe};
pub use port::{PortState, free_port, holder, port_state};
