//! Pin files: what is read and what is refused; `fuzz/bodies.rs` has what holds of any text.

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
