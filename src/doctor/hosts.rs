//! What the hosts of missing artifacts answered.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;

use super::fix::sudo;
use super::{Answer, HostAnswer, Inputs, Severity, Trouble};
use crate::host::Os;

/// Beyond this, tokens may be refused. Beyond the second, certificates are not valid.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
const MOST_SKEW: SignedDuration = SignedDuration::from_hours(24);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("its name cannot be resolved"),
            Self::Refused => f.write_str("the connection is refused"),
            Self::TimedOut => f.write_str("it does not answer"),
            Self::Untrusted(Some(issuer)) => {
                write!(f, "its certificate is issued by \"{issuer}\", which is not trusted")
            }
            Self::Untrusted(None) => f.write_str("its certificate is not trusted"),
            Self::Outdated => f.write_str("its certificate is not valid at the time of this machine's clock"),
            Self::ProxyLogin => f.write_str("the proxy requires a user name and password"),
            Self::Proxy(why) => write!(f, "the proxy does not connect to it ({why})"),
            Self::Token(why) => write!(f, "it gives no token: {why}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Trouble {
    /// The code and the title of the finding.
    fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("network-dns", "a download host's name cannot be resolved"),
            Self::Refused => ("network-refused", "a download host refuses connections"),
            Self::TimedOut => ("network-timeout", "a download host does not answer"),
            Self::Untrusted(_) => ("network-untrusted", "a download host's certificate is not trusted"),
            Self::Outdated => ("network-clock", "a download host's certificate is not valid now"),
            Self::ProxyLogin => ("proxy-login", "the proxy requires a login"),
            Self::Proxy(_) => ("proxy-blocks", "the proxy does not connect to a download host"),
            Self::Token(_) => ("registry-token", "a registry gives no token"),
            Self::Other(_) => ("network-failed", "a download host cannot be used"),
        }
    }

    fn remedy(&self, inputs: &Inputs<'_>, host: &str) -> String {
        let proxy = "export HTTPS_PROXY=http://HOST:PORT if this network has a proxy";
        match self {
            Self::Name => {
                let ask = match inputs.facts.os {
                    Os::Linux => "getent hosts",
                    Os::MacOs => "dscacheutil -q host -a name",
                    Os::Windows => "nslookup",
                };
                format!("{ask} {}   # must print an address; {proxy}", name(host))
            }
            Self::Refused | Self::TimedOut | Self::Other(_) => {
                format!("curl -I https://{host}/   # must print an answer; {proxy}")
            }
            Self::Untrusted(issuer) => {
                let whose = issuer.as_ref().map_or(String::new(), |issuer| format!(" of \"{issuer}\""));
                format!(
                    "SSL_CERT_FILE=FILE todo-bootstrap doctor   # the file with the root certificate{whose}"
                )
            }
            Self::Outdated => set_clock(inputs, "").join(" && "),
            Self::ProxyLogin => "export HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT".to_owned(),
            Self::Proxy(_) => {
                format!("curl --verbose --head https://{host}/   # shows what the proxy answers")
            }
            Self::Token(_) => mirror(host),
        }
    }
}

/// Of a host with a port.
fn name(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Google's cache of public images of Docker Hub (docs.cloud.google.com, "Pull cached Docker Hub images"); for
/// other registries, the user must know one.
fn mirror(host: &str) -> String {
    let (registry, mirror) = match host {
        "registry-1.docker.io" => ("docker.io", "mirror.gcr.io"),
        host => (host, "HOST"),
    };
    format!("todo-bootstrap up --registry-mirror {registry}={mirror}")
}

pub(super) fn reachable(inputs: &Inputs<'_>) -> Answer {
    let Some(artifacts) = inputs.artifacts else { return Answer::ok("not asked") };
    // What is similar is told together, the first cause under its own code.
    let mut troubles: BTreeMap<&Trouble, Vec<&str>> = BTreeMap::new();
    for HostAnswer { host, trouble, .. } in &artifacts.answers {
        if let Some(trouble) = trouble {
            troubles.entry(trouble).or_default().push(host);
        }
    }
    let names = || artifacts.answers.iter().map(|answer| answer.host.as_str()).collect::<Vec<_>>().join(", ");
    let Some((&first, _)) = troubles.first_key_value() else {
        return Answer::ok(if artifacts.answers.is_empty() {
            "none is needed".to_owned()
        } else {
            format!("{} answered", names())
        });
    };
    let detail = troubles.iter().map(|(trouble, hosts)| format!("{}: {trouble}", hosts.join(", ")));
    let mut remedies: Vec<String> =
        troubles.iter().map(|(trouble, hosts)| trouble.remedy(inputs, hosts[0])).collect();
    remedies.dedup();
    let (detail, remedy) = (detail.collect::<Vec<_>>().join("; "), remedies.join("\n"));
    let lost = troubles.values().flatten().any(|host| artifacts.is_needed(host));
    let answer = if lost {
        Answer::fail(detail, remedy)
    } else {
        Answer::warn(format!("{detail}; what would come from there comes another way"), remedy)
    };
    let (code, title) = first.name();
    answer.called(code, title)
}

pub(super) fn rate_limit(inputs: &Inputs<'_>) -> Answer {
    let answers = inputs.artifacts.map(|artifacts| artifacts.answers.as_slice()).unwrap_or_default();
    let limited = |answer: &&HostAnswer| answer.quota.is_some();
    // The one with the fewest pulls left.
    let tight = answers.iter().filter(limited).min_by_key(|answer| answer.quota.map(|quota| quota.left));
    let Some((artifacts, answer)) = inputs.artifacts.zip(tight) else { return Answer::ok("none is known") };
    let Some(quota) = answer.quota else { return Answer::ok("none is known") };
    let of = match (quota.limit, quota.hours) {
        (0, _) => String::new(),
        (limit, 0) => format!(" of {limit}"),
        (limit, hours) => format!(" of {limit} in {hours} h"),
    };
    let needed = artifacts.images_of(&answer.host);
    let detail = format!("{} pulls left{of} at {}, {needed} needed", quota.left, answer.host);
    if quota.left >= needed && quota.left > 0 {
        return Answer::ok(detail);
    }
    let lost = artifacts.is_needed(&answer.host);
    let severity = if lost { Severity::Fail } else { Severity::Warn };
    Answer { severity, ..Answer::warn(detail, mirror(&answer.host)) }
}

pub(super) fn clock(inputs: &Inputs<'_>) -> Answer {
    let answers = inputs.artifacts.map(|artifacts| artifacts.answers.as_slice()).unwrap_or_default();
    let mut all: Vec<SignedDuration> = answers.iter().filter_map(|answer| answer.ahead).collect();
    // One host may be wrong itself: the median is compared.
    all.sort();
    let Some(&ahead) = all.get(all.len() / 2) else { return Answer::ok("nothing to compare it with") };
    let (off, way) = (ahead.abs(), if ahead.is_negative() { "behind" } else { "ahead" });
    if off <= SKEW {
        return Answer::ok("agrees with the download hosts");
    }
    let shown = match (off.as_hours(), off.as_mins()) {
        (48.., _) => format!("{} days", off.as_hours() / 24),
        (2.., _) => format!("{} h", off.as_hours()),
        (_, minutes) => format!("{minutes} min"),
    };
    let severity = if off > MOST_SKEW { Severity::Fail } else { Severity::Warn };
    let real = inputs.now.checked_sub(ahead).map(|now| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let detail = format!("this machine's clock is {shown} {way}");
    Answer::solved(severity, detail, &set_clock(inputs, &real.unwrap_or_default()))
}

/// The commands that set the clock; `now` is used where nothing asks a time server.
fn set_clock(inputs: &Inputs<'_>, now: &str) -> Vec<String> {
    let (facts, sudo) = (inputs.facts, sudo(inputs.facts));
    vec![match facts.os {
        // After sleep, the clock of WSL is behind that of Windows (microsoft/WSL#8204).
        Os::Linux if facts.wsl => format!("{sudo}hwclock --hctosys"),
        Os::Linux if facts.systemd => format!("{sudo}timedatectl set-ntp true"),
        Os::Linux if now.is_empty() => format!("{sudo}hwclock --hctosys"),
        Os::Linux => format!("{sudo}date --utc --set='{now}'"),
        Os::MacOs => format!("{sudo}sntp -sS time.apple.com"),
        Os::Windows => "w32tm /resync".to_owned(),
    }]
}
