//! A connection in Chromium's DevTools protocol or in WebDriver BiDi, which have the same form: commands with responses,
//! and events, as JSON over a WebSocket.
//!
//! Nothing runs in the background. Events are read while waiting for a response or an event, and all are kept, so
//! that a test can check afterwards what has happened.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

/// How long anything may take. Tests share slow machines, on which Firefox has needed more than a minute to start.
pub const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Debug)]
pub struct Event {
    pub method: String,
    pub params: Value,
}

#[derive(Debug)]
pub struct Conversation {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    events: Vec<Event>,
}

impl Conversation {
    /// `path` is `/devtools/browser/…`, `/devtools/page/…` or, for BiDi, `/session`.
    pub fn open(addr: SocketAddr, path: &str) -> Result<Self, String> {
        let connect = || -> Result<_, String> {
            let stream = TcpStream::connect(addr).map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
            let (socket, _) = tungstenite::client(format!("ws://{addr}{path}"), stream)
                .map_err(|error| error.to_string())?;
            Ok(socket)
        };
        let socket = connect().map_err(|error| format!("{addr}{path}: {error}"))?;
        Ok(Self { socket, last_id: 0, events: Vec::new() })
    }

    /// Sends a command and waits for its response.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        let command = json!({ "id": id, "method": method, "params": params }).to_string();
        self.socket.send(Message::text(command)).map_err(|error| format!("{method}: {error}"))?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let Some(mut message) = self.read(end)? else { continue };
            if message["id"] == id {
                return match message["error"].take() {
                    Value::Null => Ok(message["result"].take()),
                    // DevTools has the text in an object, BiDi beside a code.
                    Value::String(code) => {
                        Err(format!("{method}: {code}: {}", message["message"].as_str().unwrap_or_default()))
                    }
                    error => Err(format!("{method}: {}", error["message"].as_str().unwrap_or_default())),
                };
            }
        }
        Err(format!("{method}: no answer"))
    }

    /// All events so far, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Waits for an event that isn't among the first `after` of them.
    pub fn event(&mut self, after: usize, wanted: impl Fn(&Event) -> bool) -> Result<usize, String> {
        let (mut seen, end) = (after, Instant::now() + PATIENCE);
        loop {
            if let Some(found) = self.events.get(seen..).unwrap_or_default().iter().position(&wanted) {
                return Ok(seen + found);
            }
            seen = self.events.len();
            if Instant::now() >= end {
                return Err("it has not happened".to_owned());
            }
            self.read(end)?;
        }
    }

    /// The next message, if one comes in time. Events are kept.
    fn read(&mut self, end: Instant) -> Result<Option<Value>, String> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.socket.get_ref().set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
        let message = match self.socket.read() {
            Ok(Message::Text(text)) => text,
            Ok(_) => return Ok(None),
            Err(Error::Io(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut message: Value = serde_json::from_str(&message).map_err(|error| error.to_string())?;
        if let Some(method) = message["method"].as_str() {
            let event = Event { method: method.to_owned(), params: message["params"].take() };
            self.events.push(event);
        }
        Ok(Some(message))
    }
}
