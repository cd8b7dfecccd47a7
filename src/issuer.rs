//! Certificates of an application's own authority: created once, renewed before they expire, in one file of the
//! cluster's state.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// Everything in one file, which is replaced as a whole: a key is never stored with the certificate of another key.
const FILE: &str = "certificate.json";
/// A copy of the authority's certificate, for programs that are to trust it.
const AUTHORITY: &str = "ca.crt";
/// macOS accepts no longer time for a certificate of a server (825 days), and the authority need not be replaced often.
const DAYS: i64 = 397;
const AUTHORITY_DAYS: i64 = 3650;
/// A certificate that ends sooner is renewed.
const LEFT_DAYS: i64 = 60;

/// A certificate with its key, and the authority that issued it. It has no `Debug`, which would show the keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct Issued {
    pub hosts: Vec<String>,
    /// When the certificate ends.
    pub until: Timestamp,
    /// PEM, as all below.
    pub certificate: String,
    pub key: String,
    pub authority: Authority,
}

/// It can only vouch for the application's hosts, so trusting it risks nothing else.
#[derive(Clone, Serialize, Deserialize)]
pub struct Authority {
    name: String,
    until: Timestamp,
    pub certificate: String,
    key: String,
}

/// What was issued last, if anything.
pub fn load(dir: &Path) -> Result<Option<Issued>> {
    let path = dir.join(FILE);
    let Some(text) = files::read(&path)? else { return Ok(None) };
    // serde's error may quote a key.
    serde_json::from_slice(&text).map(Some).map_err(|_| {
        Error::failed(format!("cannot parse {}", path.display()))
            .help(format!("rm {}   # the next `up` creates another authority", path.display()))
    })
}

/// Where the authority's certificate is, once there is one.
pub fn authority_file(dir: &Path) -> PathBuf {
    dir.join(AUTHORITY)
}

/// Issues a certificate for `hosts`, and a new authority called `name` if the last one does not cover it.
pub fn issue(dir: &Path, name: &str, hosts: &[String], now: Timestamp) -> Result<Issued> {
    let end = later(now, DAYS);
    let last = load(dir)?.filter(|last| last.hosts == hosts && last.authority.until > end);
    let authority = match last {
        Some(last) => last.authority,
        None => create(name, hosts, now).map_err(unable)?,
    };
    let issued = sign(&authority, hosts, now).map_err(unable)?;
    files::create_private_dir(dir)?;
    files::write_json(&dir.join(FILE), &issued)?;
    files::write_atomic(&authority_file(dir), issued.authority.certificate.as_bytes(), 0o600)?;
    Ok(issued)
}

impl Issued {
    /// Why it has to be replaced, if it has to.
    pub fn stale(&self, hosts: &[String], now: Timestamp) -> Option<String> {
        if self.hosts != hosts {
            return Some(format!("it is for {}", self.hosts.join(", ")));
        }
        let day = self.until.to_zoned(TimeZone::UTC).date();
        (self.until <= later(now, LEFT_DAYS)).then(|| format!("it ends on {day}"))
    }
}

fn create(name: &str, hosts: &[String], now: Timestamp) -> std::result::Result<Authority, rcgen::Error> {
    let until = later(now, AUTHORITY_DAYS);
    let key = KeyPair::generate()?;
    let mut params = authority_params(name);
    let permitted = hosts.iter().map(|host| GeneralSubtree::DnsName(host.clone())).collect();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    limit(&mut params, now, until);
    let certificate = params.self_signed(&key)?.pem();
    Ok(Authority { name: name.to_owned(), until, certificate, key: key.serialize_pem() })
}

/// What a certificate takes over from its authority.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn sign(
    authority: &Authority,
    hosts: &[String],
    now: Timestamp,
) -> std::result::Result<Issued, rcgen::Error> {
    let issuer = Issuer::new(authority_params(&authority.name), KeyPair::from_pem(&authority.key)?);
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, hosts.first().map_or("", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let until = later(now, DAYS);
    limit(&mut params, now, until);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    let (hosts, key, authority) = (hosts.to_vec(), key.serialize_pem(), authority.clone());
    Ok(Issued { hosts, until, certificate, key, authority })
}

fn later(time: Timestamp, days: i64) -> Timestamp {
    time + SignedDuration::from_hours(24 * days)
}

/// In whole days; from yesterday on, as clocks differ.
fn limit(params: &mut CertificateParams, now: Timestamp, until: Timestamp) {
    let day = |time: Timestamp| {
        let date = time.to_zoned(TimeZone::UTC).date();
        date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(later(now, -1)), day(until));
}

fn unable(error: rcgen::Error) -> Error {
    Error::failed("cannot create a certificate").because(error).help("todo-bootstrap doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_renewed_certificate_keeps_its_authority() {
        let (dir, now) = (tempfile::tempdir().unwrap(), Timestamp::now());
        let dir = dir.path().join("certificate");
        assert!(load(&dir).unwrap().is_none());
        let names = hosts(&["shop.local", "shop.localhost"]);
        let first = issue(&dir, "the shop's authority", &names, now).unwrap();
        assert_eq!(first.stale(&names, now), None);
        assert_eq!(first.stale(&names, later(now, DAYS - LEFT_DAYS - 1)), None);
        let soon = later(now, DAYS - LEFT_DAYS);
        assert!(first.stale(&names, soon).unwrap().starts_with("it ends on "));
        let second = issue(&dir, "another name", &names, soon).unwrap();
        assert_eq!(second.authority.certificate, first.authority.certificate);
        assert!(second.certificate != first.certificate && second.key != first.key);
        assert_eq!(std::fs::read_to_string(authority_file(&dir)).unwrap(), first.authority.certificate);
        // An authority that would end before its certificate, or that may not vouch for a host, is replaced.
        let late = issue(&dir, "a", &names, later(now, AUTHORITY_DAYS - DAYS + 1)).unwrap();
        assert!(late.authority.certificate != first.authority.certificate);
        let more = hosts(&["shop.local", "shop.example"]);
        assert_eq!(late.stale(&more, now).unwrap(), "it is for shop.local, shop.localhost");
        assert!(issue(&dir, "a", &more, now).unwrap().authority.certificate != late.authority.certificate);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        issue(dir.path(), "a", &hosts(&["shop.local"]), Timestamp::now()).unwrap();
        for file in [FILE, AUTHORITY] {
            let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        std::fs::write(dir.path().join(FILE), "{\"key\": \"abc\"}").unwrap();
        let error = load(dir.path()).err().unwrap().to_string();
        assert!(error.contains("cannot parse") && !error.contains("abc"), "{error}");
    }
}
