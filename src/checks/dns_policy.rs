//! Kind `dns-policy`: no network policy keeps a pod of the namespace from asking the cluster's DNS.

use futures::future::{BoxFuture, FutureExt as _};

use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::diagnose::{Observed, dns_cause, gather};
use crate::kubernetes::error_line;

#[derive(Debug)]
struct DnsPolicy {
    namespace: Option<String>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of all kinds
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    Some(Box::new(DnsPolicy { namespace: fields.opt_string("namespace") }))
}

impl Check for DnsPolicy {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
            match gather(cx.kube, namespace, "").await {
                Ok(observed) => judge(&observed),
                Err(error) => Verdict::NotYet(error_line(&error)),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # restores the application's own policies"
    }
}

fn judge(observed: &Observed) -> Verdict {
    let mut causes = observed.pods.iter().filter_map(|pod| dns_cause(pod, &observed.policies));
    match causes.next() {
        None => Verdict::Pass(format!("{} policies, {} pods", observed.policies.len(), observed.pods.len())),
        Some(first) => {
            let more = match causes.count() {
                0 => String::new(),
                count => format!(" (and {count} more pods)"),
            };
            Verdict::NotYet(format!("{}{more}: {}: {}", first.object, first.what, first.details.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    #[test]
    fn the_pod_and_its_policies_are_named() {
        let pod = |name: &str| {
            object(&format!("metadata: {{name: {name}, namespace: shop}}\nspec: {{containers: []}}\n"))
        };
        let mut observed = Observed { pods: vec![pod("a"), pod("b")], ..Observed::default() };
        assert_eq!(judge(&observed), Verdict::Pass("0 policies, 2 pods".to_owned()));
        let policy =
            "metadata: {name: closed, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";
        observed.policies = vec![object(policy)];
        let Verdict::NotYet(detail) = judge(&observed) else { panic!("passed") };
        assert!(
            detail.starts_with("shop/a (and 1 more pods): ") && detail.contains("closed restricts"),
            "{detail}"
        );
    }
}
