//! The flags of `minikube start`.

use crate::cluster::Provider;

const MIB: u64 = 1 << 20;

/// For every start. minikube waits for the API server only; we wait for the rest. `ours`: whether we built the node
/// image, which contains everything, so nothing is downloaded.
pub(super) fn always(name: &str, ours: bool) -> Vec<String> {
    let flags = [
        "--output=json",
        "--interactive=false",
        "--embed-certs",
        "--wait=apiserver",
        // We read the node's log before we delete it.
        "--delete-on-failure=false",
        // Otherwise minikube refuses root, and patch releases of Kubernetes that are newer than itself. The
        // other conditions that it checks are checked before.
        "--force",
    ];
    let offline: &[&str] =
        if ours { &["--preload=false", "--cache-images=false", "--install-addons=false"] } else { &[] };
    let flags = flags.iter().chain(offline).map(|flag| (*flag).to_owned());
    flags.chain([format!("--profile={name}")]).collect()
}

/// For a new cluster with this version of Kubernetes (without `v`). `ours`: whether we built the node image.
pub(super) fn create(cluster: &Provider, kubernetes: &str, ours: bool) -> Vec<String> {
    let (cpus, memory) = cluster.reserved();
    let mut flags = vec![
        "--container-runtime=containerd".to_owned(),
        format!("--base-image={}", cluster.image),
        format!("--kubernetes-version=v{kubernetes}"),
        format!("--network={}", cluster.network()),
        format!("--cpus={}", cluster.sizes.cpus),
        format!("--memory={}mb", cluster.sizes.memory / MIB),
        // Without ours, minikube's own, which enforces network policies as well.
        format!("--cni={}", if ours { "false" } else { "kindnet" }),
        // The range that the node keeps to itself.
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--extra-config=kubelet.system-reserved=cpu={cpus},memory={memory}"),
    ];
    flags.extend(
        cluster.key_options().map(|(option, value)| format!("--extra-config=apiserver.{option}={value}")),
    );
    if ours {
        // The images in the node have the same repository as the node image.
        let repository = cluster.image.rsplit_once('/').map_or("localhost", |(repository, _)| repository);
        flags.push(format!("--image-repository={repository}"));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Sizes;
    use crate::cluster::local::testing::provider;
    use crate::config::ProviderKind;

    #[test]
    fn sizes_are_the_clusters_and_a_public_image_comes_with_its_own_names() {
        let mut cluster = provider(std::path::Path::new("/s"), ProviderKind::Minikube);
        (cluster.image, cluster.sizes) =
            ("localhost/ours/base:v1".to_owned(), Sizes { nodes: 1, cpus: 2, memory: 3 << 30 });
        (cluster.engine.cpus, cluster.engine.memory) = (8, 4 << 30);
        let flags = create(&cluster, "1.34.4", true);
        for flag in [
            "--cpus=2",
            "--memory=3072mb",
            "--extra-config=kubelet.system-reserved=cpu=6,memory=1073741824",
            "--image-repository=localhost/ours",
            "--extra-config=apiserver.encryption-provider-config=/etc/ssl/certs/todo-bootstrap-encryption.json",
            "--extra-config=apiserver.encryption-provider-config-automatic-reload=true",
        ] {
            assert!(flags.iter().any(|found| found == flag), "{flag} in {flags:?}");
        }
        let public = create(&cluster, "1.34.4", false);
        assert!(!public.iter().any(|flag| flag.starts_with("--image-repository")));
        let cni = |flags: &[String]| flags.iter().find(|flag| flag.starts_with("--cni=")).cloned().unwrap();
        assert_eq!((cni(&flags), cni(&public)), ("--cni=false".to_owned(), "--cni=kindnet".to_owned()));
    }
}
