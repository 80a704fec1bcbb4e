//! A deny list that Envoy fetches from a server: it ends sessions and bearer tokens at every worker.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::Duration;

use rig::{Connection, Envoy, Options, PATIENCE, RawRequest, Scratch, eventually};
use serde_json::{Value, json};

use crate::bearer::{text, tokens};
use crate::own::{NAME, Own, Wish, wait};
use crate::world::{CLIENT_SECRET, PASSWORD, SUBJECT, USER, pass_on_metrics};

/// A server of one document, with an `ETag`. It ends with the process.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Served>>);

#[derive(Default)]
pub struct Served {
    status: u16,
    document: String,
    /// The statuses of its answers.
    answers: Vec<u16>,
}

impl Server {
    pub fn start(document: &Value) -> (Self, SocketAddr) {
        let server = Self::default();
        server.serve(200, &document.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let own = server.clone();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                spawn(move || own.answer_all(stream));
            }
        });
        (server, address)
    }

    pub fn serve(&self, status: u16, document: &str) {
        let mut served = self.0.lock().expect("no panic");
        served.status = status;
        document.clone_into(&mut served.document);
    }

    fn answers(&self) -> Vec<u16> {
        self.0.lock().expect("no panic").answers.clone()
    }

    fn answer_all(&self, mut stream: std::net::TcpStream) {
        let reader = BufReader::new(stream.try_clone().expect("a socket"));
        let (mut target, mut known) = (String::new(), String::new());
        for line in reader.lines().map_while(Result::ok) {
            if line.starts_with("GET ") {
                line.clone_into(&mut target);
            } else if let Some(value) = line.strip_prefix("if-none-match: ") {
                value.clone_into(&mut known);
            } else if line.is_empty() {
                let answer = self.answer(&target, &known);
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
                known.clear();
            }
        }
    }

    fn answer(&self, target: &str, known: &str) -> String {
        assert!(target.starts_with("GET /revoked.json "), "{target}");
        let mut served = self.0.lock().expect("no panic");
        let etag = format!("\"{}-{}\"", served.document.len(), served.document.matches('2').count());
        let status = if known == etag { 304 } else { served.status };
        served.answers.push(status);
        let body = if status == 304 { "" } else { &served.document };
        format!("HTTP/1.1 {status} X\r\netag: {etag}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
}

/// An Envoy with four workers and a deny list that is fetched every second.
struct Site {
    own: Own,
    envoy: Envoy,
    server: Server,
}

impl Site {
    fn start(document: &Value) -> Self {
        let mut own = Own::new(Wish { envoys: 1, ..Wish::default() });
        own.envoys.clear();
        let (server, address) = Server::start(document);
        let settings = json!({
            "revocations": { "cluster": "revocations", "path": "/revoked.json", "every": "1s" },
            "bearer": { "enabled": true },
        });
        let bootstrap = own.bootstrap(0, &settings).cluster("revocations", address);
        let options = Options::default().concurrency(4);
        let envoy = Envoy::start(&bootstrap.to_string(), &options);
        Self { own, envoy, server }
    }

    fn connections(&self) -> Vec<Connection> {
        (0..24).map(|_| Connection::open(self.own.addr(0)).expect("a connection")).collect()
    }

    /// The status at each of these connections.
    fn statuses(&self, connections: &mut [Connection], header: &str, value: &str) -> Vec<u16> {
        let request = RawRequest::get("/json").host("own.example.test").header(header, value);
        connections.iter_mut().map(|each| each.send(&request).expect("an answer").status).collect()
    }

    fn publish(&self, document: &Value) {
        self.server.serve(200, &document.to_string());
        let before = self.server.answers().len();
        let fetched = || self.server.answers().iter().skip(before).any(|status| *status == 200).then_some(());
        assert!(eventually(PATIENCE, fetched).is_some(), "{}", self.envoy.log());
        // Other workers look twice in a second.
        wait(Duration::from_secs(1));
    }

    fn signed_in(&self) -> String {
        let mut browser = self.own.browser();
        let visit = browser.sign_in(&self.own.url("/json"), USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{visit}\n{}", self.envoy.log());
        browser.cookie_header(&self.own.url("/"))
    }
}

#[test]
fn a_list_ends_sessions_and_bearer_tokens_at_every_worker() {
    let site = Site::start(&json!({}));
    let mut connections = site.connections();
    let cookies = site.signed_in();
    let answer = tokens(site.own.cognito(), NAME, Some(CLIENT_SECRET), NAME, "openid");
    let bearer = format!("Bearer {}", text(&answer, "access_token"));
    let all = |status: u16| vec![status; 24];
    assert_eq!(site.statuses(&mut connections, "cookie", &cookies), all(200));
    assert_eq!(site.statuses(&mut connections, "authorization", &bearer), all(200));
    let folder = Scratch::new().expect("a folder");
    let file = folder.path().join("revoked.json");
    let mut revoke = Command::new(env!("CARGO_BIN_EXE_envoy-cognito"));
    let done = revoke.args(["revoke", "--subject", SUBJECT]).arg(&file).status().expect("the command");
    assert!(done.success());
    site.publish(&serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON"));
    assert_eq!(site.statuses(&mut connections, "cookie", &cookies), all(401), "{}", site.envoy.log());
    assert_eq!(site.statuses(&mut connections, "authorization", &bearer), all(401));
    assert!(site.envoy.log_line("event=session.rejected.revoked").is_some());
    assert!(site.envoy.log_line("event=bearer.rejected reason=revoked").is_some());
    let again = site.signed_in();
    assert_eq!(site.statuses(&mut connections, "cookie", &again), all(200), "a session from after the time");
}

#[test]
fn one_worker_asks_for_all_and_the_last_good_list_stays() {
    let site = Site::start(&json!({ "before": "2020-01-01T00:00:00Z" }));
    let mut connections = site.connections();
    let cookies = site.signed_in();
    wait(Duration::from_secs(3));
    let answers = site.server.answers();
    assert!((3..=8).contains(&answers.len()), "one a second: {answers:?}");
    assert!(answers.iter().skip(1).all(|status| *status == 304), "{answers:?}");
    // Nobody can have signed in after that.
    site.publish(&json!({ "before": "2999-01-01T00:00:00Z" }));
    let denied = vec![401; 24];
    assert_eq!(site.statuses(&mut connections, "cookie", &cookies), denied, "{}", site.envoy.log());
    site.server.serve(200, r#"{"before": null}"#);
    assert!(site.envoy.log_line("event=revocations.failed reason=malformed at=before problem=").is_some());
    site.server.serve(503, "");
    assert!(site.envoy.log_line("event=revocations.failed reason=status status=503").is_some());
    assert_eq!(site.statuses(&mut connections, "cookie", &cookies), denied, "{}", site.envoy.log());
    let aged = || {
        pass_on_metrics(site.own.addr(0));
        (site.envoy.stat("wasmcustom.envoy_cognito.revocations.age_s") >= 2).then_some(())
    };
    assert!(eventually(PATIENCE, aged).is_some(), "{:?}", site.envoy.stats("wasmcustom."));
    // Whoever signs in gets a page, and no loop.
    let mut browser = site.own.browser();
    let visit = browser.sign_in(&site.own.url("/json"), USER, PASSWORD);
    assert_eq!(visit.status(), 403, "{visit}");
    assert!(visit.text().contains("Your access has been ended"), "{}", visit.text());
}
