//! Cases of `docs/security-cases.md`: refreshing.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, Endpoint, Harness, Jar, NAVIGATE, Outcome, Refreshing, upstream};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn case_101_102_refused_is_asked_once_and_an_outage_never_lets_anybody_in() {
    let mut harness = Harness::with(json!({"session": {"stale_if_error": "0s"}}));
    harness.signed_in();
    harness.advance(HOUR - MINUTE);
    assert!(harness.get("/").is_forwarded(), "the current tokens are valid");
    harness.advance(2 * MINUTE);
    for _ in 0..5 {
        assert_eq!(harness.get("/").answered().status, 401);
    }
    assert_eq!(harness.cognito.calls(Endpoint::Token), 2, "sign-in and one refresh");

    let mut harness = Harness::with(json!({"session": {"stale_if_error": "0s"}}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    let before = harness.jar.header();
    harness.cognito.token = Answer::says(500, "");
    harness.advance(HOUR);
    for _ in 0..5 {
        assert_eq!(harness.get("/").answered().status, 503);
    }
    assert_eq!(harness.jar.header(), before, "the session is kept");
    harness.cognito.token = Answer::Good;
    harness.advance(MINUTE);
    assert!(harness.get("/").is_forwarded());
}

#[test]
fn case_105_whoever_has_lost_a_role_is_kept_out_by_the_very_request_that_finds_out() {
    for after in [json!(["staff"]), json!([]), json!(null)] {
        let mut harness = Harness::with(json!({"rules": [{"path": "/admin", "roles_any": ["admin"]}]}));
        harness.cognito.refreshing = Refreshing::Kept;
        harness.cognito.user = json!({"sub": "s", "cognito:groups": ["staff", "admin"]});
        harness.signed_in();
        assert!(harness.get("/admin").is_forwarded());
        harness.cognito.user["cognito:groups"] = after.clone();
        harness.advance(HOUR);
        assert_eq!(harness.get("/admin").answered().status, 403, "{after}");
        let edits = harness.get("/").forwarded();
        let left = if after == json!(["staff"]) { Some("staff") } else { None };
        assert_eq!(upstream(&edits, "x-auth-roles"), left, "{after}");
    }
}

#[test]
fn case_105_where_a_refresh_runs_beside_a_request_the_next_is_judged_by_what_it_brings() {
    let mut harness = Harness::with(json!({"rules": [{"path": "/admin", "roles_any": ["admin"]}]}));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.cognito.user = json!({"sub": "s", "cognito:groups": ["staff", "admin"]});
    harness.signed_in();
    let old = harness.jar.header();
    harness.cognito.user["cognito:groups"] = json!(["staff"]);
    harness.advance(HOUR - MINUTE);
    assert!(harness.get("/admin").is_forwarded(), "its tokens are valid for a minute, and contain the role");
    assert_eq!(harness.cognito.calls(Endpoint::Token), 2, "but they were refreshed meanwhile");
    assert_eq!(harness.get("/admin").answered().status, 403, "the next request");
    let straggler = harness.bare_request("GET", "/admin", &[("cookie", &old)]);
    assert_eq!(straggler.answered().status, 403, "also one with the cookies from before");
}

#[test]
fn case_107_sessions_that_expire_together_are_refreshed_a_few_at_a_time() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Kept;
    let mut jars = Vec::new();
    for _ in 0..300 {
        harness.jar = Jar::default();
        harness.signed_in();
        jars.push(std::mem::take(&mut harness.jar));
    }
    harness.advance(HOUR);
    harness.cognito.token = Answer::Held;
    let (mut waiting, mut served) = (Vec::new(), 0);
    for jar in &jars {
        harness.jar = jar.clone();
        match harness.get("/") {
            Outcome::Parked(stream) => waiting.push(stream),
            // If too many wait already, the current tokens are used for a while.
            Outcome::Forwarded(_) => served += 1,
            Outcome::Answered(answer) => panic!("{answer:?}"),
        }
    }
    assert_eq!((harness.held(), waiting.len() + served), (64, 300), "{served} served");
    harness.cognito.token = Answer::Good;
    harness.release();
    while harness.held() > 0 {
        harness.release();
    }
    let all = waiting.iter().filter(|stream| harness.outcome(**stream).is_some_and(|it| it.is_forwarded()));
    assert_eq!(all.count() + served, 300, "every request is answered");
    // Those whose current tokens were used are refreshed at their next request.
    for jar in jars {
        harness.jar = jar;
        assert!(harness.get("/").is_forwarded());
    }
}

#[test]
fn case_083_ten_thousand_who_leave_while_a_refresh_is_waited_for_leave_nothing_behind() {
    let mut harness = Harness::new();
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    harness.advance(HOUR);
    harness.cognito.token = Answer::Held;
    let before = harness.shared.size();
    for _ in 0..10_000 {
        let stream = harness.get("/").parked();
        harness.gone(stream);
    }
    assert!(harness.shared.size() < before + 4_096, "{} bytes more", harness.shared.size() - before);
    assert_eq!((harness.held(), harness.decisions()), (1, 0), "one refresh for all of them");
    harness.cognito.token = Answer::Good;
    harness.release();
    assert_eq!(harness.decisions(), 0, "a closed stream gets no response");
    assert!(harness.get("/").is_forwarded(), "the result of the refresh wasn't lost with them");
    assert_eq!(harness.cognito.calls(Endpoint::Token), 2);
}

#[test]
fn case_107_what_needs_no_identity_refreshes_none() {
    let mut harness = Harness::with(json!({
        "cors_preflight": "pass", "bearer": {"enabled": true},
        "rules": [{"path": "/public", "allow": "everyone"}],
    }));
    harness.cognito.refreshing = Refreshing::Kept;
    harness.signed_in();
    harness.advance(HOUR - MINUTE);
    let config = std::sync::Arc::clone(&harness.config);
    let token = harness.cognito.access_token(&config.pools[0], &json!({}));
    let bearer = format!("Bearer {token}");
    assert!(harness.request("GET", "/", &[("authorization", &bearer)]).is_forwarded());
    let preflight = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    assert!(harness.request("OPTIONS", "/", &preflight).is_forwarded());
    assert!(harness.get("/public").is_forwarded());
    assert!(harness.request("GET", "/", &[NAVIGATE[0], ("sec-purpose", "prefetch")]).is_forwarded());
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "that of the sign-in");
}
