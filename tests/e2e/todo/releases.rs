//! Revisions of the release: an upgrade from the previous version of the chart, a rollback, and back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{DATABASE, add_task, delete_task, sql};
use crate::bed::{Bed, UP};
use crate::files::{copy_of, edit};
use crate::program::Then;
use crate::steady::expect_unchanged;

const LIMIT: Duration = Duration::from_secs(10 * 60);
const PREVIOUS: &str = "0.0.9";

/// The rows of the database are kept in both directions.
pub fn upgrade_and_rollback(bed: &Bed) {
    let previous = previous_version(bed);
    bed.call_in(&previous, UP, LIMIT, &mut |_| Then::GoOn).expect(0);
    let title = "written with the previous version of the chart";
    let id = add_task(bed, title);
    let kept =
        || assert_eq!(sql(bed, &format!("select title from tasks where id = {id}")), [title], "{DATABASE}");

    bed.up();
    kept();
    let list = revisions(bed);
    let [old, new] = &list[list.len() - 2..] else { panic!("two revisions: {list:?}") };
    assert_eq!((&old["chart"], &new["status"]), (&PREVIOUS.into(), &"deployed".into()), "{list:?}");
    assert!(new["changes"].to_string().contains("revisionHistoryLimit"), "what changed is named: {new}");
    let table = bed.call(&["rollback", "--list"]).expect(0).stdout;
    println!("{table}");
    assert!(table.contains(PREVIOUS), "{table}");

    bed.call(&["rollback", "999"]).expect(2).expect_said("there is no revision 999");
    bed.call(&["rollback"]).expect(0).expect_said(&format!("revision {}", old["revision"]));
    kept();
    let newest = revisions(bed).pop().expect("a revision");
    assert_eq!((&newest["restored"], &newest["chart"]), (&old["revision"], &PREVIOUS.into()), "{newest}");
    bed.call(&["check", "helm-test"]).expect(0);

    let undoes =
        format!("undoes the rollback to revision {}; revision {} is", old["revision"], new["revision"]);
    let plan = bed.call(&["plan"]).expect(0).stdout;
    println!("{plan}");
    assert!(plan.contains(&undoes), "`plan` says what `up` would undo:\n{plan}");
    bed.up().expect_said(&undoes);
    kept();
    delete_task(bed, id);
    expect_unchanged(&bed.up());
}

fn revisions(bed: &Bed) -> Vec<Value> {
    let list = bed.call(&["rollback", "--list", "--output", "json"]).expect(0);
    serde_json::from_str(&list.stdout).expect("a list in JSON")
}

/// The project with an older version of its chart: another version number and other pods.
fn previous_version(bed: &Bed) -> PathBuf {
    let copy = copy_of(bed, "previous");
    let chart = copy.join("manifests").join(&bed.app.name);
    edit(&chart.join("Chart.yaml"), "version: 0.1.0", &format!("version: {PREVIOUS}"));
    edit(&chart.join("templates/workload.yaml"), "revisionHistoryLimit: 3", "revisionHistoryLimit: 2");
    let digest = "todo-bootstrap/env-digest:";
    edit(&chart.join("templates/_pod.tpl"), digest, &format!("example.test/older: \"yes\"\n    {digest}"));
    copy
}

/// A key that the chart does not know is named, with the key above it.
pub fn unknown_value(bed: &Bed) {
    let copy = copy_of(bed, "unknown-value");
    for file in std::fs::read_dir(presets(bed, &copy)).expect("values files").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a values file");
        std::fs::write(file.path(), text.replace("    replicas: 1\n", "    replicas: 1\n    replica: 2\n"))
            .expect("write");
    }
    let up = bed.call_in(&copy, UP, LIMIT, &mut |_| Then::GoOn).expect(1);
    up.expect_said("replica");
    println!("named after {:.1} s", up.took.as_secs_f64());
    expect_unchanged(&bed.up());
}

/// The folder of the presets' values.
pub fn presets(bed: &Bed, project: &Path) -> PathBuf {
    project.join("manifests").join(&bed.app.name).join("values")
}
