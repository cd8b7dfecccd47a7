//! Verifies signatures of published files with cosign or gpg, if they are available.

use std::path::Path;

use todo_bootstrap::tools::{Asset, Pin, Signature};

use super::published::{Published, Site};

pub(super) fn verify(site: &Site, pin: &Pin, asset: &Asset, file: &Path) -> Published<String> {
    let fill = |template: &str| template.replace("{url}", &asset.url);
    match &pin.signature {
        None => Published::Unknown("nothing is signed".to_owned()),
        Some(Signature::Cosign { url, certificate, identity, issuer }) => {
            let (url, certificate) = (fill(url), fill(certificate));
            site.text(&url, &asset.hosts).and_then(|signature| {
                site.text(&certificate, &asset.hosts).and_then(|certificate| {
                    let given = [("signature", signature), ("certificate", certificate)];
                    let by = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer];
                    called("cosign", &["verify-blob"], &given, &by, file)
                })
            })
        }
        Some(Signature::Pgp { url, .. }) => site
            .text(&fill(url), &asset.hosts)
            .and_then(|signature| called("gpg", &["--batch", "--verify"], &[("", signature)], &[], file)),
    }
}

/// Runs a verifier on `file`; each entry of `given` is written to a file and passed by its flag.
pub(super) fn called(
    program: &str,
    first: &[&str],
    given: &[(&str, String)],
    more: &[&str],
    file: &Path,
) -> Published<String> {
    let run = || -> Result<std::process::Output, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut args: Vec<String> = first.iter().map(|arg| (*arg).to_owned()).collect();
        for (index, (flag, text)) in given.iter().enumerate() {
            let path = dir.path().join(index.to_string());
            std::fs::write(&path, text).map_err(|error| error.to_string())?;
            if !flag.is_empty() {
                args.push(format!("--{flag}"));
            }
            args.push(path.display().to_string());
        }
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.push(file.display().to_string());
        let call = duct::cmd(program, args).unchecked().stdout_capture().stderr_capture();
        call.run().map_err(|_| format!("{program} is not available"))
    };
    match run() {
        Err(why) => Published::Unknown(why),
        Ok(output) if output.status.success() => Published::Is(format!("verified by {program}")),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
            // Without the key, the result is unknown; an invalid signature is a different case.
            if program == "gpg" && said.contains("No public key") {
                return Published::Unknown(format!("gpg does not have the key: {said}"));
            }
            Published::Wrong(said)
        }
    }
}
