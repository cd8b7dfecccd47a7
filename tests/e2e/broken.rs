//! An application that cannot become ready: the cause fits on one screen.

use std::path::PathBuf;
use std::time::Duration;

use crate::bed::{Bed, read_toml};
use crate::files::copy_of;
use crate::program::Then;
use crate::repair::settled;

const LAST_WORDS: &str = "the-cause-of-it-all";
/// The lines of a terminal.
const SCREEN: usize = 40;

pub fn crashing(bed: &Bed) {
    let project = crashing_copy(bed);
    let limit = Duration::from_secs(10 * 60);
    let args = ["up", "--yes", "--events", "json", "--timeout", "3m"];
    let up = bed.call_in(&project, &args, limit, &mut |_| Then::GoOn).expect(1);
    let start = up.stderr.rfind("error:").expect("an error is printed");
    let screen = &up.stderr[start..];
    assert!(screen.lines().count() <= SCREEN, "more than one screen:\n{screen}");
    for part in [LAST_WORDS, "help:", "7"] {
        assert!(screen.contains(part), "`{part}` is missing in:\n{screen}");
    }
    let deployment = bed.deployments().into_iter().next().expect("a Deployment");
    assert!(screen.contains(&deployment), "the pod is not named in:\n{screen}");
    bed.up();
    settled(bed);
}

/// The project with a first image whose program prints a message and exits with 7.
fn crashing_copy(bed: &Bed) -> PathBuf {
    let copy = copy_of(bed, "crashing");
    let application = read_toml(&copy.join("application.toml"));
    let image = &application["images"][0];
    let context = copy.join(image["context"].as_str().expect("a context"));
    let dockerfile = image.get("dockerfile").and_then(|value| value.as_str()).unwrap_or("Dockerfile");
    let path = context.join(dockerfile);
    let old = std::fs::read_to_string(&path).expect("the Dockerfile");
    let end = format!("\nENTRYPOINT [\"sh\", \"-c\", \"echo {LAST_WORDS} >&2; exit 7\"]\nCMD []\n");
    std::fs::write(&path, old + &end).expect("write the Dockerfile");
    copy
}
