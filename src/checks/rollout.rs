//! Kind `rollout`: the rollout of a workload is complete, and all its replicas are ready.

use futures::future::{BoxFuture, FutureExt as _};

use super::spec::choice;
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::deploy::watch::{Progress, Target, Workload, progress};
use crate::kubernetes::error_line;

#[derive(Debug)]
struct Rollout {
    workload: Workload,
    name: String,
    namespace: Option<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let object = choice(fields, "object", &["Deployment", "StatefulSet", "DaemonSet"]);
    let (name, namespace) = (fields.string("name"), fields.opt_string("namespace"));
    Some(Box::new(Rollout { workload: Workload::parse(&object?)?, name: name?, namespace }))
}

impl Check for Rollout {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace).to_owned();
            let target = Target { workload: self.workload, namespace, name: self.name.clone() };
            let object = match target.api(&cx.client()).get_opt(&self.name).await {
                Ok(Some(object)) => object,
                Ok(None) => return Verdict::NotYet(format!("there is no {:?} {}", self.workload, self.name)),
                Err(error) => return Verdict::NotYet(error_line(&error)),
            };
            match progress(self.workload, &object) {
                Progress::Ready(_) if object.data["spec"]["replicas"] == 0 => {
                    Verdict::NotYet("it is scaled to 0 replicas".to_owned())
                }
                Progress::Ready(detail) => Verdict::Pass(detail),
                Progress::Waiting(detail) => Verdict::NotYet(detail),
                // The controller continues, although it has given up waiting.
                Progress::Failed(message) => Verdict::NotYet(message),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # rolls it out again and shows why a pod is not ready"
    }
}
