//! Recorded output of engines, for tests.

pub(crate) use crate::task::testing::with_task;

pub const DOCKER_20: &str = r#"{"Driver":"overlay2","CgroupDriver":"cgroupfs","CgroupVersion":"1","NCPU":2,"MemTotal":25276518400,"ServerVersion":"20.10.24+dfsg1","DefaultRuntime":"bounded","Warnings":null,"ClientInfo":{"Debug":false,"Context":"default","Plugins":[],"Warnings":null}}"#;
pub const DOCKER_28: &str = r#"{"Driver":"overlay2","CgroupVersion":"1","NCPU":2,"MemTotal":25276518400,"ServerVersion":"20.10.24+dfsg1","DefaultRuntime":"runc","ClientInfo":{"Version":"28.2.2","Context":"default","Plugins":[]}}"#;
pub const DOCKER_DESKTOP: &str = r#"{"Driver":"overlayfs","CgroupVersion":"2","NCPU":8,"MemTotal":8217591808,"ServerVersion":"28.0.1","OperatingSystem":"Docker Desktop","DefaultRuntime":"runc","ClientInfo":{"Version":"28.0.1","Context":"desktop-linux","Plugins":[{"Name":"ai","Err":"broken"},{"Name":"buildx","Version":"v0.21.1-desktop.2"}]}}"#;
pub const PODMAN: &str = r#"{"host":{"arch":"amd64","cgroupVersion":"v2","cpus":8,"memTotal":16656125952,"ociRuntime":{"name":"crun"},"security":{"rootless":true}},"store":{"graphDriverName":"overlay"},"version":{"Version":"5.2.3"}}"#;

/// Debian's Docker, as in [`DOCKER_20`].
pub fn engine() -> super::Engine {
    super::info::parse(std::path::Path::new("/usr/bin/docker"), DOCKER_20, "").unwrap()
}
