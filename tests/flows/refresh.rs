//! A session's tokens expire: new ones are requested beside the request, once, and through outages.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{
    Answer, Endpoint, Harness, IDENTITY, Jar, Memory, Outcome, Refreshing, TOKENS, upstream,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A signed-in person, at a user pool that refreshes.
fn signed_in(workers: usize, refreshing: Refreshing) -> Harness {
    let mut harness = Harness::asleep(workers, json!({}));
    harness.settle();
    harness.cognito.refreshing = refreshing;
    harness.signed_in();
    harness
}

/// Token calls since the sign-in.
fn refreshes(harness: &Harness) -> usize {
    harness.cognito.calls(Endpoint::Token) - 1
}

#[test]
fn nothing_is_refreshed_before_it_is_due() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.advance(HOUR - 5 * MINUTE - Duration::from_secs(1));
    assert!(harness.get("/").is_forwarded());
    assert_eq!(refreshes(&harness), 0);
    harness.advance(2 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    assert_eq!(refreshes(&harness), 1);
}

#[test]
fn a_request_whose_tokens_are_due_goes_on_at_once() {
    let mut harness = signed_in(1, Refreshing::Rotated);
    let before = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.advance(HOUR - 2 * MINUTE);
    harness.cognito.token = Answer::Held;
    assert!(harness.get("/").is_forwarded(), "nobody waits for Cognito");
    assert_eq!(harness.held(), 1);
    assert_eq!(harness.jar.get(IDENTITY).unwrap(), before);
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.held(), 1, "one refresh is enough");
    harness.cognito.token = Answer::Good;
    harness.release();
    assert!(harness.get("/").is_forwarded());
    assert_ne!(harness.jar.get(IDENTITY).unwrap(), before, "this response sets the cookies");
    harness.advance(30 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    assert_eq!(refreshes(&harness), 1);
}

#[test]
fn a_request_whose_tokens_are_over_waits_and_is_judged_by_what_comes() {
    for refreshing in [Refreshing::Kept, Refreshing::Rotated] {
        let mut harness = signed_in(1, refreshing);
        for round in 1..4 {
            harness.advance(HOUR + MINUTE);
            harness.cognito.user["custom:roles"] = json!(format!("round{round}"));
            let edits = harness.get("/").forwarded();
            assert_eq!(upstream(&edits, "x-auth-roles"), Some(format!("round{round}").as_str()));
            assert_eq!(refreshes(&harness), round, "{refreshing:?}");
        }
    }
}

#[test]
fn everybody_who_waits_gets_the_one_answer_at_whichever_worker() {
    let mut harness = signed_in(2, Refreshing::Rotated);
    harness.advance(HOUR);
    harness.cognito.token = Answer::Held;
    let mut waiting = Vec::new();
    for number in 0..6 {
        harness.worker = number % 2;
        waiting.push(harness.get("/").parked());
    }
    assert_eq!(harness.held(), 1);
    harness.cognito.token = Answer::Good;
    harness.release();
    for stream in waiting {
        assert!(matches!(harness.outcome(stream), Some(Outcome::Forwarded(_))));
    }
    assert_eq!(refreshes(&harness), 1);
}

#[test]
fn cookies_from_before_a_refresh_go_on_working() {
    let mut harness = signed_in(2, Refreshing::Rotated);
    let old = harness.jar.header();
    harness.advance(HOUR - MINUTE);
    assert!(harness.get("/").is_forwarded());
    harness.advance(2 * MINUTE);
    harness.worker = 1;
    let straggler = harness.bare_request("GET", "/", &[("cookie", &old)]);
    assert!(straggler.is_forwarded(), "its tokens have expired, but the result of their refresh is known");
    assert_eq!(refreshes(&harness), 1);
}

#[test]
fn an_outage_signs_nobody_out() {
    for fault in [
        Answer::says(500, ""),
        Answer::says(429, "Rate exceeded"),
        Answer::says(400, r#"{"__type":"TooManyRequestsException"}"#),
        Answer::says(200, "<html>"),
        Answer::says(400, r#"{"error":"invalid_client"}"#),
        Answer::Fails(CalloutError::TimedOut),
        Answer::Fails(CalloutError::Broken),
        Answer::Fails(CalloutError::NotDispatched),
    ] {
        let mut harness = signed_in(1, Refreshing::Rotated);
        harness.cognito.token = fault.clone();
        harness.advance(HOUR);
        for _ in 0..9 {
            assert!(harness.get("/").is_forwarded(), "{fault:?}: within ten minutes of the tokens' end");
            harness.advance(MINUTE);
        }
        harness.advance(MINUTE);
        let late = harness.get("/").answered();
        assert_eq!(late.status, 503, "{fault:?}: not for ever");
        assert_eq!(late.header("retry-after"), Some("5"));
        assert_eq!(harness.navigate("/").answered().status, 503, "{fault:?}: no redirect to where nobody is");
        harness.cognito.token = Answer::Good;
        harness.advance(MINUTE);
        assert!(harness.get("/").is_forwarded(), "{fault:?}: the session was kept");
    }
}

#[test]
fn while_cognito_fails_it_is_asked_less_and_less() {
    let mut harness = signed_in(1, Refreshing::Rotated);
    harness.cognito.token = Answer::says(500, "");
    harness.advance(HOUR);
    for _ in 0..300 {
        assert!(harness.get("/").is_forwarded());
        harness.advance(Duration::from_secs(1));
    }
    assert!((6..=18).contains(&refreshes(&harness)), "{} calls in five minutes", refreshes(&harness));
}

#[test]
fn invalid_grant_ends_a_session_with_its_tokens() {
    let mut harness = signed_in(1, Refreshing::Refused);
    harness.advance(HOUR - MINUTE);
    assert!(harness.get("/").is_forwarded(), "the current tokens are valid");
    assert!(harness.get("/").is_forwarded());
    assert_eq!(refreshes(&harness), 1, "and nobody asks again");
    harness.advance(2 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
    assert_eq!(harness.navigate("/").answered().status, 302);
    assert!(harness.log().contains("event=refresh.failed reason=invalid_grant"));
}

#[test]
fn another_persons_tokens_are_never_used() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.cognito.user["sub"] = json!("somebody-else");
    harness.advance(HOUR);
    let before = harness.jar.header();
    assert_eq!(harness.get("/").answered().status, 401);
    assert_eq!(harness.jar.header(), before);
    assert!(harness.log().contains("reason=id_token_subject"));
}

#[test]
fn a_session_without_its_refresh_token_ends_with_its_tokens() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.jar.remove(TOKENS);
    harness.advance(HOUR - MINUTE);
    assert!(harness.get("/").is_forwarded());
    harness.advance(MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
    assert_eq!(refreshes(&harness), 0);
}

#[test]
fn halves_of_two_sessions_never_mix() {
    let mut harness = signed_in(1, Refreshing::Kept);
    let tokens = harness.jar.get(TOKENS).unwrap().to_owned();
    harness.jar = Jar::default();
    harness.signed_in();
    let calls = harness.cognito.calls(Endpoint::Token);
    let mixed = format!("{IDENTITY}={}; {TOKENS}={tokens}", harness.jar.get(IDENTITY).unwrap());
    harness.advance(HOUR);
    assert_eq!(harness.bare_request("GET", "/", &[("cookie", &mixed)]).answered().status, 401);
    assert_eq!(harness.cognito.calls(Endpoint::Token), calls);
}

#[test]
fn signing_out_wins_over_a_refresh_under_way() {
    let mut harness = signed_in(1, Refreshing::Rotated);
    let old = harness.jar.header();
    harness.advance(HOUR - MINUTE);
    harness.cognito.token = Answer::Held;
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
    harness.cognito.token = Answer::Good;
    harness.cognito.refreshing = Refreshing::Kept;
    // The refresh token was revoked at sign-out. If the refresh had been faster, its new token would be revoked too.
    harness.release();
    let late = harness.bare_request("GET", "/", &[("cookie", &old)]);
    assert_eq!(late.answered().status, 401, "although its tokens are valid for another minute");
    assert_eq!(harness.jar.header(), "", "and nothing sets the cookies again");
    assert!(harness.cognito.refresh_tokens.is_empty());
}

#[test]
fn public_and_prefetched_pages_refresh_nothing() {
    let mut harness = Harness::with(json!({"rules": [{"path": "/public/**", "allow": "everyone"}]}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.advance(HOUR - MINUTE);
    let edits = harness.get("/public/x").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"));
    assert!(
        harness
            .request("GET", "/", &[("sec-fetch-mode", "navigate"), ("sec-purpose", "prefetch")])
            .is_forwarded()
    );
    harness.advance(MINUTE);
    let edits = harness.get("/public/x").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), None, "the person is no longer known");
    assert_eq!(refreshes(&harness), 0);
}

#[test]
fn a_lifetime_ends_whatever_was_refreshed() {
    let mut harness = Harness::with(json!({"session": {"lifetime": "3h"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    for _ in 0..5 {
        harness.advance(30 * MINUTE + Duration::from_secs(1));
        assert!(harness.get("/").is_forwarded());
    }
    harness.advance(30 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
}

#[test]
fn idling_ends_a_session_and_being_seen_is_written_down_now_and_then() {
    let mut harness = Harness::with(json!({"session": {"idle": "30m"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let mut written = 0;
    for _ in 0..60 {
        let before = harness.jar.get(IDENTITY).unwrap().to_owned();
        harness.advance(MINUTE);
        assert!(harness.get("/").is_forwarded());
        written += usize::from(harness.jar.get(IDENTITY).unwrap() != before);
    }
    assert!((15..=25).contains(&written), "{written} times an hour");
    harness.advance(30 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
}

#[test]
fn who_waits_for_ever_is_told_so() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.advance(HOUR + 20 * MINUTE);
    harness.cognito.token = Answer::Held;
    let waiting = harness.get("/").parked();
    harness.pass(Duration::from_secs(17));
    let answer = harness.outcome(waiting).expect("an end").answered();
    assert_eq!(answer.status, 503);
}

#[test]
fn a_second_refresh_of_one_session_revokes_nothing_that_lives() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.advance(HOUR - MINUTE);
    harness.cognito.token = Answer::Held;
    assert!(harness.get("/").is_forwarded());
    // The call takes so long that another one replaces it.
    harness.advance(Duration::from_secs(20));
    assert!(harness.get("/").is_forwarded());
    assert_eq!(harness.held(), 2);
    harness.cognito.token = Answer::Good;
    harness.release();
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0);
    assert!(harness.get("/").is_forwarded());
    harness.advance(HOUR + MINUTE);
    assert!(harness.get("/").is_forwarded());
}

#[test]
fn where_nothing_can_be_shared_nobody_waits_for_ever() {
    let mut harness = signed_in(1, Refreshing::Kept);
    harness.advance(HOUR + MINUTE);
    harness.shared.contended.set(true);
    assert!(harness.get("/").is_forwarded(), "with the known identity");
    harness.advance(10 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 503);
}

#[test]
fn a_rotated_refresh_token_outlives_missing_keys() {
    let mut harness = signed_in(1, Refreshing::Rotated);
    harness.cognito.keys = Answer::says(500, "");
    // Envoy restarts while the issuer's host is down and the domain isn't.
    harness.shared = Memory::default();
    harness.reconfigure(json!({}));
    harness.advance(HOUR + MINUTE);
    let stream = harness.get("/").parked();
    harness.pass(Duration::from_secs(30));
    assert!(harness.outcome(stream).unwrap().is_forwarded(), "with the known identity");
    harness.cognito.keys = Answer::Good;
    harness.pass(MINUTE);
    assert!(harness.get("/").is_forwarded());
    assert!(harness.is_signed_in());
}
