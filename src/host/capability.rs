//! Linux capabilities: which of them this machine's own bounding set lacks.

/// The capabilities (`CAP_SYS_RESOURCE`) that the kernel has and the bounding set lacks, of `/proc/self/status` and
/// the kernel's highest number; empty if the text does not tell.
#[cfg(target_os = "linux")]
pub fn missing(status: &str, last: Option<u32>) -> Vec<String> {
    use rustix::thread::CapabilitySet;
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    let Some(bounding) = bounding else { return Vec::new() };
    let known = last.and_then(|last| 2_u64.checked_shl(last)).map_or(u64::MAX, |end| end.wrapping_sub(1));
    let missing = CapabilitySet::from_bits_truncate(!bounding & known);
    missing.iter_names().map(|(name, _)| format!("CAP_{name}")).collect()
}

#[cfg(not(target_os = "linux"))]
pub fn missing(_status: &str, _last: Option<u32>) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::missing;

    fn of(mask: &str, last: Option<u32>) -> Vec<String> {
        missing(&format!("Name:\tcat\nCapEff:\t0000000000000000\nCapBnd:\t{mask}\nCapAmb:\t0\n"), last)
    }

    #[test]
    fn what_the_kernel_has_and_the_bounding_set_lacks_is_named() {
        for (mask, last, lacks) in [
            ("000001ffffffffff", Some(40), &[][..]),
            ("0000003fffffffff", Some(37), &[]),
            ("0000003fffffffff", None, &["CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"]),
            // A micro-VM.
            ("000001fffeffffff", Some(40), &["CAP_SYS_RESOURCE"]),
            ("zz", Some(40), &[]),
        ] {
            assert_eq!(of(mask, last), lacks, "{mask}");
        }
        let lacks = of("00000000a80425fb", Some(40));
        assert!(lacks.contains(&"CAP_SYS_ADMIN".to_owned()) && !lacks.contains(&"CAP_CHOWN".to_owned()));
        assert_eq!(
            (lacks.len(), missing("", Some(40)).len()),
            (41 - 14, 0),
            "a default container, and no text"
        );
    }
}
