//! A user in a real browser, through the ingress.

use std::process::Command;

use super::{given, program, script};
use crate::bed::Bed;
use crate::http::Address;
use crate::laptop::Laptop;

/// Signs up, logs in, chats with the assistant and logs out; screenshots are in the test bed's directory.
pub fn browser(bed: &Bed) {
    walk(bed, &bed.address(), "screenshots", Command::new("node"));
}

/// The same, with the browser in the laptop's network.
pub fn browser_in(laptop: &Laptop, bed: &Bed, address: &Address) {
    let mut node = Command::new("nsenter");
    node.args(["--target", &laptop.init().to_string(), "--net", "node"]);
    walk(bed, address, "screenshots-laptop", node);
}

fn walk(bed: &Bed, address: &Address, folder: &str, mut node: Command) {
    let shots = bed.dir.join(folder);
    if shots.exists() {
        std::fs::remove_dir_all(&shots).expect("remove older pictures");
    }
    node.arg(script(bed, "tests/browser/journey.mjs")).args(["--url", &address.url()]);
    node.args(["--resolve", &format!("{}=127.0.0.1", address.host)]).arg("--screenshots").arg(&shots);
    node.env("CHROMIUM", given("CHROMIUM"));
    program(node, "node tests/browser/journey.mjs");
    let pictures = std::fs::read_dir(&shots).expect("pictures").flatten();
    let pictures = pictures.filter(|file| file.path().extension().is_some_and(|end| end == "png")).count();
    assert!(pictures >= 3, "{pictures} pictures in {}", shots.display());
}
