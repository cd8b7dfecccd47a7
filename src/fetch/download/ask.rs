//! Small responses, read into memory, such as those of registries.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use super::super::{Client, FetchError, causes};
use super::redirects::{self, Route};
use super::retry::{self, Halt};
use super::{Remote, shown};

#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub method: Method,
    /// Digest and size are not looked at.
    pub remote: Remote<'a>,
    /// The media types that are understood.
    pub accept: &'a str,
    /// A longer answer (bytes) is an error.
    pub limit: u64,
}

/// An answer, whatever its status.
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
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        kind.starts_with("text/html") || kind.starts_with("application/xhtml")
    }

    /// Whether such an error is often temporary, and short.
    pub fn is_passing(&self) -> bool {
        retry::is_passing(self.status) && self.after.is_none_or(|after| after <= retry::ASKED)
    }
}

/// Asks once. Redirects are judged as those of downloads are; silence is an error.
pub async fn ask(client: &Client, question: &Question<'_>) -> Result<Answered, Halt> {
    let route = Route::new(&question.remote)?;
    let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    headers.extend(HeaderValue::from_str(question.accept).ok().map(|types| (ACCEPT, types)));
    let (response, at) =
        redirects::send(client, &question.method, &route, route.start.clone(), &headers).await?;
    read(client, response, &at, question.limit).await
}

/// Reads an answer, at most `limit` bytes of it.
pub async fn read(client: &Client, response: Response, at: &Url, limit: u64) -> Result<Answered, Halt> {
    let url = shown(at.as_str());
    let (status, headers) = (response.status(), response.headers().clone());
    if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        return Err(FetchError::LoginPage { url }.into());
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
                return Err(FetchError::TooLarge { url, limit }.into());
            }
            Ok(Some(Ok(bytes))) => body.extend_from_slice(&bytes),
            Ok(None) => break,
        }
    }
    let after = retry::asked(&headers, (client.now)());
    Ok(Answered { url, status, headers, body, after })
}
