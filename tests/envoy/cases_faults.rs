//! Cases of `docs/security-cases.md`: a token endpoint that responds incorrectly, or not at all.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rig::RawRequest;
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Rotation, StandIn, Times, User};

use crate::aged::OVER;
use crate::odd::{Answer, odd};
use crate::own::wait;
use crate::world::{PASSWORD, Plan, Site, USER, header, pass_on_metrics, plan, pool_id, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let through = |cluster: &str| plan(json!({ "clusters": { "domain": cluster } }));
    let briefly = json!({ "clusters": { "domain": "odd" }, "timeouts": { "token": "2s" } });
    vec![
        ("case-dripping", plan(briefly)),
        ("case-moved", through("odd")),
        ("case-nonsense", through("odd")),
        ("case-breaker", through("breaker")),
        ("case-refused", through("refused")),
        ("case-counted", plan(json!({}))),
        ("case-upload", plan(json!({}))),
        ("case-people", plan(json!({})).at_cognito(with_people)),
    ]
}

const PEOPLE: [&str; 6] = ["ann", "bob", "cem", "dee", "eve", "fay"];

/// Several people, whose tokens expire soon and whose refresh tokens rotate.
fn with_people(pool: &mut stand_in::Pool) {
    pool.users.extend(PEOPLE.map(|name| User::new(name, PASSWORD)));
    let client = &mut pool.clients[0];
    (client.id_token_seconds, client.access_token_seconds) = (3, 3);
    client.rotation = Some(Rotation { grace_seconds: 10 });
}

fn cluster(name: &str, addr: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
            "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() },
        }}}]}]},
    })
}

/// Clusters besides those of every Envoy in the tests.
pub fn clusters(cognito: &StandIn) -> Vec<Value> {
    let mut breaker = cluster("breaker", cognito.domain_addr());
    let none = json!({ "max_connections": 0, "max_pending_requests": 0, "max_requests": 0 });
    breaker["circuit_breakers"] = json!({ "thresholds": [none] });
    let mut odd = cluster("odd", odd().addr);
    odd["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
    }});
    // Nothing listens on port 1.
    vec![odd, cluster("refused", ([127, 0, 0, 1], 1).into()), breaker]
}

/// A sign-in that ends on one of our pages with one of these statuses. Returns how long its callback took.
fn ends_on_a_page(site: Site, what: &str, statuses: &[u16]) -> Duration {
    let mut browser = site.browser();
    let start = browser.step(&site.url("/wanted"));
    let callback = crate::world::callback_of(start.location().expect("a location"));
    let begun = Instant::now();
    let page = browser.step(&callback);
    let taken = begun.elapsed();
    assert!(statuses.contains(&page.status), "{what}: {page:?}");
    assert!(page.text().contains("Try again") && page.location().is_none(), "{what}: {}", page.text());
    assert!(browser.cookies(&site.origin()).is_empty(), "{what}");
    assert!(world().envoy.alive(), "{what}");
    taken
}

fn reply(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Sets the next response that the token endpoint gives to that site's client.
fn say(site: Site, answer: Answer) {
    odd().say(&format!("client_id={}", site.name), answer);
}

#[test]
fn case_074_081_each_failure_is_one_line_of_the_log_and_one_more_of_its_counter() {
    let site = world().site("case-counted");
    let oauth = |error: &str| Fault::OAuthError(error.to_owned());
    for (fault, status, reason) in [
        (Fault::Status(500), 503, "token_unavailable"),
        (Fault::Status(503), 503, "token_unavailable"),
        (Fault::Status(429), 503, "token_unavailable"),
        // Cognito's TooManyRequestsException.
        (Fault::Status(400), 503, "token_unavailable"),
        (oauth("invalid_grant"), 401, "invalid_grant"),
        (oauth("invalid_client"), 502, "invalid_client"),
        (oauth("unauthorized_client"), 502, "unauthorized_client"),
    ] {
        let what = format!("{fault:?}");
        let counter = format!("wasmcustom.envoy_cognito.sign_in.failed.{reason}");
        let (counted, calls) = (world().envoy.stat(&counter), site.calls(Endpoint::Token).len());
        world().cognito.fault(Endpoint::Token, site.name, fault, Times::Next(1));
        let mut browser = site.browser();
        let start = browser.step(&site.url("/wanted"));
        let page = browser.step(&crate::world::callback_of(start.location().expect("a location")));
        assert_eq!((page.status, page.header("retry-after").is_some()), (status, status == 503), "{what}");
        assert!(page.text().contains("/.auth/sign-in?return=%2Fwanted"), "{what}: {}", page.text());
        let text = page.text();
        let reference =
            text.split("<code>").nth(1).and_then(|rest| rest.split('<').next()).expect("a reference");
        let log = world().envoy.log();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| {
                line.contains("event=sign_in.failed ") && line.contains(&format!("request_id={reference} "))
            })
            .collect();
        assert_eq!(lines.len(), 1, "{what}: {lines:?}");
        assert!(lines[0].contains(&format!("reason={reason} ")), "{what}: {lines:?}");
        let more = rig::eventually(rig::PATIENCE, || {
            pass_on_metrics(site.addr);
            (world().envoy.stat(&counter) > counted).then_some(())
        });
        assert!(more.is_some(), "{what}: {counter}");
        assert_eq!(site.calls(Endpoint::Token).len(), calls + 1, "{what}: the code is tried once");
    }
}

#[test]
fn case_075_an_answer_that_drips_is_given_up_in_time() {
    let site = world().site("case-dripping");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n";
    say(site, Answer::dripping(head, &"x".repeat(500), Duration::from_millis(100)));
    let taken = ends_on_a_page(site, "dripping", &[504]);
    // The whole response would take 50 seconds.
    assert!((Duration::from_millis(1_800)..Duration::from_secs(40)).contains(&taken), "{taken:?}");
}

#[test]
fn case_076_077_where_nobody_can_be_reached_a_page_says_so_at_once() {
    for (name, what) in [("case-refused", "the connection is refused"), ("case-breaker", "a breaker is open")]
    {
        let taken = ends_on_a_page(world().site(name), what, &[503]);
        assert!(taken < Duration::from_secs(30), "{what}: no time-out is waited for: {taken:?}");
    }
}

#[test]
fn case_078_no_redirect_of_the_token_endpoint_is_followed() {
    let site = world().site("case-moved");
    for (number, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let location = format!("location: http://{}/elsewhere?client_id=case-moved", odd().addr);
        say(site, Answer::at_once(reply(&format!("{status} Moved\r\n{location}"), "")));
        ends_on_a_page(site, &status.to_string(), &[502]);
        let calls = odd().requests("client_id=case-moved");
        assert_eq!(calls.len(), number + 1, "{status}: a code is shown once");
        assert!(calls.iter().all(|call| call.starts_with(b"POST /oauth2/token ")), "{status}");
    }
}

#[test]
fn case_079_158_no_answer_that_makes_no_sense_does_any_harm() {
    let site = world().site("case-nonsense");
    let tokens = r#"{"id_token":"a.b.c","access_token":"x"}"#;
    let gzip = "200 OK\r\ncontent-encoding: gzip\r\ncontent-type: application/json";
    let refused = r#"{"error":"invalid_grant"}"#;
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        (
            "a compressed body",
            [reply(gzip, "").replace("length: 0", "length: 6").as_bytes(), b"\x1f\x8b\x08\0\0\0"].concat(),
            &[502],
        ),
        ("no content", reply("204 No Content", "").into_bytes(), &[502]),
        ("a list", reply("200 OK", "[]").into_bytes(), &[502]),
        ("a member twice", reply("200 OK", r#"{"id_token":"a","id_token":"b"}"#).into_bytes(), &[502]),
        ("an error with status 200", reply("200 OK", refused).into_bytes(), &[401]),
        ("a status of its own", reply("299 Fine", tokens).into_bytes(), &[502]),
        ("no HTTP at all", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), &[502, 503]),
        ("half a body", reply("200 OK", "").replace("length: 0", "length: 900").into_bytes(), &[502, 503]),
        ("nothing", Vec::new(), &[503]),
        (
            "odd bytes in a header",
            [
                b"HTTP/1.1 400 Bad\r\nconnection: close\r\nx-odd: \x80\xff\xfe\r\n",
                reply("x", refused).split_once("\r\n").unwrap().1.as_bytes(),
            ]
            .concat(),
            &[401, 502, 503],
        ),
        (
            "a cookie of ours",
            reply("400 Bad\r\nset-cookie: __Host-auth=x; Path=/; Secure", refused).into_bytes(),
            &[401],
        ),
        (
            "fifty headers",
            reply(&format!("400 Bad{}", "\r\nx-many: 1".repeat(50)), refused).into_bytes(),
            &[401],
        ),
    ];
    for (what, bytes, statuses) in rows {
        say(site, Answer::at_once(bytes));
        ends_on_a_page(site, what, statuses);
    }
    assert!(!world().envoy.log().contains("panicked"));
}

#[test]
fn case_161_an_upload_that_waits_for_a_refresh_arrives_whole() {
    let site = world().site("case-upload");
    let mut browser = site.signed_in();
    site.age(&mut browser, OVER);
    let session = browser.cookie_header(&site.url("/"));
    world().cognito.fault(Endpoint::Token, site.name, Fault::Held, Times::Next(1));
    let (before, body) = (site.calls(Endpoint::Token).len(), vec![b'u'; 12 << 20]);
    let known = RawRequest::post("/json", &body).header("cookie", &session);
    let chunked = RawRequest::post("/json", "").chunks(body.chunks(1 << 20)).header("cookie", &session);
    std::thread::scope(|scope| {
        for request in [known, chunked] {
            let body = &body;
            scope.spawn(move || {
                let response = site.send(request);
                assert_eq!(response.status, 200, "{response:?}");
                let seen = response.json();
                assert_eq!(seen["body_bytes"], json!(body.len()));
                assert_eq!(header(&seen, "x-auth-user"), Some(USER));
            });
        }
        let waits = || (site.calls(Endpoint::Token).len() > before).then_some(());
        assert!(rig::eventually(rig::PATIENCE, waits).is_some(), "they wait");
        world().cognito.clear_faults(site.name);
    });
    assert_eq!(site.browser().sign_in(&site.url("/"), USER, PASSWORD).status(), 200);
}

#[test]
fn case_043_a_body_without_a_session_goes_nowhere() {
    let site = world().site("case-upload");
    for length in [1, 1 << 10, 1 << 20, 16 << 20] {
        for kind in ["application/x-www-form-urlencoded", "application/json"] {
            let body = format!("{}=secret-of-the-form", "f".repeat(length));
            let path = format!("/form/{length}/{}", kind.len());
            let request = RawRequest::post(&path, body).header("content-type", kind);
            for request in [request.clone(), request.header("sec-fetch-mode", "navigate")] {
                let response = site.send(request);
                assert_eq!((response.status, response.location()), (401, None), "{length} {kind}");
                assert!(response.set_cookies().is_empty(), "{length} {kind}");
                assert!(!response.text().contains("secret-of-the-form"), "{length} {kind}");
            }
            assert!(world().app.requests().iter().all(|request| request.path != path), "{length} {kind}");
        }
    }
}

/// A person who repeatedly requests their identity until the end, and at least this often.
fn am_i_me(site: Site, name: &str, is_over: &AtomicBool) {
    let mut browser = site.signed_in_as(name);
    let (mut told, end) = (0, Instant::now() + 2 * rig::PATIENCE);
    while told < 20 || !is_over.load(Ordering::Relaxed) {
        assert!(Instant::now() < end, "{name} was told {told} times");
        let answer = browser.fetch(&site.url("/json"));
        match answer.status {
            200 => {
                assert_eq!(header(&answer.json(), "x-auth-user"), Some(name));
                told += 1;
            }
            401 | 503 => {}
            status => panic!("{name} gets {status}"),
        }
        wait(Duration::from_millis(15));
    }
}

#[test]
fn case_174_through_faults_and_new_keys_everybody_is_themselves() {
    let site = world().site("case-people");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let people: Vec<_> = PEOPLE.map(|name| scope.spawn(|| am_i_me(site, name, &is_over))).into();
        wait(Duration::from_millis(2_200));
        let faults = [
            Fault::Slow(Duration::from_millis(400)),
            Fault::Status(500),
            Fault::Reset,
            Fault::Status(429),
            Fault::Truncated,
        ];
        for fault in faults {
            world().cognito.fault(Endpoint::Token, site.name, fault, Times::Next(2));
            world().cognito.rotate_keys(&pool_id(site.name));
            assert_eq!(site.get("/json").status, 401, "a request without a session has no identity");
            wait(Duration::from_millis(700));
        }
        is_over.store(true, Ordering::Relaxed);
        people.into_iter().for_each(|person| person.join().expect("nobody got another person's identity"));
    });
}
