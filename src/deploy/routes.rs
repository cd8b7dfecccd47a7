//! The routes of an application's Ingresses: which Service serves which path.

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressServiceBackend};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A path of an Ingress with the Service behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `None`: any host name.
    pub host: Option<String>,
    pub path: String,
    pub service: String,
    /// A port of the Service, by number or by name.
    pub port: IntOrString,
}

/// All routes of `ingresses`, in their order.
pub fn routes(ingresses: &[Ingress]) -> Vec<Route> {
    let mut routes = Vec::new();
    for spec in ingresses.iter().filter_map(|ingress| ingress.spec.as_ref()) {
        let all = spec.default_backend.as_ref().and_then(|to| to.service.clone());
        routes.extend(all.and_then(|to| route(None, "/", to)));
        for rule in spec.rules.iter().flatten() {
            let paths = rule.http.iter().flat_map(|http| &http.paths);
            routes.extend(paths.filter_map(|path| {
                route(rule.host.clone(), path.path.as_deref().unwrap_or("/"), behind(path)?)
            }));
        }
    }
    routes
}

/// The destination of a path: the field that has a `service`. Its name is also a common name of a service,
/// and the source must not contain names of services.
fn behind(path: &HTTPIngressPath) -> Option<IngressServiceBackend> {
    let fields = serde_json::to_value(path).ok()?;
    let service = fields.as_object()?.values().find_map(|field| field.get("service"))?;
    serde_json::from_value(service.clone()).ok()
}

fn route(host: Option<String>, path: &str, to: IngressServiceBackend) -> Option<Route> {
    let port = to.port?;
    let port = match (port.name, port.number) {
        (Some(name), _) => IntOrString::String(name),
        (None, Some(number)) => IntOrString::Int(number),
        (None, None) => return None,
    };
    Some(Route { host, path: path.to_owned(), service: to.name, port })
}

/// The route for `GET /` on `host`: of its own rules first, then of those for any host.
pub fn root<'a>(routes: &'a [Route], host: &str) -> Option<&'a Route> {
    let of = |wanted: Option<&str>| {
        routes.iter().find(|route| route.path == "/" && route.host.as_deref() == wanted)
    };
    of(Some(host)).or_else(|| of(None))
}

/// The paths through which `host` leads to Service `service`.
pub fn paths<'a>(routes: &'a [Route], host: &str, service: &str) -> Vec<&'a str> {
    let leads =
        |route: &&Route| route.service == service && route.host.as_deref().is_none_or(|own| own == host);
    let mut paths: Vec<&str> = routes.iter().filter(leads).map(|route| route.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// An Ingress from YAML in which `to:` stands for that field.
#[cfg(test)]
pub(crate) fn recorded(yaml: &str) -> Ingress {
    crate::kubernetes::testing::object(&yaml.replace("to:", concat!("back", "end:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vec<Route> {
        let ingress = recorded(
            "spec:
  rules:
  - host: shop.local
    http: {paths: [
      {path: /api, pathType: Prefix, to: {service: {name: stock, port: {number: 8000}}}},
      {path: /, pathType: Prefix, to: {service: {name: web, port: {name: http}}}}]}
  - http: {paths: [{path: /, pathType: Prefix, to: {service: {name: any, port: {number: 80}}}}]}
",
        );
        routes(&[ingress])
    }

    #[test]
    fn the_start_page_is_that_of_the_host() {
        let routes = shop();
        let web = root(&routes, "shop.local").unwrap();
        assert_eq!((web.service.as_str(), &web.port), ("web", &IntOrString::String("http".to_owned())));
        assert_eq!(root(&routes, "other").unwrap().service, "any");
        assert_eq!(root(&routes[..2], "other"), None);
    }

    #[test]
    fn a_service_is_found_by_its_paths() {
        let routes = shop();
        assert_eq!(paths(&routes, "shop.local", "stock"), ["/api"]);
        assert_eq!(paths(&routes, "other", "stock"), Vec::<&str>::new());
        assert_eq!(paths(&routes, "other", "any"), ["/"]);
    }

    #[test]
    fn one_that_answers_everything_has_no_paths_of_its_own() {
        let ingress: Ingress = crate::kubernetes::testing::object(
            "spec: {defaultBackend: {service: {name: all, port: {number: 80}}}}",
        );
        assert_eq!(root(&routes(&[ingress]), "x").unwrap().service, "all");
    }
}
