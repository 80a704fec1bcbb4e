//! Mixed traffic: everything that people and programs do, at once, for a while. Measurements are only printed. The
//! test asserts that each response is right, and that Envoy's memory doesn't grow. No duration makes it fail.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rig::{Browser, Connection, Envoy, Filter, Listener, Options, RawRequest, Response, free_ports};
use serde_json::{Value, json};
use stand_in::Endpoint;

use crate::bearer::with;
use crate::bearer_keys::own_token;
use crate::own::{NAME, ORIGIN, Own, Wish};
use crate::sealed::{resident, sealed_sessions};
use crate::world::{PASSWORD, SESSION_KEY, SUBJECT, USER, filter};

const REQUESTS: usize = 64_000;
const CONNECTIONS: usize = 16;
/// The first quarter is the warm-up.
const QUARTER: usize = REQUESTS / CONNECTIONS / 4;
/// Sessions whose tokens last an hour.
const SESSIONS: usize = 400;
/// Per connection: sessions whose tokens last some seconds.
const REFRESHED: usize = 3;
/// Per connection: a person signs in after this number of requests.
const SIGN_IN_EVERY: usize = 250;
/// How much Envoy's memory may grow after the warm-up, in kilobytes.
const GROWTH: u64 = 8 * 1024;

const KINDS: [&str; 5] = ["nobody", "public path", "bearer token", "short tokens", "session"];
const NOBODY: usize = 0;
const PUBLIC: usize = 1;
const BEARER: usize = 2;
const SHORT_TOKENS: usize = 3;
const SESSION: usize = 4;

/// Fourteen of twenty requests belong to a session.
fn kind_of(turn: usize) -> usize {
    match turn % 20 {
        0 => NOBODY,
        1 => PUBLIC,
        2 | 3 => BEARER,
        4 | 5 => SHORT_TOKENS,
        _ => SESSION,
    }
}

/// Data that all connections share.
struct Traffic {
    addr: std::net::SocketAddr,
    sessions: Vec<String>,
    token: String,
}

/// One connection and its users.
struct Line {
    number: usize,
    connection: Connection,
    refreshed: Vec<Jar>,
    /// Indexed by kind.
    took: [Vec<Duration>; KINDS.len()],
    wrong: Vec<String>,
}

/// The cookies of one browser.
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn take_from(&mut self, response: &Response) {
        for cookie in response.set_cookies() {
            if cookie.removes() {
                self.0.remove(&cookie.name);
            } else {
                self.0.insert(cookie.name, cookie.value);
            }
        }
    }
}

fn sign_in(addr: std::net::SocketAddr) -> Result<Jar, String> {
    let mut browser = Browser::new().route(ORIGIN, addr);
    let visit = browser.sign_in(&format!("{ORIGIN}/"), USER, PASSWORD);
    let cookies = browser.cookies(ORIGIN);
    let jar = Jar(cookies.into_iter().map(|cookie| (cookie.name, cookie.value)).collect());
    if visit.status() == 200 && jar.0.contains_key("__Host-auth") { Ok(jar) } else { Err(visit.to_string()) }
}

impl Line {
    fn open(number: usize, traffic: &Traffic) -> Self {
        Self {
            number,
            connection: Connection::open(traffic.addr).expect("a connection"),
            refreshed: (0..REFRESHED).map(|_| sign_in(traffic.addr).expect("a session")).collect(),
            took: Default::default(),
            wrong: Vec::new(),
        }
    }

    fn run(&mut self, traffic: &Traffic, from: usize, to: usize) {
        for turn in from..to {
            self.ask(traffic, turn);
            if turn % SIGN_IN_EVERY == SIGN_IN_EVERY - 1 {
                self.wrong.extend(sign_in(traffic.addr).err());
            }
        }
    }

    /// One request, whose response must be for the right person, or for nobody.
    fn ask(&mut self, traffic: &Traffic, turn: usize) {
        let (kind, jar) = (kind_of(turn), turn / 20 % REFRESHED);
        let (request, expected) = self.request(traffic, turn);
        let asked = Instant::now();
        let answer = self.connection.send(&request.host(&format!("{NAME}.example.test")));
        self.took[kind].push(asked.elapsed());
        match answer {
            Ok(answer) => {
                let seen = answer.header("x-seen").filter(|seen| *seen != "-").map(str::to_owned);
                if (answer.status, &seen) != (expected.0, &expected.1) {
                    self.wrong.push(format!("{}, {expected:?}: {answer:?}", KINDS[kind]));
                }
                if kind == SHORT_TOKENS {
                    self.refreshed[jar].take_from(&answer);
                }
            }
            Err(error) => self.wrong.push(format!("{}: {error}", KINDS[kind])),
        }
    }

    /// The request of this turn, and its expected response: the status, and the person.
    fn request(&self, traffic: &Traffic, turn: usize) -> (RawRequest, (u16, Option<String>)) {
        let john = Some(SUBJECT.to_owned());
        match kind_of(turn) {
            NOBODY => (RawRequest::get("/json"), (401, None)),
            PUBLIC => (RawRequest::get("/public/json"), (200, None)),
            BEARER => (with(&traffic.token, "/json"), (200, john)),
            SHORT_TOKENS => {
                let cookies = self.refreshed[turn / 20 % REFRESHED].header();
                (RawRequest::get("/json").header("cookie", cookies), (200, john))
            }
            _ => {
                let session = (turn * 7 + self.number * 13) % SESSIONS;
                let request = RawRequest::get("/json").header("cookie", &traffic.sessions[session]);
                (request, (200, Some(format!("user-{session}"))))
            }
        }
    }
}

/// An Envoy that itself responds with the identity headers for the app, so that only Envoy and the filter are
/// measured.
fn envoy(own: &Own) -> (Envoy, std::net::SocketAddr) {
    let ports = free_ports(2);
    let mut listener =
        Listener::new(ports[1], Filter::Json(own.config(&Value::Null))).env("SESSION_KEY", SESSION_KEY);
    listener = listener.direct();
    listener.route_overrides = json!({ "response_headers_to_add": [
        { "header": { "key": "x-seen", "value": "%REQ(x-auth-subject)%" } },
    ] });
    let bootstrap = rig::Bootstrap::new(ports[0], filter())
        .cluster("cognito_domain", own.cognito().domain_addr())
        .cluster("cognito_idp", own.cognito().idp_addr())
        .listener(listener);
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default().concurrency(2));
    (envoy, ([127, 0, 0, 1], ports[1]).into())
}

fn print_times(kind: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1_000].as_secs_f64() * 1_000.0;
    let (p50, p99, p999) = (at(500), at(990), at(999));
    println!("  {kind:<12} {:>6}  p50 {p50:6.2} ms  p99 {p99:6.2} ms  p99.9 {p999:6.2} ms", took.len());
}

fn print_all_times(lines: &[Line]) {
    let all = |kind: usize| lines.iter().flat_map(|line| line.took[kind].iter().copied()).collect();
    (0..KINDS.len()).for_each(|kind| print_times(KINDS[kind], all(kind)));
    print_times("all", (0..KINDS.len()).flat_map::<Vec<_>, _>(all).collect());
}

#[test]
fn mixed_traffic_is_answered_without_an_error_and_leaves_memory_flat() {
    let config = json!({
        "bearer": { "enabled": true },
        "rules": [{ "path": "/public/**", "allow": "everyone" }],
    });
    let mut own = Own::new(Wish { client: |client| client.id_token_seconds = 2, config, ..Wish::default() });
    let token = own_token(&own);
    own.envoys.clear();
    let (envoy, addr) = envoy(&own);
    let sessions = sealed_sessions(&own.config(&Value::Null), SESSIONS);
    let traffic = Traffic { addr, sessions, token };
    let mut lines: Vec<Line> = (0..CONNECTIONS).map(|number| Line::open(number, &traffic)).collect();
    let mut run = |from: usize, to: usize| {
        std::thread::scope(|scope| {
            for line in &mut lines {
                let traffic = &traffic;
                scope.spawn(move || line.run(traffic, from, to));
            }
        });
        resident(&envoy)
    };
    let begun = Instant::now();
    let memory: Vec<u64> = (0..4).map(|quarter| run(quarter * QUARTER, (quarter + 1) * QUARTER)).collect();
    let seconds = begun.elapsed().as_secs_f64();
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    let grants = |kind: &str| calls.iter().filter(|call| call.get("grant_type") == Some(kind)).count();
    let (refreshes, sign_ins) = (grants("refresh_token"), grants("authorization_code"));
    println!(
        "{REQUESTS} requests over {CONNECTIONS} connections in {seconds:.1} s, {refreshes} refreshes and \
         {sign_ins} sign-ins beside them; Envoy's memory after each quarter: {memory:?} KB"
    );
    print_all_times(&lines);
    let wrong: Vec<&String> = lines.iter().flat_map(|line| &line.wrong).collect();
    assert!(wrong.is_empty(), "{} wrong, the first: {}\n{}", wrong.len(), wrong[0], envoy.log());
    assert!(refreshes > 0);
    let log = envoy.log();
    assert!(!log.contains("refresh.failed") && !log.contains("panicked"), "{log}");
    assert!(memory[3] < memory[0] + GROWTH, "{memory:?} KB");
}
