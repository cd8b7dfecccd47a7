//! Anonymous tokens: what a registry requests, and where to get it.

use reqwest::{Method, StatusCode, Url};

use super::super::RegistryError;
use super::super::ours::said;
use super::super::retry::{Fault, unanswered};
use crate::fetch::{Answered, Client, Remote, ask, permitted, read};

/// A token has some kilobytes.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    /// Of several challenges in as many headers, the one for a token.
    fn of(answer: &Answered) -> Option<Self> {
        let values = answer.headers.get_all("www-authenticate").iter();
        values.filter_map(|value| value.to_str().ok()).find_map(Self::parse)
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        while let Some((key, after)) = rest.split_once('=') {
            // A scope may have a comma in it, so quotes come first.
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            let slot = match key.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
                "realm" => Some(&mut realm),
                "service" => Some(&mut service),
                "scope" => Some(&mut scope),
                _ => None,
            };
            if let Some(slot) = slot {
                *slot = Some(value.to_owned());
            }
            rest = after;
        }
        Some(Self { realm: realm?, service, scope })
    }

    /// Where the token is asked for; only what is encrypted counts, as for everything else.
    fn url(&self, repository: &str) -> Result<Url, String> {
        let mut url =
            permitted(&self.realm).map_err(|why| format!("it redirects to {}: {why}", self.realm))?;
        let scope = self.scope.clone().unwrap_or_else(|| format!("repository:{repository}:pull"));
        let service = self.service.iter().map(|service| ("service", service.as_str()));
        url.query_pairs_mut().extend_pairs(service.chain([("scope", scope.as_str())]));
        Ok(url)
    }
}

/// As [`token`], for a response of `host`, and with every failure as a final one.
pub async fn anonymous_token(
    client: &Client,
    response: reqwest::Response,
    host: &str,
    repository: &str,
) -> Result<Option<String>, RegistryError> {
    let at = response.url().clone();
    let answer = read(client, response, &at, LONGEST).await;
    let answer = answer.map_err(|halt| unanswered(halt, host, "a request for a token").into_error())?;
    token(client, &answer, host, repository).await.map_err(Fault::into_error)
}

/// A token for what was answered with 401; `None` if no token is what is wanted.
pub(super) async fn token(
    client: &Client,
    answer: &Answered,
    host: &str,
    repository: &str,
) -> Result<Option<String>, Fault> {
    #[derive(serde::Deserialize)]
    struct Given {
        token: Option<String>,
        access_token: Option<String>,
    }
    let Some(challenge) = Challenge::of(answer) else { return Ok(None) };
    let what = "a request for a token";
    let malformed = |why: String| RegistryError::malformed(host, what, why);
    let url = challenge.url(repository).map_err(malformed)?;
    let at = url.host_str().unwrap_or_default().to_owned();
    let remote = Remote { url: url.as_str(), ..Remote::default() };
    let answer = ask(client, &Method::GET, &remote, "application/json", LONGEST).await;
    let answer = answer.map_err(|halt| unanswered(halt, &at, what))?;
    let answer = super::source::judge(answer, &at, what)?;
    if answer.status != StatusCode::OK {
        return Err(RegistryError::answered(&at, what, answer.status, said(&answer.body)).into());
    }
    let given: Given = serde_json::from_slice(&answer.body).map_err(|e| malformed(e.to_string()))?;
    match given.token.or(given.access_token).filter(|token| !token.is_empty()) {
        Some(token) => Ok(Some(token)),
        None => Err(malformed("it returned none".to_owned()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_commas_and_in_any_order() {
        let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
                   scope=\"repository:library/alpine:pull,push\"";
        let challenge = Challenge::parse(hub).unwrap();
        assert_eq!(challenge.realm, "https://auth.docker.io/token");
        assert_eq!(challenge.scope.as_deref(), Some("repository:library/alpine:pull,push"));
        assert_eq!(
            challenge.url("x").unwrap().as_str(),
            "https://auth.docker.io/token?service=registry.docker.io\
             &scope=repository%3Alibrary%2Falpine%3Apull%2Cpush"
        );
        let short = Challenge::parse("bearer error=\"x\", realm=https://a.example/t").unwrap();
        assert_eq!(short, Challenge { realm: "https://a.example/t".to_owned(), service: None, scope: None });
        assert_eq!(short.url("a/b").unwrap().query(), Some("scope=repository%3Aa%2Fb%3Apull"));
        for other in ["Basic realm=\"x\"", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"x"] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
        let plain = Challenge::parse("Bearer realm=\"http://a.example/t\"").unwrap();
        assert!(plain.url("x").is_err_and(|why| why.contains("only https")));
    }
}
