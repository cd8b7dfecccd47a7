//! Another ingress controller, named by the profile, on a cluster that runs.

use std::collections::BTreeSet;

use crate::bed::{Bed, names};
use crate::http::Address;
use crate::policies;
use crate::program::Run;
use crate::steady::expect_unchanged;

/// The addon of the built-in profiles, and the other one. Their class and the label of their objects are the same.
const FORMER: &str = "traefik";
const OTHER: &str = "contour";

/// The other controller replaces the former one at the same address, and the other way round.
pub fn replaced(bed: &Bed) {
    let profile = std::fs::read_to_string(&bed.profile).expect("the profile");
    let port = bed.address().port;
    let other = profile.replace(&format!("\"{FORMER}\""), &format!("\"{OTHER}\""));
    assert_ne!(other, profile, "the profile names {FORMER}");
    replace(bed, &other, FORMER, OTHER);
    policies::matrix_of(bed, &label(OTHER));
    replace(bed, &profile, OTHER, FORMER);
    assert_eq!(bed.address().port, port, "the address is the same as before");
}

fn replace(bed: &Bed, profile: &str, from: &str, to: &str) {
    std::fs::write(&bed.profile, profile).expect("write the profile");
    let port = bed.address().port;
    // The images of the new controller may have to be built.
    let up = bed.cold_up();
    bed.set_address(Address::find(&up.stdout, &bed.app.hosts).expect("`up` ends with the address"));
    assert_eq!(bed.address().port, port, "the port stays");
    expect_done(&up, &[&format!("remove-addon-{from}"), &format!("addon-{to}"), "release"]);
    bed.expect_page();
    let journey = bed.call(&["check", "journey", "--output", "json"]).expect(0);
    assert!(journey.stdout.contains("\"passed\": true"), "{}", journey.stdout);
    bed.call(&["check", "--output", "json"]).expect(0);

    let ingresses = bed.kubectl_json(&["get", "ingresses", "--namespace", &bed.app.namespace]);
    let classes: BTreeSet<&str> = ingresses["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|ingress| ingress["spec"]["ingressClassName"].as_str())
        .collect();
    assert_eq!(classes, BTreeSet::from([to]), "the class of the application's Ingress");
    let kinds =
        "daemonsets,pods,services,serviceaccounts,clusterroles,clusterrolebindings,ingressclasses,ingresses";
    let list = |name: &str| bed.kubectl_json(&["get", kinds, "--all-namespaces", "--selector", &label(name)]);
    assert_eq!(names(&list(from)), [""; 0], "nothing of {from} is left");
    assert!(!names(&list(to)).is_empty(), "{to} is there");
    expect_unchanged(&bed.up());
}

fn expect_done(up: &Run, steps: &[&str]) {
    let done = up.steps("done");
    let missing: Vec<_> = steps.iter().filter(|step| !done.contains(step)).collect();
    assert!(missing.is_empty(), "{missing:?} had no work:\n{}", up.tail(40));
}

fn label(name: &str) -> String {
    format!("app.kubernetes.io/name={name}")
}
