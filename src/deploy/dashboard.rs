//! The Kubernetes dashboard, if somebody installed it.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::Api;

use super::routes::Route;
use crate::error::Result;
use crate::kubernetes::{Kube, api_error};
use crate::task::Task;

pub const NAMESPACE: &str = "kubernetes-dashboard";

/// Its Service: the first is that of the Helm chart since version 7, the second that of all other versions.
const SERVICES: [&str; 2] = ["kubernetes-dashboard-kong-proxy", "kubernetes-dashboard"];

/// Its address in the cluster, and its protocol (`http` or `https`); `None` if it is not installed.
pub fn dashboard(task: &Task<'_>, kube: &Kube) -> Result<Option<(Route, &'static str)>> {
    task.wait("the dashboard", async {
        let api: Api<Service> = Api::namespaced(kube.client().clone(), NAMESPACE);
        for name in SERVICES {
            let service = api.get_opt(name).await;
            let service = service.map_err(|e| api_error(&format!("read Service {NAMESPACE}/{name}"), &e))?;
            if let Some(found) = service.and_then(|service| of(name, &service)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    })
}

fn of(name: &str, service: &Service) -> Option<(Route, &'static str)> {
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
    let named = port.name.as_deref().unwrap_or_default();
    let tls = port.port == 443 || port.port == 8443 || named.contains("tls") || named.contains("https");
    let route = Route {
        host: None,
        path: "/".to_owned(),
        service: name.to_owned(),
        port: IntOrString::Int(port.port),
    };
    Some((route, if tls { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, ResponseTemplate};

    use super::*;
    use crate::kubernetes::testing::{serve, with_server};

    fn found(services: &[(&str, serde_json::Value)]) -> Option<(Route, &'static str)> {
        let mocks = services.iter().map(|(name, port)| {
            let answer = serde_json::json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name}, "spec": {"ports": [port]}});
            Mock::given(path(format!("/api/v1/namespaces/{NAMESPACE}/services/{name}")))
                .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        });
        let none = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": "NotFound", "code": 404, "message": "not found"});
        let none = Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(404).set_body_json(none))
            .with_priority(9);
        let (_runtime, server) = serve(mocks.chain([none]));
        with_server(&server.uri(), |task, kube| dashboard(task, kube).unwrap()).0
    }

    #[test]
    fn each_way_to_install_it_is_known() {
        assert_eq!(found(&[]), None);
        let (route, scheme) = found(&[("kubernetes-dashboard", serde_json::json!({"port": 80}))]).unwrap();
        assert_eq!((scheme, route.port), ("http", IntOrString::Int(80)));
        let kong = serde_json::json!({"name": "kong-proxy-tls", "port": 443});
        let (route, scheme) = found(&[("kubernetes-dashboard-kong-proxy", kong)]).unwrap();
        assert_eq!((scheme, route.service.as_str()), ("https", SERVICES[0]));
    }
}
