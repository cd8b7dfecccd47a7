//! Certificates: whether that of the cluster's user has expired, and who issued one.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Answer, Fix, Inputs};

/// The user of a cluster that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub cluster: String,
    pub kubeconfig: PathBuf,
    pub ends: Timestamp,
}

/// It is renewed when the cluster is started after the end, and not before.
pub(super) fn of_cluster(inputs: &Inputs<'_>) -> Answer {
    let Some(Login { cluster, kubeconfig, ends }) = inputs.login else { return Answer::ok("no cluster") };
    let day = ends.to_zoned(TimeZone::UTC).date();
    if inputs.now < *ends {
        return Answer::ok(format!("of cluster `{cluster}`: valid until {day}, then renewed by `start`"));
    }
    let detail = format!("that in {} expired on {day}; the cluster's data is kept", kubeconfig.display());
    let command = format!("todo-bootstrap start --profile {}", inputs.profile);
    Answer::warn(detail, format!("{command}   # renews it")).fixed_by(Fix::safe([command]))
}

/// The end of a certificate (DER); `None` if it cannot be read.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let validity = fields(certificate)?.1;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    let text = std::str::from_utf8(time).ok()?;
    let text = match tag {
        // UTCTime has two digits of the year, from 1950 on (RFC 5280, 4.1.2.5.1).
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The common name of who issued a certificate (DER), else its organization.
pub fn issuer(certificate: &[u8]) -> Option<String> {
    let mut names = fields(certificate)?.0;
    let (mut common, mut organization) = (None, None);
    while let Some((_, set, rest)) = element(names) {
        names = rest;
        let (_, oid, value) = element(element(set)?.1)?;
        let text = || String::from_utf8(element(value)?.1.to_vec()).ok();
        match oid {
            COMMON_NAME => common = text(),
            ORGANIZATION => organization = text(),
            _ => {}
        }
    }
    common.or(organization)
}

const UTC_TIME: u8 = 0x17;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
/// `[0]`, the tag of the version, which may be absent.
const VERSION: u8 = 0xa0;

/// The issuer and the validity of a certificate: the contents of the sequences (RFC 5280, 4.1).
fn fields(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, signed, _) = element(element(certificate)?.1)?;
    let (tag, _, after) = element(signed)?;
    let (_, _serial, rest) = element(if tag == VERSION { after } else { signed })?;
    let (_, _algorithm, rest) = element(rest)?;
    let (_, issuer, rest) = element(rest)?;
    Some((issuer, element(rest)?.1))
}

/// The first element of DER: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // No certificate has more than 2^24 bytes.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;
    use crate::doctor::{Severity, inputs};
    use crate::host::recorded::debian;

    fn certificate(names: &[(DnType, &str)], end: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.not_after = date_time_ymd(end.0, end.1, end.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_and_the_issuer_are_read() {
        let (company, proxy) = ((DnType::OrganizationName, "Example AG"), (DnType::CommonName, "Proxy CA"));
        for (names, end, issued, ends) in [
            (&[company.clone(), proxy][..], (2027, 1, 2), Some("Proxy CA"), "2027-01-02T00:00:00Z"),
            (&[company], (2051, 3, 4), Some("Example AG"), "2051-03-04T00:00:00Z"),
            (&[], (1999, 12, 31), None, "1999-12-31T00:00:00Z"),
        ] {
            let der = certificate(names, end);
            assert_eq!(issuer(&der).as_deref(), issued);
            assert_eq!(not_after(&der).unwrap().to_string(), ends);
            for cut in [0, 1, 5, 60, 120] {
                let _ = (issuer(&der[..cut.min(der.len())]), not_after(&der[..cut.min(der.len())]));
            }
        }
        assert_eq!((not_after(b""), issuer(&[0x30, 0x84, 1, 1, 1, 1])), (None, None));
    }

    #[test]
    fn an_expired_certificate_is_renewed_by_a_safe_fix() {
        let facts = debian();
        let ends = "2027-01-02T00:00:00Z".parse().unwrap();
        let login = Login { cluster: "c".to_owned(), kubeconfig: "/k".into(), ends };
        let at = |now: &str| {
            of_cluster(&Inputs { login: Some(&login), now: now.parse().unwrap(), ..inputs(&facts) })
        };
        assert_eq!(at("2027-01-01T23:59:59Z").severity, Severity::Ok);
        let answer = at("2027-01-02T00:00:00Z");
        assert_eq!(answer.severity, Severity::Warn);
        assert!(answer.detail.contains("/k expired on 2027-01-02"), "{}", answer.detail);
        assert!(answer.fix.unwrap().safe);
    }
}
