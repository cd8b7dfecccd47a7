//! Rows and keys outlive the pods that store them.

use super::{CACHE, DATABASE, add_task, delete_pods, delete_task, in_pod, sql, titles};
use crate::bed::Bed;

pub fn survives(bed: &Bed) {
    let title = "written before the database's pod was deleted";
    let id = add_task(bed, title);
    delete_pods(bed, DATABASE);
    assert_eq!(sql(bed, &format!("select title from tasks where id = {id}")), [title]);
    assert!(titles(bed).contains(&title.to_owned()));
    delete_task(bed, id);

    in_pod(bed, CACHE, "valkey-cli set kept yes");
    delete_pods(bed, CACHE);
    assert_eq!(in_pod(bed, CACHE, "valkey-cli get kept").trim(), "yes");
    in_pod(bed, CACHE, "valkey-cli del kept");
    let health = bed.address().get("/api/health").expect("the API answers");
    assert_eq!(health.status, 200, "{health:?}");
    bed.up();
}
