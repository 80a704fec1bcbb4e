//! `session.recheck`: Cognito is asked every few minutes, and can end a session long before its tokens expire.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Endpoint, Harness, IDENTITY, Memory, Refreshing, upstream};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A signed-in person whose tokens last an hour and are rechecked after five minutes.
fn signed_in(workers: usize, refreshing: Refreshing, patch: Value) -> Harness {
    let mut harness = Harness::of_workers(workers, json!({"session": {"recheck": "5m"}}));
    if !patch.is_null() {
        harness.reconfigure(patch);
    }
    harness.cognito.refreshing = refreshing;
    harness.signed_in();
    harness
}

/// Token calls since the sign-in.
fn refreshes(harness: &Harness) -> usize {
    harness.cognito.calls(Endpoint::Token) - 1
}

#[test]
fn tokens_are_refreshed_at_that_age_whatever_their_life() {
    for refreshing in [Refreshing::Kept, Refreshing::Rotated] {
        let mut harness = signed_in(1, refreshing, Value::Null);
        harness.advance(5 * MINUTE - Duration::from_secs(1));
        assert!(harness.get("/").is_forwarded());
        assert_eq!(refreshes(&harness), 0, "{refreshing:?}");
        for round in 1..=6 {
            harness.advance(5 * MINUTE);
            harness.cognito.user["custom:roles"] = json!(format!("round{round}"));
            assert!(harness.get("/").is_forwarded(), "{refreshing:?}: beside the request");
            assert_eq!(refreshes(&harness), round, "{refreshing:?}");
            let edits = harness.get("/").forwarded();
            assert_eq!(upstream(&edits, "x-auth-roles"), Some(format!("round{round}").as_str()));
            assert_eq!(refreshes(&harness), round, "{refreshing:?}: once");
        }
    }
}

#[test]
fn without_requests_nothing_is_asked() {
    let mut harness = signed_in(1, Refreshing::Kept, Value::Null);
    for _ in 0..30 {
        harness.advance(MINUTE);
    }
    assert_eq!(refreshes(&harness), 0);
}

#[test]
fn cognitos_no_ends_the_session_at_once_at_every_worker() {
    for refreshing in [Refreshing::Kept, Refreshing::Rotated] {
        let mut harness = signed_in(2, refreshing, Value::Null);
        let first = harness.jar.header();
        harness.advance(5 * MINUTE);
        assert!(harness.get("/").is_forwarded() && harness.get("/").is_forwarded());
        assert_eq!(refreshes(&harness), 1);
        let second = harness.jar.header();
        assert_ne!(first, second);
        // The person is disabled.
        harness.cognito.refreshing = Refreshing::Refused;
        harness.advance(5 * MINUTE);
        assert!(harness.get("/").is_forwarded(), "the request that finds out");
        for worker in [0, 1] {
            harness.worker = worker;
            for cookies in [&first, &second] {
                let answer = harness.bare_request("GET", "/", &[("cookie", cookies)]).answered();
                assert_eq!(answer.status, 401, "{refreshing:?}, worker {worker}");
            }
            assert_eq!(harness.navigate("/").answered().status, 302);
            assert_eq!(harness.get("/.auth/me").answered().status, 401);
        }
        // Its tokens would last until minute 65, and be accepted for ten minutes more if Cognito failed.
        harness.cognito.token = Answer::says(500, "");
        for _ in 0..80 {
            harness.advance(MINUTE);
            assert!(!harness.bare_request("GET", "/", &[("cookie", &second)]).is_forwarded());
        }
        assert!(harness.log().contains("event=refresh.failed reason=invalid_grant"));
    }
}

#[test]
fn cognitos_no_is_asked_for_once_while_the_tokens_last() {
    let mut harness = signed_in(1, Refreshing::Refused, Value::Null);
    harness.advance(5 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    for _ in 0..50 {
        assert_eq!(harness.get("/").answered().status, 401);
        harness.advance(MINUTE);
    }
    assert_eq!(refreshes(&harness), 1);
    harness.advance(HOUR);
    for _ in 0..3 {
        assert_eq!(harness.get("/").answered().status, 401);
    }
    assert_eq!(
        refreshes(&harness),
        2,
        "after everything has expired, it is asked once more, and not in a loop"
    );
}

#[test]
fn a_public_page_no_longer_knows_who_it_was() {
    let rules =
        json!({"rules": [{"path": "/public", "allow": "everyone"}, {"path": "/hello", "allow": "optional"}]});
    let mut patch = json!({"session": {"recheck": "5m"}});
    patch["rules"] = rules["rules"].clone();
    let mut harness = signed_in(1, Refreshing::Refused, patch);
    harness.advance(5 * MINUTE);
    assert_eq!(upstream(&harness.get("/hello").forwarded(), "x-auth-user"), Some("jsmith"));
    for path in ["/public", "/hello"] {
        assert_eq!(upstream(&harness.get(path).forwarded(), "x-auth-user"), None, "{path}");
    }
}

#[test]
fn while_cognito_is_away_the_session_goes_on_as_always() {
    let mut harness = signed_in(1, Refreshing::Rotated, Value::Null);
    harness.cognito.token = Answer::says(503, "");
    for _ in 0..69 {
        harness.advance(MINUTE);
        assert!(harness.get("/").is_forwarded());
    }
    harness.advance(MINUTE);
    assert_eq!(harness.get("/").answered().status, 503, "stale_if_error is over");
    harness.cognito.token = Answer::Good;
    harness.advance(MINUTE);
    assert!(harness.get("/").is_forwarded(), "the session was kept");
}

#[test]
fn a_refusal_that_isnt_cognitos_no_ends_nothing_early() {
    let mut harness = signed_in(1, Refreshing::Kept, Value::Null);
    harness.cognito.user["sub"] = json!("somebody-else");
    harness.advance(5 * MINUTE);
    for _ in 0..54 {
        assert!(harness.get("/").is_forwarded(), "until its tokens expire");
        harness.advance(MINUTE);
    }
    harness.advance(MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
}

#[test]
fn the_cookies_of_a_refused_session_dont_end_a_later_one() {
    let mut harness = signed_in(1, Refreshing::Refused, Value::Null);
    let before = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.advance(5 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.get("/").answered().status, 401);
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    assert_ne!(harness.jar.get(IDENTITY).unwrap(), before);
    for _ in 0..10 {
        assert!(harness.get("/").is_forwarded());
        harness.advance(MINUTE);
    }
}

/// Two Envoys share no data. If both recheck one session at the same time and the refresh token is rotated without a
/// grace period, Cognito refuses one of them; the other's new cookies stay good at both.
#[test]
fn a_race_that_another_envoy_has_won_signs_nobody_out() {
    let mut harness = signed_in(1, Refreshing::Rotated, Value::Null);
    let old = harness.jar.header();
    harness.advance(5 * MINUTE);
    assert!(harness.get("/").is_forwarded() && harness.get("/").is_forwarded());
    harness.shared = Memory::default();
    harness.reconfigure(json!({"session": {"recheck": "5m"}}));
    assert!(harness.bare_request("GET", "/", &[("cookie", &old)]).is_forwarded());
    assert!(harness.log().contains("reason=invalid_grant"), "the other Envoy has lost");
    assert!(harness.get("/").is_forwarded(), "but it knows that the new cookies are newer");
}
