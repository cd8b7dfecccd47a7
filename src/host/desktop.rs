//! Whether a browser can be opened on this machine.

use super::Os;

/// `Err` says why not. `var` gives a variable of the environment, if it is set.
pub fn desktop<'a>(os: Os, wsl: bool, var: impl Fn(&str) -> Option<&'a str>) -> Result<(), &'static str> {
    let display = var("DISPLAY").is_some() || var("WAYLAND_DISPLAY").is_some();
    let remote = var("SSH_CONNECTION").is_some() || var("SSH_TTY").is_some();
    match os {
        // WSL hands addresses over to Windows.
        Os::Linux if display || (wsl && !remote) => Ok(()),
        Os::Linux if remote => Err("this is a session over SSH without a display"),
        Os::Linux => Err("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"),
        Os::MacOs | Os::Windows if remote => Err("this is a session over SSH"),
        Os::MacOs | Os::Windows => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_needs_a_display_of_its_user() {
        let here = |os, wsl, set: &[&'static str]| {
            desktop(os, wsl, |key| set.iter().copied().find(|own| *own == key)).is_ok()
        };
        assert!(!here(Os::Linux, false, &[]));
        assert!(
            here(Os::Linux, false, &["DISPLAY"]) && here(Os::Linux, false, &["WAYLAND_DISPLAY", "SSH_TTY"])
        );
        assert!(here(Os::Linux, true, &[]) && !here(Os::Linux, true, &["SSH_CONNECTION"]));
        assert!(here(Os::MacOs, false, &[]) && !here(Os::MacOs, false, &["SSH_CONNECTION"]));
        assert!(here(Os::Windows, false, &[]) && !here(Os::Windows, false, &["SSH_TTY"]));
    }
}
