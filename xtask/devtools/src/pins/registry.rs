//! Queries a registry for an image with the OCI distribution API, read-only and
//! anonymously.

use std::time::Duration;

use todo_bootstrap::fetch::{Url, allows, causes, permitted};
use todo_bootstrap::files::sha256;
use todo_bootstrap::origins::Place;
use todo_bootstrap::pins::PublishedImage;

use super::published::{HOPS, Published, Site, TEXT};

/// A manifest of one image, or a multi-platform index, in OCI or Docker format.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
                     application/vnd.docker.distribution.manifest.list.v2+json, \
                     application/vnd.oci.image.manifest.v1+json, \
                     application/vnd.docker.distribution.manifest.v2+json";
const ANSWER: Duration = Duration::from_secs(60);

/// What a tag or a digest refers to.
pub(super) enum Found {
    /// Its digest, `sha256:…`, and its text if it was requested.
    Is(String, Vec<u8>),
    Nothing,
}

/// A response whose status was already checked.
struct Answer {
    status: u16,
    /// `WWW-Authenticate`.
    challenge: Option<String>,
    location: Option<String>,
    /// `Docker-Content-Digest`.
    digest: Option<String>,
    body: Vec<u8>,
}

impl Site {
    /// Resolves `reference` (a tag or a digest) of the image's repository. With `whole`, the manifest is
    /// fetched and its digest is computed; otherwise the digest in the header is used, because registries
    /// count every fetched manifest.
    pub(super) fn manifest(&self, image: &PublishedImage, reference: &str, whole: bool) -> Published<Found> {
        let url = format!("{}/manifests/{reference}", image.api());
        match self.place(&url) {
            // Mirrors have no paths for digests.
            Err(why) if self.mirror.is_some() => Published::Unknown(why),
            Err(why) => Published::Wrong(why),
            Ok(Place::File(file)) => match std::fs::read(&file) {
                Ok(body) => Published::Is(Found::Is(digest_of(&body), body)),
                Err(error) => Published::Unknown(format!("{}: {error}", file.display())),
            },
            Ok(Place::Url(at)) => {
                let found = self.runtime.block_on(self.ask(at.as_str(), image, whole));
                match found {
                    Ok(found) => Published::Is(found),
                    Err(why) => Published::Unknown(why),
                }
            }
        }
    }

    async fn ask(&self, url: &str, image: &PublishedImage, whole: bool) -> Result<Found, String> {
        let start = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let (mut at, mut token) = (url.to_owned(), None::<String>);
        for _ in 0..=HOPS {
            let answer = self.request(&at, token.as_deref(), whole).await?;
            match (answer.status, &answer.challenge, &answer.location) {
                (200..=299, ..) => return self.found(&at, answer, token.as_deref(), whole).await,
                (404, ..) => return Ok(Found::Nothing),
                (401, Some(challenge), _) if token.is_none() => {
                    token = Some(self.token(&start, challenge).await?);
                }
                (300..=399, _, Some(to)) => {
                    let from = allowed(&at, &start)?;
                    let to =
                        from.join(to).map_err(|error| format!("{at} has an invalid redirect: {error}"))?;
                    let host = to.host_str().unwrap_or_default();
                    if from.host_str() != Some(host) {
                        if !image.hosts.iter().any(|pattern| allows(pattern, host)) {
                            return Err(format!("{at} redirects to {host}, which the pin does not allow"));
                        }
                        // The token is valid only for the server that issued it.
                        token = None;
                    }
                    at = allowed(to.as_str(), &start)?.to_string();
                }
                (status, ..) => return Err(format!("{at} returned {status}")),
            }
        }
        Err(format!("{url} has more than {HOPS} redirects"))
    }

    async fn request(&self, at: &str, token: Option<&str>, whole: bool) -> Result<Answer, String> {
        let http = self.client.http();
        let request = if whole { http.get(at) } else { http.head(at) };
        let mut request = request.header("accept", KINDS).timeout(ANSWER);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(|error| format!("{at}: {}", causes(&error)))?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let mut answer = Answer {
            status: response.status().as_u16(),
            challenge: header("www-authenticate"),
            location: header("location"),
            digest: header("docker-content-digest"),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error))? {
            answer.body.extend_from_slice(&chunk);
            if answer.body.len() > TEXT {
                return Err(format!("{at} is too large for a manifest"));
            }
        }
        Ok(answer)
    }

    async fn found(
        &self,
        at: &str,
        answer: Answer,
        token: Option<&str>,
        whole: bool,
    ) -> Result<Found, String> {
        match answer.digest {
            _ if whole => Ok(Found::Is(digest_of(&answer.body), answer.body)),
            Some(digest) => Ok(Found::Is(digest, Vec::new())),
            // Not every registry sends the header.
            None => {
                let body = self.request(at, token, true).await?.body;
                Ok(Found::Is(digest_of(&body), body))
            }
        }
    }

    /// Requests an anonymous token from the realm in the registry's challenge.
    async fn token(&self, start: &Url, challenge: &str) -> Result<String, String> {
        let realm = parameter(challenge, "realm")
            .ok_or_else(|| format!("{start} requires credentials: {challenge}"))?;
        let mut url = allowed(&realm, start)?;
        if self.mirror.is_some() && url.origin() != start.origin() {
            return Err(format!("{start} refers to {realm}, but only the mirror may be queried"));
        }
        for key in ["service", "scope"] {
            if let Some(value) = parameter(challenge, key) {
                url.query_pairs_mut().append_pair(key, &value);
            }
        }
        let answer = self.request(url.as_str(), None, true).await?;
        let host = url.host_str().unwrap_or_default();
        if answer.status != 200 {
            return Err(format!("{host} returned {} instead of a token", answer.status));
        }
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = json["token"].as_str().or_else(|| json["access_token"].as_str());
        token.map(str::to_owned).ok_or_else(|| format!("{host} returned no token"))
    }
}

/// Allows HTTPS, this machine, and the host of the first request: a mirror may use plain HTTP.
fn allowed(url: &str, start: &Url) -> Result<Url, String> {
    permitted(url).or_else(|why| match Url::parse(url) {
        Ok(url) if url.origin() == start.origin() => Ok(url),
        _ => Err(why),
    })
}

fn digest_of(body: &[u8]) -> String {
    format!("sha256:{}", sha256(body))
}

/// The value of `key="…"` in a challenge `Bearer realm="…",service="…"`.
fn parameter(challenge: &str, key: &str) -> Option<String> {
    let (scheme, mut rest) = challenge.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"')?;
        if name.trim_matches([',', ' ']).eq_ignore_ascii_case(key) {
            return Some(value.to_owned());
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_has_its_parts() {
        let text =
            "Bearer realm=\"https://a.example/token\", service=\"b\",scope=\"repository:c/d:pull,push\"";
        assert_eq!(parameter(text, "realm").unwrap(), "https://a.example/token");
        assert_eq!(parameter(text, "scope").unwrap(), "repository:c/d:pull,push");
        assert_eq!(parameter(text, "error"), None);
        assert_eq!(parameter("Basic realm=\"x\"", "realm"), None);
    }
}
