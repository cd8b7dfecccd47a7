//! Kind `tcp`: a Service's port accepts a connection from inside the cluster.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use tokio::io::AsyncReadExt as _;

use super::spec::required_port;
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::kubernetes::reach;

/// How long a port-forward may take to report that the pod refused (measured: 40 ms on a node of this
/// machine).
const REFUSAL: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Tcp {
    service: String,
    port: u16,
    namespace: Option<String>,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Check>> {
    let (service, port) = (fields.string("service"), required_port(fields, "port"));
    let namespace = fields.opt_string("namespace");
    Some(Box::new(Tcp { service: service?, port: port?, namespace }))
}

impl Check for Tcp {
    fn look<'a>(&'a self, cx: &'a Context<'_>) -> BoxFuture<'a, Verdict> {
        async move {
            let namespace = self.namespace.as_deref().unwrap_or(&cx.namespace);
            match connect(cx, namespace, &self.service, self.port).await {
                Ok(seen) => Verdict::Pass(seen),
                Err(wrong) => Verdict::NotYet(format!("{}:{}: {wrong}", self.service, self.port)),
            }
        }
        .boxed()
    }

    fn help(&self) -> &'static str {
        "todo-bootstrap up   # rolls the service out again and shows its log"
    }
}

async fn connect(cx: &Context<'_>, namespace: &str, service: &str, port: u16) -> Result<String, String> {
    let mut connection = reach::connect(&cx.client(), namespace, service, port).await?;
    let target = &connection.target;
    let refused = connection.forwarder.take_error(target.port);
    let mut first = [0_u8; 1];
    let error = async {
        match refused {
            Some(error) => error.await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        biased;
        Some(error) = error => Err(reach::refusal(&error, target)),
        read = connection.stream.read(&mut first) => match read {
            Ok(0) => Err("closed the connection at once".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("broke the connection: {error}")),
        },
        () = tokio::time::sleep(REFUSAL) => Ok(()),
    };
    let seen = format!("{service}:{port} accepts connections (pod {}, port {})", target.pod, target.port);
    connection.forwarder.abort();
    result.map(|()| seen)
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_context;
    use super::super::{Spec, run_once};

    #[test]
    fn a_file_names_a_service_and_its_port() {
        let parse = |text: &str| Spec::parse("x", "f", &format!("title = \"t\"\nkind = \"tcp\"\n{text}"));
        parse("service = \"web\"\nport = 80\n").unwrap();
        let error = parse("port = 70000\n").unwrap_err().to_string();
        assert!(error.contains("`service` is missing") && error.contains("`port` must be from 1"), "{error}");
    }

    #[test]
    fn an_unreachable_api_is_said() {
        let text = "title = \"t\"\nkind = \"tcp\"\nservice = \"web\"\nport = 80\n";
        let specs = [Spec::parse("x", "f", text).unwrap()];
        let outcome = with_context(|cx| run_once(cx, &specs)).remove(0);
        assert!(!outcome.passed && outcome.detail.contains("refused"), "{}", outcome.detail);
    }
}
