//! The load: keep-alive connections that each wait for an answer before they ask again.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The timeout for one response.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to send, and which response is expected.
#[derive(Clone)]
pub struct Load {
    pub address: SocketAddr,
    /// Whole requests, sent in turn.
    pub requests: Rc<Vec<Vec<u8>>>,
    pub status: u16,
}

/// The result.
#[derive(Debug)]
pub struct Tally {
    pub took: Duration,
    /// How long each request took, in the order in which they were answered; empty unless asked for.
    pub latencies: Vec<Duration>,
}

impl Load {
    /// Sends `count` requests, from the one numbered `first` on, over so many connections.
    ///
    /// # Errors
    /// At the first response with another status, or without a response.
    pub fn run(&self, first: usize, count: usize, connections: usize, time: bool) -> Result<Tally, String> {
        Client::connect(self, connections)?.run(self, first, count, time)
    }
}

/// Connections that are kept open.
pub struct Client {
    runtime: Runtime,
    connections: Vec<Connection>,
}

impl Client {
    /// # Errors
    /// If nobody listens.
    pub fn connect(load: &Load, connections: usize) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let open = (0..connections).map(|_| runtime.block_on(Connection::open(load.address)));
        let connections = open.collect::<Result<_, _>>()?;
        Ok(Self { runtime, connections })
    }

    /// As [`Load::run`].
    ///
    /// # Errors
    /// As [`Load::run`].
    pub fn run(&mut self, load: &Load, first: usize, count: usize, time: bool) -> Result<Tally, String> {
        let next = Rc::new(Cell::new(0));
        let latencies = Rc::new(RefCell::new(Vec::with_capacity(if time { count } else { 0 })));
        let begun = Instant::now();
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = std::mem::take(&mut self.connections)
            .into_iter()
            .map(|connection| {
                let (load, next, latencies) = (load.clone(), Rc::clone(&next), Rc::clone(&latencies));
                local.spawn_local(async move {
                    connection.drive(&load, first, count, &next, time.then_some(&*latencies)).await
                })
            })
            .collect();
        let connections = local.block_on(&self.runtime, async {
            let mut connections = Vec::new();
            for task in tasks {
                connections.push(task.await.map_err(|error| format!("a connection broke: {error}"))??);
            }
            Ok::<_, String>(connections)
        });
        self.connections = connections?;
        Ok(Tally { took: begun.elapsed(), latencies: latencies.take() })
    }
}

/// The same request each time.
pub fn one(request: Vec<u8>) -> Rc<Vec<Vec<u8>>> {
    Rc::new(vec![request])
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("no connection: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, read: Vec::with_capacity(16 * 1024) })
    }

    /// Sends its share of the requests. Returns itself.
    async fn drive(
        mut self,
        load: &Load,
        first: usize,
        count: usize,
        next: &Cell<usize>,
        latencies: Option<&RefCell<Vec<Duration>>>,
    ) -> Result<Self, String> {
        while next.get() < count {
            let number = first + next.replace(next.get() + 1);
            let asked = Instant::now();
            let request = &load.requests[number % load.requests.len()];
            let status = tokio::time::timeout(PATIENCE, self.ask(request))
                .await
                .map_err(|_| "an answer didn't come".to_owned())??;
            if status != load.status {
                return Err(format!("status {status} instead of {}", load.status));
            }
            if let Some(latencies) = latencies {
                latencies.borrow_mut().push(asked.elapsed());
            }
        }
        Ok(self)
    }

    /// Sends a request and reads the whole answer. Returns its status.
    async fn ask(&mut self, request: &[u8]) -> Result<u16, String> {
        self.stream.write_all(request).await.map_err(|error| format!("not sent: {error}"))?;
        self.read.clear();
        loop {
            if let Some((status, length)) = whole_answer(&self.read)
                && self.read.len() >= length
            {
                return Ok(status);
            }
            let read = self.stream.read_buf(&mut self.read).await;
            if read.map_err(|error| format!("not answered: {error}"))? == 0 {
                return Err(format!("closed after {}", String::from_utf8_lossy(&self.read)));
            }
        }
    }
}

/// The status of a response, and its total length including the body.
fn whole_answer(read: &[u8]) -> Option<(u16, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some((status, end + length.map_or(Some(0), |length| length.parse().ok())?))
}
