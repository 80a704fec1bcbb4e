//! Floods: many requests at once must not block a worker for everybody else.

use std::time::Duration;

use rig::{Browser, RawRequest, Response};
use serde_json::json;
use stand_in::{Endpoint, Fault, Times};

use crate::aged::OVER;
use crate::own::{NAME, ORIGIN, Own, Wish, wait};
use crate::world::{callback_of, parameter};

/// Sends the same request this many times at once.
fn at_once(own: &Own, count: usize, request: &RawRequest) -> Vec<Response> {
    let request = request.clone().host("own.example.test");
    let sent: Vec<_> = (0..count).map(|_| rig::open(own.addr(0), &request).expect("sent")).collect();
    sent.into_iter().map(|pending| pending.wait().expect("an answer")).collect()
}

fn assert_unharmed(own: &Own) {
    let log = own.envoys[0].log();
    for trouble in ["failed: Uncaught", "panicked", "Plugin configured to fail"] {
        assert!(!log.contains(trouble), "{log}");
    }
    assert_eq!(own.send(0, RawRequest::get("/json")).status, 401);
}

#[test]
fn callbacks_of_one_sign_in_are_answered_a_few_at_a_time() {
    let own = Own::new(Wish { workers: 1, ..Wish::default() });
    let mut browser = own.browser();
    let start = browser.step(&own.url("/"));
    let state = parameter(start.location().expect("a redirect"), "state").expect("a state");
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_millis(800)), Times::Always);
    let request = RawRequest::get(format!("/.auth/callback?code=junk&state={state}"))
        .header("cookie", browser.cookie_header(&own.url("/.auth/callback")))
        .header("sec-fetch-mode", "navigate");
    let answers = at_once(&own, 400, &request);
    assert!(answers.iter().all(|answer| [400, 401, 503].contains(&answer.status)));
    assert!(answers.iter().filter(|answer| answer.status == 401).count() <= 8, "few are kept waiting");
    assert_eq!(own.cognito().calls(Endpoint::Token, NAME).len(), 1);
    assert_unharmed(&own);
}

#[test]
fn many_sign_ins_that_wait_for_the_key_set_get_their_answers() {
    let mut own = Own::new(Wish { workers: 1, ..Wish::default() });
    own.cognito().fault(
        Endpoint::Jwks,
        &crate::world::pool_id(NAME),
        Fault::Slow(Duration::from_secs(4)),
        Times::Always,
    );
    own.restart(0, &serde_json::Value::Null);
    let mut browsers: Vec<(Browser, String)> = (0..120)
        .map(|_| {
            let mut browser = own.browser();
            let start = browser.step(&own.url("/"));
            (browser, callback_of(start.location().expect("a redirect")))
        })
        .collect();
    // On a slow machine some of them already have a response; the others get theirs all at once.
    let pending: Vec<_> = browsers
        .iter_mut()
        .map(|(browser, callback)| {
            let target = callback.strip_prefix(ORIGIN).expect("our callback");
            let request = RawRequest::get(target)
                .host("own.example.test")
                .header("cookie", browser.cookie_header(callback))
                .header("sec-fetch-mode", "navigate");
            rig::open(own.addr(0), &request).expect("sent")
        })
        .collect();
    for pending in pending {
        assert_eq!(pending.wait().expect("an answer").status, 302);
    }
    assert_unharmed(&own);
}

#[test]
fn requests_that_wait_for_one_refresh_go_on_a_few_at_a_time() {
    let own = Own::new(Wish { workers: 1, ..Wish::default() });
    let cookies = own.aged(&own.signed_in().cookie_header(&own.url("/")), OVER);
    own.cognito().fault(Endpoint::Token, NAME, Fault::Slow(Duration::from_secs(1)), Times::Next(1));
    let answers = at_once(&own, 500, &RawRequest::get("/json").header("cookie", &cookies));
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_unharmed(&own);
}

#[test]
fn one_token_cookie_shown_again_and_again_is_revoked_once() {
    // On a slow machine the call may take long.
    let own = Own::new(Wish { config: json!({ "timeouts": { "revoke": "60s" } }), ..Wish::default() });
    let cookies = own.signed_in().cookie_header(&own.url("/"));
    let request = RawRequest::get("/.auth/sign-out").header("cookie", &cookies);
    for answer in at_once(&own, 100, &request) {
        assert_eq!(answer.status, 302);
    }
    let revoked = rig::eventually(rig::PATIENCE, || own.cognito().calls(Endpoint::Revoke, NAME).pop());
    assert!(revoked.is_some(), "{}", own.envoys[0].log());
    wait(Duration::from_millis(300));
    assert_eq!(own.cognito().calls(Endpoint::Revoke, NAME).len(), 1);
}
