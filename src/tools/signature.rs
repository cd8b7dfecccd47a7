//! Who signs a published file, and where the signature is.

use crate::config::Fields;

/// For a developer's `cargo xtask pins verify`; the program itself knows the checksum beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Keyless: a certificate of `identity`, given by `issuer`.
    Cosign { url: String, certificate: String, identity: String, issuer: String },
    /// A detached signature by a key with this fingerprint, if it is known.
    Pgp { url: String, identity: Option<String> },
}

impl Signature {
    /// Reads `kind`, `url` (a template with `{url}`, the file's address) and what belongs to the kind.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let kind = fields.opt_choice("kind", &["cosign", "pgp"]);
        if !fields.has("kind") {
            fields.problem("kind", "is missing");
        }
        let url = template(fields, "url");
        if kind.as_deref() == Some("pgp") {
            let identity = fields.opt_string("identity");
            return Some(Self::Pgp { url: url?, identity });
        }
        let certificate = template(fields, "certificate");
        let (identity, issuer) = (fields.string("identity"), fields.string("issuer"));
        Some(Self::Cosign { url: url?, certificate: certificate?, identity: identity?, issuer: issuer? })
    }
}

fn template(fields: &mut Fields<'_, '_>, key: &str) -> Option<String> {
    let text = fields.string(key)?;
    if !text.contains("{url}") {
        fields.problem(key, "must contain {url}, the address of the file");
    }
    Some(text)
}
