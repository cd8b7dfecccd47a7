//! Kind `condition`: objects of any API have the given status conditions.

use std::collections::BTreeMap;

use futures::future::{BoxFuture, FutureExt as _};
use kube::api::{Api, DynamicObject, GroupVersionKind, ListParams};
use kube::discovery;
use serde_json::Value;

use super::spec::required;
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::kubernetes::error_line;

#[derive(Debug)]
struct Condition {
    kind: GroupVersionKind,
    /// `None` selects all objects; there must be at least one.
    name: Option<String>,
    namespace: Option<String>,
    /// Type of the condition → its status: `True`, `False` (also if it is missing) or `Unknown`.
    conditions: BTreeMap<String, String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let version = required(fields, "api-version", |text| {
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        let good = version.starts_with('v') && !version.contains('/');
        good.then(|| (group.to_owned(), version.to_owned()))
            .ok_or_else(|| "must be like \"v1\" or \"apps/v1\"".to_owned())
    });
    let object = fields.string("object");
    let (name, namespace) = (fields.opt_string("name"), fields.opt_string("namespace"));
    let conditions = fields.string_map("conditions");
    if conditions.is_empty() {
        fields.problem("conditions", "must name at least one condition");
    }
    if conditions.values().any(|status| !["True", "False", "Unknown"].contains(&status.as_str())) {
        fields.problem("conditions", "must each be \"True\", \"False\" or \"Unknown\"");
    }
    let (group, version) = version?;
    let kind = GroupVersionKind { group, version, kind: object? };
    Some(Box::new(Condition { kind, name, namespace, conditions }))
}

impl Check for Condition {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            match self.list(cx).await {
                Ok(objects) => judge(&self.kind.kind, &objects, self.name.as_deref(), &self.conditions),
                Err(error) => Verdict::NotYet(error_line(&error)),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # repairs the cluster, or shows why it cannot"
    }
}

impl Condition {
    async fn list(&self, cx: &Context<'_>) -> Result<Vec<DynamicObject>, kube::Error> {
        let (resource, capabilities) = discovery::pinned_kind(&cx.client(), &self.kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            discovery::Scope::Namespaced => {
                let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
                Api::namespaced_with(cx.client(), namespace, &resource)
            }
            discovery::Scope::Cluster => Api::all_with(cx.client(), &resource),
        };
        let fields = self.name.as_ref().map(|name| format!("metadata.name={name}"));
        let parameters = fields.map_or_else(ListParams::default, |f| ListParams::default().fields(&f));
        Ok(api.list(&parameters).await?.items)
    }
}

fn judge(
    kind: &str,
    objects: &[DynamicObject],
    name: Option<&str>,
    wanted: &BTreeMap<String, String>,
) -> Verdict {
    if objects.is_empty() {
        return Verdict::NotYet(
            format!("there is no {kind} {}", name.unwrap_or_default()).trim_end().to_owned(),
        );
    }
    let wrong: Vec<String> = objects.iter().flat_map(|object| deviations(object, wanted)).collect();
    if !wrong.is_empty() {
        return Verdict::NotYet(wrong.join("; "));
    }
    let conditions: Vec<String> = wanted.iter().map(|(name, status)| format!("{name}={status}")).collect();
    Verdict::Pass(format!("{} of {kind}: {}", objects.len(), conditions.join(", ")))
}

fn deviations(object: &DynamicObject, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let mut wrong = Vec::new();
    for (kind, status) in wanted {
        let found = conditions.into_iter().flatten().find(|c| c["type"] == kind.as_str());
        let is = found.map_or_else(|| "False".to_owned(), |c| text(c, "status"));
        if is != *status {
            let message = found.map(|c| text(c, "message")).unwrap_or_default();
            let why = if message.is_empty() { String::new() } else { format!(" ({message})") };
            wrong.push(format!("{name} has {kind}={is}, not {status}{why}"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn wanted() -> BTreeMap<String, String> {
        [("Ready", "True"), ("DiskPressure", "False")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    fn node(ready: &str, disk: &str) -> DynamicObject {
        object(&format!(
            "metadata: {{name: node-1}}\nstatus: {{conditions: [{{type: Ready, status: '{ready}', message: runtime down}}, {{type: DiskPressure, status: '{disk}'}}]}}\n"
        ))
    }

    #[test]
    fn all_objects_must_have_all_conditions() {
        assert_eq!(
            judge("Node", &[node("True", "False")], None, &wanted()),
            Verdict::Pass("1 of Node: DiskPressure=False, Ready=True".to_owned())
        );
        let Verdict::NotYet(detail) =
            judge("Node", &[node("True", "False"), node("False", "True")], None, &wanted())
        else {
            panic!("passed")
        };
        assert!(detail.contains("node-1 has Ready=False, not True (runtime down)"), "{detail}");
        assert!(detail.contains("DiskPressure=True"), "{detail}");
    }

    #[test]
    fn none_at_all_and_no_conditions_do_not_pass() {
        assert_eq!(judge("Node", &[], None, &wanted()), Verdict::NotYet("there is no Node".to_owned()));
        let bare: DynamicObject = object("metadata: {name: bare}\n");
        assert!(matches!(judge("Node", &[bare], None, &wanted()), Verdict::NotYet(_)));
    }
}
