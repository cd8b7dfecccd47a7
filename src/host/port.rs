//! TCP ports of this machine: free or taken, and who listens.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Ports tried upwards from the wanted one before the system chooses.
const TRIES: u16 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortState {
    Free,
    /// Free, but only for programs with more rights than this one.
    Privileged,
    Taken,
}

/// The state of `port` on 127.0.0.1 and on all addresses.
pub fn port_state(port: u16) -> PortState {
    let bind = |address: Ipv4Addr| TcpListener::bind((address, port)).err().map(|error| error.kind());
    state([Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED].map(bind), || answers(port))
}

/// `errors` are those of listening on the addresses; `answers` tells whether somebody does.
fn state(errors: [Option<ErrorKind>; 2], answers: impl Fn() -> bool) -> PortState {
    if errors.iter().flatten().any(|kind| *kind != ErrorKind::PermissionDenied) {
        PortState::Taken
    } else if errors == [None; 2] {
        PortState::Free
    } else if answers() {
        PortState::Taken
    } else {
        PortState::Privileged
    }
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

/// `wanted` if it is free and not in `avoid`, else the next one: 8080 for 80, upwards from there, at last any.
/// `as_user`: what will listen has no more rights than this program.
pub fn free_port(wanted: u16, avoid: &[u16], as_user: bool) -> u16 {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?.local_addr().ok();
    let free = |port| match port_state(port) {
        PortState::Free => true,
        PortState::Privileged => !as_user,
        PortState::Taken => false,
    };
    choose(wanted, avoid, free).or_else(|| Some(any()?.port())).unwrap_or(wanted)
}

fn choose(wanted: u16, avoid: &[u16], free: impl Fn(u16) -> bool) -> Option<u16> {
    let base = if wanted < 1024 { wanted + 8000 } else { wanted };
    let candidates = std::iter::once(wanted).chain(base..base.saturating_add(TRIES));
    candidates.filter(|port| !avoid.contains(port)).find(|port| free(*port))
}

/// Who listens on `port`, as `name (pid 7)`; `None` if nobody does or `/proc` does not tell.
pub fn holder(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listeners(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().map(|entry| entry.path()).find_map(|process| {
        let pid: u32 = process.file_name()?.to_str()?.parse().ok()?;
        has_socket(&process, &wanted).then(|| {
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            format!("{} (pid {pid})", name.trim())
        })
    })
}

fn has_socket(process: &Path, wanted: &[String]) -> bool {
    let Ok(files) = std::fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|target| wanted.iter().any(|socket| target.as_os_str() == socket.as_str()))
    })
}

/// The inodes of the sockets that listen on `port`, from the text of `/proc/net/tcp` or `tcp6`.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let listening = |fields: &&Vec<&str>| {
        fields.len() > 9 && fields[1].ends_with(&suffix) && fields[3] == "0A" // TCP_LISTEN
    };
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    rows.iter().filter(listening).map(|fields| fields[9].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_takes_its_port_and_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(port_state(port), PortState::Taken);
        if cfg!(target_os = "linux") {
            let holder = holder(port).unwrap();
            assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
        }
        assert_ne!(free_port(port, &[], true), port);
    }

    #[test]
    fn a_port_that_only_others_may_use_is_told_from_a_taken_one() {
        let (denied, used) = (Some(ErrorKind::PermissionDenied), Some(ErrorKind::AddrInUse));
        for (errors, answers, expected) in [
            ([None, None], false, PortState::Free),
            ([denied, denied], false, PortState::Privileged),
            // macOS lets every user listen on all addresses, but not on one.
            ([denied, None], false, PortState::Privileged),
            ([denied, denied], true, PortState::Taken),
            ([used, None], false, PortState::Taken),
            ([denied, used], false, PortState::Taken),
        ] {
            assert_eq!(state(errors, || answers), expected, "{errors:?}");
        }
    }

    #[test]
    fn falls_back_to_the_well_known_neighbour_then_upwards() {
        assert_eq!(choose(80, &[], |_| true), Some(80));
        assert_eq!(choose(80, &[], |port| port != 80), Some(8080));
        assert_eq!(choose(443, &[8443], |port| port != 443), Some(8444));
        assert_eq!(choose(9000, &[9000, 9001], |_| true), Some(9002));
        assert_eq!(choose(65535, &[], |_| false), None);
    }

    #[test]
    fn reads_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        assert_eq!(listeners(table, 80), ["4711"]);
        assert!(listeners(table, 443).is_empty());
    }
}
