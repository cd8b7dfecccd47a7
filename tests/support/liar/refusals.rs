//! Responses that are not the file.

use std::io;
use std::time::Duration;

use super::Exchange;

type Done = io::Result<()>;

const TROUBLE: &[u8] = b"<html><body>Something went wrong.</body></html>";

pub(super) fn fails_once(exchange: &mut Exchange<'_>) -> Done {
    if exchange.attempt > 0 {
        return exchange.honest();
    }
    exchange.status("500 Internal Server Error", &[], TROUBLE)
}

pub(super) fn unavailable(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("503 Service Unavailable", &[], TROUBLE)
}

pub(super) fn missing(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("404 Not Found", &[], TROUBLE)
}

pub(super) fn forbidden(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("403 Forbidden", &[], TROUBLE)
}

pub(super) fn busy_seconds(exchange: &mut Exchange<'_>) -> Done {
    if exchange.attempt > 0 {
        return exchange.honest();
    }
    exchange.status("429 Too Many Requests", &["Retry-After: 1"], TROUBLE)
}

pub(super) fn busy_date(exchange: &mut Exchange<'_>) -> Done {
    if exchange.attempt > 0 {
        return exchange.honest();
    }
    let then = jiff::Timestamp::now() + Duration::from_secs(1);
    let date = then.strftime("%a, %d %b %Y %H:%M:%S GMT");
    exchange.status("429 Too Many Requests", &[&format!("Retry-After: {date}")], TROUBLE)
}

/// Longer than any client waits.
pub(super) fn busy_for_a_day(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("429 Too Many Requests", &["Retry-After: 86400"], TROUBLE)
}

/// How the network of a hotel responds to every request.
pub(super) fn captive_portal(exchange: &mut Exchange<'_>) -> Done {
    let page =
        b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>Please sign in.</body></html>";
    let headers = ["Content-Type: text/html; charset=utf-8", &format!("Content-Length: {}", page.len())];
    exchange.head("200 OK", &headers)?;
    exchange.body(200, 0, page)
}

pub(super) fn no_content(exchange: &mut Exchange<'_>) -> Done {
    exchange.head("204 No Content", &[])
}
