//! Which build `install.sh` selects, and for which systems it has none.

use super::install_release::{install, installed, publish, serve};
use crate::support::{Machine, Screen};

const TARGETS: [&str; 6] = [
    "x86_64-unknown-linux-musl",
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

/// A machine whose `uname` prints these values.
fn machine(system: &str, cpu: &str, kernel: &str) -> Machine {
    let body = format!("case $1 in -s) echo {system} ;; -m) echo {cpu} ;; -r) echo {kernel} ;; esac");
    Machine::new().stub("uname", &body).stub("ldd", "echo 'ldd (Debian GLIBC 2.36-9+deb12u10) 2.36'")
}

/// Installs from a release with builds for `targets`.
fn with(machine: &Machine, targets: &[&str]) -> Screen {
    for target in targets {
        publish(machine, "0.2.0", target);
    }
    install(machine, &serve(machine, vec![]), "curl", &[])
}

#[track_caller]
fn takes(machine: &Machine, targets: &[&str], taken: &str) {
    let archive = format!("/todo-bootstrap-0.2.0-{taken}.tar.gz\n");
    with(machine, targets).exits(0).err_has(&archive);
}

#[track_caller]
fn refuses(machine: &Machine, says: &str, help: &str) {
    with(machine, &TARGETS).exits(3).err_has(says).err_has(help);
    assert_eq!(installed(machine), None);
}

#[test]
fn each_system_gets_its_own() {
    let cases = [
        ("Linux", "x86_64", "x86_64-unknown-linux-musl"),
        ("Linux", "amd64", "x86_64-unknown-linux-musl"),
        ("Linux", "aarch64", "aarch64-unknown-linux-musl"),
        ("Darwin", "x86_64", "x86_64-apple-darwin"),
        ("Darwin", "arm64", "aarch64-apple-darwin"),
    ];
    for (system, cpu, taken) in cases {
        takes(&machine(system, cpu, "6.1.0-13-amd64").stub("sysctl", "exit 1"), &TARGETS, taken);
    }
}

#[test]
fn builds_with_glibc_are_taken_where_glibc_is_and_nothing_better() {
    let gnu = ["x86_64-unknown-linux-gnu"];
    takes(&machine("Linux", "x86_64", "6.1.0"), &gnu, gnu[0]);
    let alpine = machine("Linux", "x86_64", "6.1.0").stub("ldd", "echo 'musl libc (x86_64)' >&2; exit 1");
    with(&alpine, &gnu).exits(1).err_has("no build for this machine (x86_64-unknown-linux-musl)");
    takes(&alpine, &TARGETS, "x86_64-unknown-linux-musl");
}

#[test]
fn under_rosetta_the_build_for_apple_silicon_is_taken() {
    let body = "[ \"$*\" = '-n sysctl.proc_translated' ] && echo 1";
    let machine = machine("Darwin", "x86_64", "24.0.0").stub("sysctl", body);
    takes(&machine, &TARGETS, "aarch64-apple-darwin");
}

#[test]
fn wsl_2_is_a_linux_and_wsl_1_is_none() {
    let wsl2 = machine("Linux", "x86_64", "5.15.167.4-microsoft-standard-WSL2");
    takes(&wsl2, &TARGETS, "x86_64-unknown-linux-musl");
    let wsl1 = machine("Linux", "x86_64", "4.4.0-19041-Microsoft");
    refuses(&wsl1, "this is WSL 1", "help: wsl --set-version DISTRIBUTION 2");
}

#[test]
fn shells_on_windows_itself_are_sent_to_wsl() {
    for system in ["MINGW64_NT-10.0-22631", "MSYS_NT-10.0-22631", "CYGWIN_NT-10.0"] {
        refuses(&machine(system, "x86_64", "3.4.10"), "this is a Windows shell", "help: wsl --install");
    }
}

#[test]
fn other_systems_and_processors_are_named() {
    refuses(
        &machine("FreeBSD", "amd64", "14.1"),
        "there is no published build for FreeBSD",
        "help: clone the repository of todo-bootstrap and run its install.sh",
    );
    for cpu in ["i686", "armv7l", "riscv64"] {
        let says = format!("there is no published build for {cpu}, only for x86_64 and aarch64");
        refuses(&machine("Linux", cpu, "6.1.0"), &says, "help: ");
    }
}

#[test]
fn a_32_bit_system_on_a_64_bit_kernel() {
    let machine = machine("Linux", "aarch64", "6.6.31-rpi").stub("getconf", "echo 32");
    refuses(&machine, "the operating system is 32-bit", "help: ");
}
