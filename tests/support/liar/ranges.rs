//! Faults of range requests. The first response is cut off, so that the client resumes.

use std::io;
use std::sync::Arc;

use super::{Exchange, noise};

type Done = io::Result<()>;

/// Sends half of what was requested; returns whether this was the first request.
fn broken_first(exchange: &mut Exchange<'_>) -> io::Result<bool> {
    if exchange.attempt > 0 {
        return Ok(false);
    }
    exchange.close();
    let content = exchange.content.clone();
    exchange.half_of(&content)?;
    Ok(true)
}

/// Always the whole file.
pub(super) fn ignored(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    exchange.range = None;
    exchange.honest()
}

/// A 206 with these bytes and the range `named`; without a range request, the correct response.
fn part(exchange: &mut Exchange<'_>, shift: u64, total: u64, bytes: &[u8]) -> Done {
    let Some((from, to)) = exchange.range else { return exchange.honest() };
    let last = bytes.len() as u64 - 1;
    let from = from.min(last);
    let to = to.unwrap_or(last).min(last);
    let tag = format!("ETag: {}", exchange.content.tag);
    let named = format!("Content-Range: bytes {}-{}/{total}", from + shift, to + shift);
    let part = &bytes[usize::try_from(from).unwrap_or(0)..=usize::try_from(to).unwrap_or(0)];
    exchange.head("206 Partial Content", &[&tag, &named, &format!("Content-Length: {}", part.len())])?;
    exchange.body(206, from, part)
}

/// The right bytes, with an offset that is wrong by 7.
pub(super) fn wrong_offset(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    let bytes = Arc::clone(&exchange.content.bytes);
    part(exchange, 7, bytes.len() as u64 + 7, &bytes)
}

pub(super) fn wrong_total(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    let bytes = Arc::clone(&exchange.content.bytes);
    part(exchange, 0, bytes.len() as u64 + 4096, &bytes)
}

/// The right numbers and the right tag, but other bytes.
pub(super) fn other_file(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    let len = exchange.content.bytes.len();
    part(exchange, 0, len as u64, &noise(667, len))
}

/// A 206 without a range.
pub(super) fn unnamed(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    let Some((from, _)) = exchange.range else { return exchange.honest() };
    let bytes = Arc::clone(&exchange.content.bytes);
    let part = &bytes[usize::try_from(from).unwrap_or(0).min(bytes.len())..];
    exchange.head("206 Partial Content", &[&format!("Content-Length: {}", part.len())])?;
    exchange.body(206, from, part)
}

pub(super) fn unsatisfiable(exchange: &mut Exchange<'_>) -> Done {
    if broken_first(exchange)? {
        return Ok(());
    }
    if exchange.range.is_none() {
        return exchange.honest();
    }
    let total = format!("Content-Range: bytes */{}", exchange.half() / 2);
    exchange.status("416 Range Not Satisfiable", &[&total], b"")
}

/// The file is unchanged, but its tag changes, as with some server clusters.
pub(super) fn restless_tag(exchange: &mut Exchange<'_>) -> Done {
    exchange.content.tag = format!("\"{}\"", exchange.attempt);
    if broken_first(exchange)? {
        return Ok(());
    }
    exchange.honest()
}
