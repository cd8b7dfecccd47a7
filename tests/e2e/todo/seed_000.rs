//! The variant of the first specification, by its values file: `SQLite` on volumes, other ports, a load
//! balancer that has no implementation here.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{program, user};
use crate::bed::{Bed, docker, read_toml};
use crate::http::Address;
use crate::program::Then;

const NAMESPACE: &str = "todo-seed-000";
const RELEASE: &str = "todo";

pub fn once(bed: &Bed) {
    settings(bed);
    install(bed);
    let address = node_port(bed);
    let balancer = service(bed, "status");
    assert_eq!(balancer["loadBalancer"], json!({}), "it has no implementation here, which is accepted");

    address.get_until("/healthz", Duration::from_secs(60), |reply| reply.status == 200);
    let body = json!({ "title": "kept in a file" }).to_string();
    let made = user::call_at(&address, "POST", "/api/tasks", &body).expect("POST answers");
    assert_eq!(made.status, 201, "{made:?}");
    let pods = ["delete", "pods", "--all", "--namespace", NAMESPACE, "--wait=true"];
    bed.kubectl(&pods);
    ready(bed);
    // A request without an account gets 401 from the backend itself; until its Service has left the old pod,
    // the frontend cannot reach it.
    address.get_until("/api/tasks", Duration::from_secs(60), |reply| reply.status == 401);
    // The same account, so its file was kept too.
    let listed = user::call_at(&address, "GET", "/api/tasks", "").expect("GET answers");
    assert!(listed.status == 200 && listed.body.contains("kept in a file"), "{listed:?}");
    backed_up(bed, &address);
    bed.kubectl(&["delete", "namespace", NAMESPACE]);
}

/// Both files, of tasks and of accounts, are saved and restored while the services use them.
fn backed_up(bed: &Bed, address: &Address) {
    let project = own_project(bed);
    let call =
        |args: &[&str]| bed.call_in(&project, args, Duration::from_secs(120), &mut |_| Then::GoOn).expect(0);
    let made = call(&["backup", "create", "--output", "json"]);
    let made: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
    let stores: Vec<&str> = made["manifest"]["dumps"]
        .as_array()
        .expect("dumps")
        .iter()
        .filter_map(|dump| dump["store"].as_str())
        .collect();
    assert_eq!(stores, ["tasks", "accounts"]);
    let later = json!({ "title": "after the backup" }).to_string();
    assert_eq!(user::call_at(address, "POST", "/api/tasks", &later).expect("POST answers").status, 201);
    call(&["restore", made["name"].as_str().expect("a name"), "--yes"]);
    let listed = user::call_at(address, "GET", "/api/tasks", "").expect("GET answers");
    println!("restored: {listed:?}");
    assert!(
        listed.body.contains("kept in a file") && !listed.body.contains("after the backup"),
        "{listed:?}"
    );
}

/// The project, as the application that was installed.
fn own_project(bed: &Bed) -> PathBuf {
    let dir = bed.dir.join("seed-000");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir(&dir).expect("a folder");
    for entry in std::fs::read_dir(&bed.project).expect("the project").flatten() {
        std::os::unix::fs::symlink(entry.path(), dir.join(entry.file_name())).expect("a link");
    }
    let mut file = read_toml(&dir.join("application.toml"));
    file.insert("name".to_owned(), RELEASE.into());
    file.insert("namespace".to_owned(), NAMESPACE.into());
    std::fs::remove_file(dir.join("application.toml")).expect("the link");
    std::fs::write(dir.join("application.toml"), toml::to_string(&file).expect("TOML")).expect("a file");
    dir
}

/// The settings in `.env` that the values file requires.
fn settings(bed: &Bed) {
    let secret = |key: &str| format!("--from-literal={key}=0123456789abcdef0123456789abcdef-e2e");
    let config = [
        "ENVIRONMENT=production",
        "LOG_LEVEL=INFO",
        "HOST=0.0.0.0",
        "CORS_ORIGINS=",
        "MCP_SERVER_URL=http://mcp-server:8000/mcp",
        "AUTH_ORIGINS=",
        "AUTH_JWKS_URL=http://frontend:3000/auth/jwks",
        "AI_MOCK=true",
        "LLM_BASE_URL=",
        "LLM_MODEL=",
        "NEXT_PUBLIC_API_URL=http://backend:8888",
        "NEXT_PUBLIC_APP_TITLE=Todo Chatbot",
        "POSTGRES_USER=",
        "POSTGRES_DB=",
    ];
    let namespace = ["--namespace", NAMESPACE];
    bed.kubectl(&["create", "namespace", NAMESPACE]);
    let make = ["create", "secret", "generic", "todo-chatbot-env"];
    let made = ["INTERNAL_API_TOKEN", "BETTER_AUTH_SECRET"].map(secret);
    let keys = ["OPENAI_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "LLM_API_KEY"];
    let empty = ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "REDIS_URL"].into_iter().chain(keys);
    let empty: Vec<String> = empty.map(|key| format!("--from-literal={key}=")).collect();
    let mut args: Vec<&str> = make.to_vec();
    args.extend(made.iter().chain(&empty).map(String::as_str));
    args.push("--from-literal=DATABASE_URL=sqlite:////data/todo.db");
    bed.kubectl(&[&args[..], &namespace[..]].concat());
    let config = config.map(|line| format!("--from-literal={line}"));
    let mut args = vec!["create", "configmap", "todo-chatbot-config"];
    args.extend(config.iter().map(String::as_str));
    bed.kubectl(&[&args[..], &namespace[..]].concat());
}

/// With the images that already run.
fn install(bed: &Bed) {
    let chart = bed.project.join("manifests/todo-chatbot");
    let running = bed.kubectl_json(&["get", "deployments", "--namespace", &bed.app.namespace]);
    let mut helm = Command::new(bed.tool("helm"));
    helm.args(["install", RELEASE]).arg(&chart).arg("--values").arg(chart.join("values/seed-000.yaml"));
    for item in running["items"].as_array().expect("a list") {
        let name = item["metadata"]["name"].as_str().expect("a name");
        let image = &item["spec"]["template"]["spec"]["containers"][0]["image"];
        helm.args(["--set", &format!("images.{name}={}", image.as_str().expect("an image"))]);
    }
    helm.args(["--namespace", NAMESPACE, "--kubeconfig"]).arg(bed.kubeconfig());
    // Helm's own `--wait` would wait for the load balancer.
    program(helm, "helm install --values seed-000.yaml");
    ready(bed);
}

fn ready(bed: &Bed) {
    for deployment in ["frontend", "backend", "mcp-server", "mock-llm"] {
        let object = format!("deployment/{deployment}");
        bed.kubectl(&["rollout", "status", &object, "--timeout=180s", "--namespace", NAMESPACE]);
    }
}

fn service(bed: &Bed, part: &str) -> serde_json::Value {
    bed.kubectl_json(&["get", "service", "frontend", "--namespace", NAMESPACE])[part].clone()
}

/// The page on the node's own port.
fn node_port(bed: &Bed) -> Address {
    let spec = service(bed, "spec");
    assert_eq!(spec["type"], "LoadBalancer");
    let port = spec["ports"][0]["nodePort"].as_u64().expect("a port of the node");
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let node = docker(&["inspect", "--format", format, &bed.node_container().0]).expect("the node's address");
    Address { host: node.trim().to_owned(), port: u16::try_from(port).expect("a port") }
}
