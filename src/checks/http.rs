//! Kind `http`: a request through the ingress, or to a Service inside the cluster.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use reqwest::{Client, ClientBuilder, Method, redirect};
use tokio::net::TcpListener;

use super::expect::{self, Answer, Expect};
use super::spec::{choice, required, required_port};
use super::{Check, Context, Spec, Verdict};
use crate::config::Fields;
use crate::kubernetes::{innermost, reach};

/// The maximum size of a body.
const MAX_BODY: usize = 1 << 20;

#[derive(Debug)]
struct Http {
    request: Request,
    expect: Expect,
}

/// The request, and how it is sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub via: Via,
    pub method: Method,
    /// Path and query, with the leading `/`.
    pub path: String,
    pub host: Option<String>,
    pub headers: HeaderMap,
    /// Sent unchanged.
    pub body: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Via {
    Ingress,
    Service { name: String, port: u16, namespace: Option<String> },
}

/// Why there is no complete response.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub message: String,
    /// Whether the request may have reached the server.
    pub sent: bool,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let via = read_via(fields);
    let method = fields.opt_parsed("method", method);
    let path = required(fields, "path", path);
    let host = fields.opt_parsed("host", host);
    let headers = fields.string_map("headers");
    let headers = header_map(&headers).map_err(|message| fields.problem("headers", message)).ok();
    let body = fields.opt_string("body");
    let (given, expect) = (fields.has("expect"), fields.opt_table("expect", expect::read));
    let expect = if given { expect } else { Some(Expect::default()) };
    let method = method.unwrap_or(Method::GET);
    let (path, headers) = (path?, headers?);
    let request = Request { via: via?, method, path, host, headers, body };
    Some(Box::new(Http { request, expect: expect? }))
}

/// The check that `host` serves a page through the ingress.
pub fn page(host: &str) -> Spec {
    let request = Request {
        via: Via::Ingress,
        method: Method::GET,
        path: "/".to_owned(),
        host: Some(host.to_owned()),
        headers: HeaderMap::new(),
        body: None,
    };
    Spec {
        id: format!("address-{host}"),
        title: format!("the address {host} responds"),
        code: "address".to_owned(),
        help: None,
        timeout: Duration::from_secs(60),
        kind: "http",
        check: Box::new(Http { request, expect: Expect { page: true, ..Expect::default() } }),
    }
}

pub(super) fn read_via(fields: &mut Fields<'_, '_>) -> Option<Via> {
    if choice(fields, "via", &["ingress", "service"])? == "ingress" {
        return Some(Via::Ingress);
    }
    let (name, port) = (fields.string("service"), required_port(fields, "port"));
    let namespace = fields.opt_string("namespace");
    Some(Via::Service { name: name?, port: port?, namespace })
}

pub(super) fn method(text: &str) -> Result<Method, String> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let found = known.contains(&text).then(|| Method::from_bytes(text.as_bytes()).ok()).flatten();
    found.ok_or_else(|| format!("is \"{text}\", but must be one of: {}", known.join(", ")))
}

pub(super) fn path(text: &str) -> Result<String, String> {
    let good = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned()).ok_or_else(|| "must start with `/` and be percent-encoded".to_owned())
}

pub(super) fn host(text: &str) -> Result<String, String> {
    HeaderValue::from_str(text).map(|_| text.to_owned()).map_err(|_| "is not a host name".to_owned())
}

/// The values are marked as sensitive, so that no library logs them.
pub(super) fn header_map(headers: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("has the bad name `{name}`"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| format!("has a bad value for `{name}`"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

impl Check for Http {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let url = format!("{} {}", self.request.method, self.request.shown(cx));
            let mut answer = Answer::default();
            let asked = self.request.ask(cx, &mut answer).await.map_err(|error| error.message);
            match asked.and_then(|()| self.expect.judge(&answer)) {
                Ok(seen) => Verdict::Pass(format!("{url} {seen}")),
                Err(wrong) => Verdict::NotYet(format!("{url} {wrong}")),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        match self.request.via {
            Via::Ingress => "todo-bootstrap check   # shows which layer fails",
            Via::Service { .. } => "todo-bootstrap up   # rolls the service out again and shows its log",
        }
    }
}

impl Request {
    /// The host: a host name, or the name of a Service.
    pub fn authority<'a>(&'a self, cx: &'a Context<'_>) -> &'a str {
        match &self.via {
            Via::Ingress => self.host.as_deref().unwrap_or(&cx.host),
            Via::Service { name, .. } => self.host.as_deref().unwrap_or(name),
        }
    }

    /// The request, for messages.
    pub fn shown(&self, cx: &Context<'_>) -> String {
        match &self.via {
            Via::Ingress => format!("{}{}", cx.origin(self.authority(cx)), self.path),
            Via::Service { name, port, .. } => format!("{name}:{port}{}", self.path),
        }
    }

    /// Sends the request and fills `answer` while the response arrives, so that a partial response is kept.
    pub async fn ask(&self, cx: &Context<'_>, answer: &mut Answer) -> Result<(), Unanswered> {
        match &self.via {
            Via::Ingress => {
                let host = self.authority(cx);
                if let Some(secure) = cx.secure(host) {
                    let client = secure.client(host).map_err(Unanswered::unsent)?;
                    return self.request(&client, &cx.origin(host), None, answer).await;
                }
                let at = SocketAddr::from((Ipv4Addr::LOCALHOST, cx.ingress));
                self.request_at(at, Some(host), answer).await
            }
            Via::Service { name, port, namespace } => {
                let namespace = namespace.as_deref().unwrap_or(&cx.namespace);
                let mut connection = reach::connect(&cx.client(), namespace, name, *port)
                    .await
                    .map_err(|error| Unanswered::unsent(format!("cannot be asked: {error}")))?;
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Unanswered::unsent)?;
                let at = listener.local_addr().map_err(Unanswered::unsent)?;
                let refused = connection.refusal();
                let carry = async {
                    if let Ok((mut local, _)) = listener.accept().await {
                        let _ = tokio::io::copy_bidirectional(&mut local, &mut connection.stream).await;
                    }
                    std::future::pending::<()>().await;
                };
                let answered = tokio::select! {
                    answered = self.request_at(at, self.host.as_deref(), answer) => answered,
                    () = carry => Err(Unanswered::unsent("was not forwarded")),
                    Some(refusal) = refused => {
                        Err(Unanswered { message: format!("did not answer: {refusal}"), sent: true })
                    }
                };
                connection.forwarder.abort();
                answered
            }
        }
    }

    async fn request_at(
        &self,
        at: SocketAddr,
        host: Option<&str>,
        answer: &mut Answer,
    ) -> Result<(), Unanswered> {
        let client = builder().build().map_err(|error| format!("cannot be asked: {error}"));
        let client = client.map_err(Unanswered::unsent)?;
        self.request(&client, &format!("http://{at}"), host, answer).await
    }

    async fn request(
        &self,
        client: &Client,
        origin: &str,
        host: Option<&str>,
        answer: &mut Answer,
    ) -> Result<(), Unanswered> {
        let url = format!("{origin}{}", self.path);
        let mut request = client.request(self.method.clone(), url).headers(self.headers.clone());
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| Unanswered::of(&error))?;
        answer.status = response.status().as_u16();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if *name == SET_COOKIE {
                answer.cookies.push(value.clone());
            }
            answer.headers.insert(name.as_str().to_owned(), value);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Unanswered::of(&error))? {
            bytes.extend_from_slice(&chunk);
            answer.body = String::from_utf8_lossy(&bytes).into_owned();
            if bytes.len() > MAX_BODY {
                let message = "answered with more than 1 MiB".to_owned();
                return Err(Unanswered { message, sent: true });
            }
        }
        Ok(())
    }
}

impl Unanswered {
    fn unsent(why: impl Display) -> Self {
        Self { message: format!("{why}"), sent: false }
    }

    fn of(error: &reqwest::Error) -> Self {
        let sent = !error.is_connect() && !error.is_builder();
        Self { message: format!("did not answer: {}", innermost(error)), sent }
    }
}

/// A client without redirects and proxies: the target is on this machine.
pub(super) fn builder() -> ClientBuilder {
    // An error only means that the provider was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(redirect::Policy::none()).pool_max_idle_per_host(0)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, ResponseTemplate};

    use super::super::testing::with_server;
    use super::super::{Spec, run_all, run_once};
    use crate::kubernetes::testing::serve;

    const HEAD: &str = "title = \"t\"\nkind = \"http\"\n";

    fn parse(text: &str) -> Result<Spec, String> {
        Spec::parse("x", "f", &format!("{HEAD}{text}")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_ingress_is_asked_by_host_name() {
        let answer = ResponseTemplate::new(201).insert_header("X-Kind", "note").set_body_string("kept");
        let mock = Mock::given(method("PUT")).and(path("/notes/a")).and(header("host", "app.localhost"));
        let (_runtime, server) = serve([mock.and(body_string("text")).respond_with(answer)]);
        let spec = parse("via = \"ingress\"\nmethod = \"PUT\"\npath = \"/notes/a\"\nbody = \"text\"\n[expect]\nstatus = 201\nbody = \"kept\"\nheaders = {x-KIND = \"note\"}\n").unwrap();
        let outcomes = with_server(&server.uri(), |cx| run_once(cx, &[spec])).0;
        assert!(outcomes[0].passed, "{}", outcomes[0].detail);
        assert_eq!(outcomes[0].detail, "PUT http://app.localhost/notes/a answered 201");
    }

    #[test]
    fn a_redirect_is_an_answer_and_nothing_there_is_none() {
        let answer = ResponseTemplate::new(302).insert_header("location", "http://192.0.2.1/");
        let (_runtime, server) = serve([Mock::given(path("/")).respond_with(answer)]);
        let check = |url: &str| {
            let spec = parse("via = \"ingress\"\npath = \"/\"\n").unwrap();
            with_server(url, |cx| run_once(cx, &[spec])).0.remove(0)
        };
        assert!(check(&server.uri()).detail.contains("answered 302 instead of 200"));
        let nothing = check("http://127.0.0.1:9");
        assert!(!nothing.passed && nothing.detail.contains("did not answer"), "{}", nothing.detail);
    }

    #[test]
    fn routing_that_converges_is_waited_for() {
        let early = Mock::given(path("/")).respond_with(ResponseTemplate::new(404)).up_to_n_times(2);
        let late = Mock::given(path("/")).respond_with(ResponseTemplate::new(200)).with_priority(9);
        let (_runtime, server) = serve([early, late]);
        let spec = parse("via = \"ingress\"\npath = \"/\"\ntimeout = \"10s\"\n").unwrap();
        let outcome = with_server(&server.uri(), |cx| run_all(cx, &[spec])).0.remove(0);
        assert!(outcome.passed && outcome.millis >= 100, "{outcome:?}");
    }
}
