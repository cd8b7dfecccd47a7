//! Connects to a port of a Service: a port-forward through the API server to one of its pods, in this
//! process.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Client;
use kube::api::{Api, ListParams, Portforwarder};
use tokio::io::DuplexStream;

use super::error_line;

/// A pod that is behind a Service's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub pod: String,
    pub port: u16,
}

/// A connection; it stays open as long as the forwarder exists.
pub(crate) struct Connection {
    pub stream: DuplexStream,
    pub forwarder: Portforwarder,
    pub target: Target,
}

impl Connection {
    /// Ends if the pod refuses the connection, with the reason from the runtime's long message.
    pub fn refusal(&mut self) -> impl Future<Output = Option<String>> + use<> {
        let (refused, Target { pod, port }) =
            (self.forwarder.take_error(self.target.port), self.target.clone());
        async move {
            let message = refused?.await?;
            Some(if message.contains("connection refused") {
                format!("pod {pod} refuses connections on port {port}")
            } else {
                format!("pod {pod}, port {port}: {}", message.trim())
            })
        }
    }
}

/// Connects to `port` of Service `name`; the error describes the problem.
pub(crate) async fn connect(
    client: &Client,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<Connection, String> {
    let target = resolve(client, namespace, name, port).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut forwarder = pods
        .portforward(&target.pod, &[target.port])
        .await
        .map_err(|error| format!("no port-forward to pod {}: {}", target.pod, error_line(&error)))?;
    let stream =
        forwarder.take_stream(target.port).ok_or_else(|| "the port-forward has no stream".to_owned())?;
    Ok(Connection { stream, forwarder, target })
}

async fn resolve(client: &Client, namespace: &str, name: &str, port: u16) -> Result<Target, String> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let labels = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
    let (service, slices) = tokio::join!(services.get_opt(name), slices.list(&labels));
    let service = service.map_err(|error| error_line(&error))?;
    let service = service.ok_or_else(|| format!("there is no Service {name} in namespace {namespace}"))?;
    let slices = slices.map_err(|error| error_line(&error))?;
    choose(&service, &slices.items, port)
}

/// The first ready pod behind `port` of the Service.
fn choose(service: &Service, slices: &[EndpointSlice], port: u16) -> Result<Target, String> {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    // UDP may use the same number, as for DNS.
    let mut ports = ports.iter().filter(|p| p.protocol.as_deref().unwrap_or("TCP") == "TCP");
    let Some(wanted) = ports.clone().find(|p| p.port == i32::from(port)) else {
        let known: Vec<String> = ports.by_ref().map(|p| p.port.to_string()).collect();
        return Err(format!("Service {name} has no port {port} (it has {})", known.join(", ")));
    };
    let label = wanted.name.as_deref().unwrap_or_default();
    for slice in slices {
        let ports = slice.ports.as_deref().unwrap_or_default();
        let Some(port) = ports.iter().find(|p| p.name.as_deref().unwrap_or_default() == label) else {
            continue;
        };
        let Some(port) = port.port.and_then(|port| u16::try_from(port).ok()) else { continue };
        let ready = slice.endpoints.iter().filter(|endpoint| {
            endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
        });
        let pod = ready
            .filter_map(|endpoint| endpoint.target_ref.as_ref())
            .filter(|target| target.kind.as_deref() == Some("Pod"))
            .find_map(|target| target.name.clone());
        if let Some(pod) = pod {
            return Ok(Target { pod, port });
        }
    }
    Err(format!("Service {name} has no ready pod behind it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn service() -> Service {
        object(
            "metadata: {name: web}\nspec: {ports: [{name: http, port: 80, targetPort: 8080}, {name: admin, port: 81}]}",
        )
    }

    fn slice(ready: bool) -> EndpointSlice {
        object(&format!(
            "addressType: IPv4\nports: [{{name: admin, port: 9000}}, {{name: http, port: 8080}}]\nendpoints:\n- addresses: [10.0.0.1]\n  conditions: {{ready: {ready}}}\n  targetRef: {{kind: Pod, name: web-1}}\n"
        ))
    }

    #[test]
    fn a_service_port_leads_to_the_port_of_a_ready_pod() {
        let target = choose(&service(), &[slice(false), slice(true)], 80);
        assert_eq!(target, Ok(Target { pod: "web-1".to_owned(), port: 8080 }));
    }

    #[test]
    fn a_port_of_udp_is_passed_over() {
        let dns: Service = object(
            "metadata: {name: dns}\nspec: {ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}",
        );
        let slice: EndpointSlice = object(
            "addressType: IPv4\nports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 5353}]\nendpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: dns-1}}]\n",
        );
        assert_eq!(choose(&dns, &[slice], 53).map(|target| target.port), Ok(5353));
    }

    #[test]
    fn what_is_in_the_way_is_said() {
        assert!(choose(&service(), &[slice(false)], 80).unwrap_err().contains("no ready pod"));
        assert!(choose(&service(), &[], 81).unwrap_err().contains("no ready pod"));
        assert!(
            choose(&service(), &[slice(true)], 82).unwrap_err().contains("has no port 82 (it has 80, 81)")
        );
    }
}
