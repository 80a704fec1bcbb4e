//! Attributes that the ID token lacks, and raw tokens for the app.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::{Value, json};

use crate::harness::{Answer, Endpoint, Harness, IDENTITY, Refreshing, TOKENS, set_cookies, upstream};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A configuration that requests attributes from there.
fn asking(from: &str) -> Value {
    json!({
        "scopes": ["openid", "email", "aws.cognito.signin.user.admin"],
        "roles": {"attributes_from": from},
    })
}

/// A pool whose ID tokens lack roles and time zone.
fn hiding(from: &str) -> Harness {
    let mut harness = Harness::with(asking(from));
    harness.cognito.user = json!({"sub": "s", "cognito:username": "jsmith", "cognito:groups": ["staff"]});
    harness.cognito.hidden = json!({
        "custom:roles": "authp/admin|authp/user", "custom:timezone": "America/New_York", "name": "John Smith",
        "cognito:groups": "admin",
    });
    harness
}

fn asked(harness: &Harness) -> usize {
    harness.cognito.calls(Endpoint::Attributes)
}

#[test]
fn what_the_id_token_lacks_is_asked_for_once_at_sign_in() {
    for from in ["userinfo", "get_user"] {
        let mut harness = hiding(from);
        harness.signed_in();
        for _ in 0..3 {
            let edits = harness.get("/").forwarded();
            let roles = upstream(&edits, "x-auth-roles");
            assert_eq!(
                roles,
                Some("staff,authp/admin,authp/user"),
                "{from}: groups come only from the token"
            );
            assert_eq!(upstream(&edits, "x-auth-timezone"), Some("America/New_York"));
            assert_eq!(upstream(&edits, "x-auth-name"), Some("John Smith"));
        }
        assert_eq!(asked(&harness), 1, "{from}");
    }
}

#[test]
fn nothing_is_requested_if_attributes_come_from_the_id_token() {
    let mut harness = hiding("id_token");
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("staff"));
    assert_eq!((upstream(&edits, "x-auth-timezone"), asked(&harness)), (None, 0));
}

#[test]
fn a_refresh_asks_anew() {
    for from in ["userinfo", "get_user"] {
        let mut harness = hiding(from);
        harness.cognito.refreshing = Refreshing::Rotated;
        harness.signed_in();
        harness.cognito.hidden["custom:roles"] = json!("other");
        harness.advance(HOUR + MINUTE);
        let edits = harness.get("/").forwarded();
        assert_eq!(upstream(&edits, "x-auth-roles"), Some("staff,other"), "{from}");
        assert_eq!(asked(&harness), 2, "{from}");
    }
}

#[test]
fn a_claim_of_the_id_token_is_never_overruled() {
    let mut harness = hiding("userinfo");
    harness.cognito.user["custom:roles"] = json!("from-the-token");
    harness.cognito.user["email"] = json!("token@example.com");
    harness.cognito.hidden["email"] = json!("other@example.com");
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("staff,from-the-token"));
    assert_eq!(upstream(&edits, "x-auth-email"), Some("token@example.com"));
}

#[test]
fn a_sign_in_without_its_attributes_ends_on_a_page() {
    let later = r#"{"__type":"com.amazonaws#TooManyRequestsException"}"#;
    for (answer, status, reason) in [
        (Answer::Fails(CalloutError::TimedOut), 504, "attributes_timeout"),
        (Answer::Fails(CalloutError::Broken), 503, "attributes_unavailable"),
        (Answer::Fails(CalloutError::NotDispatched), 503, "cluster_missing"),
        (Answer::says(500, ""), 503, "attributes_unavailable"),
        (Answer::says(429, ""), 503, "attributes_unavailable"),
        (Answer::says(400, later), 503, "attributes_unavailable"),
        (Answer::says(401, ""), 502, "attributes_refused"),
        (Answer::says(400, r#"{"__type":"NotAuthorizedException"}"#), 502, "attributes_refused"),
        (Answer::says(302, ""), 502, "attributes_nonsense"),
        (Answer::says(200, "<html>"), 502, "attributes_nonsense"),
        (Answer::says(200, "[]"), 502, "attributes_nonsense"),
        (Answer::says(200, r#"{"custom:roles":"admin"}"#), 502, "attributes_nonsense"),
        (Answer::says(200, r#"{"sub":"somebody-else","custom:roles":"admin"}"#), 401, "attributes_subject"),
    ] {
        let mut harness = hiding("userinfo");
        harness.cognito.attributes = answer.clone();
        let response = harness.sign_in("/");
        assert_eq!(response.status, status, "{answer:?}");
        assert!(!harness.is_signed_in(), "{answer:?}");
        let log = harness.log();
        assert!(log.contains(&format!("event=sign_in.failed reason={reason} ")), "{answer:?}: {log}");
    }
}

#[test]
fn a_reload_while_attributes_are_asked_for_gets_the_same_answer() {
    let mut harness = hiding("userinfo");
    harness.cognito.attributes = Answer::Held;
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let first = harness.navigate(&callback).parked();
    let reload = harness.navigate(&callback).parked();
    harness.cognito.attributes = Answer::Good;
    harness.release();
    for stream in [first, reload] {
        assert_eq!(harness.decision(stream).unwrap().status, 302);
    }
    assert_eq!(asked(&harness), 1);
}

#[test]
fn without_attributes_a_refresh_keeps_who_is_known_and_the_new_refresh_token() {
    let mut harness = hiding("userinfo");
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    let before = harness.jar.get(TOKENS).unwrap().to_owned();
    harness.cognito.attributes = Answer::says(500, "");
    harness.cognito.hidden["custom:roles"] = json!("changed");
    harness.advance(HOUR + MINUTE);
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("staff,authp/admin,authp/user"), "as they were");
    assert_ne!(harness.jar.get(TOKENS).unwrap(), before, "the old refresh token is invalid");
    assert!(harness.log().contains("event=refresh.failed reason=attributes_unavailable"));
    harness.cognito.attributes = Answer::Good;
    harness.advance(MINUTE);
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-roles"), Some("staff,changed"));
    assert!(harness.is_signed_in());
}

#[test]
fn an_outage_of_the_attributes_outlives_stale_if_error_without_losing_the_session() {
    let mut harness = hiding("userinfo");
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    harness.cognito.attributes = Answer::says(500, "");
    harness.advance(HOUR + 11 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 503, "too old to be served with the known identity");
    harness.cognito.attributes = Answer::Good;
    harness.advance(MINUTE);
    assert!(harness.get("/").is_forwarded(), "the refresh token that came with the 503 is the valid one");
}

#[test]
fn attributes_that_are_refused_end_the_session_with_its_tokens() {
    let mut harness = hiding("userinfo");
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.cognito.attributes = Answer::says(401, "");
    harness.advance(HOUR - 2 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    assert!(harness.log().contains("event=refresh.failed reason=attributes_refused"));
    harness.advance(3 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
}

#[test]
fn raw_tokens_go_upstream_when_they_are_asked_for() {
    let headers = json!({"forward_id_token": "x-id-token", "forward_access_token": "authorization"});
    let mut harness = Harness::with(json!({ "headers": headers }));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let forged = [("authorization", "Basic forged"), ("x_id_token", "forged")];
    let edits = harness.request("GET", "/", &forged).forwarded();
    for name in ["authorization", "x_id_token"] {
        assert!(edits.remove.iter().any(|removed| removed == name), "{name}");
    }
    let id = upstream(&edits, "x-id-token").unwrap().to_owned();
    let access = upstream(&edits, "authorization").unwrap().to_owned();
    assert_eq!(id.split('.').count(), 3);
    assert!(access.starts_with("Bearer access-"), "{access}");
    harness.advance(HOUR + MINUTE);
    let edits = harness.get("/").forwarded();
    assert_ne!(upstream(&edits, "x-id-token"), Some(id.as_str()), "the refresh returned another one");
    assert_ne!(upstream(&edits, "authorization"), Some(access.as_str()));
    assert!(harness.jar.get(IDENTITY).unwrap().len() < 400, "they aren't part of the identity cookie");
}

#[test]
fn raw_tokens_are_not_kept_where_nobody_wants_them() {
    let mut harness = Harness::new();
    let response = harness.sign_in("/");
    let size: usize = set_cookies(&response).map(str::len).sum();
    assert!(size < 3_500, "{size}");
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "authorization"), None);
}

#[test]
fn without_a_session_no_token_header_gets_through() {
    let patch = json!({
        "headers": {"forward_access_token": "authorization"},
        "rules": [{"path": "/public", "allow": "everyone"}],
    });
    let mut harness = Harness::with(patch);
    let edits = harness.request("GET", "/public", &[("authorization", "Bearer forged")]).forwarded();
    assert_eq!(edits.remove.as_slice(), ["authorization"]);
    assert_eq!(edits.set().next(), None);
}

#[test]
fn through_a_long_outage_of_the_attributes_nobody_is_turned_away_at_any_worker() {
    let mut harness = Harness::of_workers(4, asking("userinfo"));
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.cognito.token_seconds = 3;
    harness.signed_in();
    harness.cognito.attributes = Answer::says(500, "");
    for step in 0..600 {
        harness.worker = step % 4;
        harness.advance(Duration::from_millis(100));
        assert!(harness.get("/").is_forwarded(), "after {step} steps: {}", harness.log());
    }
    harness.cognito.attributes = Answer::Good;
    harness.advance(MINUTE);
    assert!(harness.get("/").is_forwarded());
}
