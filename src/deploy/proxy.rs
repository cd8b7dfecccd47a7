//! Reaching what runs in the cluster, without kubectl and without opening a port on the host.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Resource as _;
use kube::api::{Api, AttachParams, GetParams};
use kube::client::Body;
use reqwest::header::{HeaderName, HeaderValue};
use tokio::io::AsyncReadExt as _;

use super::Kube;
use super::error::api_error;
use crate::error::{Error, Result};
use crate::task::Task;

/// An answer of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// `GET path` of a service through the API server's proxy. `port` is a number or a name; a
/// `service` written `https:NAME` is spoken to by TLS. Any status of the service is a reply, not an
/// error; a service without a ready pod replies 503.
pub fn service_get(
    task: &Task<'_>,
    kube: &Kube,
    namespace: &str,
    service: &str,
    port: &str,
    path: &str,
    headers: &[(String, String)],
) -> Result<Reply> {
    let what = format!("ask {namespace}/{service}:{port}{path}");
    task.wait(&what, async {
        let url = Service::url_path(&(), Some(namespace));
        let get = kube::core::Request::new(url).get(service, &GetParams::default());
        let mut request = get.map_err(|e| Error::failed(format!("cannot {what}")).because(e))?;
        let target = format!(
            "/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/{}",
            path.trim_start_matches('/')
        );
        *request.uri_mut() =
            target.parse().map_err(|e| Error::usage(format!("cannot {what}: no path")).because(e))?;
        for (name, value) in headers {
            let bad = |e: &dyn std::fmt::Display| Error::usage(format!("`{name}` is no header")).because(e);
            let value = HeaderValue::from_str(value).map_err(|e| bad(&e))?;
            request.headers_mut().insert(HeaderName::try_from(name.as_str()).map_err(|e| bad(&e))?, value);
        }
        let answer = kube.once().send(request.map(Body::from)).await.map_err(|e| api_error(&what, &e))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let body = answer.into_body().collect_bytes().await.map_err(|e| api_error(&what, &e))?;
        Ok(Reply { status, headers, body: body.to_vec() })
    })
}

/// What a command in a container said and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// Runs `argv` in a container of a pod (the first one if `container` is `None`).
pub fn exec(
    task: &Task<'_>,
    kube: &Kube,
    namespace: &str,
    pod: &str,
    container: Option<&str>,
    argv: &[&str],
) -> Result<Executed> {
    let what = format!("run {} in pod {namespace}/{pod}", argv.first().unwrap_or(&""));
    task.wait(&what, async {
        let api: Api<Pod> = Api::namespaced(kube.client().clone(), namespace);
        let mut params = AttachParams::default().stdin(false).stdout(true).stderr(true);
        if let Some(container) = container {
            params = params.container(container);
        }
        let argv: Vec<String> = argv.iter().map(|arg| (*arg).to_owned()).collect();
        let mut process = api.exec(pod, argv, &params).await.map_err(|e| api_error(&what, &e))?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr, status) = (process.stdout(), process.stderr(), process.take_status());
        let read_out = async {
            if let Some(mut stream) = stdout {
                let _ = stream.read_to_end(&mut out).await;
            }
        };
        let read_err = async {
            if let Some(mut stream) = stderr {
                let _ = stream.read_to_end(&mut err).await;
            }
        };
        let end = async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        };
        let ((), (), status) = futures::join!(read_out, read_err, end);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Executed { stdout: text(&out), stderr: text(&err), code: exit_code(status.as_ref()) })
    })
}

/// The exit code is a cause of the status; none means 0 where the status says success.
fn exit_code(status: Option<&Status>) -> i32 {
    let Some(status) = status else { return -1 };
    if status.status.as_deref() == Some("Success") {
        return 0;
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    code.and_then(|cause| cause.message.as_deref()?.parse().ok()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_exit_code_comes_from_the_status() {
        let failed: Status = from(serde_json::json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "",
            "details": {"causes": [{"reason": "ExitCode", "message": "7", "field": ""}]}
        }));
        assert_eq!(exit_code(Some(&failed)), 7);
        let fine: Status = from(serde_json::json!({"status": "Success"}));
        assert_eq!(exit_code(Some(&fine)), 0);
        assert_eq!(exit_code(None), -1);
    }
}
