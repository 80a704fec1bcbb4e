//! Signing out is final: nobody can use the session any more, at whichever worker.

use std::time::Duration;

use envoy_cognito_core::crypto::secret::hex;
use envoy_cognito_core::http::{Header, Request};
use envoy_cognito_core::session::{CookieStore, cookies_of};
use envoy_cognito_core::shared::store::SharedData as _;
use serde_json::json;

use crate::harness::{
    Answer, Harness, IDENTITY, NAVIGATE, OTHER_KEY, Refreshing, SESSION_KEY, TOKENS, cookies_deleted,
    cookies_set, upstream,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A browser that signs in, copies its cookies, and signs out at worker 0.
fn signed_out(harness: &mut Harness) -> String {
    harness.worker = 0;
    harness.signed_in();
    let stolen = harness.jar.header();
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    stolen
}

/// Whether the app gets a request with these cookies, at this worker.
fn passes(harness: &mut Harness, worker: usize, cookies: &str) -> bool {
    harness.worker = worker;
    harness.bare_request("GET", "/", &[("cookie", cookies)]).is_forwarded()
}

#[test]
fn a_copied_cookie_is_denied_at_once_and_its_copies_are_deleted() {
    let mut harness = Harness::new();
    let stolen = signed_out(&mut harness);
    harness.log();
    let response = harness.bare_request("GET", "/", &[("cookie", &stolen)]).answered();
    assert_eq!(response.status, 401);
    assert_eq!(cookies_deleted(&response), [TOKENS, IDENTITY]);
    let log = harness.log();
    assert!(log.contains("event=session.rejected.signed_out subject="), "{log}");
    assert!(harness.access.as_ref().is_some_and(|access| access.person.is_none()));
    assert_eq!(harness.counted("session.rejected.signed_out"), 1);
    let [mode, accept] = NAVIGATE;
    let response = harness.bare_request("GET", "/", &[mode, accept, ("cookie", &stolen)]).answered();
    assert_eq!((response.status, cookies_deleted(&response)), (302, vec![TOKENS, IDENTITY]));
    assert_eq!(cookies_set(&response).len(), 1, "and a sign-in begins");
    for accept in ["application/json", "text/html"] {
        let headers = [mode, ("accept", accept), ("cookie", stolen.as_str())];
        let response = harness.bare_request("GET", "/.auth/me", &headers).answered();
        assert_eq!(cookies_deleted(&response), [TOKENS, IDENTITY]);
    }
}

#[test]
fn other_workers_know_it_at_their_next_tick_and_new_ones_from_the_start() {
    let mut harness = Harness::of_workers(4, json!({}));
    let stolen = signed_out(&mut harness);
    assert!(!passes(&mut harness, 0, &stolen), "the worker that signed out knows at once");
    for worker in 1..4 {
        assert!(
            harness.notes.wake_after[&worker] <= Duration::from_millis(500),
            "{:?}",
            harness.notes.wake_after
        );
    }
    harness.advance(Duration::from_millis(500));
    for worker in 0..4 {
        assert!(!passes(&mut harness, worker, &stolen));
    }
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY, SESSION_KEY], "idle": "1h"}}));
    for worker in 0..4 {
        assert!(!passes(&mut harness, worker, &stolen), "also with another configuration and a new key");
    }
    assert_eq!(harness.counted("session.rejected.not_opened"), 0);
    harness.worker = 2;
    harness.signed_in();
    assert!(harness.is_signed_in(), "and signing in again works everywhere");
}

#[test]
fn it_stays_denied_until_it_could_not_be_used_any_more() {
    let mut harness = Harness::with(json!({"session": {"lifetime": "3h"}}));
    // The refresh token still works: the revocation fails.
    harness.cognito.revoke = Answer::says(503, "");
    harness.cognito.refreshing = Refreshing::Kept;
    let stolen = signed_out(&mut harness);
    for _ in 0..6 {
        assert!(!passes(&mut harness, 0, &stolen));
        harness.advance(30 * MINUTE);
    }
    assert_eq!(harness.counted("session.rejected.signed_out"), 6);
    assert!(!passes(&mut harness, 0, &stolen));
    assert_eq!(harness.counted("session.expired"), 1, "now it has ended by itself");
}

#[test]
fn the_token_cookies_alone_give_nothing_either() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.cognito.revoke = Answer::says(503, "");
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let all = harness.jar.header();
    // The browser has lost its identity cookie, and signs out with the rest.
    harness.jar.remove(IDENTITY);
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    harness.advance(2 * HOUR);
    assert!(!passes(&mut harness, 1, &all), "no refresh");
    assert_eq!(harness.counted("session.rejected.signed_out"), 1);
}

#[test]
fn a_refresh_under_way_at_another_worker_does_not_bring_it_back() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let old = harness.jar.header();
    harness.advance(HOUR - MINUTE);
    harness.worker = 1;
    harness.cognito.token = Answer::Held;
    assert!(harness.get("/").is_forwarded());
    harness.worker = 0;
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    harness.cognito.token = Answer::Good;
    harness.release();
    for worker in 0..2 {
        assert!(!passes(&mut harness, worker, &old));
        assert_eq!(harness.jar.header(), "");
    }
}

#[test]
fn cookies_from_before_and_after_a_refresh_are_one_session() {
    let mut harness = Harness::of_workers(2, json!({"session": {"idle": "30m"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let mut copies = vec![harness.jar.header()];
    for _ in 0..4 {
        harness.advance(14 * MINUTE);
        assert!(harness.get("/").is_forwarded());
        copies.push(harness.jar.header());
    }
    copies.dedup();
    assert!(copies.len() > 3);
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    harness.advance(Duration::from_secs(1));
    for copy in &copies {
        assert!(!passes(&mut harness, 0, copy) && !passes(&mut harness, 1, copy));
    }
}

#[test]
fn public_pages_are_served_without_the_identity() {
    let mut harness = Harness::with(json!({"rules": [
        {"path": "/public/**", "allow": "everyone"},
        {"path": "/hello", "allow": "optional"},
    ]}));
    let stolen = signed_out(&mut harness);
    for path in ["/public/x", "/hello"] {
        let edits = harness.bare_request("GET", path, &[("cookie", &stolen)]).forwarded();
        assert_eq!((upstream(&edits, "x-auth-user"), upstream(&edits, "cookie")), (None, None), "{path}");
    }
    assert_eq!(harness.jar.header(), "");
}

#[test]
fn one_persons_sign_out_ends_nobody_elses_session() {
    let mut harness = Harness::new();
    harness.signed_in();
    let other = harness.jar.header();
    harness.jar = Default::default();
    let stolen = signed_out(&mut harness);
    assert!(!passes(&mut harness, 0, &stolen) && passes(&mut harness, 0, &other));
    let both = format!("{stolen}; {other}");
    assert!(passes(&mut harness, 0, &both), "of two cookies, the one that isn't denied counts");
}

#[test]
fn signing_out_again_and_again_records_it_once() {
    let mut harness = Harness::of_workers(2, json!({}));
    let stolen = signed_out(&mut harness);
    let head = |harness: &Harness| harness.shared.get("envoy_cognito.signed_out").unwrap().0;
    let once = head(&harness);
    for worker in [0, 1, 1, 0] {
        harness.worker = worker;
        let response = harness.bare_request("GET", "/.auth/sign-out", &[("cookie", &stolen)]).answered();
        assert_eq!(response.status, 302);
    }
    assert_eq!(head(&harness), once);
}

#[test]
fn without_shared_data_the_worker_knows_it_and_says_that_others_do_not() {
    let mut harness = Harness::of_workers(2, json!({}));
    harness.shared.contended.set(true);
    let stolen = signed_out(&mut harness);
    assert!(!passes(&mut harness, 0, &stolen));
    assert!(harness.log().contains("event=sign_out.not_shared hint="));
}

#[test]
fn a_full_list_is_reported_and_the_newest_is_denied() {
    let mut harness = Harness::of_workers(2, json!({}));
    // 128 segments of 256 sessions that are denied for ever.
    for segment in 0..128_u64 {
        let mut bytes = segment.to_le_bytes().to_vec();
        for record in 0..256_u64 {
            let id = (segment * 256 + record + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bytes.extend([id, record, u64::from(u32::MAX)].map(u64::to_le_bytes).concat());
        }
        harness.shared.set(&format!("envoy_cognito.signed_out.{segment}"), &bytes, None).unwrap();
    }
    harness.shared.set("envoy_cognito.signed_out", &(128_u64 * 256).to_le_bytes(), None).unwrap();
    harness.advance(Duration::from_secs(1));
    let stolen = signed_out(&mut harness);
    assert!(harness.log().contains("event=sign_out.list_full dropped=256 hint="));
    assert_eq!(harness.counted("sign_out.list_full"), 1);
    harness.advance(Duration::from_secs(1));
    assert!(!passes(&mut harness, 0, &stolen) && !passes(&mut harness, 1, &stolen));
}

#[test]
fn the_access_log_names_the_session_by_its_id() {
    let mut harness = Harness::new();
    harness.signed_in();
    let _ = harness.get("/").forwarded();
    let session = |harness: &Harness| {
        let access = harness.access.clone().unwrap();
        let found = access.fields().find(|(key, _)| *key == "wasm.envoy_cognito.session");
        found.map(|(_, value)| value.to_owned())
    };
    let first = session(&harness).unwrap();
    assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    let cookies = harness.jar.header();
    let headers = [Header::new("cookie", cookies.as_bytes())];
    let store = CookieStore::new(&harness.config, &harness.config.pools.all()[0], "app.example.com");
    let opened = store.session(&cookies_of(Request::new(&headers)), harness.now()).unwrap();
    assert_eq!(hex(&opened.id), first);
    harness.signed_in();
    let _ = harness.get("/").forwarded();
    assert_ne!(session(&harness).unwrap(), first, "another sign-in, another session");
    let _ = harness.bare_request("GET", "/", &[]).answered();
    assert_eq!(session(&harness), None);
}
