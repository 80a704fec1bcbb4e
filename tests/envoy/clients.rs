//! Every kind of client gets a response that it understands, with its cookies in any case.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rig::RawRequest;
use serde_json::json;
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::world::{USER, header, headers, world};

/// An upstream that responds to every request with these bytes, piece by piece.
fn upstream(pieces: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut request = [0; 65_536];
                if stream.read(&mut request).is_ok_and(|read| read > 0) {
                    for piece in pieces {
                        let _ = stream.write_all(piece.as_bytes());
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
    });
    addr
}

fn websocket(cookies: &str) -> RawRequest {
    RawRequest::get("/socket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
        .header("sec-fetch-mode", "websocket")
        .header("cookie", cookies)
}

#[test]
fn a_websocket_is_upgraded_with_the_cookies_of_a_refresh() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    let own = Own::new(Wish { upstream: Some(upstream(Box::leak(Box::new([answer])))), ..Wish::default() });
    let mut browser = own.browser();
    // The upstream has no landing page, so the sign-in stops before its last step.
    let start = browser.step(&own.url("/"));
    let callback = crate::world::callback_of(start.location().expect("a redirect"));
    assert_eq!(browser.step(&callback).status, 302);
    let cookies = browser.cookie_header(&own.url("/"));
    assert_eq!(own.send(0, websocket("")).status, 401, "without a session there is no upgrade");
    assert_eq!(own.send(0, websocket(&cookies)).status, 101);
    let response = own.send(0, websocket(&own.aged(&cookies, OVER)));
    assert_eq!(response.status, 101);
    assert!(response.set_cookie("__Host-auth").is_some(), "{:?}", response.headers);
}

#[test]
fn a_streamed_answer_carries_cookies_in_its_head() {
    let pieces: &[&str] = &[
        "HTTP/1.1 200 OK\r\ncache-control: public, s-maxage=31536000\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n",
        "6\r\ndata:1\r\n",
        "6\r\ndata:2\r\n",
        "0\r\n\r\n",
    ];
    let own = Own::new(Wish {
        upstream: Some(upstream(Box::leak(pieces.to_vec().into_boxed_slice()))),
        ..Wish::default()
    });
    let mut browser = own.browser();
    let start = browser.step(&own.url("/"));
    browser.step(&crate::world::callback_of(start.location().expect("a redirect")));
    let cookies = browser.cookie_header(&own.url("/"));
    let before = own.send(0, RawRequest::get("/events").header("cookie", &cookies));
    assert_eq!(before.header("cache-control"), Some("public, s-maxage=31536000"), "the app's own otherwise");
    let response = own.send(0, RawRequest::get("/events").header("cookie", own.aged(&cookies, OVER)));
    assert_eq!(response.text(), "data:1data:2");
    assert!(response.set_cookie("__Host-auth").is_some());
    assert_eq!(response.header("cache-control"), Some("no-store"), "no cache may hand it to somebody else");
    assert_eq!(response.headers_named("cache-control").len(), 1);
}

#[test]
fn a_preflight_is_denied_unless_its_path_is_open() {
    let site = world().site("signin");
    let preflight = |target: &str| {
        site.send(
            RawRequest::new("OPTIONS", target)
                .header("origin", "https://elsewhere.example")
                .header("access-control-request-method", "GET")
                .header("sec-fetch-mode", "cors"),
        )
    };
    assert_eq!(preflight("/api").status, 401);
    assert!(preflight("/api").set_cookies().is_empty());
    assert_eq!(preflight("/public/api").status, 200);
}

#[test]
fn http_2_clients_send_cookies_in_crumbs() {
    let site = world().site("signin");
    let cookies = site.signed_in().cookie_header(&site.url("/"));
    let body =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(
            async {
                let stream = tokio::net::TcpStream::connect(site.addr).await.expect("connected");
                let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
                tokio::spawn(connection);
                let crumbs = cookies.split("; ").chain(["other=1"]);
                let request = crumbs.fold(http::Request::get(site.url("/json")), |request, crumb| {
                    request.header("cookie", crumb)
                });
                let (response, _) =
                    client.send_request(request.body(()).expect("a request"), true).expect("sent");
                let response = response.await.expect("an answer");
                assert_eq!(response.status(), 200);
                let mut body = response.into_body();
                let mut bytes = Vec::new();
                while let Some(chunk) = body.data().await {
                    bytes.extend_from_slice(&chunk.expect("a chunk"));
                }
                bytes
            },
        );
    let seen: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(headers(&seen, "cookie"), ["other=1"]);
}

#[test]
fn cookies_stay_within_what_browsers_take() {
    let own = Own::new(Wish::default());
    let size = |browser: &rig::Browser, name: &str| {
        browser
            .cookies(ORIGIN)
            .into_iter()
            .filter(|cookie| cookie.name.starts_with(name))
            .map(|cookie| cookie.name.len() + cookie.value.len() + 1)
            .collect::<Vec<_>>()
    };
    let browser = own.signed_in();
    let ordinary = size(&browser, "__Host-auth");
    println!("an ordinary person's cookies, identity and tokens: {ordinary:?} bytes");
    let identity = browser.cookie(ORIGIN, "__Host-auth").expect("the identity");
    assert!(
        identity.name.len() + identity.value.len()
            < 700 - "; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax=".len()
    );
    let groups: Vec<String> = (0..100).map(|number| format!("a-group-named-{number:07}")).collect();
    let claims = json!({ "cognito:groups": groups }).as_object().expect("an object").clone();
    own.cognito().fault(Endpoint::Token, NAME, Fault::Claims(claims), Times::Next(1));
    let browser = own.signed_in();
    println!("with 100 groups of 21 characters: {:?} bytes", size(&browser, "__Host-auth"));
    assert!(browser.refused_cookies().is_empty());
    assert!(browser.cookie(ORIGIN, "__Host-auth").is_some());
}
