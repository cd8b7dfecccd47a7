//! An application of one image, for the tests of this folder.

use std::path::Path;

use crate::config::{Application, ImageSpec};
use crate::local_registry::Stored;

/// The image `web`, whose Dockerfile stands in `dir`.
pub fn application(dir: &Path) -> Application {
    std::fs::write(dir.join("Dockerfile"), "FROM scratch").unwrap();
    let spec = ImageSpec {
        name: "web".to_owned(),
        context: dir.to_owned(),
        dockerfile: dir.join("Dockerfile"),
        ..ImageSpec::default()
    };
    Application {
        dir: dir.to_owned(),
        name: "app".to_owned(),
        namespace: "app".to_owned(),
        version: "1.2.3".to_owned(),
        chart: dir.to_owned(),
        images: vec![spec],
        ..Application::default()
    }
}

pub fn stored(digest: &str) -> Stored {
    Stored { repository: "todo-bootstrap/base".to_owned(), tag: "1".to_owned(), digest: digest.to_owned() }
}
