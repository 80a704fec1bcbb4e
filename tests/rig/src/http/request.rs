//! A request as bytes.

use std::net::SocketAddr;
use std::time::Duration;

use crate::eventually::PATIENCE;

/// A request line, headers in the order given, and a body. Nothing is normalised or checked.
///
/// Two headers are added if the request doesn't have them: `Host` (the address it is sent to) and, with a body or a
/// method that has one, `Content-Length`.
#[derive(Clone, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    /// The text between the method and `HTTP/1.1`: a path, `*`, an absolute URL, or anything else.
    pub target: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    default_headers: bool,
}

impl RawRequest {
    #[must_use]
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: PATIENCE,
            default_headers: true,
        }
    }

    #[must_use]
    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    #[must_use]
    pub fn post(target: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).body(body)
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Adds a header; existing headers of the same name stay.
    #[must_use]
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.header_bytes(name, value.as_ref())
    }

    /// Adds a header whose value needn't be text.
    #[must_use]
    pub fn header_bytes(mut self, name: impl AsRef<[u8]>, value: &[u8]) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.to_vec()));
        self
    }

    #[must_use]
    pub fn host(self, host: &str) -> Self {
        self.header("host", host)
    }

    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// A body in chunks of the given sizes, with `Transfer-Encoding: chunked`.
    #[must_use]
    pub fn chunks<'a>(mut self, chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.body.clear();
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
            self.body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            self.body.extend(chunk);
            self.body.extend(b"\r\n");
        }
        self.body.extend(b"0\r\n\r\n");
        self.header("transfer-encoding", "chunked")
    }

    /// Disables automatic headers, including `Host`.
    #[must_use]
    pub fn without_default_headers(mut self) -> Self {
        self.default_headers = false;
        self
    }

    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The first header of that name (in any case), if it is UTF-8.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        let (_, value) =
            self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        std::str::from_utf8(value).ok()
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
    }

    pub(super) fn to_bytes(&self, addr: SocketAddr) -> Vec<u8> {
        let mut bytes = self.method.clone().into_bytes();
        bytes.push(b' ');
        bytes.extend(&self.target);
        bytes.extend(b" HTTP/1.1\r\n");
        if self.default_headers && !self.has("host") {
            bytes.extend(format!("host: {addr}\r\n").into_bytes());
        }
        for (name, value) in &self.headers {
            bytes.extend(name);
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        let has_body = !self.body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH");
        let framed = self.has("content-length") || self.has("transfer-encoding");
        if self.default_headers && has_body && !framed {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// As text, for the messages of tests that fail.
impl std::fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {}", self.method, self.target.escape_ascii())?;
        for (name, value) in &self.headers {
            writeln!(f, "{}: {}", name.escape_ascii(), value.escape_ascii())?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(request: &RawRequest) -> Vec<u8> {
        request.to_bytes("127.0.0.1:80".parse().unwrap())
    }

    #[test]
    fn goes_out_as_given() {
        let request = RawRequest::get("/x/../%61dmin;a//b?q#f")
            .header("Cookie", "a=b")
            .header("cookie", "c=d")
            .header_bytes("x-raw", b"\xff\x00");
        let expected = b"GET /x/../%61dmin;a//b?q#f HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\
            Cookie: a=b\r\ncookie: c=d\r\nx-raw: \xff\x00\r\n\r\n";
        assert_eq!(sent(&request), expected);
    }

    #[test]
    fn frames_a_body_unless_the_caller_does() {
        let request = RawRequest::post("/", "abc").host("h");
        assert_eq!(sent(&request), b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc");
        let request = RawRequest::post("/", "abc").host("h").header("Content-Length", "9");
        assert_eq!(sent(&request), b"POST / HTTP/1.1\r\nhost: h\r\nContent-Length: 9\r\n\r\nabc");
        let request = RawRequest::new("PUT", "/").host("h").chunks([&b"ab"[..], b"", b"c"]);
        let head = "PUT / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(sent(&request), format!("{head}2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").as_bytes());
    }

    #[test]
    fn adds_nothing_when_told_so() {
        let request = RawRequest::post("*", "").without_default_headers();
        assert_eq!(sent(&request), b"POST * HTTP/1.1\r\n\r\n");
    }
}
