//! Reading what `docker info` and `podman info` say; pure, over recorded texts.

use std::path::Path;

use serde_json::Value;

use super::{Builder, Engine, Fault, Home};

/// The engine that the output of `info --format '{{json .}}'` speaks of, or what is wrong with it.
/// Clients older than 23 end with status 0 and `ServerErrors` where no daemon answers; newer ones
/// end with 1 and say it on standard error. `podman-docker` answers for `docker` in podman's way.
pub fn parse(client: &Path, stdout: &str, stderr: &str) -> Result<Engine, Fault> {
    let Ok(info) = serde_json::from_str::<Value>(stdout.trim()) else {
        return Err(Fault::classify(if stderr.trim().is_empty() { stdout } else { stderr }));
    };
    if info.get("host").is_some() {
        return Ok(podman(client, &info));
    }
    let errors = strings(&info["ServerErrors"]);
    if text(&info, "ServerVersion").is_empty() || !errors.is_empty() {
        let said = if errors.is_empty() { stderr.to_owned() } else { errors.join("; ") };
        return Err(Fault::classify(&said));
    }
    Ok(docker(client, &info))
}

fn docker(client: &Path, info: &Value) -> Engine {
    Engine {
        client: client.to_owned(),
        name: "docker".to_owned(),
        version: text(info, "ServerVersion"),
        cpus: number(&info["NCPU"]),
        memory: info["MemTotal"].as_u64().unwrap_or_default(),
        storage_driver: text(info, "Driver"),
        containerd_store: is_containerd(&info["DriverStatus"]),
        cgroup_version: text(info, "CgroupVersion").parse().unwrap_or_default(),
        builder: builder(&info["ClientInfo"]),
        runtime: text(info, "DefaultRuntime"),
        context: text(&info["ClientInfo"], "Context"),
        platform: platform(&text(info, "OSType"), &text(info, "Architecture")),
        home: match (text(info, "OperatingSystem").as_str(), text(info, "Name").as_str()) {
            ("Docker Desktop", _) => Home::DockerDesktop,
            // A profile other than the default one stands behind it: `colima-work`.
            (_, name) if name.starts_with("colima") => Home::Colima,
            _ => Home::Unknown,
        },
    }
}

/// Clients name their own version in here since 23; `BuildKit` left the client with that version.
fn builder(client: &Value) -> Builder {
    let plugins = client["Plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
    let buildx =
        |plugin: &Value| plugin["Name"] == "buildx" && plugin["Err"].as_str().unwrap_or_default().is_empty();
    let major = text(client, "Version").split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        _ if plugins.iter().any(buildx) => Builder::Buildx,
        Some(23..) => Builder::Legacy,
        _ => Builder::BuildKit,
    }
}

fn podman(client: &Path, info: &Value) -> Engine {
    let host = &info["host"];
    let runtime = &host["ociRuntime"];
    Engine {
        client: client.to_owned(),
        name: "podman".to_owned(),
        version: text(&info["version"], "Version"),
        cpus: number(&host["cpus"]),
        memory: host["memTotal"].as_u64().unwrap_or_default(),
        storage_driver: text(&info["store"], "graphDriverName"),
        containerd_store: false,
        cgroup_version: text(host, "cgroupVersion").trim_start_matches('v').parse().unwrap_or_default(),
        builder: Builder::Buildah,
        runtime: text(runtime, "name"),
        context: String::new(),
        platform: platform(&text(host, "os"), &text(host, "arch")),
        // The client of a machine talks to it over a socket that is not local.
        home: if host["serviceIsRemote"] == true { Home::PodmanMachine } else { Home::Unknown },
    }
}

/// What `docker info` says of the store: pairs of a key and a value.
fn is_containerd(status: &Value) -> bool {
    let pairs = status.as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().any(|pair| pair[0] == "driver-type" && pair[1] == "io.containerd.snapshotter.v1")
}

/// `linux/amd64` of what an engine says; Docker has the kernel's word for the processor.
fn platform(os: &str, arch: &str) -> String {
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if os.is_empty() || arch.is_empty() { String::new() } else { format!("{os}/{arch}") }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::testing::{DOCKER_20, DOCKER_28, DOCKER_DESKTOP, PODMAN};

    fn read(stdout: &str) -> Engine {
        parse(Path::new("/usr/bin/docker"), stdout, "").unwrap()
    }

    #[test]
    fn reads_each_kind_of_engine() {
        let engine = read(DOCKER_20);
        assert_eq!((engine.name.as_str(), engine.version.as_str()), ("docker", "20.10.24+dfsg1"));
        assert_eq!((engine.cpus, engine.memory, engine.cgroup_version), (2, 25_276_518_400, 1));
        assert_eq!((engine.storage_driver.as_str(), engine.runtime.as_str()), ("overlay2", "bounded"));
        let engine = read(PODMAN);
        assert_eq!((engine.name.as_str(), engine.version.as_str()), ("podman", "5.2.3"));
        assert_eq!((engine.cpus, engine.cgroup_version), (8, 2));
    }

    #[test]
    fn knows_the_store_of_images() {
        let status = r#"{"ServerVersion":"28.5.2","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
        assert!(read(status).containerd_store);
        let graph = r#"{"ServerVersion":"28.5.2","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"]]}"#;
        assert!(![graph, DOCKER_20, PODMAN].iter().any(|info| read(info).containerd_store));
    }

    #[test]
    fn knows_context_and_platform() {
        let docker = r#"{"ServerVersion":"28.5.2","OSType":"linux","Architecture":"aarch64","ClientInfo":{"Context":"desktop-linux"}}"#;
        let podman = PODMAN.replace("\"arch\"", "\"os\":\"linux\",\"arch\"");
        let both = [docker, &podman, DOCKER_20].map(|info| (read(info).context, read(info).platform));
        let expected = [("desktop-linux", "linux/arm64"), ("", "linux/amd64"), ("default", "")];
        assert_eq!(both, expected.map(|(context, platform)| (context.to_owned(), platform.to_owned())));
    }

    #[test]
    fn knows_what_the_engine_lives_in() {
        let colima = DOCKER_28.replace("{\"Driver\"", "{\"Name\":\"colima\",\"Driver\"");
        let machine = PODMAN.replace("\"cpus\"", "\"serviceIsRemote\":true,\"cpus\"");
        let homes = [DOCKER_20, DOCKER_DESKTOP, &colima, PODMAN, &machine].map(|info| read(info).home);
        let known = [Home::DockerDesktop, Home::Colima, Home::PodmanMachine];
        assert_eq!(homes, [Home::Unknown, known[0], known[1], Home::Unknown, known[2]]);
    }

    #[test]
    fn knows_which_clients_build_with_buildkit() {
        let builders = [DOCKER_20, DOCKER_28, DOCKER_DESKTOP, PODMAN].map(|info| read(info).builder);
        assert_eq!(builders, [Builder::BuildKit, Builder::Legacy, Builder::Buildx, Builder::Buildah]);
    }

    #[test]
    fn a_silent_daemon_is_told_by_old_and_new_clients() {
        let old = r#"{"ServerErrors":["Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"],"ClientInfo":{"Plugins":[]}}"#;
        let fault = parse(Path::new("docker"), old, "").unwrap_err();
        assert!(matches!(fault, Fault::NotRunning { .. }), "{fault:?}");
        let new = r#"{"ServerVersion":"","ClientInfo":{"Version":"28.2.2"}}"#;
        let said = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \"http://x\": dial unix /var/run/docker.sock: connect: permission denied";
        let fault = parse(Path::new("docker"), new, said).unwrap_err();
        assert!(matches!(fault, Fault::NoPermission { .. }), "{fault:?}");
        let fault = parse(Path::new("docker"), "not json", "Segmentation fault").unwrap_err();
        assert!(matches!(fault, Fault::Unusable { .. }), "{fault:?}");
    }
}
