//! Answers questions for addresses (RFC 1035): one address for the names that exist, none for the others.

use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};

use super::{ADDRESS, Log};

/// The header of a message; the question follows.
const HEADER: usize = 12;

pub(super) fn serve(socket: &UdpSocket, names: &[String], log: &Mutex<Log>) {
    let mut buffer = [0; 1500];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let Some((name, kind, end)) = question(&buffer[..length]) else { continue };
        let known = names.contains(&name);
        if !known {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            *log.unknown.entry(name).or_default() += 1;
        }
        let _ = socket.send_to(&answer(&buffer[..end], known, kind), client);
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
fn answer(question: &[u8], known: bool, kind: u16) -> Vec<u8> {
    const A: u16 = 1;
    let has_address = known && kind == A;
    let mut message = question.to_vec();
    // A response, with recursion; NXDOMAIN for an unknown name.
    message[2..4].copy_from_slice(&[0x81, if known { 0x80 } else { 0x83 }]);
    // One question, one or no answer, nothing else.
    message[4..HEADER].copy_from_slice(&[0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
    if has_address {
        // The name of the question, type A, class IN, a minute, four bytes.
        message.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(ADDRESS.octets());
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
    let known = answer(&query, true, kind);
    assert_eq!(known[..4], [0x12, 0x34, 0x81, 0x80]);
    assert_eq!(known[known.len() - 4..], ADDRESS.octets());
    assert_eq!(answer(&query, false, kind)[3], 0x83);
    // AAAA: the name exists, and has no such address.
    assert_eq!(answer(&query, true, 28).len(), query.len());
    assert!(question(&query[..20]).is_none());
}
