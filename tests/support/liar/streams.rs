//! Lies about the bytes themselves: other ones, too few, too many, too slow.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Content, Exchange, noise};

type Done = io::Result<()>;

/// Bytes of the right length that are not those of the pin.
fn other(len: usize) -> Content {
    Content { bytes: Arc::new(noise(666, len)), tag: "\"other\"".to_owned() }
}

pub(super) fn honest(exchange: &mut Exchange<'_>) -> Done {
    exchange.honest()
}

pub(super) fn other_bytes(exchange: &mut Exchange<'_>) -> Done {
    let other = other(exchange.content.bytes.len());
    exchange.whole_or_part(&other)
}

/// Half of the file, whatever was asked for; each time.
pub(super) fn short(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    exchange.range = None;
    let content = exchange.content.clone();
    exchange.half_of(&content)
}

pub(super) fn longer_than_announced(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let half = exchange.half();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &[&format!("Content-Length: {half}")])?;
    exchange.body(200, 0, &bytes)
}

/// The file, and something after it.
pub(super) fn longer_than_pinned(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let mut bytes = exchange.content.bytes.to_vec();
    bytes.extend_from_slice(b"and a little more");
    exchange.head("200 OK", &[&format!("Content-Length: {}", bytes.len())])?;
    exchange.body(200, 0, &bytes)
}

pub(super) fn shorter_than_pinned(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let half = exchange.half();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &[&format!("Content-Length: {half}")])?;
    exchange.body(200, 0, &bytes[..half])
}

/// No length, no end.
pub(super) fn endless(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    exchange.head("200 OK", &["Connection: close"])?;
    let bytes = Arc::clone(&exchange.content.bytes);
    while !exchange.state.is_over() {
        exchange.body(200, 0, &bytes)?;
    }
    Ok(())
}

pub(super) fn terabyte(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &["Content-Length: 1099511627776"])?;
    exchange.body(200, 0, &bytes)?;
    exchange.hang()
}

pub(super) fn empty(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("200 OK", &[], b"")
}

/// Never silent for long, and never done.
pub(super) fn drip(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &[&format!("Content-Length: {}", bytes.len())])?;
    for byte in bytes.iter() {
        if exchange.state.is_over() {
            break;
        }
        exchange.body(200, 0, &[*byte])?;
        std::thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

pub(super) fn stall(exchange: &mut Exchange<'_>) -> Done {
    short(exchange)?;
    exchange.hang()
}

pub(super) fn stall_before_head(exchange: &mut Exchange<'_>) -> Done {
    exchange.hang()
}

pub(super) fn reset(exchange: &mut Exchange<'_>) -> Done {
    short(exchange)?;
    exchange.reset();
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a behaviour like the others")]
pub(super) fn reset_at_once(exchange: &mut Exchange<'_>) -> Done {
    exchange.reset();
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a behaviour like the others")]
pub(super) fn closed_at_once(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    Ok(())
}

/// The chunk announces more than comes, and the last chunk never does.
pub(super) fn chunked_cut(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let half = exchange.half();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &["Transfer-Encoding: chunked"])?;
    exchange.raw(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    exchange.body(200, 0, &bytes[..half])
}

/// A few KiB that a client which decodes them blows up to 256 MiB.
pub(super) fn gzip_bomb(exchange: &mut Exchange<'_>) -> Done {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&zeros)?;
    }
    let bomb = encoder.finish()?;
    exchange.head("200 OK", &["Content-Encoding: gzip", &format!("Content-Length: {}", bomb.len())])?;
    exchange.body(200, 0, &bomb)
}

pub(super) fn garbage(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    exchange.raw(b"\x00\x16\x03garbage, no HTTP\xff\xfe\r\n\r\n")
}

pub(super) fn endless_head(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    exchange.raw(b"HTTP/1.1 200 OK\r\n")?;
    for number in 0_u64.. {
        if exchange.state.is_over() {
            break;
        }
        exchange.raw(format!("X-Filler-{number}: {}\r\n", "z".repeat(1000)).as_bytes())?;
    }
    Ok(())
}

/// Half of another file first; who goes on from there gets the rest of the right one, so that the
/// sum is neither. `ETag` tells the two apart for who asks (`If-Range`).
pub(super) fn changed_between_attempts(exchange: &mut Exchange<'_>) -> Done {
    if exchange.attempt > 0 {
        return exchange.honest();
    }
    exchange.close();
    let other = other(exchange.content.bytes.len());
    exchange.half_of(&other)
}
