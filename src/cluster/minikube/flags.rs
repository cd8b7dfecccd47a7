//! The flags of `minikube start`.

use crate::cluster::Sizes;

const MIB: u64 = 1 << 20;

/// A cluster that is to be created.
pub(super) struct New<'a> {
    /// The node image.
    pub image: &'a str,
    pub network: &'a str,
    /// The version of Kubernetes, without `v`.
    pub kubernetes: &'a str,
    pub sizes: Sizes,
    /// CPUs and bytes that the kubelet reserves for the system.
    pub reserved: (u32, u64),
    /// Whether we built the node image.
    pub ours: bool,
}

/// For every start. minikube waits for the API server only; we wait for the rest.
pub(super) fn always(name: &str) -> Vec<String> {
    let mut flags: Vec<String> = [
        "--output=json",
        "--interactive=false",
        "--embed-certs",
        "--wait=apiserver",
        // We read the node's log before we delete it.
        "--delete-on-failure=false",
        // Otherwise minikube refuses root, and patch releases of Kubernetes that are newer than itself. The
        // other conditions that it checks are checked before.
        "--force",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("--profile={name}"));
    flags
}

/// For a node image that we built: it contains everything, so nothing is downloaded.
pub(super) fn without_network() -> Vec<String> {
    ["--preload=false", "--cache-images=false", "--install-addons=false"].map(str::to_owned).to_vec()
}

pub(super) fn create(new: &New<'_>) -> Vec<String> {
    let (cpus, memory) = new.reserved;
    let mut flags = vec![
        "--container-runtime=containerd".to_owned(),
        format!("--base-image={}", new.image),
        format!("--kubernetes-version=v{}", new.kubernetes),
        format!("--network={}", new.network),
        format!("--cpus={}", new.sizes.cpus),
        format!("--memory={}mb", new.sizes.memory / MIB),
        "--cni=bridge".to_owned(),
        // The range that the node keeps to itself.
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--extra-config=kubelet.system-reserved=cpu={cpus},memory={memory}"),
    ];
    if new.ours {
        // The images in the node have the same repository as the node image.
        let repository = new.image.rsplit_once('/').map_or("localhost", |(repository, _)| repository);
        flags.push(format!("--image-repository={repository}"));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(ours: bool) -> Vec<String> {
        create(&New {
            image: "localhost/ours/base:v1",
            network: "c-minikube",
            kubernetes: "1.34.4",
            sizes: Sizes { cpus: 2, memory: 3 << 30 },
            reserved: (6, 1 << 30),
            ours,
        })
    }

    #[test]
    fn sizes_are_the_clusters() {
        let flags = new(true);
        for flag in [
            "--cpus=2",
            "--memory=3072mb",
            "--extra-config=kubelet.system-reserved=cpu=6,memory=1073741824",
            "--image-repository=localhost/ours",
        ] {
            assert!(flags.iter().any(|found| found == flag), "{flag} in {flags:?}");
        }
    }

    #[test]
    fn a_public_image_comes_with_its_own_names() {
        assert!(!new(false).iter().any(|flag| flag.starts_with("--image-repository")));
    }
}
