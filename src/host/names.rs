//! Which names of an application resolve to this machine, and the one address to show the user.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Os;

/// `.local` may mean a call into the network that nobody answers.
const LIMIT: Duration = Duration::from_secs(1);

/// Where the system's resolver leads a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leads {
    /// To 127.0.0.1, where the ingress controller listens.
    Here,
    Elsewhere(IpAddr),
    /// The name is not known, or nobody answered in time.
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub name: String,
    pub leads: Leads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The system's resolver knows the name: it works in every program.
    Resolver,
    /// Browsers, and curl since 7.85, lead names below `localhost` here by themselves (RFC 6761, 6.3).
    Browser,
    /// No name leads here: only a request that names the host in its header is answered.
    Header,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub url: String,
    /// The name that the request carries.
    pub host: String,
    pub by: By,
    /// Works with `host` as the header `Host` in any case.
    pub plain: String,
    pub entrance: Entrance,
    /// What the user should know of it, line by line.
    pub notes: Vec<String>,
}

/// How the ingress controller is reached on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrance {
    pub port: u16,
    pub tls: bool,
    /// The certificate of an authority that programs have to be told of.
    pub authority: Option<PathBuf>,
}

impl Entrance {
    fn url(&self, host: &str) -> String {
        origin(self.tls, host, self.port) + "/"
    }
}

/// What browsers call the origin of a page: without the port that is usual for the scheme.
pub fn origin(tls: bool, host: &str, port: u16) -> String {
    let (scheme, usual) = if tls { ("https", 443) } else { ("http", 80) };
    if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
}

/// Asks the system's resolver for all names side by side.
pub fn resolve(names: &[String]) -> Vec<Answer> {
    let (send, answers) = mpsc::channel();
    for name in names {
        // A thread of its own, as the system's call cannot be cut short; a late one ends with us.
        let (send, name) = (send.clone(), name.clone());
        std::thread::spawn(move || {
            let found = (name.as_str(), 80).to_socket_addrs();
            let addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
            let _ = send.send((name, leads(&addresses)));
        });
    }
    drop(send);
    let until = Instant::now() + LIMIT;
    let mut known = BTreeMap::new();
    while let Ok((name, leads)) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        known.insert(name, leads);
    }
    let answer = |name: &String| Answer {
        name: name.clone(),
        leads: known.get(name).copied().unwrap_or(Leads::Nowhere),
    };
    names.iter().map(answer).collect()
}

fn leads(addresses: &[IpAddr]) -> Leads {
    if addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)) {
        return Leads::Here;
    }
    addresses.first().map_or(Leads::Nowhere, |address| Leads::Elsewhere(*address))
}

/// The address to give: the main name (the first) if the system leads it here, else the first name below
/// `localhost`, else any name that leads here, else the bare address with a header. In WSL, whose browser does
/// not read this system's hosts file, a name below `localhost` comes first. `None` without a name.
pub fn choose(os: Os, wsl: bool, answers: &[Answer], entrance: &Entrance) -> Option<Address> {
    let main = answers.first()?;
    let here = |answer: &&Answer| answer.leads == Leads::Here;
    let own = answers.iter().find(|answer| below_localhost(&answer.name));
    let chosen = if wsl { own.or(Some(main).filter(here)) } else { Some(main).filter(here).or(own) };
    let chosen = chosen.or_else(|| answers.iter().find(here));
    let plain = entrance.url("127.0.0.1");
    let (host, by) = match chosen {
        Some(answer) if answer.leads == Leads::Here => (&answer.name, By::Resolver),
        Some(answer) => (&answer.name, By::Browser),
        None => (&main.name, By::Header),
    };
    // No certificate is for an address.
    let bare = by == By::Header && !entrance.tls;
    let url = if bare { plain.clone() } else { entrance.url(host) };
    let (host, entrance) = (host.clone(), entrance.clone());
    let mut address = Address { url, host, by, plain, entrance, notes: Vec::new() };
    address.notes = notes(os, wsl, main, &address);
    Some(address)
}

/// RFC 6761 reserves `localhost` and all below it for the machine itself.
fn below_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn notes(os: Os, wsl: bool, main: &Answer, address: &Address) -> Vec<String> {
    let mut notes = Vec::new();
    if let Leads::Elsewhere(ip) = main.leads {
        notes.push(format!("{} resolves to {ip}, not to this machine", main.name));
    }
    match address.by {
        By::Resolver => {}
        By::Browser => {
            let who = match os {
                Os::MacOs => "Chrome, Edge and Firefox resolve this name to this machine, Safari does not",
                Os::Linux | Os::Windows => "browsers resolve this name to this machine",
            };
            notes.push(format!("{who}; the system's resolver does not"));
            notes.push(format!("in a terminal:   {}", address.curl()));
        }
        By::Header => {
            notes.push(format!("the system cannot resolve {}, so a browser cannot reach it yet", main.name));
            notes.push(format!("in a terminal:   {}", address.curl()));
            notes.push("in a browser:    todo-bootstrap open --port-forward".to_owned());
            notes.push("by its name:     todo-bootstrap url --add-hosts-entry".to_owned());
        }
    }
    if let Some(file) = &address.entrance.authority {
        let (host, file) = (&address.host, file.display());
        notes.push(format!(
            "browsers trust {host} once its authority is one of theirs or of the system: {file}"
        ));
    }
    if wsl && !below_localhost(&address.host) {
        notes.push(format!("browsers of Windows need the name in Windows' own hosts file: {WINDOWS_FILE}"));
    }
    notes
}

/// Where Windows looks, as Windows writes it.
pub const WINDOWS_FILE: &str = r"C:\Windows\System32\drivers\etc\hosts";

impl Address {
    /// A request that works in every terminal, whatever the resolver knows.
    pub fn curl(&self) -> String {
        let (host, Entrance { port, tls, authority }) = (&self.host, &self.entrance);
        if !tls {
            return format!("curl -H 'Host: {host}' {}", self.plain);
        }
        let authority = authority.as_ref().map(|file| format!(" --cacert '{}'", file.display()));
        let url = self.entrance.url(host);
        format!("curl{} --resolve {host}:{port}:127.0.0.1 {url}", authority.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSEWHERE: Leads = Leads::Elsewhere(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5)));

    fn answers(of: &[(&str, Leads)]) -> Vec<Answer> {
        of.iter().map(|(name, leads)| Answer { name: (*name).to_owned(), leads: *leads }).collect()
    }

    fn plain(port: u16) -> Entrance {
        Entrance { port, ..Entrance::default() }
    }

    #[test]
    fn one_address_is_chosen_with_what_the_user_should_know() {
        use By::{Browser, Header, Resolver};
        use Leads::{Here, Nowhere};
        let (main, own) = ("http://shop.local:8080/", "http://shop.localhost:8080/");
        let curl = "curl -H 'Host: shop.localhost' http://127.0.0.1:8080/";
        for (os, wsl, [first, second], url, by, note) in [
            (Os::Linux, false, [Nowhere, Nowhere], own, Browser, curl),
            // With nss-myhostname or systemd-resolved.
            (Os::Linux, false, [Nowhere, Here], own, Resolver, ""),
            // With an entry in the hosts file.
            (Os::Linux, false, [Here, Here], main, Resolver, ""),
            (Os::MacOs, false, [Here, Here], main, Resolver, ""),
            (Os::Windows, false, [Here, Here], main, Resolver, ""),
            // What a browser of Windows understands.
            (Os::Linux, true, [Here, Nowhere], own, Browser, ""),
            (Os::MacOs, false, [Nowhere, Nowhere], own, Browser, "Safari does not"),
            (Os::Windows, false, [Nowhere, Nowhere], own, Browser, ""),
            (Os::Linux, false, [ELSEWHERE, Nowhere], own, Browser, "resolves to 10.0.0.5"),
            // Whatever a resolver says of it, a browser does not ask for a name below localhost.
            (Os::Linux, false, [Nowhere, ELSEWHERE], own, Browser, ""),
        ] {
            let answers = answers(&[("shop.local", first), ("shop.localhost", second)]);
            let found = choose(os, wsl, &answers, &plain(8080)).unwrap();
            assert_eq!((found.url.as_str(), found.by), (url, by), "{os:?} {answers:?}");
            assert!(found.notes.join("\n").contains(note), "{:?}", found.notes);
            assert_eq!(found.notes.is_empty(), by == Resolver, "{:?}", found.notes);
        }
        let main = choose(Os::Linux, true, &answers(&[("shop.local", Here)]), &plain(80)).unwrap();
        assert_eq!((main.url.as_str(), main.by), ("http://shop.local/", Resolver));
        assert!(main.notes.iter().any(|note| note.contains(WINDOWS_FILE)), "{:?}", main.notes);
        // Without a name that leads here, the header and ways out are told.
        let none = answers(&[("shop.local", Nowhere), ("shop.example", ELSEWHERE)]);
        let found = choose(Os::Linux, false, &none, &plain(80)).unwrap();
        assert_eq!((found.url.as_str(), found.by), ("http://127.0.0.1/", Header));
        let notes = found.notes.join("\n");
        for part in ["curl -H 'Host: shop.local' http://127.0.0.1/", "--port-forward", "--add-hosts-entry"] {
            assert!(notes.contains(part), "{notes}");
        }
        let alias = answers(&[("shop.local", Nowhere), ("shop.example", Here)]);
        assert_eq!(choose(Os::Linux, false, &alias, &plain(80)).unwrap().url, "http://shop.example/");
        assert_eq!(choose(Os::Linux, false, &[], &plain(80)), None);
    }

    #[test]
    fn with_tls_the_authority_is_told_and_a_request_names_the_host() {
        let file = PathBuf::from("/state/ca.crt");
        let entrance = Entrance { port: 8443, tls: true, authority: Some(file) };
        let here = answers(&[("shop.local", Leads::Here)]);
        let found = choose(Os::Linux, false, &here, &entrance).unwrap();
        assert_eq!((found.url.as_str(), found.by), ("https://shop.local:8443/", By::Resolver));
        assert!(
            found.notes[0].ends_with("one of theirs or of the system: /state/ca.crt"),
            "{:?}",
            found.notes
        );
        let nowhere = answers(&[("shop.local", Leads::Nowhere)]);
        let found = choose(Os::Linux, false, &nowhere, &Entrance { port: 443, authority: None, ..entrance });
        let found = found.unwrap();
        assert_eq!((found.url.as_str(), found.by), ("https://shop.local/", By::Header));
        assert_eq!(found.curl(), "curl --resolve shop.local:443:127.0.0.1 https://shop.local/");
    }

    #[test]
    fn only_the_address_that_the_ingress_listens_on_counts() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(leads(&[ip("::1"), ip("127.0.0.1")]), Leads::Here);
        assert_eq!(leads(&[ip("::1")]), Leads::Elsewhere(ip("::1")));
        assert_eq!(leads(&[]), Leads::Nowhere);
    }

    #[test]
    fn the_machine_itself_is_asked_in_time() {
        let names = ["localhost".to_owned(), "no-such-name.invalid".to_owned()];
        let found = resolve(&names);
        assert_eq!((found[0].leads, found[1].leads), (Leads::Here, Leads::Nowhere));
    }
}
