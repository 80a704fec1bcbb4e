//! API clients: a Cognito token in `Authorization` instead of a cookie.

use std::time::Duration;

use envoy_cognito_core::http::{RequestEdits, Response};
use serde_json::{Value, json};

use crate::harness::{Answer, Endpoint, Harness, NAVIGATE, Outcome, set_cookies, upstream};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A configuration that accepts bearer tokens.
fn taking(bearer: Value) -> Harness {
    let mut settings = json!({"enabled": true});
    settings.as_object_mut().unwrap().extend(bearer.as_object().unwrap().clone());
    let rules = json!([
        {"path": "/public", "allow": "everyone"},
        {"path": "/hello", "allow": "optional"},
        {"path": "/orders", "roles_any": ["scope:orders/read"]},
        {"path": "/staff", "roles_any": ["staff"]},
        {"path": "/admin", "roles_any": ["admin"]},
    ]);
    Harness::with(json!({"bearer": settings, "rules": rules}))
}

/// An access token with unusual claims.
fn token(harness: &mut Harness, claims: Value) -> String {
    let config = std::sync::Arc::clone(&harness.config);
    harness.cognito.access_token(&config.pools[0], &claims)
}

fn get(harness: &mut Harness, target: &str, token: &str) -> Outcome {
    harness.bare_request("GET", target, &[("authorization", &format!("Bearer {token}"))])
}

/// The response to a client whose token isn't accepted.
#[track_caller]
fn assert_invalid(response: &Response) {
    assert_eq!(response.status, 401);
    assert_eq!(response.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(response.body, r#"{"error":"invalid_token"}"#);
    assert_eq!(set_cookies(response).count(), 0);
}

fn roles(edits: &RequestEdits) -> &str {
    upstream(edits, "x-auth-roles").unwrap()
}

#[test]
fn an_access_token_says_who_it_is_and_its_scopes_are_roles() {
    let mut harness = taking(json!({}));
    let good = token(&mut harness, json!({}));
    let edits = get(&mut harness, "/", &good).forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"));
    assert_eq!(roles(&edits), "staff,scope:openid,scope:orders/read");
    for path in ["/orders", "/staff"] {
        assert!(get(&mut harness, path, &good).is_forwarded(), "{path}");
    }
    let denied = get(&mut harness, "/admin", &good).answered();
    assert_eq!((denied.status, denied.body.as_str()), (403, r#"{"error":"forbidden"}"#));
    assert_eq!(denied.header("www-authenticate"), Some("Bearer error=\"insufficient_scope\""));
    let other = token(&mut harness, json!({"scope": null}));
    assert_eq!(get(&mut harness, "/orders", &other).answered().status, 403);
}

#[test]
fn a_group_is_never_taken_for_a_scope() {
    let mut harness = taking(json!({}));
    let groups = json!(["scope:orders/read", "x"]);
    let forged = token(&mut harness, json!({"scope": null, "cognito:groups": groups}));
    assert_eq!(get(&mut harness, "/orders", &forged).answered().status, 403);
    harness.cognito.user["custom:roles"] = json!("scope:orders/read|y");
    harness.cognito.user["cognito:groups"] = groups;
    harness.signed_in();
    assert_eq!(harness.get("/orders").answered().status, 403);
    assert_eq!(roles(&harness.get("/").forwarded()), "x,y");
}

#[test]
fn a_machine_has_neither_name_nor_groups() {
    let mut harness = taking(json!({}));
    let machine = json!({"username": null, "cognito:groups": null, "sub": "2jvuq8gkhfoh7u4fdfihiditj5"});
    let good = token(&mut harness, machine);
    let edits = get(&mut harness, "/orders", &good).forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), None);
    assert_eq!(upstream(&edits, "x-auth-subject"), Some("2jvuq8gkhfoh7u4fdfihiditj5"));
}

#[test]
fn whatever_is_wrong_with_a_token_it_is_401_and_never_a_redirect() {
    let mut harness = taking(json!({}));
    let now = harness.now().secs();
    let good = token(&mut harness, json!({}));
    let (head, tail) = good.split_at(good.len() - 10);
    let bent = format!("{head}{}{}", if tail.starts_with('A') { "B" } else { "A" }, &tail[1..]);
    let mut bad: Vec<(&str, String)> = vec![
        ("malformed", "x".to_owned() + "," + &good),
        ("malformed", "a.b.c".to_owned()),
        ("malformed", "x".repeat(100_000)),
        ("signature", bent),
    ];
    for (reason, claims) in [
        ("issuer", json!({"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other"})),
        ("issuer", json!({"iss": null})),
        ("expired", json!({"exp": now - 61})),
        ("expired", json!({"exp": null})),
        ("not_yet_valid", json!({"iat": now + 61})),
        ("not_yet_valid", json!({"iat": null})),
        ("audience", json!({"client_id": "another-client"})),
        ("audience", json!({"client_id": null, "aud": "2jvuq8gkhfoh7u4fdfihiditj5"})),
        ("token_use", json!({"token_use": "id"})),
        ("token_use", json!({"token_use": null})),
        ("subject", json!({"sub": null})),
    ] {
        bad.push((reason, token(&mut harness, claims)));
    }
    harness.signed_in();
    for (reason, bad) in bad {
        let value = format!("Bearer {bad}");
        let mut headers = NAVIGATE.to_vec();
        headers.push(("authorization", &value));
        // The request also has a valid session and looks like a browser's, but only the token counts.
        assert_invalid(&harness.request("GET", "/", &headers).answered());
        let log = harness.log();
        assert!(log.contains(&format!("event=bearer.rejected reason={reason} ")), "{reason}: {log}");
        for path in ["/public", "/hello"] {
            let edits = harness.request("GET", path, &headers).forwarded();
            assert!(edits.set().all(|(name, _)| name == "cookie"), "{reason} {path}: {edits:?}");
        }
    }
}

#[test]
fn what_is_no_bearer_token_leaves_the_session_in_charge() {
    let mut harness = taking(json!({}));
    harness.signed_in();
    for value in ["", "Basic eDp5", "Digest x", "garbage"] {
        let edits = harness.request("GET", "/", &[("authorization", value)]).forwarded();
        assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"), "{value}");
    }
    for values in [&["Bearer"][..], &["Bearer "], &["Bearer a b"], &["Basic eDp5", "Bearer x"]] {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("authorization", *value)).collect();
        assert_invalid(&harness.request("GET", "/", &headers).answered());
    }
}

#[test]
fn where_they_are_not_taken_a_token_is_nothing() {
    let mut harness = Harness::new();
    let good = token(&mut harness, json!({}));
    let response = get(&mut harness, "/", &good).answered();
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
}

#[test]
fn other_clients_are_welcome_once_they_are_listed() {
    let mut harness = taking(json!({"client_ids": ["batch"]}));
    let batch = token(&mut harness, json!({"client_id": "batch"}));
    let own = token(&mut harness, json!({}));
    assert!(get(&mut harness, "/", &batch).is_forwarded());
    assert_invalid(&get(&mut harness, "/", &own).answered());
}

#[test]
fn an_id_token_is_judged_by_its_audience_where_it_is_taken() {
    let claims = json!({
        "token_use": "id", "aud": "2jvuq8gkhfoh7u4fdfihiditj5", "client_id": null, "scope": null,
        "cognito:username": "jsmith", "custom:roles": "a|b", "email": "j@example.com",
    });
    let mut harness = taking(json!({"token_use": ["access", "id"]}));
    let good = token(&mut harness, claims.clone());
    let edits = get(&mut harness, "/", &good).forwarded();
    assert_eq!(roles(&edits), "staff,a,b");
    assert_eq!(upstream(&edits, "x-auth-email"), Some("j@example.com"));
    let mut other = claims;
    other["aud"] = json!("another-client");
    let other = token(&mut harness, other);
    assert_invalid(&get(&mut harness, "/", &other).answered());
}

#[test]
fn a_token_is_good_until_it_expires_and_a_minute_beyond() {
    let mut harness = taking(json!({}));
    let good = token(&mut harness, json!({}));
    assert!(get(&mut harness, "/", &good).is_forwarded());
    harness.advance(HOUR + 59 * SECOND);
    assert!(get(&mut harness, "/", &good).is_forwarded());
    harness.advance(SECOND);
    assert_invalid(&get(&mut harness, "/", &good).answered());
}

#[test]
fn a_token_that_was_verified_is_known_again_until_the_keys_change() {
    let mut harness = taking(json!({}));
    let good = token(&mut harness, json!({}));
    assert!(get(&mut harness, "/", &good).is_forwarded());
    let verified = harness.rs256.count();
    for _ in 0..5 {
        assert_eq!(roles(&get(&mut harness, "/", &good).forwarded()), "staff,scope:openid,scope:orders/read");
    }
    assert_eq!(harness.rs256.count(), verified, "no signature is checked again");
    // Cognito withdraws the key; the hourly fetch notices.
    harness.cognito.rotate_keys("another");
    harness.advance(HOUR - 10 * SECOND);
    harness.advance(20 * SECOND);
    assert_invalid(&get(&mut harness, "/", &good).answered());
}

#[test]
fn a_token_under_a_key_that_is_new_waits_for_it() {
    let mut harness = taking(json!({}));
    harness.cognito.rotate_keys("brand-new");
    let good = token(&mut harness, json!({}));
    harness.cognito.keys = Answer::Held;
    let stream = get(&mut harness, "/", &good).parked();
    assert_eq!(harness.held(), 1);
    harness.cognito.keys = Answer::Good;
    harness.release();
    assert!(harness.outcome(stream).unwrap().is_forwarded());
}

#[test]
fn a_flood_of_unknown_keys_makes_one_fetch_a_minute() {
    let mut harness = taking(json!({}));
    let good = token(&mut harness, json!({}));
    let before = harness.cognito.calls(Endpoint::Keys);
    for round in 0..3 {
        for number in 0..200 {
            harness.cognito.signs_with = format!("random {round} {number}");
            let forged = token(&mut harness, json!({}));
            assert_invalid(&get(&mut harness, "/", &forged).answered());
            assert!(get(&mut harness, "/", &good).is_forwarded(), "valid tokens are accepted meanwhile");
        }
        assert_eq!(harness.cognito.calls(Endpoint::Keys), before + round + 1);
        harness.advance(60 * SECOND);
    }
}

#[test]
fn without_keys_a_token_waits_and_then_hears_that_it_isn_t_its_fault() {
    let mut harness = Harness::asleep(
        1,
        json!({"bearer": {"enabled": true}, "rules": [{"path": "/p", "allow": "everyone"}]}),
    );
    harness.cognito.keys = Answer::says(500, "");
    harness.settle();
    let good = token(&mut harness, json!({}));
    let stream = get(&mut harness, "/", &good).parked();
    assert!(get(&mut harness, "/p", &good).is_forwarded(), "nobody waits on public paths");
    harness.pass(9 * SECOND);
    assert!(harness.outcome(stream).is_none());
    harness.pass(2 * SECOND);
    let response = harness.decision(stream).unwrap();
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    let stream = get(&mut harness, "/", &good).parked();
    harness.cognito.keys = Answer::Good;
    harness.pass(2 * SECOND);
    assert!(harness.outcome(stream).unwrap().is_forwarded(), "it recovers by itself");
}

#[test]
fn a_client_that_goes_away_while_it_waits_is_forgotten() {
    let mut harness = taking(json!({}));
    harness.cognito.rotate_keys("brand-new");
    let good = token(&mut harness, json!({}));
    harness.cognito.keys = Answer::Held;
    let stream = get(&mut harness, "/", &good).parked();
    harness.gone(stream);
    harness.cognito.keys = Answer::Good;
    harness.release();
    assert_eq!(harness.decisions(), 0);
}

#[test]
fn who_am_i_is_for_api_clients_too() {
    let mut harness = taking(json!({}));
    let good = token(&mut harness, json!({}));
    let exp = harness.now().secs() + 3600;
    let me: Value = serde_json::from_str(&get(&mut harness, "/.auth/me", &good).answered().body).unwrap();
    assert_eq!((me["username"].as_str(), me["expires_at"].as_u64()), (Some("jsmith"), Some(exp)));
    assert_invalid(&get(&mut harness, "/.auth/me", "a.b.c").answered());
}

#[test]
fn a_verified_token_goes_upstream_under_the_name_that_was_asked_for() {
    let patch = json!({"bearer": {"enabled": true}, "headers": {"forward_access_token": "x-access-token"}});
    let mut harness = Harness::with(patch);
    let good = token(&mut harness, json!({}));
    for _ in 0..2 {
        let edits = get(&mut harness, "/", &good).forwarded();
        assert_eq!(upstream(&edits, "x-access-token"), Some(good.as_str()));
        assert!(edits.remove.iter().all(|name| name != "authorization"), "the client's own header stays");
    }
}
