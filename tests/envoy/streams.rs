//! WebSockets, server-sent events and gRPC streams end with the session behind them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rig::{Browser, Envoy, Options, PATIENCE, RawRequest, eventually};
use serde_json::{Value, json};
use stand_in::Client;

use crate::aged::OVER;
use crate::deny_list::Server;
use crate::own::{NAME, Own, Wish, wait};
use crate::reload::Reloading;
use crate::world::{PASSWORD, USER, pass_on_metrics, pool_id};

/// An app with streams: it echoes what it gets after an upgrade; at `/events`, it sends a part every 50 ms, and one part
/// only to gRPC. Anything else is a short response.
struct App {
    addr: SocketAddr,
    /// How many streams are open at the app.
    open: Arc<AtomicUsize>,
}

impl App {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (addr, open) = (listener.local_addr().expect("an address"), Arc::default());
        let count = Arc::clone(&open);
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                spawn(move || serve(stream, &count));
            }
        });
        Self { addr, open }
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Reads up to the end of the head.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn serve(mut stream: TcpStream, count: &AtomicUsize) {
    let head = read_head(&mut stream);
    if head.contains("upgrade: websocket") {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes());
        let mut bytes = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            let _ = stream.write_all(&bytes[..read]);
        }
        count.fetch_sub(1, Ordering::SeqCst);
    } else if head.contains(" /events ") {
        count.fetch_add(1, Ordering::SeqCst);
        let is_grpc = head.contains("application/grpc");
        let kind = if is_grpc { "application/grpc" } else { "text/event-stream" };
        let start = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
        let mut sent = stream.write_all(start.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(b"9\r\ndata: x\n\n\r\n");
            sleep(Duration::from_millis(50));
            if is_grpc {
                // The request's body goes on until the stream ends.
                while let Ok(1..) = stream.read(&mut [0; 1024]) {}
                break;
            }
        }
        count.fetch_sub(1, Ordering::SeqCst);
    } else {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    }
}

/// An Envoy with four workers before such an app.
struct Site {
    app: App,
    own: Own,
    envoy: Envoy,
}

impl Site {
    fn start(config: &Value, list: Option<SocketAddr>) -> Self {
        Self::with(config, list, |_| {})
    }

    fn with(config: &Value, list: Option<SocketAddr>, client: fn(&mut Client)) -> Self {
        let app = App::start();
        let mut own = Own::new(Wish { upstream: Some(app.addr), envoys: 1, client, ..Wish::default() });
        own.envoys.clear();
        let bootstrap = own.bootstrap(0, config);
        let bootstrap = match list {
            Some(address) => bootstrap.cluster("revocations", address),
            None => bootstrap,
        };
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default().concurrency(4));
        Self { app, own, envoy }
    }

    fn signed_in(&self) -> (Browser, String) {
        let mut browser = self.own.browser();
        let visit = browser.sign_in(&self.own.url("/"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.envoy.log());
        let cookies = browser.cookie_header(&self.own.url("/"));
        (browser, cookies)
    }

    fn sign_out(&self, cookies: &str) {
        let sign_out = RawRequest::get("/.auth/sign-out").header("cookie", cookies);
        assert_eq!(self.own.send(0, sign_out).status, 302);
    }

    /// A WebSocket that echoes.
    #[track_caller]
    fn websocket(&self, cookies: &str) -> Socket {
        let headers = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-fetch-mode: websocket\r\n";
        let mut socket = Socket::open(self, "/socket", headers, cookies);
        assert!(socket.head.starts_with("HTTP/1.1 101 "), "{}\n{}", socket.head, self.envoy.log());
        assert!(socket.echoes());
        socket
    }

    /// Server-sent events.
    #[track_caller]
    fn events(&self, cookies: &str) -> Socket {
        let socket = Socket::open(self, "/events", "accept: text/event-stream\r\n", cookies);
        assert!(socket.head.starts_with("HTTP/1.1 200 "), "{}\n{}", socket.head, self.envoy.log());
        socket
    }

    /// A metric, after all that was counted has been passed on.
    fn counts(&self, name: &str, expected: i64) -> bool {
        let name = format!("wasmcustom.envoy_cognito.{name}");
        let counted = || {
            pass_on_metrics(self.own.addr(0));
            (self.envoy.stat(&name) == expected).then_some(())
        };
        eventually(PATIENCE, counted).is_some()
    }
}

/// A stream over HTTP/1.1, on a connection of its own.
struct Socket {
    stream: TcpStream,
    head: String,
}

impl Socket {
    fn open(site: &Site, path: &str, headers: &str, cookies: &str) -> Self {
        Self::open_at(site.own.addr(0), path, headers, cookies)
    }

    fn open_at(address: SocketAddr, path: &str, headers: &str, cookies: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: own.example.test\r\n{headers}cookie: {cookies}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let head = read_head(&mut stream);
        Self { stream, head }
    }

    fn echoes(&mut self) -> bool {
        let mut bytes = [0; 5];
        self.stream.write_all(b"hello").is_ok()
            && self.stream.read_exact(&mut bytes).is_ok()
            && bytes == *b"hello"
    }

    /// Reads until the other side closes the connection, for which it has [`PATIENCE`]. Returns what came.
    #[track_caller]
    fn drain(&mut self) -> Vec<u8> {
        let (begun, mut all, mut part) = (Instant::now(), Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = self.stream.read(&mut part) {
            all.extend_from_slice(&part[..length]);
            assert!(begun.elapsed() < PATIENCE, "it isn't closed");
        }
        assert!(begun.elapsed() < PATIENCE, "it isn't closed");
        all
    }
}

/// Waits until all are closed, and prints how long that took from `since` on.
#[track_caller]
fn all_close(sockets: &mut [Socket], since: Instant) {
    for socket in sockets {
        let came = socket.drain();
        assert!(!came.ends_with(b"0\r\n\r\n"), "a response that is cut off must not look complete");
        println!("closed after {:?}", since.elapsed());
    }
}

#[test]
fn signing_out_closes_websockets_and_server_sent_events_at_every_worker() {
    let site = Site::start(&json!({}), None);
    let ((_, cookies), (_, others)) = (site.signed_in(), site.signed_in());
    let mut sockets: Vec<_> = (0..8).map(|_| site.websocket(&cookies)).collect();
    sockets.extend((0..8).map(|_| site.events(&cookies)));
    let mut other = site.websocket(&others);
    wait(Duration::from_secs(1));
    assert!(sockets[..8].iter_mut().all(Socket::echoes));
    let at = Instant::now();
    site.sign_out(&cookies);
    all_close(&mut sockets, at);
    assert!(eventually(PATIENCE, || (site.app.open() == 1).then_some(())).is_some(), "the app hears of it");
    assert!(other.echoes(), "another session's stream stays");
    assert!(site.counts("streams.closed", 16), "{:?}", site.envoy.stats("wasmcustom."));
    let line = site.envoy.log_line("event=streams.closed").expect("a line");
    assert!(line.contains("reason=signed_out") && line.contains("session="), "{line}");
    let again = Socket::open(&site, "/socket", "connection: upgrade\r\nupgrade: websocket\r\n", &cookies);
    assert!(again.head.starts_with("HTTP/1.1 401 "), "{}", again.head);
}

/// Streams of gRPC on one HTTP/2 connection. `then` is called when all are open. Returns how many were reset, and how long
/// after that.
fn grpc_streams(site: &Site, count: usize, cookies: &str, then: impl FnOnce()) -> (usize, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(site.own.addr(0)).await.expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut client = client.ready().await.expect("ready");
        let mut streams = Vec::new();
        for _ in 0..count {
            let request = http::Request::post(site.own.url("/events"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("cookie", cookies);
            let sent = client.send_request(request.body(()).expect("a request"), false).expect("sent");
            let response = sent.0.await.expect("an answer");
            assert_eq!(response.headers()["content-type"], "application/grpc", "{}", site.envoy.log());
            streams.push((response.into_body(), sent.1));
            client = client.ready().await.expect("ready");
        }
        let at = Instant::now();
        then();
        let (mut reset, mut last) = (0, Duration::ZERO);
        for (body, _sender) in &mut streams {
            let ended = tokio::time::timeout(PATIENCE, async {
                loop {
                    match body.data().await {
                        Some(Ok(data)) => _ = body.flow_control().release_capacity(data.len()),
                        Some(Err(error)) => return error.is_reset(),
                        None => return false,
                    }
                }
            });
            reset += usize::from(ended.await.unwrap_or(false));
            last = at.elapsed();
        }
        // The connection lives on.
        let request = http::Request::get(site.own.url("/.auth/me")).header("accept", "application/json");
        let (response, _) = client.send_request(request.body(()).expect("a request"), true).expect("sent");
        assert_eq!(response.await.expect("an answer").status(), 401);
        (reset, last)
    })
}

#[test]
fn signing_out_resets_grpc_streams_and_the_connection_lives_on() {
    let site = Site::start(&json!({}), None);
    let (_, cookies) = site.signed_in();
    let (reset, last) = grpc_streams(&site, 50, &cookies, || site.sign_out(&cookies));
    assert_eq!(reset, 50, "{}", site.envoy.log());
    assert!(eventually(PATIENCE, || (site.app.open() == 0).then_some(())).is_some(), "the app hears of it");
    println!("the last one was reset after {last:?}");
    assert!(site.counts("streams.closed", 50));
}

#[test]
fn a_stream_ends_with_its_session_and_at_its_limit() {
    for (setting, reason) in [("lifetime", "ended"), ("max_stream", "max_stream")] {
        let site = Site::start(&json!({ "session": { setting: "3s" } }), None);
        let (_, cookies) = site.signed_in();
        let at = Instant::now();
        let mut sockets = [site.websocket(&cookies), site.events(&cookies)];
        assert!(sockets[0].echoes());
        all_close(&mut sockets, at + Duration::from_secs(3));
        if setting == "max_stream" {
            assert!(at.elapsed() >= Duration::from_secs(3), "not before");
            assert!(site.websocket(&cookies).echoes(), "it can be opened again");
        }
        let line = site.envoy.log_line("event=streams.closed").expect("a line");
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
    }
}

#[test]
fn a_stream_that_waited_for_a_refresh_is_closed_too() {
    let site = Site::start(&json!({}), None);
    let (_, cookies) = site.signed_in();
    let over = site.own.aged(&cookies, OVER);
    let mut sockets = [site.websocket(&over), site.events(&over)];
    wait(Duration::from_secs(1));
    assert!(sockets[0].echoes());
    let at = Instant::now();
    site.sign_out(&cookies);
    all_close(&mut sockets, at);
}

#[test]
fn a_refused_refresh_closes_streams() {
    let site = Site::with(&json!({}), None, |client| {
        (client.id_token_seconds, client.access_token_seconds) = (6, 6);
    });
    let (mut browser, cookies) = site.signed_in();
    let at = Instant::now();
    let mut sockets = [site.websocket(&cookies), site.events(&cookies)];
    wait(Duration::from_secs(8).saturating_sub(at.elapsed()));
    assert!(sockets[0].echoes(), "its tokens have expired, but nobody has asked Cognito");
    site.own.cognito().revoke_all(&pool_id(NAME), USER);
    let at = Instant::now();
    assert_eq!(browser.fetch(&site.own.url("/json")).status, 401);
    all_close(&mut sockets, at);
    let line = site.envoy.log_line("event=streams.closed").expect("a line");
    assert!(line.contains("reason=refused "), "{line}");
}

#[test]
fn the_deny_list_closes_streams() {
    let (server, address) = Server::start(&json!({}));
    let revocations = json!({ "cluster": "revocations", "path": "/revoked.json", "every": "1s" });
    let site = Site::start(&json!({ "revocations": revocations }), Some(address));
    let (_, cookies) = site.signed_in();
    let mut sockets = [site.websocket(&cookies), site.events(&cookies)];
    wait(Duration::from_secs(2));
    assert!(sockets[0].echoes());
    server.serve(200, &json!({ "before": "2100-01-01T00:00:00Z" }).to_string());
    all_close(&mut sockets, Instant::now());
    let line = site.envoy.log_line("event=streams.closed").expect("a line");
    assert!(line.contains("reason=revoked "), "{line}");
}

#[test]
fn a_stream_from_before_a_change_of_the_configuration_is_closed_too() {
    let app = App::start();
    let mut own = Own::new(Wish { upstream: Some(app.addr), envoys: 1, ..Wish::default() });
    own.envoys.clear();
    let reloading = Reloading::start(&own.bootstrap(0, &Value::Null));
    let mut browser = own.browser();
    let visit = browser.sign_in(&own.url("/"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", reloading.envoy.log());
    let cookies = browser.cookie_header(&own.url("/"));
    let events = "accept: text/event-stream\r\n";
    let stream = Socket::open_at(own.addr(0), "/events", events, &cookies);
    assert!(stream.head.starts_with("HTTP/1.1 200 "), "{}", stream.head);
    let open = json!({ "rules": [{ "path": "/public/**", "allow": "everyone" }] });
    reloading.reload(&own.bootstrap(0, &open));
    let status = |path: &str| own.send(0, RawRequest::get(path)).status;
    let in_use = eventually(PATIENCE, || (status("/public/x") == 200).then_some(()));
    assert!(in_use.is_some(), "{}", reloading.envoy.log());
    assert_eq!(app.open(), 1, "the stream goes on");
    let at = Instant::now();
    let sign_out = RawRequest::get("/.auth/sign-out").header("cookie", &cookies);
    assert_eq!(own.send(0, sign_out).status, 302);
    all_close(&mut [stream], at);
    assert!(reloading.envoy.log().contains("event=streams.closed"));
}
