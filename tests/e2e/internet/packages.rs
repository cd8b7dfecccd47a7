//! Mirrors of `PyPI` and the npm registry: what is asked for is fetched with this machine's `curl`, and addresses
//! in the answers lead back to the mirror.

use std::process::{Command, Stdio};

use super::content::Answer;

/// Where the mirrors are, and what they mirror.
const PLACES: [(&str, &str); 3] = [
    ("/pypi/simple/", "https://pypi.org/simple/"),
    ("/pypi/files/", "https://files.pythonhosted.org/"),
    ("/npm/", "https://registry.npmjs.org/"),
];

/// What the mirror on `host` answers.
pub(super) fn answer(host: &str, path: &str) -> Answer {
    let Some(url) = PLACES.iter().find_map(|(at, of)| Some(format!("{of}{}", path.strip_prefix(at)?))) else {
        return Answer::not_found();
    };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--location", "--max-time", "60", &url]).stdin(Stdio::null());
    let Some(output) = curl.output().ok().filter(|output| output.status.success()) else {
        return Answer::not_found();
    };
    let is_file = url.rsplit_once('.').is_some_and(|(_, end)| ["whl", "gz", "tgz"].contains(&end));
    let kind = match path {
        _ if is_file => "application/octet-stream",
        path if path.starts_with("/npm/") => "application/json",
        _ => "text/html",
    };
    let body = if is_file { output.stdout } else { moved(host, output.stdout) };
    Answer::new(200, vec![("Content-Type", kind.to_owned())], body)
}

fn moved(host: &str, body: Vec<u8>) -> Vec<u8> {
    let Ok(text) = String::from_utf8(body) else { return Vec::new() };
    let replace = |text: String, (at, of): &(&str, &str)| text.replace(of, &format!("https://{host}{at}"));
    PLACES.iter().fold(text, replace).into_bytes()
}
