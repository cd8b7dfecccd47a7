//! Kind `storage-class`: there is a default class, or one of the given name.

use futures::future::{BoxFuture, FutureExt as _};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};

use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::kubernetes::{DEFAULT_CLASS, error_line};

#[derive(Debug)]
struct Class {
    /// `None` asks for exactly one default class.
    name: Option<String>,
}

#[allow(clippy::unnecessary_wraps)] // the signature of all kinds
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    Some(Box::new(Class { name: fields.opt_string("name") }))
}

impl Check for Class {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let api: Api<StorageClass> = Api::all(cx.client());
            match api.list(&ListParams::default()).await {
                Ok(classes) => judge(&classes.items, self.name.as_deref()),
                Err(error) => Verdict::NotYet(error_line(&error)),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # recreates the cluster's storage class"
    }
}

fn judge(classes: &[StorageClass], wanted: Option<&str>) -> Verdict {
    let name = |class: &StorageClass| class.metadata.name.clone().unwrap_or_default();
    let names = || classes.iter().map(name).collect::<Vec<_>>().join(", ");
    let is_default = |class: &&StorageClass| {
        class
            .metadata
            .annotations
            .iter()
            .flatten()
            .any(|(key, value)| key == DEFAULT_CLASS && value == "true")
    };
    let found: Vec<&StorageClass> = match wanted {
        Some(wanted) => classes.iter().filter(|class| name(class) == wanted).collect(),
        None => classes.iter().filter(is_default).collect(),
    };
    match (found.as_slice(), wanted) {
        ([class], _) => Verdict::Pass(format!("{} (by {})", name(class), class.provisioner)),
        ([], Some(wanted)) => {
            Verdict::NotYet(format!("there is no class {wanted}; the classes are: {}", names()))
        }
        ([], None) => Verdict::NotYet(format!("no class is the default; the classes are: {}", names())),
        (several, _) => Verdict::NotYet(format!("{} classes are the default: {}", several.len(), names())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::testing::object;

    fn class(name: &str, default: bool) -> StorageClass {
        object(&format!(
            "metadata: {{name: {name}, annotations: {{{DEFAULT_CLASS}: \"{default}\"}}}}\nprovisioner: local\n"
        ))
    }

    #[test]
    fn there_is_one_default_and_neither_none_nor_two() {
        let good = [class("standard", true), class("slow", false)];
        assert_eq!(judge(&good, None), Verdict::Pass("standard (by local)".to_owned()));
        assert_eq!(judge(&good, Some("slow")), Verdict::Pass("slow (by local)".to_owned()));
        for (classes, part) in [
            (vec![], "no class is the default"),
            (vec![class("a", false)], "the classes are: a"),
            (vec![class("a", true), class("b", true)], "2 classes"),
        ] {
            let Verdict::NotYet(detail) = judge(&classes, None) else { panic!("passed") };
            assert!(detail.contains(part), "{detail}");
        }
        assert!(matches!(judge(&[class("a", true)], Some("b")), Verdict::NotYet(_)));
    }
}
