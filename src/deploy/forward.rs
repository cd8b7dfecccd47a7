//! Forwards a port of this machine to a Service, in this process, until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Client;
use kube::api::Api;
use tokio::net::{TcpListener, TcpStream};

use super::routes::Route;
use crate::error::{Error, Result};
use crate::host::{free_port, holder};
use crate::kubernetes::{Kube, api_error, reach};
use crate::task::Task;

/// The first port that is tried if the user does not specify one.
const FIRST: u16 = 8080;

/// Listens on `port` of the loopback address (a free one if `None`), calls `listening` with the port, and
/// forwards each connection to a ready pod behind `route`. Every connection selects its pod again, because
/// pods may be replaced. Returns only with an error, at the latest when the task ends.
pub fn forward(
    task: &Task<'_>,
    kube: &Kube,
    namespace: &str,
    route: &Route,
    port: Option<u16>,
    listening: &mut dyn FnMut(u16),
) -> Result<()> {
    task.wait("the port-forward", async {
        let number = number(kube, namespace, route).await?;
        // A first connection, so that a Service without a ready pod fails now.
        let proof = reach::connect(kube.client(), namespace, &route.service, number).await;
        proof.map_err(|why| unreachable(namespace, route, &why))?.forwarder.abort();
        let wanted = port.unwrap_or_else(|| free_port(FIRST, &[], true));
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
        let listener = TcpListener::bind(at).await.map_err(|error| taken(wanted, &error))?;
        let address = listener.local_addr().map_err(|error| taken(wanted, &error))?;
        listening(address.port());
        loop {
            match listener.accept().await {
                Ok((local, _)) => {
                    let (client, service) = (kube.client().clone(), route.service.clone());
                    let namespace = namespace.to_owned();
                    tokio::spawn(async move { carry(local, &client, &namespace, &service, number).await });
                }
                Err(error) => return Err(Error::failed("cannot accept a connection").because(error)),
            }
        }
    })
}

async fn carry(mut local: TcpStream, client: &Client, namespace: &str, service: &str, port: u16) {
    match reach::connect(client, namespace, service, port).await {
        Ok(mut connection) => {
            // Either side may close the connection at any time.
            let _ = tokio::io::copy_bidirectional(&mut local, &mut connection.stream).await;
            connection.forwarder.abort();
        }
        Err(why) => tracing::warn!(service, why, "a connection could not be forwarded"),
    }
}

/// The number of the Service's port; an Ingress may name it.
async fn number(kube: &Kube, namespace: &str, route: &Route) -> Result<u16> {
    let name = match &route.port {
        IntOrString::Int(number) => return u16::try_from(*number).map_err(|_| no_port(namespace, route)),
        IntOrString::String(name) => name,
    };
    let api: Api<Service> = Api::namespaced(kube.client().clone(), namespace);
    let service = api.get_opt(&route.service).await;
    let service = service.map_err(|e| api_error(&format!("read Service {}", route.service), &e))?;
    let ports = service.and_then(|service| service.spec?.ports).unwrap_or_default();
    let found = ports.iter().find(|port| port.name.as_ref() == Some(name));
    found.and_then(|port| u16::try_from(port.port).ok()).ok_or_else(|| no_port(namespace, route))
}

fn no_port(namespace: &str, route: &Route) -> Error {
    unreachable(namespace, route, "it has no such port")
}

fn unreachable(namespace: &str, route: &Route, why: &str) -> Error {
    let port = match &route.port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    Error::failed(format!("cannot reach port {port} of Service {namespace}/{}", route.service))
        .because(why)
        .help("todo-bootstrap status   # shows what is not ready, and why")
}

fn taken(port: u16, error: &std::io::Error) -> Error {
    let failed = Error::failed(format!("cannot listen on 127.0.0.1:{port}")).because(error);
    let failed = match holder(port) {
        Some(holder) => failed.because(format!("{holder} uses this port")),
        None => failed,
    };
    failed.help("todo-bootstrap open --port-forward   # uses a free port")
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::kubernetes::testing::{serve, with_server};

    #[test]
    fn a_port_that_an_ingress_names_is_looked_up() {
        let answer = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"name": "admin", "port": 81}, {"name": "http", "port": 80}]}});
        let (_runtime, server) = serve([Mock::given(path("/api/v1/namespaces/app/services/web"))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))]);
        with_server(&server.uri(), |task, kube| {
            let find = |port: IntOrString| {
                let route = Route { host: None, path: "/".to_owned(), service: "web".to_owned(), port };
                task.wait("the port", number(kube, "app", &route))
            };
            assert_eq!(find(IntOrString::String("http".to_owned())).unwrap(), 80);
            assert_eq!(find(IntOrString::Int(8000)).unwrap(), 8000);
            let error = find(IntOrString::String("grpc".to_owned())).unwrap_err();
            assert!(error.to_string().contains("port grpc of Service app/web"), "{error}");
        });
    }
}
