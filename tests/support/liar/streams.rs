//! Faults of the content: wrong bytes, too few, too many, too slow.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Content, Exchange, noise};

type Done = io::Result<()>;

/// Bytes of the right length that do not match the pin.
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

/// Half of the file, whatever was requested, every time.
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

/// The file, followed by additional bytes.
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

/// Never silent for long, and never finished.
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

/// The chunk announces more than is sent, and the last chunk is missing.
pub(super) fn chunked_cut(exchange: &mut Exchange<'_>) -> Done {
    exchange.close();
    let half = exchange.half();
    let bytes = Arc::clone(&exchange.content.bytes);
    exchange.head("200 OK", &["Transfer-Encoding: chunked"])?;
    exchange.raw(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    exchange.body(200, 0, &bytes[..half])
}

/// A few KiB that decompress to 256 MiB.
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

/// First half of another file: a client that resumes gets the rest of the right one, so that the result
/// is neither. Clients can tell them apart by the `ETag` (`If-Range`).
pub(super) fn changed_between_attempts(exchange: &mut Exchange<'_>) -> Done {
    if exchange.attempt > 0 {
        return exchange.honest();
    }
    exchange.close();
    let other = other(exchange.content.bytes.len());
    exchange.half_of(&other)
}
