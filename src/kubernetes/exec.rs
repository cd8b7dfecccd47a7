//! Runs a program in a container through the API server, as `kubectl exec` does. Its streams are never held in
//! memory: each side waits until the other one has taken what was sent.

use std::io::{self, Read};

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams, AttachedProcess};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::{Kube, api_error};
use crate::error::{Error, Result};
use crate::task::Task;

/// The capacity of each stream between this program and the connection, in bytes.
const BUFFER: usize = 64 << 10;
/// How much of an output that is kept as text is kept, in bytes from its end.
const TAIL: usize = 8 << 10;

/// A program to run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodCmd {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    /// The program and its arguments. It has the environment of the container, where its secrets are.
    pub argv: Vec<String>,
    /// Completes "cannot …".
    pub purpose: String,
}

/// The end of a program; an empty status if the connection broke off.
type StatusFuture = futures::future::BoxFuture<'static, Status>;

/// A started program. The connection is closed when it is dropped.
struct Running {
    process: AttachedProcess,
    status: StatusFuture,
    stderr: JoinHandle<Vec<u8>>,
}

impl PodCmd {
    /// Runs it without input; returns the end of its standard output.
    pub fn output(&self, task: &Task<'_>, kube: &Kube) -> Result<String> {
        self.feed(task, kube, &mut io::empty())
    }

    /// Runs it with `input` as its standard input; returns the end of its standard output.
    pub fn feed(&self, task: &Task<'_>, kube: &Kube, input: &mut dyn Read) -> Result<String> {
        let mut running = self.start(task, kube)?;
        let (stdin, stdout) = (running.process.stdin(), running.process.stdout());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Err(self.broken()) };
        let text = task.wait(&self.purpose, async { Ok(tokio::spawn(tail(stdout))) })?;
        let early = self.send(task, stdin, input, &mut running.status)?;
        let text = task.wait(&self.purpose, async {
            let status = match early {
                Some(status) => status,
                None => running.status.await,
            };
            self.succeeded(status, running.stderr).await?;
            text.await.map_err(|_| self.broken())
        })?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Starts it and returns its standard output. The reader fails at the end if the program failed. Nothing ends a
    /// program whose output nobody reads; but its standard input, which is empty, ends when the reader is dropped.
    pub fn read<'t>(&'t self, task: &'t Task<'t>, kube: &Kube) -> Result<PodOutput<'t>> {
        let mut running = self.start(task, kube)?;
        let stdout = running.process.stdout().ok_or_else(|| self.broken())?;
        Ok(PodOutput { cmd: self, task, stdout: Box::new(stdout), running: Some(running), failure: None })
    }

    fn start(&self, task: &Task<'_>, kube: &Kube) -> Result<Running> {
        let api: Api<Pod> = Api::namespaced(kube.once().clone(), &self.namespace);
        let params = AttachParams::default().container(&self.container).stdin(true).stdout(true);
        let params = params.stderr(true).max_stdin_buf_size(BUFFER).max_stdout_buf_size(BUFFER);
        task.wait(&self.purpose, async {
            let process = api.exec(&self.pod, &self.argv, &params.max_stderr_buf_size(BUFFER)).await;
            let mut process = process.map_err(|error| api_error(&self.purpose, &error))?;
            let (status, stderr) = (process.take_status(), process.stderr());
            let (Some(status), Some(stderr)) = (status, stderr) else { return Err(self.broken()) };
            Ok(Running {
                process,
                status: status.map(Option::unwrap_or_default).boxed(),
                stderr: tokio::spawn(tail(stderr)),
            })
        })
    }

    /// Copies `input` to `stdin` and closes it. Returns the status if the program ended before it read all.
    fn send(
        &self,
        task: &Task<'_>,
        mut stdin: impl AsyncWrite + Unpin,
        input: &mut dyn Read,
        status: &mut StatusFuture,
    ) -> Result<Option<Status>> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = input
                .read(&mut buffer)
                .map_err(|error| Error::failed(format!("cannot {}", self.purpose)).because(error))?;
            let ended = task.wait(&self.purpose, async {
                let send = async {
                    if count == 0 { stdin.shutdown().await } else { stdin.write_all(&buffer[..count]).await }
                };
                tokio::select! {
                    biased;
                    status = &mut *status => Ok(Some(status)),
                    sent = send => sent.map(|()| None).map_err(|_| self.broken()),
                }
            })?;
            if count == 0 || ended.is_some() {
                return Ok(ended);
            }
        }
    }

    async fn succeeded(&self, status: Status, stderr: JoinHandle<Vec<u8>>) -> Result<()> {
        match status.status.as_deref() {
            Some("Success") => return Ok(()),
            None => return Err(self.broken()),
            Some(_) => {}
        }
        let said = stderr.await.unwrap_or_default();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let said = if said.is_empty() { status.message.unwrap_or_default() } else { said };
        let place = format!("in pod {}/{}", self.namespace, self.pod);
        Err(Error::failed(format!("cannot {} {place}", self.purpose)).because(said))
    }

    fn broken(&self) -> Error {
        Error::failed(format!("cannot {}", self.purpose))
            .because(format!("the connection to pod {}/{} broke off", self.namespace, self.pod))
    }
}

/// The standard output of a program in a container.
pub(crate) struct PodOutput<'t> {
    cmd: &'t PodCmd,
    task: &'t Task<'t>,
    stdout: Box<dyn AsyncRead + Unpin + Send>,
    running: Option<Running>,
    failure: Option<Error>,
}

impl PodOutput<'_> {
    /// Why reading failed, if it did: [`Read`] can only pass on text.
    pub fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let Self { cmd, task, stdout, running, .. } = self;
        let count = task.wait(&cmd.purpose, async {
            stdout.read(buffer).await.map_err(|error| cmd.broken().because(error))
        })?;
        if count == 0
            && let Some(running) = running.take()
        {
            task.wait(&cmd.purpose, async { cmd.succeeded(running.status.await, running.stderr).await })?;
        }
        Ok(count)
    }
}

impl Read for PodOutput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|error| {
            let text = error.one_line();
            self.failure = Some(error);
            io::Error::other(text)
        })
    }
}

/// The end of a stream, which is read completely.
async fn tail(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut end, mut buffer) = (Vec::new(), vec![0; TAIL]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        end.extend_from_slice(&buffer[..count]);
        end.drain(..end.len().saturating_sub(TAIL));
    }
    end
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::exec::Script;
    use crate::task::testing::with_task;

    fn cmd() -> PodCmd {
        let text = str::to_owned;
        let argv = vec![text("cat")];
        PodCmd {
            namespace: text("shop"),
            pod: text("store-0"),
            container: text("store"),
            argv,
            purpose: text("load the dump"),
        }
    }

    /// Gives `left` bytes, and records how far it is ahead of `taken`.
    struct Input<'a> {
        left: usize,
        given: usize,
        taken: &'a AtomicUsize,
        most_ahead: usize,
    }

    impl Read for Input<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.left.min(buffer.len());
            self.left -= count;
            self.given += count;
            self.most_ahead = self.most_ahead.max(self.given - self.taken.load(Ordering::SeqCst));
            Ok(count)
        }
    }

    /// 64 MiB go to a slow program: never more than the buffers are in memory.
    #[test]
    fn input_waits_for_the_program() {
        const SIZE: usize = 64 << 20;
        let taken = AtomicUsize::new(0);
        with_task(&Script::default(), |task| {
            let (mut reader, writer) = tokio::io::simplex(BUFFER);
            let mut input = Input { left: SIZE, given: 0, taken: &taken, most_ahead: 0 };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut buffer = vec![0; BUFFER / 4];
                    while let Ok(count @ 1..) = task.runtime.block_on(reader.read(&mut buffer)) {
                        taken.fetch_add(count, Ordering::SeqCst);
                    }
                });
                let mut never: StatusFuture = Box::pin(std::future::pending());
                assert_eq!(cmd().send(task, writer, &mut input, &mut never).unwrap(), None);
            });
            assert_eq!((input.given, taken.load(Ordering::SeqCst)), (SIZE, SIZE));
            assert!(input.most_ahead <= 3 * BUFFER, "{} bytes were in memory", input.most_ahead);
        });
    }

    /// A program that fails at once reads nothing: what it said is reported instead of a wait without end.
    #[test]
    fn a_program_that_ends_early_is_not_waited_for() {
        with_task(&Script::default(), |task| {
            let (_unread, writer) = tokio::io::simplex(16);
            let failed = Status { status: Some("Failure".to_owned()), ..Status::default() };
            let mut ended: StatusFuture = Box::pin(std::future::ready(failed.clone()));
            let status = cmd().send(task, writer, &mut io::repeat(0), &mut ended).unwrap();
            assert_eq!(status, Some(failed.clone()));
            let error = task.wait("the end", async {
                let said = tokio::spawn(async { b"no space left on device\n".to_vec() });
                cmd().succeeded(failed, said).await
            });
            let error = error.unwrap_err();
            assert_eq!(error.what(), "cannot load the dump in pod shop/store-0");
            assert_eq!(error.causes(), ["no space left on device"]);
        });
    }

    #[test]
    fn output_that_breaks_off_is_a_failure() {
        with_task(&Script::default(), |task| {
            let error = task.wait("the end", async {
                cmd().succeeded(Status::default(), tokio::spawn(async { Vec::new() })).await
            });
            assert!(error.unwrap_err().to_string().contains("broke off"));
            let end = task.wait("the end", async { Ok(tail(&vec![b'x'; 3 * TAIL][..]).await) });
            assert_eq!(end.unwrap().len(), TAIL);
        });
    }
}
