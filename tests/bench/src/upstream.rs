//! The app behind Envoy, as cheap as possible: it answers `ok`, and records requests for `/check`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// It runs on its own thread, and ends with the process.
pub struct Upstream {
    pub address: SocketAddr,
    checked: Arc<Mutex<String>>,
}

impl Upstream {
    /// # Errors
    /// If there is no port or no thread for it.
    pub fn start() -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let checked = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&checked);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("upstream".into()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            });
        })?;
        Ok(Self { address, checked })
    }

    /// The head of the last request for `/check`.
    pub fn checked(&self) -> String {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut stream: TcpStream, checked: Arc<Mutex<String>>) {
    let _ = stream.set_nodelay(true);
    let mut read = Vec::with_capacity(16 * 1024);
    loop {
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if !read.ends_with(b"\r\n\r\n") {
            continue;
        }
        if read.starts_with(b"GET /check") {
            *checked.lock().unwrap_or_else(PoisonError::into_inner) =
                String::from_utf8_lossy(&read).into_owned();
        }
        read.clear();
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
