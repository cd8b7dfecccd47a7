//! A session for tests, with a small application, state and cache in a temporary directory.

use std::path::Path;
use std::sync::Arc;

use super::{Inputs, Session, UpOptions};
use crate::config::{Application, Paths, Profile, Versions};
use crate::data::Data;
use crate::host::recorded::debian;
use crate::origins::{Origins, Trust};
use crate::process_env::ProcessEnv;

pub(crate) fn session(dir: &Path, profile: &str) -> Arc<Session> {
    Arc::new(Session::new(inputs(dir, profile), None).unwrap())
}

pub(crate) fn inputs(dir: &Path, profile: &str) -> Inputs {
    std::fs::create_dir_all(dir.join("app/chart")).unwrap();
    let text = "name = \"shop\"\nhost = \"shop.localhost\"\nchart = \"chart\"\n";
    std::fs::write(dir.join("app/application.toml"), text).unwrap();
    std::fs::write(dir.join("app/.env"), "PASSWORD=0123456789abcdef\n").unwrap();
    let mut process_env = ProcessEnv::real();
    for (key, folder) in [("TODO_BOOTSTRAP_STATE", "state"), ("TODO_BOOTSTRAP_CACHE", "cache")] {
        process_env.env.insert(key.to_owned(), dir.join(folder).into());
    }
    let (paths, data, facts) = (Paths::new(&process_env).unwrap(), Data::default(), debian());
    let versions = Versions::load(&data).unwrap();
    let origins =
        Origins::new(&process_env, &paths, &data, &versions, &facts, None, Trust::default()).unwrap();
    let profile = Profile::load(profile, &data, &process_env).unwrap();
    let application = Application::load(&dir.join("app")).unwrap();
    let (options, consent) = (UpOptions::default(), false);
    Inputs { process_env, data, paths, versions, profile, application, facts, origins, consent, options }
}
