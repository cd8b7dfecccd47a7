//! What kind says while it works.

/// A line of kind as progress, or `None` for what is no news.
pub(super) fn progress(line: &str) -> Option<String> {
    let step = line.trim_matches(|c: char| c.is_whitespace() || !c.is_ascii()).trim_end_matches("...");
    let known = ["Creating", "Ensuring", "Preparing", "Writing", "Starting", "Installing", "Joining"];
    let text = step.trim();
    // `✓` ends a step whose beginning was said already.
    (known.iter().any(|word| text.starts_with(word)) && !line.contains('✓')).then(|| {
        let plain: String = text.chars().filter(char::is_ascii).collect();
        plain.trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_progress_once() {
        assert_eq!(progress(" • Starting control-plane 🕹️  ...").as_deref(), Some("Starting control-plane"));
        assert_eq!(progress("Creating cluster \"c\" ...").as_deref(), Some("Creating cluster \"c\""));
        assert_eq!(progress(" ✓ Starting control-plane 🕹️"), None);
        assert_eq!(progress("Set kubectl context to \"kind-c\""), None);
    }
}
