//! Ways to access the application: its names, an entry in the hosts file, a port of this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{API, pods};
use crate::bed::Bed;
use crate::http::Address;
use crate::program::{Run, Then, run};

const FOREIGN: &str = "127.0.0.1 localhost\n10.1.2.3 printer # not ours\n";

pub fn names_and_ports(bed: &Bed) {
    hosts_entry(bed);
    port_forward(bed);
    followed_logs(bed);
}

/// The line is added once, maps the main name to this machine, and is removed without a trace.
fn hosts_entry(bed: &Bed) {
    let file = bed.dir.join("hosts");
    std::fs::write(&file, FOREIGN).expect("write a hosts file");
    let read = || std::fs::read_to_string(&file).expect("the hosts file");
    let call = |args: &[&str]| -> Run {
        let mut command = command(bed, args);
        command.env("TODO_BOOTSTRAP_HOSTS", &file);
        run(command, Duration::from_secs(60), &mut |_| Then::GoOn)
    };
    call(&["url", "--add-hosts-entry"]).expect(5);
    assert_eq!(read(), FOREIGN, "nothing is written without consent");
    for _ in 0..2 {
        call(&["url", "--add-hosts-entry", "--yes"]).expect(0);
        let line = format!("127.0.0.1 {}", bed.app.hosts[0]);
        assert_eq!(read().matches(&line).count(), 1, "{}", read());
        assert!(read().starts_with(FOREIGN));
    }
    call(&["url", "--remove-hosts-entry"]).expect(0);
    assert_eq!(read(), FOREIGN);
}

fn port_forward(bed: &Bed) {
    let mut child = command(bed, &["url", "--port-forward"]).stdout(Stdio::piped()).spawn().expect("start");
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("a stream"));
    lines.read_line(&mut line).expect("the address");
    let address = Address::find(&line, &["127.0.0.1".to_owned()]).expect("an address on the loopback");
    let page = address.get_until("/log-in", Duration::from_secs(20), |reply| reply.status == 200);
    assert!(page.body.contains("<title>"), "{page:?}");
    assert_eq!(interrupted(&mut child), Some(130), "Ctrl-C ends it");
}

/// `logs -f` reports a pod that ends while it is followed, and its replacement.
fn followed_logs(bed: &Bed) {
    let mut child = command(bed, &["logs", API, "--follow"]).stdout(Stdio::piped()).spawn().expect("start");
    let lines = BufReader::new(child.stdout.take().expect("a stream")).lines();
    let (send, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            println!("  | {line}");
            let _ = send.send(line);
        }
    });
    let until = |part: &str| {
        let limit = Duration::from_secs(60);
        while !told.recv_timeout(limit).unwrap_or_else(|_| panic!("`{part}` is missing")).contains(part) {}
    };
    until("started");
    let before = pods(bed)[API].clone();
    let label = format!("app.kubernetes.io/component={API}");
    bed.kubectl(&["delete", "pods", "--selector", &label, "--namespace", &bed.app.namespace]);
    until("new pod");
    until("pod ended");
    assert_eq!(interrupted(&mut child), Some(130), "Ctrl-C ends it");
    assert_ne!(pods(bed)[API], before);
    bed.up();
}

fn command(bed: &Bed, args: &[&str]) -> Command {
    println!("$ todo-bootstrap {}", args.join(" "));
    let mut command = bed.command(args);
    command.arg("--profile").arg(&bed.profile).arg("--dir").arg(&bed.project).stdin(Stdio::null());
    command
}

fn interrupted(child: &mut Child) -> Option<i32> {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupt");
    child.wait().expect("wait").code()
}
