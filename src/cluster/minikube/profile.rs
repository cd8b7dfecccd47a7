//! minikube's own record of a cluster: two files without which it does not find an existing node. A copy
//! is kept, so that no data is lost if one of them is damaged.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::files::put;
use crate::task::Task;

pub(super) struct Profile {
    /// `MINIKUBE_HOME`.
    pub home: PathBuf,
    pub name: String,
}

impl Profile {
    /// Each file, and its copy.
    fn files(&self) -> [(PathBuf, PathBuf); 2] {
        let copies = self.home.with_file_name("copies");
        ["profiles", "machines"].map(|folder| {
            let file = self.home.join(folder).join(&self.name).join("config.json");
            (file, copies.join(format!("{folder}.json")))
        })
    }

    pub(super) fn back_up(&self) -> Result<()> {
        for (file, copy) in self.files() {
            let bytes = std::fs::read(&file).map_err(|e| Error::io("read", &file, &e))?;
            put(&copy, &bytes, 0o600)?;
        }
        Ok(())
    }

    /// Replaces files that are damaged or missing by their copies.
    pub(super) fn restore(&self, task: &Task<'_>) -> Result<()> {
        for (file, copy) in self.files() {
            let Err(why) = intact(&file) else { continue };
            let bytes = std::fs::read(&copy).ok().filter(|_| intact(&copy).is_ok()).ok_or_else(|| {
                Error::failed("minikube's record of the cluster cannot be used (minikube-profile-corrupt)")
                    .because(format!("{}: {why}", file.display()))
                    .because(format!("its copy {} cannot be used either", copy.display()))
                    .help("todo-bootstrap down && todo-bootstrap up   # discards the data in the node")
            })?;
            task.warn(format!("{} is damaged ({why}); its copy is used", file.display()));
            put(&file, &bytes, 0o600)?;
        }
        Ok(())
    }
}

fn intact(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(object)) if !object.is_empty() => Ok(()),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn profile(dir: &Path) -> Profile {
        let profile = Profile { home: dir.join(".minikube"), name: "c".to_owned() };
        for (file, _) in profile.files() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{\"Name\": \"c\"}").unwrap();
        }
        profile
    }

    #[test]
    fn a_damaged_file_is_restored_from_its_copy() {
        for damage in ["", "{\"Name\": \"c", "[]", "{}"] {
            let dir = tempfile::tempdir().unwrap();
            let profile = profile(dir.path());
            profile.back_up().unwrap();
            let (file, _) = &profile.files()[0];
            std::fs::write(file, damage).unwrap();
            with_task(&Script::default(), |task| profile.restore(task)).0.unwrap();
            assert_eq!(std::fs::read_to_string(file).unwrap(), "{\"Name\": \"c\"}");
        }
    }

    #[test]
    fn without_a_copy_the_data_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let profile = profile(dir.path());
        std::fs::write(&profile.files()[1].0, "nonsense").unwrap();
        let error = with_task(&Script::default(), |task| profile.restore(task)).0.unwrap_err();
        assert!(error.to_string().contains("machines/c/config.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&profile.files()[1].0).unwrap(), "nonsense");
    }
}
