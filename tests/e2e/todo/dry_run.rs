//! Every values file of the chart, validated by the API server.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::program;
use crate::bed::Bed;

const NAMESPACE: &str = "todo-dry-run";

pub fn values_files(bed: &Bed) {
    bed.kubectl(&["create", "namespace", NAMESPACE]);
    let label = "pod-security.kubernetes.io/enforce=restricted";
    bed.kubectl(&["label", "namespace", NAMESPACE, label, "pod-security.kubernetes.io/warn=restricted"]);
    let chart = bed.project.join("manifests/todo-chatbot");
    let files = values(&chart);
    assert!(files.len() >= 6, "presets and variants: {files:?}");
    for file in files {
        let mut helm = Command::new(bed.tool("helm"));
        helm.args(["template", "todo", "--namespace", NAMESPACE, "--values"]).arg(&file).arg(&chart);
        let objects = program(helm, &format!("helm template --values {}", file.display()));
        accept(bed, &objects);
    }
    bed.kubectl(&["delete", "namespace", NAMESPACE]);
}

fn values(chart: &std::path::Path) -> Vec<PathBuf> {
    let folders = [chart.to_owned(), chart.join("values")];
    let files = folders.iter().flat_map(|dir| std::fs::read_dir(dir).expect("the chart").flatten());
    let is_values = |path: &PathBuf| {
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("values"));
        let within = path.parent().is_some_and(|dir| dir.ends_with("values"));
        path.extension().is_some_and(|end| end == "yaml") && (named || within)
    };
    files.map(|entry| entry.path()).filter(is_values).collect()
}

/// The server accepts the objects without warnings, for example about Pod Security.
fn accept(bed: &Bed, objects: &str) {
    let mut kubectl = Command::new(bed.tool("kubectl"));
    kubectl.arg("--kubeconfig").arg(bed.kubeconfig()).args([
        "apply",
        "--dry-run=server",
        "--namespace",
        NAMESPACE,
    ]);
    kubectl.args(["--filename", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = kubectl.spawn().expect("kubectl");
    let mut input = child.stdin.take().expect("a stream");
    std::io::Write::write_all(&mut input, objects.as_bytes()).expect("write to kubectl");
    drop(input);
    let output = child.wait_with_output().expect("kubectl ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Warning"), "the server printed:\n{said}");
}
