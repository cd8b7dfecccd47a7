//! A loopback server for the files of a directory, and for faults.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a client gets instead of the file.
#[derive(Clone)]
pub enum Fault {
    /// The first half; then the connection is closed.
    Cut,
    /// Its first bytes; then nothing, for as long as the client waits.
    Stall,
    /// 64 MiB without an announced length.
    Flood,
    /// A redirect to another URL.
    Elsewhere(String),
    /// The page of a captive portal.
    Portal,
}

/// Serves until the test ends.
pub struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves `folder`; paths that end with a fault's text get the fault.
    pub fn new(folder: PathBuf, faults: Vec<(&'static str, Fault)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, faults, log) = (folder.clone(), faults.clone(), Arc::clone(&log));
                // A client that disconnects is not an error of the server.
                std::thread::spawn(move || answer(stream, &folder, &faults, &log).ok());
            }
        });
        Self { port, asked }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requested paths, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the log").clone()
    }
}

fn answer(
    mut stream: TcpStream,
    folder: &Path,
    faults: &[(&str, Fault)],
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    // The rest of the request, up to its empty line.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let body = std::fs::read(folder.join(path.trim_start_matches('/')));
    let fault = faults.iter().find(|(end, _)| path.ends_with(end)).map(|(_, fault)| fault);
    let head = |stream: &mut TcpStream, status: &str, length: usize, more: &str| {
        let close = "Connection: close\r\n";
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{close}{more}\r\n")
    };
    log.lock().expect("the log").push(path);
    let Ok(body) = body else {
        return head(&mut stream, "404 Not Found", 0, "");
    };
    match fault {
        None => {
            head(&mut stream, "200 OK", body.len(), "")?;
            stream.write_all(&body)
        }
        Some(Fault::Cut) => {
            head(&mut stream, "200 OK", body.len(), "")?;
            stream.write_all(&body[..body.len() / 2])
        }
        Some(Fault::Stall) => {
            head(&mut stream, "200 OK", body.len(), "")?;
            stream.write_all(&body[..body.len().min(10)])?;
            // Ends when the client disconnects.
            lines.next().transpose().map(|_| ())
        }
        Some(Fault::Flood) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            for _ in 0..8192 {
                stream.write_all(&[b'a'; 8192])?;
            }
            Ok(())
        }
        Some(Fault::Elsewhere(to)) => head(&mut stream, "302 Found", 0, &format!("Location: {to}\r\n")),
        Some(Fault::Portal) => {
            let page = "<html><body>Sign in to the network</body></html>\n";
            head(&mut stream, "200 OK", page.len(), "Content-Type: text/html\r\n")?;
            stream.write_all(page.as_bytes())
        }
    }
}
