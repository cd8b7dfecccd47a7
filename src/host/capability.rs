//! Linux capabilities: which of them the machine's own bounding set lacks.

/// Bit number = place in the list (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The names (`CAP_SYS_RESOURCE`) of the capabilities that the kernel knows and the bounding set
/// lacks. `status` is the text of `/proc/self/status`; `last` is the kernel's highest number, from
/// `/proc/sys/kernel/cap_last_cap`. Empty where the text says nothing.
pub fn missing(status: &str, last: Option<u32>) -> Vec<String> {
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    let Some(bounding) = bounding else { return Vec::new() };
    let known = last.map_or(NAMES.len(), |last| last as usize + 1).min(NAMES.len());
    let lacks = |bit: &usize| bounding >> bit & 1 == 0;
    (0..known).filter(lacks).map(|bit| format!("CAP_{}", NAMES[bit])).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    fn of(mask: &str, last: Option<u32>) -> Vec<String> {
        missing(&format!("Name:\tcat\nCapEff:\t0000000000000000\nCapBnd:\t{mask}\nCapAmb:\t0\n"), last)
    }

    #[test]
    fn a_full_set_lacks_nothing_on_new_and_old_kernels() {
        assert!(of("000001ffffffffff", Some(40)).is_empty());
        assert!(of("0000003fffffffff", Some(37)).is_empty());
        assert_eq!(of("0000003fffffffff", None), ["CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"]);
    }

    #[test]
    fn a_micro_vm_lacks_sys_resource() {
        assert_eq!(of("000001fffeffffff", Some(40)), ["CAP_SYS_RESOURCE"]);
    }

    #[test]
    fn a_default_container_lacks_many() {
        let lacks = of("00000000a80425fb", Some(40));
        assert!(lacks.contains(&"CAP_SYS_ADMIN".to_owned()) && !lacks.contains(&"CAP_CHOWN".to_owned()));
        assert_eq!(lacks.len(), 41 - 14);
    }

    #[test]
    fn no_text_no_claim() {
        assert!(missing("", Some(40)).is_empty() && of("zz", Some(40)).is_empty());
    }
}
