//! A server that responds in unusual ways, and records what it receives, byte for byte. It takes the place of the
//! token endpoint or of the app.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// The response to a request: pieces, with a pause after each. Then the connection is closed.
#[derive(Clone)]
pub struct Answer {
    pub pieces: Vec<Vec<u8>>,
    pub pause: Duration,
}

impl Answer {
    pub fn at_once(bytes: impl AsRef<[u8]>) -> Self {
        Self { pieces: vec![bytes.as_ref().to_vec()], pause: Duration::ZERO }
    }

    /// The head at once, then one byte at a time.
    pub fn dripping(head: &str, body: &str, pause: Duration) -> Self {
        let bytes = body.bytes().map(|byte| vec![byte]);
        Self { pieces: std::iter::once(head.as_bytes().to_vec()).chain(bytes).collect(), pause }
    }
}

#[derive(Default)]
struct State {
    /// The next responses to requests that contain this mark.
    answers: BTreeMap<String, VecDeque<Answer>>,
    requests: Vec<Vec<u8>>,
    /// The heads of requests, even if their bodies didn't arrive.
    heads: Vec<Vec<u8>>,
}

pub struct Odd {
    pub addr: SocketAddr,
    state: Mutex<State>,
}

/// The single one of this process.
pub fn odd() -> &'static Odd {
    static ODD: LazyLock<Odd> = LazyLock::new(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || odd().serve(stream));
            }
        });
        Odd { addr, state: Mutex::default() }
    });
    &ODD
}

impl Odd {
    /// Sets the response to the next request that contains `mark`, after those that are already set.
    pub fn say(&self, mark: &str, answer: Answer) {
        self.with(|state| state.answers.entry(mark.to_owned()).or_default().push_back(answer));
    }

    /// The requests that contained `mark`, oldest first.
    pub fn requests(&self, mark: &str) -> Vec<Vec<u8>> {
        self.with(|state| {
            state.requests.iter().filter(|request| contains(request, mark.as_bytes())).cloned().collect()
        })
    }

    /// Whether the head of a request that contains `mark` has arrived.
    pub fn has_begun(&self, mark: &str) -> bool {
        self.with(|state| state.heads.iter().any(|head| contains(head, mark.as_bytes())))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
        let note_head = |head: &[u8]| self.with(|state| state.heads.push(head.to_vec()));
        let Some(request) = read(&mut stream, note_head) else { return };
        let answer = self.with(|state| {
            state.requests.push(request.clone());
            let waiting = state
                .answers
                .iter_mut()
                .find(|(mark, answers)| !answers.is_empty() && contains(&request, mark.as_bytes()))?;
            waiting.1.pop_front()
        });
        let plain = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        let answer = answer.unwrap_or_else(|| Answer::at_once(plain));
        for piece in answer.pieces {
            if stream.write_all(&piece).is_err() {
                return;
            }
            std::thread::sleep(answer.pause);
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Reads a whole request: its head, which is passed on as soon as it has arrived, and the body that the head
/// announces.
fn read(stream: &mut TcpStream, note_head: impl FnOnce(&[u8])) -> Option<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), [0; 16_384]);
    let mut note_head = Some(note_head);
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        if let Some(note) = note_head.take() {
            note(&request[..end]);
        }
        let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        let body = &request[end + 4..];
        let whole = match head.split_once("content-length: ") {
            Some((_, rest)) => {
                let length = rest.lines().next().and_then(|digits| digits.trim().parse().ok());
                body.len() >= length.unwrap_or(0)
            }
            None if head.contains("transfer-encoding: chunked") => {
                body.ends_with(b"\r\n\r\n") && contains(body, b"0\r\n")
            }
            None => true,
        };
        if whole {
            return Some(request);
        }
    }
}
