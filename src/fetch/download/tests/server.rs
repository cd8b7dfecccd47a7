//! A small HTTP/1.1 server; the test determines every response.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::fetch::testing::{Reply, Request};

pub struct Server {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    seen: Vec<Request>,
    sent: usize,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, log) = (listener.local_addr().unwrap(), Arc::<Mutex<Log>>::default());
        let (answer, shared) = (Arc::new(answer), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&shared));
                // A client that goes away is no fault.
                std::thread::spawn(move || stream.map(|stream| serve(&stream, &*answer, &log)));
            }
        });
        Self { address, log }
    }

    pub fn url(&self) -> String {
        format!("http://{}/tool", self.address)
    }

    pub fn sent(&self) -> usize {
        self.log.lock().unwrap().sent
    }

    pub fn seen(&self) -> Vec<Request> {
        self.log.lock().unwrap().seen.clone()
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Reply, log: &Mutex<Log>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(mut request) = Request::read(&mut reader)? {
        {
            let seen = &mut log.lock().unwrap().seen;
            request.number = seen.len();
            seen.push(request.clone());
        }
        let reply = answer(&request);
        log.lock().unwrap().sent += reply.cut.map_or(reply.body.len(), |cut| cut.min(reply.body.len()));
        reply.send(stream, false)?;
        if reply.cut.is_some() {
            break;
        }
    }
    Ok(())
}
