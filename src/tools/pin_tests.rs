//! Pin files: what is read, what is refused, and that nothing causes a panic.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Pin> {
    Pin::parse("pin.toml", text)
}

const TEMPLATE: &str = r#"
version = "1.2.3"
url = "https://e.org/{version}/{os}-{arch}.tar.gz"
member = "{os}/x"
hosts = ["cdn.e.org", "*.e.net"]
sources = ["release notes", "checksum file"]
checksum = "{url}.sha256"

[signature]
kind = "cosign"
url = "{url}.sig"
certificate = "{url}.cert"
identity = "release@e.org"
issuer = "https://accounts.e.org"

[platforms."linux/amd64"]
sha256 = "HASH"
size = 12

[platforms."windows/amd64"]
sha256 = "HASH"
url = "https://e.org/x.zip"
sources = ["release notes"]

[platforms."darwin/arm64"]
sha256 = "HASH"
url = "https://e.org/x.7z"
"#;

fn text() -> String {
    TEMPLATE.replace("HASH", &"a".repeat(64))
}

#[test]
fn fills_the_templates_of_each_platform() {
    let pin = parse(&text()).unwrap();
    let linux = &pin.assets["linux/amd64"];
    assert_eq!(linux.url, "https://e.org/1.2.3/linux-amd64.tar.gz");
    assert_eq!(linux.unpack, Unpack::Member("linux/x".to_owned()));
    assert_eq!((linux.size, linux.hosts.len(), linux.doubt()), (Some(12), 2, None));
    let windows = &pin.assets["windows/amd64"];
    assert_eq!(windows.unpack, Unpack::Member("windows/x".to_owned()));
    assert!(windows.doubt().unwrap().contains("only one source") && windows.size.is_none());
    assert_eq!(pin.assets["darwin/arm64"].unpack, Unpack::Unsupported);
    assert!(matches!(pin.signature, Some(Signature::Cosign { ref url, .. }) if url == "{url}.sig"));
}

#[test]
fn names_every_mistake() {
    let error = parse(
        "version = \"1.2\"\nurl = \"ftp://e.org/{what}\"\nhosts = [\"https://x\", \"*.org\"]\n\
         sources = [\"a\", \"a\"]\nchecksum = \"x\"\ncolour = 1\n[signature]\nkind = \"rot13\"\n\
         [platforms.\"linux\"]\nsha256 = \"x\"\n[platforms.\"linux/amd64\"]\nsha256 = \"AB\"\nsize = 0\n\
         member = \"../x\"\n[platforms.\"linux/arm64\"]\nurl = \"http://e.org/x\"\n",
    )
    .unwrap_err();
    let text = error.to_string();
    for part in [
        "pin.toml:1: `version` is not a semantic version",
        "\"https://x\", which is not a host",
        "\"*.org\", which is not a host",
        "lists \"a\" twice",
        "`checksum` it is not a URL",
        "unknown key `colour`",
        "`signature.kind` is \"rot13\"",
        "`signature.certificate` is missing",
        "`platforms.linux` must be an operating system",
        "`platforms.linux.sha256` must be 64",
        "`platforms.linux.url` contains an unknown placeholder",
        "`platforms.linux/amd64.size` must be from 1",
        "`platforms.linux/amd64.member` must be the name",
        "`platforms.linux/arm64.sha256` is missing",
        "`platforms.linux/arm64.url` only https is allowed",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn an_address_is_a_host_and_a_path() {
    for url in
        ["https://u:p@e.org/x", "https://e.org/x?y=1", "https://e.org/x#y", "e.org/x", "http://e.org/x"]
    {
        assert!(address(url).is_err(), "{url}");
    }
    assert!(address("https://e.org/a/b").is_ok() && address("http://127.0.0.1:8/b").is_ok());
}

/// A valid file with one line changed: the places where a reader could trip.
fn mutated() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("-9223372036854775809".to_owned()),
        Just("{}".to_owned()),
        Just("[[]]".to_owned()),
        Just("1979-05-27".to_owned()),
        "\"[^\"\\\\\\x00-\\x1f\\x7f]{0,40}\"",
    ];
    let lines = TEMPLATE.lines().count();
    (0..lines, "[a-z\"./{}]{0,12}", value).prop_map(|(at, key, value)| {
        let text = text();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let old = lines[at].split(" = ").next().unwrap_or_default().to_owned();
        lines[at] = format!("{} = {value}", if key.len() % 2 == 0 { old } else { key });
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn arbitrary_text_is_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert!(parse(&text).is_err());
    }

    #[test]
    fn a_changed_file_is_read_or_refused(text in mutated()) {
        if let Ok(pin) = parse(&text) {
            for asset in pin.assets.values() {
                prop_assert!(is_sha256(&asset.sha256));
                prop_assert!(address(&asset.url).is_ok());
            }
        }
    }

    #[test]
    fn an_unknown_key_is_an_error(key in "[a-z]{3,9}") {
        let known = ["version", "url", "member", "hosts", "sources", "checksum", "signature", "platforms"];
        prop_assume!(!known.contains(&key.as_str()));
        let error = parse(&format!("{key} = 1\n{}", text())).unwrap_err();
        prop_assert!(error.to_string().contains(&format!("unknown key `{key}`")), "{error}");
    }
}
