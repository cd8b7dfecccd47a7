//! Answers questions for addresses (RFC 1035): one address for the names that exist, none for the others.

use std::net::{Ipv4Addr, UdpSocket};

use super::serve::Servers;

/// The header of a message; the question follows.
const HEADER: usize = 12;

/// All names of `names` have the same address.
pub(super) fn serve(socket: &UdpSocket, address: Ipv4Addr, names: &[String], servers: &Servers) {
    let mut buffer = [0; 1500];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let Some((name, kind, end)) = question(&buffer[..length]) else { continue };
        let known = names.contains(&name);
        if !known {
            servers.note(|log| *log.unknown.entry(name).or_default() += 1);
        }
        let _ = socket.send_to(&answer(&buffer[..end], known.then_some(address), kind), client);
    }
}

/// The name, the type, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = message.get(at..at + 2)?;
    message.get(at + 2..at + 4)?;
    Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]]), at + 4))
}

/// `question` is the message up to the end of its question.
fn answer(question: &[u8], address: Option<Ipv4Addr>, kind: u16) -> Vec<u8> {
    const A: u16 = 1;
    let known = address.is_some();
    let address = address.filter(|_| kind == A);
    let mut message = question.to_vec();
    // A response, with recursion; NXDOMAIN for an unknown name.
    message[2..4].copy_from_slice(&[0x81, if known { 0x80 } else { 0x83 }]);
    // One question, one or no answer, nothing else.
    message[4..HEADER].copy_from_slice(&[0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    if let Some(address) = address {
        // The name of the question, type A, class IN, a minute, four bytes.
        message.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address.octets());
    }
    message
}

#[test]
fn a_known_name_has_an_address_and_another_has_none() {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["dl", "K8s", "io", ""] {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.bytes());
    }
    query.extend([0, 1, 0, 1]);
    let (name, kind, end) = question(&query).unwrap();
    assert_eq!((name.as_str(), kind, end), ("dl.k8s.io", 1, query.len()));
    let address = Ipv4Addr::new(192, 0, 2, 7);
    let known = answer(&query, Some(address), kind);
    assert_eq!(known[..4], [0x12, 0x34, 0x81, 0x80]);
    assert_eq!(known[known.len() - 4..], address.octets());
    assert_eq!(answer(&query, None, kind)[3], 0x83);
    // AAAA: the name exists, and has no such address.
    assert_eq!(answer(&query, Some(address), 28).len(), query.len());
    assert!(question(&query[..20]).is_none());
}
