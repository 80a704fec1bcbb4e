//! The deny list that all Envoys share: a document that ends sessions, refreshes and bearer tokens.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::{Value, json};

use crate::harness::{
    Answer, Harness, IDENTITY, NAVIGATE, Refreshing, TOKENS, Token, cookies_deleted, upstream,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const EVERY: Duration = Duration::from_secs(30);
const SUBJECT: &str = "55ddc31e-b818-4136-8fb8-84cfb31af537";

fn settings() -> Value {
    json!({
        "revocations": { "cluster": "revocations", "host": "lists.example.com", "path": "/revoked.json" },
        "bearer": { "enabled": true, "token_use": ["access", "id"] },
        "rules": [{ "path": "/hello", "allow": "optional" }],
    })
}

fn with_list(workers: usize) -> Harness {
    let mut harness = Harness::of_workers(workers, settings());
    harness.cognito.refreshing = Refreshing::Kept;
    harness
}

/// A time as in RFC 3339, this long after now.
fn after(harness: &Harness, seconds: i64) -> String {
    // The harness begins at 2026-02-03T04:05:06Z.
    let secs = harness.now().secs().checked_add_signed(seconds).unwrap() - 1_770_076_800;
    let (days, of_day) = (secs / 86_400, secs % 86_400);
    assert!(days < 25);
    format!("2026-02-{:02}T{:02}:{:02}:{:02}Z", days + 3, of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Publishes a list, which every worker knows after `every`.
fn publish(harness: &mut Harness, document: Value) {
    harness.cognito.deny_list.document = document;
    harness.advance(EVERY);
}

fn session_id(harness: &mut Harness) -> String {
    let _ = harness.get("/").forwarded();
    harness.access.clone().unwrap().person.unwrap().session.clone()
}

fn bearer(harness: &mut Harness, claims: Value) -> String {
    let config = std::sync::Arc::clone(&harness.config);
    harness.cognito.access_token(&config.pools[0], &claims)
}

fn status_of(harness: &mut Harness, token: &str) -> u16 {
    match harness.bare_request("GET", "/", &[("authorization", &format!("Bearer {token}"))]) {
        crate::harness::Outcome::Forwarded(_) => 200,
        other => other.answered().status,
    }
}

#[test]
fn each_kind_of_entry_ends_a_session_at_every_worker() {
    let check = |entry: fn(&mut Harness) -> Value| {
        let mut harness = with_list(3);
        harness.signed_in();
        let cookies = harness.jar.header();
        harness.advance(MINUTE);
        let document = entry(&mut harness);
        publish(&mut harness, document.clone());
        for worker in 0..3 {
            harness.worker = worker;
            let response = harness.bare_request("GET", "/", &[("cookie", &cookies)]).answered();
            assert_eq!(response.status, 401, "{document}");
            assert_eq!(cookies_deleted(&response), [TOKENS, IDENTITY]);
            let edits = harness.bare_request("GET", "/hello", &[("cookie", &cookies)]).forwarded();
            assert_eq!(upstream(&edits, "x-auth-user"), None);
        }
        assert!(harness.log().contains("event=session.rejected.revoked subject="));
        assert_eq!(harness.counted("session.rejected.revoked"), 6);
        // Whoever signs in again has a session from after the time.
        harness.signed_in();
        assert!(harness.is_signed_in(), "{document}");
        assert!(harness.jar.names("").contains(&IDENTITY.to_owned()));
        publish(&mut harness, json!({}));
        assert!(harness.bare_request("GET", "/", &[("cookie", &cookies)]).is_forwarded(), "taken back");
    };
    check(|harness| json!({ "subjects": { SUBJECT: after(harness, 0) } }));
    check(|harness| json!({ "usernames": { "jsmith": after(harness, 0) } }));
    check(|harness| json!({ "sessions": [session_id(harness)] }));
    check(|harness| json!({ "sessions": ["x", session_id(harness).to_ascii_uppercase()] }));
    check(|harness| json!({ "before": after(harness, 0) }));
}

#[test]
fn what_is_about_others_or_about_earlier_ends_nothing() {
    let mut harness = with_list(1);
    harness.signed_in();
    let id = session_id(&mut harness);
    harness.advance(MINUTE);
    for document in [
        json!({ "subjects": { SUBJECT: after(&harness, -60), "jsmith": after(&harness, 0) } }),
        json!({ "usernames": { "JSmith": after(&harness, 0), SUBJECT: after(&harness, 0) } }),
        json!({ "sessions": [&id[..31], SUBJECT, ""], "token_ids": [id] }),
        json!({ "before": "2020-01-01T00:00:00Z" }),
    ] {
        publish(&mut harness, document.clone());
        assert!(harness.is_signed_in(), "{document}");
        assert!(harness.log().contains("event=revocations.fetched entries="));
    }
}

#[test]
fn a_refreshed_session_is_as_old_as_its_sign_in() {
    let mut harness = with_list(1);
    harness.signed_in();
    harness.advance(30 * MINUTE);
    let document = json!({ "subjects": { SUBJECT: after(&harness, 0) } });
    harness.advance(HOUR);
    assert!(harness.get("/").is_forwarded(), "refreshed after that time");
    publish(&mut harness, document);
    assert!(!harness.is_signed_in());
    harness.advance(2 * HOUR);
    assert!(!harness.is_signed_in(), "and no refresh brings it back");
}

#[test]
fn a_token_id_ends_a_session_at_its_next_refresh() {
    for name in ["jti", "origin_jti"] {
        let mut harness = with_list(1);
        harness.cognito.user[name] = json!("5c5f1b4e");
        harness.signed_in();
        publish(&mut harness, json!({ "token_ids": ["5c5f1b4e"] }));
        harness.advance(HOUR);
        assert_eq!(harness.get("/").answered().status, 401);
        assert!(harness.log().contains("event=refresh.failed reason=id_token_revoked"));
    }
}

#[test]
fn a_bearer_token_is_ended_by_every_kind_of_entry_also_from_the_cache() {
    let check = |entry: fn(&Harness) -> Value| {
        let mut harness = with_list(2);
        let now = harness.now().secs();
        let token = bearer(&mut harness, json!({ "jti": "a1", "origin_jti": "b2", "auth_time": now - 600 }));
        for worker in [0, 1] {
            harness.worker = worker;
            assert_eq!(status_of(&mut harness, &token), 200);
        }
        let document = entry(&harness);
        publish(&mut harness, document.clone());
        for worker in [0, 1, 0, 1] {
            harness.worker = worker;
            assert_eq!(status_of(&mut harness, &token), 401, "{document}");
        }
        assert!(harness.log().contains("event=bearer.rejected reason=revoked"));
        let hello = [("authorization", format!("Bearer {token}"))];
        let hello = hello.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert!(harness.bare_request("GET", "/hello", &hello).is_forwarded());
        publish(&mut harness, json!({}));
        assert_eq!(status_of(&mut harness, &token), 200);
    };
    check(|harness| json!({ "subjects": { SUBJECT: after(harness, 1) } }));
    check(|harness| json!({ "usernames": { "jsmith": after(harness, 1) } }));
    check(|harness| json!({ "before": after(harness, 1) }));
    check(|_| json!({ "token_ids": ["a1"] }));
    check(|_| json!({ "token_ids": ["b2"] }));
    // Issued since then, but by a refresh of a sign-in from before.
    check(|harness| json!({ "subjects": { SUBJECT: after(harness, -300) } }));
}

#[test]
fn a_bearer_token_from_after_the_time_is_good() {
    let mut harness = with_list(1);
    let document = json!({ "subjects": { SUBJECT: after(&harness, 0) }, "before": after(&harness, 0) });
    publish(&mut harness, document);
    let now = harness.now().secs();
    for claims in [json!({}), json!({ "auth_time": now, "jti": "x" })] {
        let token = bearer(&mut harness, claims);
        assert_eq!(status_of(&mut harness, &token), 200);
    }
}

#[test]
fn who_is_kept_out_gets_a_page_at_sign_in_and_no_loop() {
    let mut harness = with_list(1);
    let document = json!({ "subjects": { SUBJECT: after(&harness, 86_400) } });
    publish(&mut harness, document);
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let response = harness.navigate(&callback).answered();
    assert_eq!(response.status, 403);
    assert!(response.body.contains("Your access has been ended"), "{}", response.body);
    assert!(!harness.jar.names("").contains(&IDENTITY.to_owned()));
    let log = harness.log();
    assert!(log.contains("event=sign_in.failed reason=id_token_revoked") && log.contains("hint="), "{log}");
    harness.advance(24 * HOUR);
    harness.signed_in();
    assert!(harness.is_signed_in());
}

#[test]
fn a_sign_in_without_a_password_after_the_time_is_good() {
    let mut harness = with_list(1);
    harness.cognito.tamper = Some(Box::new(|token: &mut Token| {
        let iat = token.claims["iat"].as_u64().unwrap();
        token.claim("auth_time", iat - 1800);
    }));
    let document = json!({ "subjects": { SUBJECT: after(&harness, 0) } });
    publish(&mut harness, document);
    harness.signed_in();
    assert!(harness.is_signed_in());
}

#[test]
fn one_worker_asks_for_all_and_only_for_what_has_changed() {
    let mut harness = with_list(4);
    assert_eq!(harness.cognito.deny_list.statuses, [200]);
    harness.pass(3 * EVERY);
    assert_eq!(harness.cognito.deny_list.statuses, [200, 304, 304, 304]);
    assert_eq!(harness.log().matches("event=revocations.fetched").count(), 1, "no line for the same list");
    assert_eq!(harness.counted("revocations.fetched"), 4);
    publish(&mut harness, json!({ "sessions": ["x"] }));
    assert_eq!(harness.cognito.deny_list.statuses.last(), Some(&200));
    harness.cognito.deny_list.has_etag = false;
    publish(&mut harness, json!({ "sessions": ["x", "y"] }));
    harness.log();
    harness.pass(2 * EVERY);
    assert_eq!(harness.log().matches("event=revocations.fetched").count(), 0, "the same bytes");
}

#[test]
fn the_last_good_list_stays_when_a_fetch_fails_and_its_age_is_told() {
    let answers = [
        (Answer::says(500, ""), "reason=status status=500"),
        (Answer::says(404, "{}"), "reason=status status=404"),
        (Answer::says(200, "{"), "reason=malformed at=\"\" problem="),
        (
            Answer::says(200, r#"{"subjects": {}, "user": {}}"#),
            "reason=malformed at=user problem=\"is unknown\"",
        ),
        (Answer::says(200, r#"{"sessions": ["a", 1]}"#), "reason=malformed at=\"sessions[1]\" problem="),
        (Answer::says(200, &format!("[{}]", " ".repeat(4 << 20))), "reason=too_large"),
        (Answer::Fails(CalloutError::TimedOut), "reason=timeout"),
        (Answer::Fails(CalloutError::Broken), "reason=broken_off"),
        (Answer::Fails(CalloutError::NotDispatched), "reason=cluster_missing hint="),
    ];
    for (answer, expected) in answers {
        let mut harness = with_list(2);
        harness.signed_in();
        harness.advance(SECOND);
        let document = json!({ "subjects": { SUBJECT: after(&harness, 0) } });
        publish(&mut harness, document);
        harness.cognito.deny_list.answer = answer;
        harness.log();
        harness.pass(5 * MINUTE);
        let log = harness.log();
        assert!(log.contains(&format!("event=revocations.failed {expected}")), "{expected}: {log}");
        let failures = log.matches("event=revocations.failed").count();
        assert!((5..=12).contains(&failures), "with growing pauses: {failures}");
        for worker in [0, 1] {
            harness.worker = worker;
            assert!(!harness.is_signed_in(), "{expected}");
        }
        let age = harness.gauge("revocations.age_s").unwrap();
        assert!((300..=331).contains(&age), "{age}");
        harness.cognito.deny_list.answer = Answer::Good;
        harness.pass(MINUTE + SECOND);
        assert!(harness.gauge("revocations.age_s").unwrap() <= 61);
    }
}

#[test]
fn requests_wait_for_the_first_list_but_not_for_ever() {
    let mut harness = Harness::of_workers(1, settings());
    harness.signed_in();
    let cookies = harness.jar.header();
    let id = session_id(&mut harness);
    for (answer, passes) in [(Answer::Good, false), (Answer::Fails(CalloutError::NotDispatched), true)] {
        // Another Envoy.
        let mut other = Harness::asleep(1, settings());
        other.cognito.deny_list.answer = answer.clone();
        other.cognito.deny_list.document = json!({ "sessions": [id] });
        let headers = [("cookie", cookies.as_str())];
        let public = other.bare_request("GET", "/hello", &[]);
        assert!(public.is_forwarded(), "nobody waits without a session");
        let outcome = other.bare_request("GET", "/", &headers);
        if passes {
            let stream = outcome.parked();
            other.pass(Duration::from_millis(4750));
            assert!(other.outcome(stream).is_none());
            other.pass(SECOND);
            assert!(other.outcome(stream).unwrap().is_forwarded(), "without a list after five seconds");
        } else {
            assert_eq!(outcome.answered().status, 401);
        }
    }
}

#[test]
fn a_list_outlives_a_new_configuration() {
    let mut harness = with_list(2);
    harness.signed_in();
    let cookies = harness.jar.header();
    harness.advance(SECOND);
    let document = json!({ "subjects": { SUBJECT: after(&harness, 0) } });
    publish(&mut harness, document);
    harness.cognito.deny_list.answer = Answer::Fails(CalloutError::Broken);
    let mut patch = settings();
    patch["rules"] = json!([]);
    harness.reconfigure(patch);
    let headers = [("cookie", cookies.as_str())];
    assert_eq!(harness.bare_request("GET", "/", &headers).answered().status, 401);
    // Without the setting, the list isn't applied.
    harness.reconfigure(json!({}));
    assert!(harness.bare_request("GET", "/", &headers).is_forwarded());
}

#[test]
fn a_long_list_is_taken_whole() {
    let mut harness = with_list(2);
    harness.signed_in();
    let id = session_id(&mut harness);
    let mut ids: Vec<String> = (0..20_000_u64).map(|number| format!("{number:032x}")).collect();
    ids.push(id);
    publish(&mut harness, json!({ "sessions": ids }));
    assert!(harness.log().contains("event=revocations.fetched entries=20001"));
    for worker in [0, 1] {
        harness.worker = worker;
        assert!(!harness.is_signed_in());
    }
    let [mode, accept] = NAVIGATE;
    assert_eq!(harness.request("GET", "/", &[mode, accept]).answered().status, 302);
}
