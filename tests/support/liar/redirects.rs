//! Redirects. The server serves the right file at their targets.

use std::io;

use super::Exchange;

type Done = io::Result<()>;

fn to(exchange: &mut Exchange<'_>, location: &str) -> Done {
    exchange.status("302 Found", &[&format!("Location: {location}")], b"")
}

/// The pin of the tests allows `localhost`, for which this server answers as well.
fn elsewhere(exchange: &mut Exchange<'_>) -> Done {
    let location = format!("https://localhost:{}{}?there", exchange.state.address.port(), exchange.path);
    to(exchange, &location)
}

fn is_there(exchange: &Exchange<'_>) -> bool {
    exchange.path.ends_with("?there")
}

pub(super) fn to_allowed(exchange: &mut Exchange<'_>) -> Done {
    if is_there(exchange) { exchange.honest() } else { elsewhere(exchange) }
}

/// The same; the test's pin allows no other host.
pub(super) fn to_other_host(exchange: &mut Exchange<'_>) -> Done {
    to_allowed(exchange)
}

/// The test's pin allows that host, with https.
pub(super) fn to_http(exchange: &mut Exchange<'_>) -> Done {
    let path = exchange.path.clone();
    to(exchange, &format!("http://release.test{path}"))
}

pub(super) fn to_file(exchange: &mut Exchange<'_>) -> Done {
    to(exchange, "file:///etc/passwd")
}

pub(super) fn in_a_circle(exchange: &mut Exchange<'_>) -> Done {
    let path = exchange.path.clone();
    to(exchange, &path)
}

/// One redirect more than is followed; the file is at the end.
pub(super) fn six(exchange: &mut Exchange<'_>) -> Done {
    let (path, step) = exchange.path.split_once("?step").unwrap_or((&exchange.path, "0"));
    let step: u32 = step.parse().unwrap_or(0);
    if step == 6 {
        return exchange.honest();
    }
    let location = format!("{path}?step{}", step + 1);
    to(exchange, &location)
}

/// A redirect without a target.
pub(super) fn to_nowhere(exchange: &mut Exchange<'_>) -> Done {
    exchange.status("302 Found", &[], b"")
}
