//! The parts of the distribution protocol that the client uses.

use std::net::SocketAddr;
use std::sync::Arc;

use super::wire::{Reply, Request};
use super::{Repository, State, digest};

fn error(status: &str, code: &str) -> Reply {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"no","detail":null}}]}}"#);
    Reply::new(status).header("Content-Type", "application/json").body(body)
}

pub(super) fn answer(request: &Request, state: &mut State, address: SocketAddr) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path == "/token" {
        let body = format!(r#"{{"token":"token-{}"}}"#, state.tokens);
        return Reply::new("200 OK").header("Content-Type", "application/json").body(body);
    }
    let given = request.header("authorization");
    if state.wants_token && given != format!("Bearer token-{}", state.tokens) {
        let challenge = format!(r#"Bearer realm="http://{address}/token",service="test""#);
        return error("401 Unauthorized", "UNAUTHORIZED").header("WWW-Authenticate", challenge);
    }
    let Some(path) = path.strip_prefix("/v2/") else { return error("404 Not Found", "UNSUPPORTED") };
    if path.is_empty() {
        return Reply::new("200 OK").header("Docker-Distribution-Api-Version", "registry/2.0").body("{}");
    }
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        return manifest(request, state.repositories.entry(repository.to_owned()).or_default(), reference);
    }
    match path.split_once("/blobs/") {
        Some((repository, "uploads/")) => begin(state, repository, query, address),
        Some((repository, rest)) => match rest.strip_prefix("uploads/") {
            Some(id) => end(request, state, repository, id, query),
            None => blob(request, state, repository, rest),
        },
        None => error("404 Not Found", "NAME_UNKNOWN"),
    }
}

fn manifest(request: &Request, repository: &mut Repository, reference: &str) -> Reply {
    if request.method == "PUT" {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        // Whatever looks like a digest in it has to be there.
        for part in text.split("\"sha256:").skip(1) {
            let named = format!("sha256:{}", &part[..64]);
            if !repository.blobs.contains_key(&named) && !repository.manifests.contains_key(&named) {
                return error("400 Bad Request", "MANIFEST_BLOB_UNKNOWN");
            }
        }
        let (digest, kind) = (digest(&request.body), request.header("content-type").to_owned());
        repository.manifests.insert(digest.clone(), (kind, request.body.clone()));
        if !reference.contains(':') {
            repository.tags.insert(reference.to_owned(), digest.clone());
        }
        return Reply::new("201 Created").header("Docker-Content-Digest", digest).body("");
    }
    let digest = repository.tags.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
    match repository.manifests.get(&digest) {
        Some((kind, bytes)) => {
            let reply = Reply::new("200 OK").header("Content-Type", kind);
            reply.header("Docker-Content-Digest", &digest).body(bytes.clone())
        }
        None => error("404 Not Found", "MANIFEST_UNKNOWN"),
    }
}

fn blob(request: &Request, state: &State, repository: &str, digest: &str) -> Reply {
    let found = state.repositories.get(repository).and_then(|repository| repository.blobs.get(digest));
    let Some(bytes) = found else { return error("404 Not Found", "BLOB_UNKNOWN") };
    Reply::file(request, bytes, Some(&format!("\"{digest}\""))).header("Docker-Content-Digest", digest)
}

fn begin(state: &mut State, repository: &str, query: &str, address: SocketAddr) -> Reply {
    let value = |key: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}=")));
        pair.map(|value| value.replace("%3A", ":").replace("%2F", "/")).unwrap_or_default()
    };
    let from = state.repositories.get(&value("from"));
    if let Some(bytes) = from.and_then(|from| from.blobs.get(&value("mount"))).map(Arc::clone) {
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.insert(value("mount"), bytes);
        return Reply::new("201 Created").body("");
    }
    let id = format!("upload-{}", state.uploads.len());
    state.uploads.push(id.clone());
    let at = format!("http://{address}/v2/{repository}/blobs/uploads/{id}?_state=x%3D");
    Reply::new("202 Accepted").header("Location", at).body("")
}

fn end(request: &Request, state: &mut State, repository: &str, id: &str, query: &str) -> Reply {
    if !state.uploads.iter().any(|upload| upload == id) || !query.starts_with("_state=x%3D&digest=") {
        return error("404 Not Found", "BLOB_UPLOAD_UNKNOWN");
    }
    let wanted = query.rsplit('=').next().unwrap_or_default().replace("%3A", ":");
    if digest(&request.body) != wanted {
        return error("400 Bad Request", "DIGEST_INVALID");
    }
    let repository = state.repositories.entry(repository.to_owned()).or_default();
    repository.blobs.insert(wanted, Arc::new(request.body.clone()));
    Reply::new("201 Created").body("")
}
