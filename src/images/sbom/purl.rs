//! Package URLs.

/// `pkg:<kind>/[<group>/]<name>@<version>`.
pub(crate) fn purl(kind: &str, group: Option<&str>, name: &str, version: &str) -> String {
    let group = group.map(|group| encoded(group) + "/").unwrap_or_default();
    format!("pkg:{kind}/{group}{}@{}", encoded(name), encoded(version))
}

/// `text` as it may stand in a package URL.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::purl;

    #[test]
    fn what_is_no_plain_letter_is_encoded() {
        assert_eq!(purl("npm", Some("@a"), "b", "1.0.0+x"), "pkg:npm/%40a/b@1.0.0%2Bx");
        assert_eq!(purl("pypi", None, "a-b", "1!2.0"), "pkg:pypi/a-b@1%212.0");
    }
}
