//! Backups of the application's data, and what may go wrong while they are restored.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{CACHE, DATABASE, add_task, delete_task, in_pod, program, sql, titles};
use crate::bed::Bed;
use crate::program::Then;

const BEFORE: &str = "written before the backup";
const AFTER: &str = "written after the backup";
const LOADED: &str = "select count(*) from pg_database where datname like 'todo_bootstrap%'";

pub fn restored(bed: &Bed) {
    let (made, id) = saved(bed);
    expect_private(&made.dir);
    change(bed, id);

    refused(bed, &damaged(bed, &made.dir), 1, "is damaged");
    refused(bed, &newer_schema(bed, &made.dir), 5, "has a newer schema than the application");
    expect_changed(bed);

    killed_while_loading(bed, &made.name);
    expect_changed(bed);
    println!("copies beside the data: {:?}", sql(bed, LOADED));
    assert_eq!(sql(bed, LOADED), ["1"], "the killed restore left a copy");
    bed.up();
    assert_eq!((sql(bed, LOADED), restoring(bed)), (vec!["0".to_owned()], Value::Null), "`up` deleted it");

    killed_while_loading(bed, &made.name);
    let restore = bed.call(&["restore", &made.name, "--yes"]).expect(0);
    println!("restore took {:.1} s", restore.took.as_secs_f64());
    expect_restored(bed, id);
    assert_eq!((sql(bed, LOADED), restoring(bed)), (vec!["0".to_owned()], Value::Null));
    let reasons = reasons(bed);
    assert!(reasons.contains(&"before-restore".to_owned()), "{reasons:?}");

    tidy(bed, id);
    bed.call(&["check"]).expect(0);
    bed.up();
}

/// `down` saves the data, and the next `up` names the backup but does not restore it by itself.
pub fn saved_by_down(bed: &Bed) {
    let id = add_task(bed, BEFORE);
    cache(bed, "set backed-up yes");
    bed.call(&["stop"]).expect(0);
    let stopped = bed.call(&["down", "--yes"]).expect(5);
    stopped.expect_said("the data cannot be saved, so nothing was deleted");
    bed.up();

    let down = bed.down();
    println!("down with a backup took {:.1} s", down.took.as_secs_f64());
    down.expect_said("The data was saved to");
    let up = bed.up();
    let offer = up.events.iter().find(|event| event.step == "backup").expect("an event with the backup");
    let command = offer.message.split("todo-bootstrap ").nth(1).expect("a command").to_owned();
    assert_eq!(sql(bed, "select count(*) from tasks"), ["0"], "nothing is restored with --yes");
    let mut args: Vec<&str> = command.split(' ').collect();
    args.push("--yes");
    bed.call(&args).expect(0);
    expect_restored(bed, id);
    tidy(bed, id);
}

fn cache(bed: &Bed, command: &str) -> String {
    let script = format!("REDISCLI_AUTH=$REDIS_PASSWORD valkey-cli {command}");
    in_pod(bed, CACHE, &script).trim().to_owned()
}

/// More data needs more time, but not more memory.
pub fn streamed(bed: &Bed) {
    let small = peak(bed);
    sql(
        bed,
        "create table large as select g, (select string_agg(md5(random()::text || g || i), '') \
         from generate_series(1, 64) i) as text from generate_series(1, 60000) g",
    );
    let large = peak(bed);
    full_volume(bed);
    sql(bed, "drop table large");
    println!("peak memory: {} KiB for {} bytes, {} KiB for {} bytes", small.0, small.1, large.0, large.1);
    assert!(large.1 > small.1 + (48 << 20), "the dump is large");
    assert!(large.0 < small.0 + (16 << 10), "memory grows with the data");
}

/// The database does not fit on a volume of 1 MiB: that is named, and no part of the backup is left.
fn full_volume(bed: &Bed) {
    let dir = bed.dir.join("small-volume");
    std::fs::create_dir_all(&dir).expect("a folder");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&dir);
    program(mount, "mount a small volume");
    let run = bed.call(&["backup", "create", "--to", &dir.display().to_string()]);
    let left = std::fs::read_dir(&dir).expect("a folder").count();
    let mut unmount = Command::new("umount");
    unmount.arg(&dir);
    program(unmount, "unmount it");
    let run = run.expect(1);
    run.expect_said("No space left on device");
    run.expect_said("help: todo-bootstrap backup create --to DIR");
    assert_eq!(left, 0, "parts of a backup on the full volume");
}

struct Made {
    name: String,
    dir: PathBuf,
}

/// A backup of a row and a key, and the row's id.
fn saved(bed: &Bed) -> (Made, u64) {
    let id = add_task(bed, BEFORE);
    cache(bed, "set backed-up yes");
    let run = bed.call(&["backup", "create", "--output", "json"]).expect(0);
    println!("backup took {:.1} s", run.took.as_secs_f64());
    let made: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        made["manifest"]["dumps"][0]["schema"],
        sql(bed, "select version_num from backend_alembic_version")[0]
    );
    let text = |key: &str| made[key].as_str().expect("text").to_owned();
    (Made { name: text("name"), dir: text("dir").into() }, id)
}

fn change(bed: &Bed, id: u64) {
    delete_task(bed, id);
    add_task(bed, AFTER);
    cache(bed, "set backed-up no");
}

fn expect_changed(bed: &Bed) {
    let titles = titles(bed);
    println!("titles: {titles:?}");
    assert!(titles.iter().any(|title| title == AFTER) && !titles.iter().any(|title| title == BEFORE));
    assert_eq!(cache(bed, "get backed-up"), "no");
}

fn expect_restored(bed: &Bed, id: u64) {
    assert_eq!(sql(bed, &format!("select title from tasks where id = {id}")), [BEFORE]);
    let titles = titles(bed);
    println!("titles: {titles:?}");
    assert!(titles.iter().any(|title| title == BEFORE) && !titles.iter().any(|title| title == AFTER));
    assert_eq!(cache(bed, "get backed-up"), "yes");
}

fn tidy(bed: &Bed, id: u64) {
    delete_task(bed, id);
    cache(bed, "del backed-up");
}

fn expect_private(dir: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(dir), 0o700);
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        println!("{:o} {}", mode(&entry.path()), entry.path().display());
        assert_eq!(mode(&entry.path()), 0o600);
    }
}

fn copy(bed: &Bed, from: &Path, name: &str) -> PathBuf {
    let to = bed.dir.join(name);
    let _ = std::fs::remove_dir_all(&to);
    std::fs::create_dir(&to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
    to
}

/// The backup with one other byte in the database's dump.
fn damaged(bed: &Bed, dir: &Path) -> PathBuf {
    let dir = copy(bed, dir, "damaged-backup");
    let file = dir.join(format!("{DATABASE}.dump"));
    let mut bytes = std::fs::read(&file).expect("a dump");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("a dump");
    dir
}

/// The backup as a later version of the application would make it.
fn newer_schema(bed: &Bed, dir: &Path) -> PathBuf {
    let dir = copy(bed, dir, "newer-backup");
    let text = std::fs::read(dir.join("manifest.json")).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
    manifest["dumps"][0]["schema"] = "9999".into();
    std::fs::write(dir.join("manifest.json"), manifest.to_string()).expect("a manifest");
    let mut digest = Command::new("sha256sum");
    digest.arg("manifest.json").current_dir(&dir);
    std::fs::write(dir.join("manifest.json.sha256"), program(digest, "sha256sum")).expect("a digest");
    dir
}

fn refused(bed: &Bed, dir: &Path, code: i32, said: &str) {
    let run = bed.call(&["restore", &dir.display().to_string(), "--yes"]).expect(code);
    run.expect_said(said);
    run.expect_said("help: ");
}

/// The database's copy is loaded, the other one is not.
fn killed_while_loading(bed: &Bed, name: &str) {
    let args = ["restore", name, "--yes", "--events", "json"];
    let cut = bed.call_in(&bed.project, &args, Duration::from_secs(300), &mut |event| {
        let last = event.step == format!("load-{CACHE}") && event.state == "started";
        if last { Then::KillIn(Duration::ZERO) } else { Then::GoOn }
    });
    assert_eq!(cut.code, None, "it was killed:\n{}", cut.tail(20));
    assert_eq!(restoring(bed), name, "the receipt tells the next command");
}

/// What the receipt says of a restore.
fn restoring(bed: &Bed) -> Value {
    let text = std::fs::read(bed.cluster_state().join("receipt.json")).expect("a receipt");
    let receipt: Value = serde_json::from_slice(&text).expect("JSON");
    receipt["restoring"].clone()
}

fn reasons(bed: &Bed) -> Vec<String> {
    let run = bed.call(&["backup", "list", "--output", "json"]).expect(0);
    let list: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let reasons = list.as_array().expect("a list").iter();
    reasons.map(|backup| backup["manifest"]["reason"].as_str().unwrap_or("damaged").to_owned()).collect()
}

/// The peak of the memory of `backup create` in KiB, and the size of the database's dump in bytes.
fn peak(bed: &Bed) -> (u64, u64) {
    let to = bed.dir.join("large-backup");
    let _ = std::fs::remove_dir_all(&to);
    let mut command = bed.command(&["backup", "create", "--quiet", "--to"]);
    command.arg(&to).arg("--profile").arg(&bed.profile).arg("--dir").arg(&bed.project);
    let mut child = command.stdout(Stdio::null()).spawn().expect("the program");
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let end = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        most = most.max(now.unwrap_or(0));
        if let Some(end) = child.try_wait().expect("the program") {
            break end;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(end.success(), "backup create ended with {end}");
    let made = std::fs::read_dir(&to).expect("a folder").flatten().next().expect("a backup");
    let size = made.path().join(format!("{DATABASE}.dump")).metadata().expect("a dump").len();
    std::fs::remove_dir_all(&to).expect("remove the backup");
    (most, size)
}
