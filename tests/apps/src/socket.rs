//! A WebSocket to an app.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rig::Browser;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::{Message, WebSocket};

use crate::site::{HOST, ORIGIN};

/// Opens a WebSocket with a browser's cookies and more headers. `Err` is the status of the answer.
pub fn open(
    addr: SocketAddr,
    browser: &Browser,
    path: &str,
    more: &[(&str, &str)],
) -> Result<WebSocket<TcpStream>, u16> {
    let mut request = format!("ws://{HOST}{path}").into_client_request().expect("a request");
    let cookies = browser.cookie_header(&format!("{ORIGIN}{path}"));
    let own = [("origin", ORIGIN), ("x-forwarded-proto", "https"), ("cookie", &cookies)];
    for (name, value) in own.iter().chain(more).filter(|(_, value)| !value.is_empty()) {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let stream = TcpStream::connect(addr).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

/// Reads messages until one contains this text. Returns whether one did.
pub fn says(socket: &mut WebSocket<TcpStream>, text: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(90);
    while Instant::now() < end {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                let data = message.into_data();
                if data.windows(text.len()).any(|window| window == text.as_bytes()) {
                    return true;
                }
            }
            Ok(_) => {}
            Err(error) => panic!("no {text:?}: {error}"),
        }
    }
    false
}
