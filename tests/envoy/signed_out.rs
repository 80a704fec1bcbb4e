//! Signing out is final: a copy of the cookies is denied by every worker of an Envoy within a second.

use std::time::{Duration, Instant};

use rig::{Connection, RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::own::{NAME, ORIGIN, Own, Wish, wait};
use crate::reload::Reloading;
use crate::world::{PASSWORD, USER};

const WORKERS: usize = 4;

/// Connections, at least one to each worker. A connection belongs to one worker.
fn connections(own: &Own) -> Vec<Connection> {
    let mut all = Vec::new();
    let at_each = || {
        let stats = own.envoys[0].stats("listener.");
        let of_a_worker = |name: &str| name.contains(".worker_") && name.ends_with(".downstream_cx_active");
        stats.iter().filter(|(name, active)| of_a_worker(name) && *active > 0).count() == WORKERS
    };
    while !at_each() {
        assert!(all.len() < 200, "{:?}", own.envoys[0].stats("listener."));
        all.push(Connection::open(own.addr(0)).expect("a connection"));
        wait(Duration::from_millis(20));
    }
    all
}

fn get(connection: &mut Connection, cookies: &str) -> Response {
    let request = RawRequest::get("/json").host("own.example.test").header("cookie", cookies);
    connection.send(&request).expect("an answer")
}

#[test]
fn every_worker_denies_the_cookies_of_a_session_that_was_signed_out() {
    let own = Own::new(Wish { workers: 4, ..Wish::default() });
    let mut connections = connections(&own);
    for round in 0..connections.len().min(6) {
        let mut browser = own.signed_in();
        let cookies = browser.cookie_header(&own.url("/"));
        for connection in &mut connections {
            assert_eq!(get(connection, &cookies).status, 200);
        }
        let sign_out = RawRequest::get("/.auth/sign-out").host("own.example.test").header("cookie", &cookies);
        assert_eq!(connections[round].send(&sign_out).expect("an answer").status, 302);
        let at = Instant::now();
        assert_eq!(get(&mut connections[round], &cookies).status, 401, "its own worker knows at once");
        wait(Duration::from_secs(1).saturating_sub(at.elapsed()));
        for connection in &mut connections {
            let answer = get(connection, &cookies);
            assert_eq!(answer.status, 401, "{}", own.envoys[0].log());
            let deleted = answer.set_cookies().iter().filter(|cookie| cookie.value.is_empty()).count();
            assert!(deleted <= 2);
        }
        assert_eq!(browser.fetch(&own.url("/json")).status, 401);
        assert!(browser.cookies(ORIGIN).is_empty(), "the browser's copies are deleted");
        assert_eq!(browser.sign_in(&own.url("/json"), USER, PASSWORD).status(), 200, "a new session");
    }
    let line = own.envoys[0].log_line("event=session.rejected.signed_out").expect("a line");
    assert!(line.contains("session=") && line.contains("request_id="), "{line}");
}

#[test]
fn no_refresh_brings_a_session_back_that_was_signed_out() {
    let own = Own::new(Wish { workers: 4, ..Wish::default() });
    // The refresh token still works at Cognito.
    own.cognito().fault(Endpoint::Revoke, NAME, Fault::Status(500), Times::Always);
    let cookies = own.signed_in().cookie_header(&own.url("/"));
    let sign_out = RawRequest::get("/.auth/sign-out").header("cookie", &cookies);
    assert_eq!(own.send(0, sign_out).status, 302);
    wait(Duration::from_secs(1));
    let over = own.aged(&cookies, OVER);
    for _ in 0..16 {
        let answer = own.send(0, RawRequest::get("/json").header("cookie", &over));
        assert_eq!(answer.status, 401, "{}", own.envoys[0].log());
    }
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    assert!(calls.iter().all(|call| call.get("grant_type") != Some("refresh_token")));
}

#[test]
fn a_sign_out_outlives_a_new_configuration() {
    let mut own = Own::new(Wish { envoys: 1, ..Wish::default() });
    let bootstrap = own.bootstrap(0, &Value::Null);
    own.envoys.clear();
    let reloading = Reloading::start(&bootstrap);
    let mut browser = own.browser();
    assert_eq!(browser.sign_in(&own.url("/json"), USER, PASSWORD).status(), 200, "{}", reloading.envoy.log());
    let cookies = browser.cookie_header(&own.url("/"));
    browser.navigate(&own.url("/.auth/sign-out"));
    wait(Duration::from_secs(1));
    let status = |path: &str| own.send(0, RawRequest::get(path).header("cookie", &cookies)).status;
    assert_eq!(status("/json"), 401);
    let open =
        json!({ "rules": [{ "path": "/public/**", "allow": "everyone" }], "session": { "idle": "1h" } });
    reloading.reload(&own.bootstrap(0, &open));
    let in_use = rig::eventually(rig::PATIENCE, || (status("/public/json") == 200).then_some(()));
    assert!(in_use.is_some(), "{}", reloading.envoy.log());
    for _ in 0..16 {
        assert_eq!(status("/json"), 401, "{}", reloading.envoy.log());
    }
    assert!(reloading.envoy.log().contains("event=session.rejected.signed_out"));
}
