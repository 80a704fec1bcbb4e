//! A connection, and the reading of responses from it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{RawRequest, Response};

/// Sends a request on its own connection and waits for the response.
pub fn send(addr: SocketAddr, request: &RawRequest) -> io::Result<Response> {
    Connection::open(addr)?.send(request)
}

/// Sends a request on its own connection without waiting. Dropping what this returns closes the
/// connection: the client has left.
pub fn open(addr: SocketAddr, request: &RawRequest) -> io::Result<Pending> {
    let mut connection = Connection::open(addr)?;
    connection.start(request)?;
    Ok(Pending { connection, method: request.method.clone() })
}

/// A request that has been sent and not yet answered.
#[derive(Debug)]
pub struct Pending {
    connection: Connection,
    method: String,
}

impl Pending {
    /// Waits for the response, at most as long as the request's timeout.
    pub fn wait(mut self) -> io::Result<Response> {
        self.connection.response(&self.method)
    }

    /// Sends more bytes of a body that was announced and not yet sent in full.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.write_all(bytes)
    }
}

/// A connection that stays open for several exchanges. In Envoy it belongs to one worker.
///
/// After a `101` it can be read and written as a plain stream.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    addr: SocketAddr,
    received: Vec<u8>,
    deadline: Instant,
}

impl Connection {
    pub fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(10))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, addr, received: Vec::new(), deadline: Instant::now() + Duration::from_secs(30) })
    }

    /// One exchange.
    pub fn send(&mut self, request: &RawRequest) -> io::Result<Response> {
        let sent = self.start(request);
        // A server may answer and close before it has read all of the request.
        let response = self.response(&request.method);
        match (sent, response) {
            (Err(error), Err(_)) => Err(error),
            (_, response) => response,
        }
    }

    fn start(&mut self, request: &RawRequest) -> io::Result<()> {
        self.deadline = Instant::now() + request.timeout;
        self.stream.set_write_timeout(Some(request.timeout))?;
        self.stream.write_all(&request.to_bytes(self.addr))
    }

    fn response(&mut self, method: &str) -> io::Result<Response> {
        loop {
            let mut response = self.head()?;
            match response.status {
                101 => return Ok(response),
                100..200 => continue,
                _ => {}
            }
            if method != "HEAD" && !matches!(response.status, 204 | 304) {
                response.body = self.body(&response)?;
            }
            crate::record::note(&response);
            return Ok(response);
        }
    }

    fn head(&mut self) -> io::Result<Response> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 256];
            let mut parsed = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(length) = parsed.parse(&self.received).map_err(invalid)? {
                let response = Response {
                    status: parsed.code.unwrap_or_default(),
                    headers: (parsed.headers.iter())
                        .map(|header| (header.name.to_owned(), header.value.to_vec()))
                        .collect(),
                    body: Vec::new(),
                };
                self.received.drain(..length);
                return Ok(response);
            }
            if self.fill()? == 0 {
                return Err(cut_short("headers"));
            }
        }
    }

    fn body(&mut self, response: &Response) -> io::Result<Vec<u8>> {
        if let Some(coding) = response.header("transfer-encoding") {
            if coding.eq_ignore_ascii_case("chunked") {
                return self.chunked();
            }
        } else if let Some(length) = response.header("content-length") {
            return self.exactly(length.trim().parse().map_err(invalid)?);
        }
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(invalid)?;
            if size == 0 {
                while !self.line()?.is_empty() {} // Trailers.
                return Ok(body);
            }
            body.extend(self.exactly(size)?);
            if !self.line()?.is_empty() {
                return Err(invalid("a chunk is longer than it says"));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.received.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(invalid);
            }
            if self.fill()? == 0 {
                return Err(cut_short("body"));
            }
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            if self.fill()? == 0 {
                return Err(cut_short("body"));
            }
        }
        Ok(self.received.drain(..length).collect())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let length = self.read_some(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    fn read_some(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "no whole response in time"));
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "no whole response in time"),
            _ => error,
        })
    }
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            return self.read_some(into);
        }
        let length = self.received.len().min(into.len());
        into[..length].copy_from_slice(&self.received[..length]);
        self.received.drain(..length);
        Ok(length)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_string())
}

fn cut_short(what: &str) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, format!("the connection ended within the {what}"))
}

#[cfg(test)]
mod tests;
