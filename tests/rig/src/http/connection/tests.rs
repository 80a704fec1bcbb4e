//! Responses as servers send them, whole and broken.

use super::*;
use std::net::TcpListener;

/// A server that sends each of the pieces after a moment and closes. It reads no more than the head
/// of the request.
fn server(pieces: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    addr
}

fn get(pieces: &'static [&'static str]) -> io::Result<Response> {
    send(server(pieces), &RawRequest::get("/"))
}

#[test]
fn reads_a_body_of_known_length() {
    let response = get(&["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 5\r\n\r\nhel", "lo, more"]).unwrap();
    assert_eq!((response.status, response.text()), (200, "hello".into()));
}

#[test]
fn reads_chunks_and_trailers() {
    let response = get(&[
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r",
        "\n2\r\nlo\r\n0\r\nx-trailer: 1\r\n",
        "\r\n",
    ]);
    assert_eq!(response.unwrap().text(), "hello");
}

#[test]
fn reads_to_the_close() {
    assert_eq!(get(&["HTTP/1.0 200 OK\r\n\r\nhel", "lo"]).unwrap().text(), "hello");
}

#[test]
fn some_responses_have_no_body() {
    assert_eq!(get(&["HTTP/1.1 304 x\r\ncontent-length: 5\r\n\r\n"]).unwrap().body, b"");
    let addr = server(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"]);
    assert_eq!(send(addr, &RawRequest::new("HEAD", "/")).unwrap().header("Content-Length"), Some("5"));
}

#[test]
fn passes_over_informational_responses() {
    let response =
        get(&["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\na: b\r\n\r\nHTTP/1.1 204 x\r\n\r\n"]);
    assert_eq!(response.unwrap().status, 204);
    assert_eq!(get(&["HTTP/1.1 101 x\r\nupgrade: websocket\r\n\r\n"]).unwrap().status, 101);
}

#[test]
fn says_what_is_wrong() {
    let cut = get(&["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"]).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(get(&["nonsense\r\n\r\n"]).unwrap_err().kind(), ErrorKind::InvalidData);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = RawRequest::get("/").timeout(Duration::from_millis(50));
    let late = send(listener.local_addr().unwrap(), &request).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
}

#[test]
fn an_answer_before_the_whole_request_is_still_an_answer() {
    let addr = server(&["HTTP/1.1 413 x\r\ncontent-length: 0\r\n\r\n"]);
    let request = RawRequest::post("/", vec![b'x'; 100]).header("content-length", "1000000");
    assert_eq!(send(addr, &request).unwrap().status, 413);
}

#[test]
fn a_connection_serves_several_exchanges() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = [0; 1024];
        while stream.read(&mut seen).is_ok_and(|length| length > 0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        }
    });
    let mut connection = Connection::open(addr).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.send(&RawRequest::get("/")).unwrap().text(), "ok");
    }
    let mut pending = open(addr, &RawRequest::post("/", "").header("content-length", "2")).unwrap();
    pending.write(b"ab").unwrap();
}
