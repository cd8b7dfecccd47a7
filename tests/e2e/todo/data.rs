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

    let cache = |command: &str| {
        in_pod(bed, CACHE, &format!("REDISCLI_AUTH=$REDIS_PASSWORD valkey-cli {command}")).trim().to_owned()
    };
    let stranger = in_pod(bed, CACHE, "valkey-cli set kept no");
    assert!(stranger.contains("NOAUTH"), "without the password: {stranger}");
    let running = in_pod(
        bed,
        CACHE,
        "tr '\\0' ' ' </proc/1/cmdline; grep -cF \"$REDIS_PASSWORD\" /proc/1/cmdline || true",
    );
    assert!(running.starts_with("valkey-server") && running.trim_end().ends_with('0'), "{running}");
    cache("set kept yes");
    delete_pods(bed, CACHE);
    assert_eq!(cache("get kept"), "yes");
    cache("del kept");
    let health = bed.address().get("/api/health").expect("the API answers");
    assert_eq!(health.status, 200, "{health:?}");
    bed.up();
}
