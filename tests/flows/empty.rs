//! Empty values count as absent, in every response from Cognito; and when the first of a session's tokens expires.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::{Value, json};

use crate::harness::{Answer, Endpoint, Harness, Refreshing, TOKENS, upstream};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Ways to write an empty value in place of a text.
fn nothings() -> [Value; 8] {
    [json!(""), json!(" "), json!("\n\t"), Value::Null, json!([]), json!({}), json!(7), json!(false)]
}

#[test]
fn an_empty_refresh_token_never_takes_the_place_of_the_good_one() {
    for nothing in nothings() {
        let mut harness = Harness::new();
        harness.signed_in();
        harness.cognito.refreshing = Refreshing::Kept;
        harness.cognito.token_members =
            json!({"refresh_token": nothing, "error": nothing, "token_type": nothing});
        for round in 1..=3 {
            harness.advance(HOUR + MINUTE);
            assert!(harness.get("/").is_forwarded(), "{nothing}, refresh {round}: {}", harness.log());
        }
        assert_eq!(harness.cognito.calls(Endpoint::Token), 4, "{nothing}");
    }
}

#[test]
fn a_sign_in_with_an_empty_refresh_token_has_none() {
    for nothing in nothings() {
        let mut harness = Harness::new();
        harness.cognito.token_members = json!({"refresh_token": nothing});
        harness.signed_in();
        assert!(harness.jar.get(TOKENS).is_none(), "{nothing}: nothing is kept");
        harness.advance(HOUR + MINUTE);
        assert!(!harness.is_signed_in(), "{nothing}");
        assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "{nothing}: and nothing is asked with it");
    }
}

#[test]
fn without_an_id_or_an_access_token_there_is_no_answer() {
    for nothing in nothings() {
        for token in ["id_token", "access_token"] {
            let mut harness = Harness::new();
            harness.cognito.token_members = json!({ token: nothing });
            assert_eq!(harness.sign_in("/").status, 502, "{token}: {nothing}");
            assert!(
                harness.log().contains("event=sign_in.failed reason=token_nonsense "),
                "{token}: {nothing}"
            );

            let mut harness = Harness::new();
            harness.signed_in();
            harness.cognito.refreshing = Refreshing::Kept;
            harness.cognito.token_members = json!({ token: nothing });
            harness.advance(HOUR + MINUTE);
            assert!(
                harness.get("/").is_forwarded(),
                "{token}: {nothing}: an outage, which the session outlives"
            );
            harness.cognito.token_members = json!({});
            harness.advance(MINUTE);
            assert!(harness.get("/").is_forwarded(), "{token}: {nothing}");
        }
    }
}

#[test]
fn an_attribute_takes_the_place_of_an_empty_claim_and_of_no_other() {
    for from in ["userinfo", "get_user"] {
        for (claim, expected) in [
            (json!(""), Some("told")),
            (json!(" "), Some("told")),
            (Value::Null, Some("told")),
            (json!([]), Some("told")),
            (json!({}), Some("told")),
            (json!(0), Some("0")),
            (json!(false), Some("false")),
            (json!("own"), Some("own")),
        ] {
            let mut harness = Harness::with(json!({
                "scopes": ["openid", "aws.cognito.signin.user.admin"],
                "roles": {"attributes_from": from},
            }));
            harness.cognito.user = json!({"sub": "s", "custom:timezone": claim, "custom:roles": claim});
            harness.cognito.hidden = json!({"custom:timezone": "told", "custom:roles": "told"});
            harness.signed_in();
            let edits = harness.get("/").forwarded();
            assert_eq!(upstream(&edits, "x-auth-timezone"), expected, "{from}: {claim}");
            assert_eq!(upstream(&edits, "x-auth-roles"), expected, "{from}: {claim}");
        }
    }
}

#[test]
fn attributes_of_nobody_are_no_answer() {
    for body in [
        "{}",
        r#"{"sub":""}"#,
        r#"{"sub":null}"#,
        r#"{"sub":["s"]}"#,
        r#"{"UserAttributes":[]}"#,
        r#"{"UserAttributes":null}"#,
        r#"{"UserAttributes":[{"Name":"","Value":"s"}]}"#,
        r#"{"UserAttributes":[{"Name":"sub","Value":""}]}"#,
        r#"{"UserAttributes":[{"Name":"sub"}]}"#,
    ] {
        for from in ["userinfo", "get_user"] {
            let patch = json!({
                "scopes": ["openid", "aws.cognito.signin.user.admin"], "roles": {"attributes_from": from},
            });
            let mut harness = Harness::with(patch);
            harness.cognito.attributes = Answer::says(200, body);
            assert_eq!(harness.sign_in("/").status, 502, "{from}: {body}");
            assert!(harness.log().contains("reason=attributes_nonsense "), "{from}: {body}");
            harness.cognito.attributes = Answer::Good;
            harness.cognito.refreshing = Refreshing::Kept;
            harness.signed_in();
            harness.cognito.attributes = Answer::says(200, body);
            harness.advance(HOUR + MINUTE);
            assert!(harness.get("/").is_forwarded(), "{from}: {body}: it is nobody else's answer either");
        }
    }
}

#[test]
fn a_key_set_with_empty_members_is_read_as_far_as_it_goes() {
    for empty in [json!(""), Value::Null, json!([]), json!({})] {
        let mut harness = Harness::asleep(1, json!({}));
        let mut set = harness.cognito.key_set();
        let good = set["keys"].as_array().unwrap().last().unwrap().clone();
        for member in ["kid", "n", "e", "kty"] {
            let mut broken = good.clone();
            broken[member] = empty.clone();
            set["keys"].as_array_mut().unwrap().insert(0, broken);
        }
        for absent in ["alg", "use", "key_ops"] {
            set["keys"].as_array_mut().unwrap().last_mut().unwrap()[absent] = empty.clone();
        }
        harness.cognito.keys = Answer::says(200, &set.to_string());
        harness.settle();
        assert!(harness.log().contains("event=jwks.fetched keys=1"), "{empty}");
        harness.signed_in();

        harness.cognito.keys = Answer::says(200, &json!({ "keys": empty }).to_string());
        harness.advance(2 * HOUR);
        assert!(harness.log().contains("event=jwks.failed "), "{empty}");
        harness.signed_in();
    }
}

/// A session whose ID token is valid for an hour, whose access token for `access`, and whose token response has this
/// `expires_in`.
fn session_of(access: Option<u64>, expires_in: &Value, headers: &Value) -> Harness {
    let mut harness = Harness::with(json!({ "headers": headers }));
    harness.cognito.access_token_seconds = access;
    harness.cognito.token_members = json!({ "expires_in": expires_in });
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    harness
}

/// How long the tokens of a session are valid, in seconds: until only a refresh helps.
fn lasts(harness: &mut Harness) -> u64 {
    // No request comes before they expire, so nothing is refreshed early.
    let jar = harness.jar.clone();
    let mut lasted = 0;
    harness.cognito.token = Answer::Held;
    loop {
        harness.jar = jar.clone();
        let outcome = harness.get("/");
        if !outcome.is_forwarded() {
            let _ = outcome.parked();
            return lasted;
        }
        harness.advance(SECOND * 10);
        lasted += 10;
        assert!(lasted <= 4000, "it lasts for ever");
    }
}

#[test]
fn a_sessions_tokens_are_over_at_the_earliest_of_their_ends() {
    let raw = json!({"forward_access_token": "authorization"});
    for headers in [json!({}), raw] {
        for (access, expires_in, expected) in [
            (None, json!(3600), 3600),
            (None, json!(300), 300),
            (None, json!("300"), 300),
            (None, json!(7200), 3600),
            (None, json!(0), 3600),
            (None, json!(-1), 3600),
            (None, json!(""), 3600),
            (None, json!("soon"), 3600),
            (None, Value::Null, 3600),
            (None, json!([]), 3600),
            (Some(300), json!(3600), 300),
            (Some(300), Value::Null, 300),
            (Some(3600), json!(300), 300),
            (Some(86_400), json!(86_400), 3600),
            // An access token that has already expired on arrival is valid for the leeway, like an ID token.
            (Some(0), json!(3600), 60),
        ] {
            let mut harness = session_of(access, &expires_in, &headers);
            assert_eq!(lasts(&mut harness), expected, "{access:?}, {expires_in}, {headers}");
        }
    }
}

#[test]
fn the_app_never_gets_an_access_token_that_is_over() {
    let headers = json!({"forward_access_token": "authorization"});
    let mut harness = session_of(Some(300), &json!(3600), &headers);
    let mut tokens = std::collections::BTreeSet::new();
    for _ in 0..60 {
        harness.advance(MINUTE);
        let edits = harness.get("/").forwarded();
        let token = upstream(&edits, "authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        let payload = token.split('.').nth(1).unwrap();
        let payload =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert!(claims["exp"].as_u64().unwrap() > harness.now().secs(), "{claims}");
        tokens.insert(token);
    }
    // Refreshed in the last quarter of their lifetime, and not with every request.
    assert!((10..=20).contains(&tokens.len()), "{}", tokens.len());
}

#[test]
fn while_cognito_is_down_stale_if_error_counts_from_the_earliest_end() {
    let mut harness = session_of(Some(300), &json!(3600), &json!({}));
    harness.cognito.token = Answer::Fails(CalloutError::TimedOut);
    harness.advance(14 * MINUTE);
    assert!(harness.get("/").is_forwarded());
    harness.advance(2 * MINUTE);
    assert_eq!(harness.get("/").answered().status, 503);
    harness.cognito.token = Answer::Good;
    harness.advance(MINUTE);
    assert!(harness.get("/").is_forwarded(), "and nobody is signed out by it");
}

#[test]
fn an_error_that_is_cut_short_in_the_middle_of_a_character_is_still_that_error() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.cognito.token = Answer::says(400, r#"{"error":"invalid_grant","error_description":"\ud83d"}"#);
    harness.advance(HOUR + MINUTE);
    assert_eq!(harness.get("/").answered().status, 401);
    assert!(harness.log().contains("event=refresh.failed reason=invalid_grant"));
}
