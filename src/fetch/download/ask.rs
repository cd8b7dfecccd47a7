//! Small responses, read into memory, such as those of registries.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use super::super::{Client, FetchError, causes};
use super::answer::is_page;
use super::redirects::{self, Route};
use super::retry::{self, Halt};
use super::{Remote, shown};

#[derive(Debug, Clone)]
pub struct Answered {
    /// Who answered, without what may be secret.
    pub url: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// What `Retry-After` asks for.
    pub after: Option<Duration>,
}

impl Answered {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it is a page for people.
    pub fn is_page(&self) -> bool {
        is_page(&self.headers)
    }

    /// Whether such an error is often temporary, and short.
    pub fn is_passing(&self) -> bool {
        retry::is_passing(self.status) && self.after.is_none_or(|after| after <= retry::ASKED)
    }
}

/// Asks once, for media types of `accept` and no more than `limit` bytes. Redirects are judged as those of
/// downloads are; digest and size of `remote` are not looked at; silence is an error.
pub async fn ask(
    client: &Client,
    method: &Method,
    remote: &Remote<'_>,
    accept: &str,
    limit: u64,
) -> Result<Answered, Halt> {
    let route = Route::new(remote)?;
    let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    headers.extend(HeaderValue::from_str(accept).ok().map(|types| (ACCEPT, types)));
    let (response, at) = redirects::send(client, method, &route, route.start.clone(), &headers).await?;
    read(client, response, &at, limit).await
}

pub async fn read(client: &Client, response: Response, at: &Url, limit: u64) -> Result<Answered, Halt> {
    let url = shown(at.as_str());
    let (status, headers) = (response.status(), response.headers().clone());
    if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        return Err(FetchError::login_page(&url).into());
    }
    let idle = client.timeouts.idle;
    let (mut body, mut stream) = (Vec::new(), response.bytes_stream());
    loop {
        let got = body.len() as u64;
        match tokio::time::timeout(idle, stream.next()).await {
            Err(_) => return Err(Halt::again(FetchError::Stalled { url, got, idle })),
            Ok(Some(Err(error))) => {
                return Err(Halt::again(FetchError::Broken { url, got, cause: causes(&error) }));
            }
            Ok(Some(Ok(bytes))) if got + bytes.len() as u64 > limit => {
                return Err(FetchError::too_large(&url, limit).into());
            }
            Ok(Some(Ok(bytes))) => body.extend_from_slice(&bytes),
            Ok(None) => break,
        }
    }
    let after = retry::asked(&headers, (client.now)());
    Ok(Answered { url, status, headers, body, after })
}
