//! The app behind Envoy, as cheap as possible: it answers `ok`, and records requests for `/check`. It also serves a deny
//! list.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How many entries the deny list has.
const ENTRIES: usize = 10_000;

/// The last bytes of the body of every `POST`.
pub const END_OF_UPLOAD: &[u8] = b"end\r\n\r\n";

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
        // An upload ends with [`END_OF_UPLOAD`].
        let end = if read.starts_with(b"POST") { END_OF_UPLOAD } else { b"\r\n\r\n" };
        if !read.ends_with(end) {
            continue;
        }
        if read.starts_with(b"GET /check") {
            *checked.lock().unwrap_or_else(PoisonError::into_inner) =
                String::from_utf8_lossy(&read).into_owned();
        }
        let is_list = read.starts_with(b"GET /revoked.json");
        read.clear();
        let answer = if is_list { deny_list() } else { ANSWER.to_vec() };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// A response with a list of persons, user names, sessions and tokens. Of the sessions, some have the id 0, 1, 2 and so on;
/// all other entries name nobody.
fn deny_list() -> Vec<u8> {
    let each = 0..ENTRIES / 4;
    let timed = |kind: &str| -> serde_json::Map<String, serde_json::Value> {
        each.clone().map(|number| (format!("{kind}-{number}"), "2026-01-01T00:00:00Z".into())).collect()
    };
    let sessions: Vec<String> = each.clone().map(|number| format!("{number:032x}")).collect();
    let token_ids: Vec<String> = each.clone().map(|number| format!("token-{number}")).collect();
    let list = serde_json::json!({
        "subjects": timed("subject"), "usernames": timed("user"), "sessions": sessions, "token_ids": token_ids,
    })
    .to_string();
    let head = format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n", list.len());
    [head, list].concat().into_bytes()
}
