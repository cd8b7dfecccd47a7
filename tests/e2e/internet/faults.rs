//! What hosts answer instead for a while.

use super::content::{Answer, HUB, TOKENS, error};
use super::serve::Request;

/// Faults of hosts; none by default.
#[derive(Debug, Default, Clone, Copy)]
pub struct Faults {
    pub limit: Option<RateLimit>,
    /// The token server refuses.
    pub no_tokens: bool,
    /// This host serves other bytes than those of the digest that is asked for.
    pub liar: Option<&'static str>,
}

/// Docker Hub answers `count` requests with 429, after so many that it still answers.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    pub after: usize,
    pub count: usize,
    /// Seconds, as its Retry-After says. Up to a minute, the limit is that of abuse, which names no quota.
    pub pause: u32,
}

impl Faults {
    /// What is answered to a request instead of the content.
    pub(super) fn answer(&mut self, host: &str, request: &Request) -> Option<Answer> {
        let is_image = request.path.contains("/manifests/") || request.path.contains("/blobs/");
        if self.no_tokens && host == TOKENS {
            let body = error("DENIED", "access to the resource is denied");
            return Some(Answer::new(403, vec![("Content-Type", "application/json".to_owned())], body));
        }
        if self.liar == Some(host) && request.path.contains("/manifests/sha256:") {
            let kind = "application/vnd.oci.image.index.v1+json".to_owned();
            let body = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
            return Some(Answer::new(200, vec![("Content-Type", kind)], body));
        }
        let limit = self.limit.as_mut().filter(|limit| host == HUB && is_image && limit.count > 0)?;
        // HEAD is not counted.
        if !request.authorized || request.method != "GET" {
            return None;
        }
        if limit.after > 0 {
            limit.after -= 1;
            return None;
        }
        limit.count -= 1;
        // https://docs.docker.com/docker-hub/usage/pulls/
        let body = error(
            "TOOMANYREQUESTS",
            "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
        );
        let mut headers = vec![("Retry-After", limit.pause.to_string())];
        if limit.pause > 60 {
            headers.extend(
                [("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600")]
                    .map(|(name, value)| (name, value.to_owned())),
            );
        }
        Some(Answer::new(429, headers, body))
    }
}
