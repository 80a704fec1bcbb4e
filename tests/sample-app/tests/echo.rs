//! What the app says of a request is what was sent.

use std::io::{Read, Write};
use std::net::TcpStream;

use sample_app::SampleApp;
use serde_json::{Value, json};

/// Sends a request as it stands and returns the answer's head and body.
fn send(app: &SampleApp, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(app.addr()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn json_loses_nothing() {
    let app = SampleApp::start().unwrap();
    let request = b"PATCH /a%2Fb?q=%20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: 1\r\nx-a: 2\r\n\
        X-B: \xff\r\nX-C: gr\xc3\xbc\xc3\x9fe\r\nContent-Length: 3\r\n\r\nabc";
    let (_, body) = send(&app, request);
    let shown: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({
        "method": "PATCH",
        "path": "/a%2Fb?q=%20",
        "headers": [
            ["host", "x"], ["connection", "close"], ["x-a", "1"], ["x-a", "2"],
            ["x-b", {"bytes_hex": "ff"}], ["x-c", "grüße"], ["content-length", "3"],
        ],
        "body_bytes": 3,
    });
    assert_eq!(shown, expected);

    assert_eq!(app.count(), 1);
    assert_eq!(app.requests()[0].header("x-b"), Some(&b"\xff"[..]));
    app.clear();
    assert_eq!(app.count(), 0);
}

#[test]
fn a_browser_gets_a_page_with_identity_first_and_everything_escaped() {
    let app = SampleApp::start().unwrap();
    let request = b"GET /\"&' HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/html\r\n\
        X-Auth-Name: <script>alert(1)</script>\r\n\r\n";
    let (head, page) = send(&app, request);
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    assert!(page.contains("GET /&quot;&amp;&#39;"));
    assert!(page.find("x-auth-name") < page.find("All headers"));

    let json = String::from_utf8_lossy(request).replace("/\"&'", "/any/json?x");
    let (head, _) = send(&app, json.as_bytes());
    assert!(head.contains("content-type: application/json"), "{head}");
}

#[test]
fn request_headers_steer_the_answer() {
    let app = SampleApp::start().unwrap();
    let (head, _) = send(
        &app,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Sample-Status: 503\r\n\
          X-Sample-Set-Cookie: a=b; Path=/\r\n\r\n",
    );
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(head.contains("set-cookie: a=b; path=/"), "{head}");
}

#[test]
fn its_port_is_free_once_it_is_dropped() {
    let app = SampleApp::start().unwrap();
    let address = app.addr();
    drop(app);
    SampleApp::start_at(address).unwrap();
}
