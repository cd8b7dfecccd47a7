//! Pods whose network policies keep them from asking the cluster's DNS.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};

use super::cause::Cause;

/// Where the DNS of a cluster runs: its namespace, and the labels that kubeadm and the API server set. A rule that
/// asks for other labels may select it.
const NAMESPACE: &str = "kube-system";
const NAMESPACE_LABEL: (&str, &str) = ("kubernetes.io/metadata.name", NAMESPACE);
const POD_LABEL: (&str, &str) = ("k8s-app", "kube-dns");
const PORT: i32 = 53;
/// The name of that port of the pods.
const PORT_NAME: &str = "dns";

/// The cause if policies restrict the connections of `pod`, and none of them allows requests to the cluster's DNS.
pub fn dns_cause(pod: &Pod, policies: &[NetworkPolicy]) -> Option<Cause> {
    let own_network = pod.spec.as_ref().is_none_or(|spec| spec.host_network != Some(true));
    let restricting: Vec<&NetworkPolicy> =
        policies.iter().filter(|policy| own_network && restricts(policy, pod)).collect();
    if restricting.is_empty() || restricting.iter().any(|policy| allows(policy)) {
        return None;
    }
    let names: Vec<String> = restricting.iter().map(|policy| policy.name_any()).collect();
    let namespace = pod.namespace().unwrap_or_default();
    let object = format!("{namespace}/{}", pod.name_any());
    let what = "its network policies do not allow requests to the cluster's DNS";
    let cause = Cause::new("dns-blocked", &object, what).detail(format!(
        "{} restrict{} its connections, and none allows UDP port {PORT} of the pods {}={} in {NAMESPACE}",
        names.join(", "),
        if names.len() == 1 { "s" } else { "" },
        POD_LABEL.0,
        POD_LABEL.1,
    ));
    let show = format!("kubectl describe networkpolicies {} --namespace {namespace}", names.join(" "));
    Some(cause.help(format!("{show}   # shows what they allow")))
}

/// Whether the policy selects the pod for the connections that it opens.
fn restricts(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let egress = spec.policy_types.iter().flatten().any(|kind| kind == "Egress");
    let selects = |selector: Selector| selector.matches(pod.labels());
    let all = LabelSelector::default();
    let selector = Selector::try_from(spec.pod_selector.clone().unwrap_or(all));
    egress && policy.namespace() == pod.namespace() && selector.is_ok_and(selects)
}

fn allows(policy: &NetworkPolicy) -> bool {
    let rules = policy.spec.iter().flat_map(|spec| spec.egress.iter().flatten());
    let own = policy.namespace().is_some_and(|namespace| namespace == NAMESPACE);
    let reaches = |rule: &NetworkPolicyEgressRule| {
        let (ports, peers) = (rule.ports.iter().flatten(), rule.to.iter().flatten());
        let any = |count: usize, found: bool| count == 0 || found;
        any(ports.clone().count(), ports.clone().any(is_dns))
            && any(peers.clone().count(), peers.clone().any(|peer| reaches_dns(peer, own)))
    };
    rules.into_iter().any(reaches)
}

fn is_dns(port: &NetworkPolicyPort) -> bool {
    let number = match &port.port {
        None => true,
        Some(IntOrString::Int(first)) => (*first..=port.end_port.unwrap_or(*first)).contains(&PORT),
        Some(IntOrString::String(name)) => name == PORT_NAME,
    };
    number && port.protocol.as_deref() == Some("UDP")
}

/// Whether the peer may be the cluster's DNS; `own`: whether the policy is in its namespace. Its address is not
/// known here, so a block of addresses may contain it.
fn reaches_dns(peer: &NetworkPolicyPeer, own: bool) -> bool {
    let namespace = match &peer.namespace_selector {
        Some(selector) => may_match(selector, NAMESPACE_LABEL),
        None => own,
    };
    let pods = peer.pod_selector.as_ref().is_none_or(|selector| may_match(selector, POD_LABEL));
    peer.ip_block.is_some() || (namespace && pods)
}

fn may_match(selector: &LabelSelector, (key, value): (&str, &str)) -> bool {
    let labels = selector.match_labels.iter().flat_map(BTreeMap::keys);
    let expressions = selector.match_expressions.iter().flatten().map(|one| &one.key);
    let known = labels.chain(expressions).all(|used| used == key);
    let matches =
        |selector: Selector| selector.matches(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
    !known || Selector::try_from(selector.clone()).is_ok_and(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    const DNS: &str = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, \
        podSelector: {matchLabels: {k8s-app: kube-dns}}}";

    fn policy(name: &str, spec: &str) -> NetworkPolicy {
        object(&format!("metadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"))
    }

    fn egress(rules: &str) -> NetworkPolicy {
        policy("some", &format!("{{podSelector: {{}}, policyTypes: [Egress], egress: [{rules}]}}"))
    }

    fn pod() -> Pod {
        object("metadata: {name: web-1, namespace: shop, labels: {app: web}}\nspec: {containers: []}\n")
    }

    #[test]
    fn one_policy_that_allows_it_is_enough() {
        let deny = policy("deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
        let cause = dns_cause(&pod(), std::slice::from_ref(&deny)).unwrap();
        assert_eq!((cause.code, cause.object.as_str()), ("dns-blocked", "shop/web-1"));
        assert!(cause.details[0].starts_with("deny restricts its connections"), "{cause:?}");
        assert!(cause.help[0].starts_with("kubectl describe networkpolicies deny --namespace shop"));
        let allow = egress(&format!("{{to: [{DNS}], ports: [{{protocol: UDP, port: 53}}]}}"));
        assert_eq!(dns_cause(&pod(), &[deny, allow]), None);
        assert_eq!(dns_cause(&pod(), &[]), None);
    }

    #[test]
    fn only_policies_that_select_the_pod_for_egress_restrict_it() {
        for spec in [
            "{podSelector: {}, policyTypes: [Ingress]}",
            "{podSelector: {matchLabels: {app: other}}, policyTypes: [Egress]}",
        ] {
            assert_eq!(dns_cause(&pod(), &[policy("one", spec)]), None, "{spec}");
        }
        let mut elsewhere = policy("deny", "{podSelector: {}, policyTypes: [Egress]}");
        elsewhere.metadata.namespace = Some("other".to_owned());
        assert_eq!(dns_cause(&pod(), &[elsewhere]), None);
    }

    #[test]
    fn rules_are_read_as_the_cluster_reads_them() {
        let udp = "ports: [{protocol: UDP, port: 53}]";
        for (rule, allowed) in [
            ("{}".to_owned(), true),
            (format!("{{{udp}}}"), true),
            (format!("{{to: [{DNS}]}}"), true),
            ("{ports: [{protocol: UDP}]}".to_owned(), true),
            ("{ports: [{protocol: UDP, port: dns}]}".to_owned(), true),
            ("{ports: [{protocol: UDP, port: 1, endPort: 100}]}".to_owned(), true),
            ("{ports: [{protocol: UDP, port: 54}]}".to_owned(), false),
            ("{ports: [{protocol: TCP, port: 53}]}".to_owned(), false),
            (format!("{{to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}], {udp}}}"), true),
            (format!("{{to: [{{podSelector: {{}}}}], {udp}}}"), false),
            (format!("{{to: [{{namespaceSelector: {{}}}}], {udp}}}"), true),
            (
                format!(
                    "{{to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: x}}}}}}], {udp}}}"
                ),
                false,
            ),
            (format!("{{to: [{{namespaceSelector: {{matchLabels: {{team: x}}}}}}], {udp}}}"), true),
        ] {
            assert_eq!(dns_cause(&pod(), &[egress(&rule)]).is_none(), allowed, "{rule}");
        }
    }
}
