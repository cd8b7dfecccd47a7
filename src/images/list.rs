//! The application's images as the engine has them, for people and programs.

use serde::Serialize;

use super::inspect::inspect;
use super::labels::{INPUTS_LABEL, TARGET_LABEL};
use super::{Order, inputs_hash};
use crate::engine::Engine;
use crate::error::Result;
use crate::task::Task;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: String,
    /// What the engine has it by; `None` where it has none.
    pub reference: Option<String>,
    pub id: Option<String>,
    /// Bytes, as the engine counts them.
    pub size: Option<u64>,
    /// The hash of what it was built from; `None` for an image that is used as it is.
    pub inputs: Option<String>,
    pub target: Option<String>,
    /// Whether it is what `up` would deploy now, and why not where it is not.
    pub current: bool,
    pub why: Option<String>,
}

/// An image that is built from the project; where the sources changed, what was built of the old
/// ones is shown.
pub fn list(task: &Task<'_>, engine: &Engine, order: &Order<'_>) -> Result<Listed> {
    let inputs = inputs_hash(order)?;
    let local = order.local_reference();
    let Some(image) = inspect(task, engine, &local)? else {
        return Ok(absent(&order.spec.name, format!("{local} was not built yet")));
    };
    let why = image.current(order, &inputs).err();
    Ok(Listed {
        name: order.spec.name.clone(),
        reference: Some(image.reference().unwrap_or(local)),
        size: image.size,
        inputs: image.labels.get(INPUTS_LABEL).cloned(),
        target: image.labels.get(TARGET_LABEL).cloned(),
        current: why.is_none(),
        why,
        id: Some(image.id),
    })
}

/// An image that is used as it is: its reference, or why it is not there.
pub fn ready(task: &Task<'_>, engine: &Engine, name: &str, found: Result<String, String>) -> Result<Listed> {
    let reference = match found {
        Ok(reference) => reference,
        Err(why) => return Ok(absent(name, why)),
    };
    let Some(image) = inspect(task, engine, &reference)? else {
        return Ok(absent(name, format!("{reference} is gone from the engine")));
    };
    Ok(Listed {
        reference: Some(reference),
        id: Some(image.id),
        size: image.size,
        current: true,
        why: None,
        ..absent(name, String::new())
    })
}

fn absent(name: &str, why: String) -> Listed {
    let name = name.to_owned();
    Listed {
        name,
        reference: None,
        id: None,
        size: None,
        inputs: None,
        target: None,
        current: false,
        why: Some(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Target;
    use crate::engine::testing::{engine, with_task};
    use crate::exec::Script;
    use crate::images::REFERENCE_LABEL;
    use crate::images::testing::application;

    #[test]
    fn what_was_built_of_other_sources_is_shown_and_not_current() {
        let dir = tempfile::tempdir().unwrap();
        let app = application(dir.path());
        let order = Order { app: &app, spec: &app.images[0], target: Target::Dev, base: None };
        let said = |inputs: &str| {
            format!(
                "sha256:42\n{{\"{INPUTS_LABEL}\":\"{inputs}\",\"{REFERENCE_LABEL}\":\"web:1\",\
                 \"{TARGET_LABEL}\":\"dev\"}}\n[\"web:1\"]\n1234\n"
            )
        };
        let current = inputs_hash(&order).unwrap();
        let script = Script::default()
            .on("docker image inspect", 0, &said(&current))
            .on("docker image inspect", 0, &said("old"))
            .on_err("docker image inspect", 1, "", "No such image");
        let (all, _) = with_task(&script, |task| [0; 3].map(|_| list(task, &engine(), &order).unwrap()));
        let [fresh, old, none] = all;
        assert_eq!((fresh.current, fresh.size, fresh.target.as_deref()), (true, Some(1234), Some("dev")));
        assert_eq!(
            (old.current, old.inputs.as_deref(), old.id.as_deref()),
            (false, Some("old"), Some("sha256:42"))
        );
        assert!(none.reference.is_none() && none.why.unwrap().contains("not built yet"));
    }
}
