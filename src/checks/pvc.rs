//! Kind `pvc`: a claim is bound to a volume of the right class.

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::Api;

use super::{Check, Context, Verdict, pulse};
use crate::config::Fields;
use crate::kubernetes::error_line;

#[derive(Debug)]
struct Pvc {
    name: String,
    namespace: Option<String>,
    storage_class: Option<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let (name, namespace) = (fields.string("name"), fields.opt_string("namespace"));
    let storage_class = fields.opt_string("storage-class");
    Some(Box::new(Pvc { name: name?, namespace, storage_class }))
}

impl Pvc {
    fn api(&self, cx: &Context<'_>) -> Api<PersistentVolumeClaim> {
        Api::namespaced(cx.client(), self.namespace.as_deref().unwrap_or(&cx.namespace))
    }
}

impl Check for Pvc {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.api(cx).get_opt(&self.name).await {
                Ok(Some(claim)) => judge(&claim, self.storage_class.as_deref()),
                Ok(None) => Verdict::NotYet(format!("there is no claim {}", self.name)),
                Err(error) => Verdict::NotYet(error_line(&error)),
            }
        }
        .boxed()
    }

    fn changes(&self, cx: &Context<'_>) -> Option<BoxStream<'static, ()>> {
        Some(pulse::of_one(self.api(cx), &self.name))
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap check   # shows whether the storage class exists"
    }
}

fn judge(claim: &PersistentVolumeClaim, wanted: Option<&str>) -> Verdict {
    let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
    if let Some(wanted) = wanted
        && class != Some(wanted)
    {
        let text = format!("is of storage class {}, not {wanted}", class.unwrap_or("(none)"));
        // The API server sets the default class a moment after the claim was created.
        return if class.is_none() { Verdict::NotYet(text) } else { Verdict::Never(text) };
    }
    let status = claim.status.as_ref();
    let class = class.unwrap_or("no class");
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Bound") => {
            let capacity = status.and_then(|status| status.capacity.as_ref()?.get("storage"));
            let size = capacity.map(|quantity| format!("{}, ", quantity.0)).unwrap_or_default();
            Verdict::Pass(format!("bound ({size}{class})"))
        }
        Some("Lost") => Verdict::Never("has lost its volume".to_owned()),
        phase => Verdict::NotYet(format!("is {}, not Bound ({class})", phase.unwrap_or("without a phase"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn claim(class: &str, phase: &str) -> PersistentVolumeClaim {
        object(&format!(
            "spec: {{storageClassName: {class}}}\nstatus: {{phase: {phase}, capacity: {{storage: 64Mi}}}}\n"
        ))
    }

    #[test]
    fn bound_passes_pending_may_lost_and_another_class_cannot() {
        let expected = Verdict::Pass("bound (64Mi, standard)".to_owned());
        assert_eq!(judge(&claim("standard", "Bound"), None), expected);
        assert_eq!(judge(&claim("standard", "Bound"), Some("standard")), expected);
        assert!(matches!(judge(&claim("standard", "Pending"), None), Verdict::NotYet(_)));
        assert!(matches!(judge(&claim("standard", "Lost"), None), Verdict::Never(_)));
        assert!(matches!(judge(&claim("standard", "Bound"), Some("fast")), Verdict::Never(_)));
        assert!(matches!(judge(&claim("null", "Bound"), Some("fast")), Verdict::NotYet(_)));
    }
}
