//! An app that shows the requests it gets: what does an upstream see after the filter has forwarded a request?
//!
//! A browser gets a page, with the identity headers first; anything else, or any path that ends in `/json`,
//! gets JSON without loss. Every request is recorded for tests. Two request headers steer the answer:
//! `x-sample-status` is its status, and each `x-sample-set-cookie` the value of a `Set-Cookie` header.

mod page;
mod request;
mod server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::{runtime, sync::oneshot};

pub use request::Request;

type Record = Arc<Mutex<Vec<Request>>>;

/// Runs on its own thread until it is dropped.
pub struct SampleApp {
    address: SocketAddr,
    record: Record,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SampleApp {
    /// On a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let record = Record::default();

        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = record.clone();
        let thread = thread::Builder::new().name("sample-app".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = server::serve(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, record, stop: Some(stop), thread: Some(thread) })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.record).clone()
    }

    pub fn count(&self) -> usize {
        lock(&self.record).len()
    }

    pub fn clear(&self) {
        lock(&self.record).clear();
    }
}

impl Drop for SampleApp {
    /// Waits for the thread, so that the port is free again.
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(record: &Record) -> MutexGuard<'_, Vec<Request>> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
