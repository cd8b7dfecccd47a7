//! Kind `tcp`: a Service's port accepts a connection from inside the cluster.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use tokio::io::AsyncReadExt as _;

use super::spec::required_port;
use super::{Check, Context, Verdict};
use crate::config::Fields;
use crate::kubernetes::reach;

/// How long a port-forward may take to report that the pod refused (measured: 40 ms).
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
            match self.connect(cx).await {
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

impl Tcp {
    async fn connect(&self, cx: &Context<'_>) -> Result<String, String> {
        let Self { service, port, namespace } = self;
        let namespace = namespace.as_deref().unwrap_or(&cx.namespace);
        let mut connection = reach::connect(&cx.client(), namespace, service, *port).await?;
        let refused = connection.refusal();
        let mut first = [0_u8; 1];
        let result = tokio::select! {
            biased;
            Some(refusal) = refused => Err(refusal),
            read = connection.stream.read(&mut first) => match read {
                Ok(0) => Err("closed the connection at once".to_owned()),
                Ok(_) => Ok(()),
                Err(error) => Err(format!("broke the connection: {error}")),
            },
            () = tokio::time::sleep(REFUSAL) => Ok(()),
        };
        let target = &connection.target;
        let seen = format!("{service}:{port} accepts connections (pod {}, port {})", target.pod, target.port);
        connection.forwarder.abort();
        result.map(|()| seen)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_context;
    use super::super::{Spec, run_once};

    #[test]
    fn an_unreachable_api_is_said() {
        let text = "title = \"t\"\nkind = \"tcp\"\nservice = \"web\"\nport = 80\n";
        let specs = [Spec::parse("x", "f", text).unwrap()];
        let outcome = with_context(|cx| run_once(cx, &specs)).remove(0);
        assert!(!outcome.passed && outcome.detail.contains("refused"), "{}", outcome.detail);
    }
}
