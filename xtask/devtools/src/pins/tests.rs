//! Tests against a loopback server with the files of a release host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;

use todo_bootstrap::files::{sha256, write_atomic};

use super::*;

const HASH: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// Serves the files of the directory, one connection at a time, until the process ends.
fn serve(dir: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut lines =
                BufReader::new(stream.try_clone().unwrap()).lines().map_while(std::result::Result::ok);
            let Some(request) = lines.next() else { continue };
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(dir.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    format!("http://{address}")
}

const PIN: &str = r#"# Why this tool.
version = "1.34.5"
url = "https://release.example/{version}/kubectl-{os}-{arch}"
checksum = "{url}.sha256"
# Who says so.
sources = ["one", "two"]

[platforms."linux/amd64"]
sha256 = "HASH"

[platforms."linux/arm64"]
sha256 = "HASH"
# This one differs.
sources = ["one"]
"#;

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(bench.path("pins/kubectl")).unwrap();
        std::fs::write(bench.path("pins/kubectl/pin.toml"), PIN.replace("HASH", HASH)).unwrap();
        for version in ["1.34.5", "1.34.6"] {
            for arch in ["amd64", "arm64"] {
                bench.publish(&format!("{version}/kubectl-linux-{arch}"), &format!("{version} {arch}"));
            }
        }
        bench
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    fn publish(&self, path: &str, body: &str) {
        let file = self.path("site/release.example").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, body).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let line = format!("{}  {name}\n", sha256(body.as_bytes()));
        std::fs::write(file.with_file_name(format!("{name}.sha256")), line).unwrap();
    }

    fn whence(&self, mirror: &str) -> Whence {
        Whence { mirror: Some(mirror.to_owned()), pins: Some(self.path("pins")) }
    }

    fn verify(&self, mirror: &str) -> Tally {
        compare(&Verify { names: Vec::new(), files: true, whence: self.whence(mirror) }).unwrap()
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_version_is_pinned_from_what_is_published_and_proved_then() {
    let bench = Bench::new();
    let mirror = serve(bench.path("site"));
    // The initial pins differ from what is published.
    assert_eq!(bench.verify(&mirror).wrong.len(), 4);
    let file = update::run("kubectl", "1.34.6", &bench.whence(&mirror)).unwrap();
    let written = text(&file);
    for part in ["# Why this tool.", "# This one differs.", "version = \"1.34.6\"", "size = 12"] {
        assert!(written.contains(part), "{part} is not in\n{written}");
    }
    assert!(written.contains(&sha256(b"1.34.6 arm64")), "{written}");
    assert!(written.contains("kubectl-linux-arm64.sha256 on release.example"), "{written}");
    let tally = bench.verify(&mirror);
    assert_eq!((tally.proved, tally.open, tally.wrong.len()), (4, 2, 0), "{tally:?}");
    // A directory also works as a mirror.
    assert_eq!(bench.verify(&bench.path("site").display().to_string()), tally);
}

#[test]
fn what_does_not_agree_is_not_pinned() {
    let bench = Bench::new();
    let mirror = serve(bench.path("site"));
    std::fs::write(bench.path("site/release.example/1.34.6/kubectl-linux-arm64"), "1.34.6 forge").unwrap();
    let before = text(&bench.path("pins/kubectl/pin.toml"));
    let error = update::run("kubectl", "1.34.6", &bench.whence(&mirror)).unwrap_err();
    assert!(error.contains("linux/arm64") && !error.contains("linux/amd64"), "{error}");
    let error = update::run("kubectl", "1.34.7", &bench.whence(&mirror)).unwrap_err();
    assert!(error.contains("not verified online") && error.contains("404"), "{error}");
    assert_eq!(text(&bench.path("pins/kubectl/pin.toml")), before);
}

#[test]
fn where_nobody_is_reached_nothing_is_proved() {
    let bench = Bench::new();
    let options = Verify { names: Vec::new(), files: false, whence: bench.whence("http://127.0.0.1:1") };
    assert_eq!((compare(&options).unwrap().open, verify(&options).is_err()), (2, true));
}

#[test]
fn checksums_stand_alone_or_in_a_list() {
    let other = HASH.replace('1', "2");
    assert_eq!(checksum_in(&format!("{HASH}\n"), "https://e.org/x"), Some(HASH.to_owned()));
    let list = format!("{other} *y\n{HASH}  ./x\n");
    assert_eq!(checksum_in(&list, "https://e.org/x"), Some(HASH.to_owned()));
    // The checksum of a different file is ignored.
    assert_eq!(checksum_in(&list, "https://e.org/z"), None);
    assert_eq!(checksum_in(&format!("{HASH}  y\n"), "https://e.org/x"), None);
    assert_eq!(checksum_in("<html>", "https://e.org/x"), None);
}

/// The verifier is a script that prints its arguments and rejects one file.
#[cfg(unix)]
#[test]
fn a_verifier_gets_file_signature_and_identity() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("cosign");
    let script = "#!/bin/sh\necho \"$*\" >\"$0.args\"\ncase $(cat \"$3\") in good) exit 0 ;; esac\necho bad >&2\nexit 1\n";
    write_atomic(&program, script.as_bytes(), 0o755).unwrap();
    let call = |signature: &str| {
        let given = [("signature", signature.to_owned())];
        signed::called(
            &program.display().to_string(),
            &["verify-blob"],
            &given,
            &["--id", "me"],
            Path::new("/file"),
        )
    };
    assert!(matches!(call("good"), Published::Is(_)));
    assert!(matches!(call("forged"), Published::Wrong(why) if why == "bad"));
    let args = text(&dir.path().join("cosign.args"));
    assert!(args.starts_with("verify-blob --signature ") && args.ends_with(" --id me /file\n"), "{args}");
    let missing = signed::called("/no/such/program", &[], &[], &[], Path::new("/file"));
    assert!(matches!(missing, Published::Unknown(why) if why.contains("is not available")));
}
