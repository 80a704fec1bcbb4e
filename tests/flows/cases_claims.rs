//! Cases of `docs/security-cases.md`: the owner, purpose, age and size of a token.

use serde_json::{Value, json};

use crate::cases_jwt::{refuse, refuse_claims, sign_in_with};
use crate::harness::{Endpoint, Harness, Token, cookies_set, parse, upstream};

const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";

#[test]
fn case_012_025_after_a_bad_token_nothing_is_asked_and_nothing_kept() {
    // With each of them, the next step would be a call to `userInfo` with the access token.
    let now = Harness::new().now().secs();
    let bent: [fn(&mut Token, u64); 11] = [
        |token, _| {
            let longer = format!("{}1", token.claims["nonce"].as_str().unwrap());
            token.claim("nonce", longer);
        },
        |token, _| token.claim("nonce", Value::Null),
        |token, now| token.claim("exp", now - 3_600),
        |token, _| token.claim("exp", Value::Null),
        |token, _| token.claim("iss", Value::Null),
        |token, _| token.claim("aud", json!(["2jvuq8gkhfoh7u4fdfihiditj5", "another"])),
        |token, _| token.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
        |token, _| drop(token.header.insert("alg".to_owned(), Value::Null)),
        |token, _| drop(token.header.insert("alg".to_owned(), json!("none"))),
        |token, _| drop(token.header.insert("alg".to_owned(), json!("PS256"))),
        |token, _| drop(token.header.insert("alg".to_owned(), json!("ES256"))),
    ];
    for (number, bend) in bent.into_iter().enumerate() {
        let mut harness = Harness::with(json!({"roles": {"attributes_from": "userinfo"}}));
        harness.cognito.tamper = Some(Box::new(move |token| bend(token, now)));
        let response = harness.sign_in("/");
        assert_eq!((response.status, cookies_set(&response).len()), (401, 0), "{number}");
        let asked = [Endpoint::Token, Endpoint::Attributes, Endpoint::Revoke];
        let asked = asked.map(|at| harness.cognito.calls(at));
        assert_eq!(asked, [1, 0, 0], "{number}: the access token goes nowhere");
    }
}

#[test]
fn case_054_a_bearer_token_has_the_same_minute_of_leeway() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    let now = harness.now().secs();
    for (claims, status) in [
        (json!({"exp": now - 61}), 401),
        (json!({"exp": now - 60}), 401),
        (json!({"exp": now - 59}), 200),
        (json!({"exp": now}), 200),
        (json!({"exp": now + 1}), 200),
        (json!({"exp": (now + 60).to_string()}), 401),
        (json!({"nbf": now + 60}), 200),
        (json!({"nbf": now + 61}), 401),
        (json!({"nbf": now.to_string()}), 401),
        (json!({"nbf": [now]}), 401),
        (json!({"iat": now + 60}), 200),
        (json!({"iat": now + 61}), 401),
        (json!({"iat": now.to_string()}), 401),
    ] {
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let outcome = harness.bare_request("GET", "/", &[("authorization", &value)]);
        let found = if outcome.is_forwarded() { 200 } else { outcome.answered().status };
        assert_eq!(found, status, "{claims}");
    }
}

#[test]
fn case_055_a_token_that_was_issued_a_week_ago_is_refused() {
    let week_ago = |token: &Token| {
        let mut token = token.clone();
        let issued = token.claims["iat"].as_u64().unwrap() - 7 * 86_400;
        token.claim("iat", issued);
        token.signed()
    };
    refuse("a week old", week_ago, "id_token_expired");
    let a_day_ago = |token: &Token| {
        let mut token = token.clone();
        let issued = token.claims["iat"].as_u64().unwrap() - 86_400;
        token.claim("iat", issued);
        token.signed()
    };
    assert_eq!(sign_in_with(a_day_ago).0, 302, "the longest lifetime that Cognito allows");
    for name in ["max_age", "acr_values", "claims", "request"] {
        let faults = parse(&json!({"authorize_params": {name: "300"}})).unwrap_err();
        assert!(
            faults[0].to_string().starts_with(&format!("authorize_params.{name}: can't be set")),
            "{faults:?}"
        );
    }
}

#[test]
fn case_056_an_issuer_is_compared_byte_for_byte() {
    let spellings: Vec<Value> = vec![
        Value::Null,
        json!(""),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}2")),
        json!(ISSUER[..ISSUER.len() - 1]),
        json!(ISSUER.to_uppercase()),
        json!(ISSUER.replace("cognito-idp", "Cognito-idp")),
        json!(ISSUER.replace("https", "http")),
        json!(ISSUER.replace("https://", "")),
        json!(ISSUER.replace("amazonaws.com", "amazonaws.com.")),
        json!(ISSUER.replace("amazonaws.com", "amazonaws.com:443")),
        json!(ISSUER.replace("_UFe", "%5FUFe")),
        json!(ISSUER.replace('o', "\u{43e}")),
        json!(format!("{ISSUER}\u{0}")),
        json!(format!(" {ISSUER}")),
        json!(format!("{ISSUER}#x")),
        json!(format!("https://evil.example/{ISSUER}")),
        json!([ISSUER]),
        json!({ "iss": ISSUER }),
    ];
    for spelling in spellings {
        refuse_claims(&spelling.to_string(), json!({ "iss": spelling }), "id_token_issuer");
    }
}

#[test]
fn case_059_no_token_passes_for_one_of_another_kind() {
    // An access token, a logout token (OpenID Connect Back-Channel Logout 1.0), and a token without `token_use`.
    let access = json!({"token_use": "access", "client_id": "2jvuq8gkhfoh7u4fdfihiditj5"});
    refuse_claims("an access token", access, "id_token_token_use");
    refuse_claims("nothing", json!({"token_use": null}), "id_token_token_use");
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = json!({"events": events, "token_use": null, "nonce": null, "sid": "s"});
    refuse_claims("a logout token", logout, "id_token_token_use");

    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    for claims in [
        json!({"token_use": "id", "aud": "2jvuq8gkhfoh7u4fdfihiditj5", "client_id": null}),
        json!({"token_use": "id"}),
        json!({"token_use": null}),
        json!({"token_use": null, "client_id": null, "aud": "2jvuq8gkhfoh7u4fdfihiditj5", "events": events}),
    ] {
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let answer = harness.bare_request("GET", "/", &[("authorization", &value)]).answered();
        assert_eq!(answer.status, 401, "{claims}");
        assert!(harness.log().contains("event=bearer.rejected reason=token_use "), "{claims}");
    }
}

#[test]
fn case_063_a_token_of_any_size_signs_in_or_ends_on_a_page_that_says_why() {
    let check = |user: Value, status: u16, reason: &str| {
        let mut harness = Harness::new();
        harness.cognito.user.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        let response = harness.sign_in("/");
        let log = harness.log();
        assert_eq!(response.status, status, "{log}");
        assert!(log.contains(reason), "{log}");
        assert_eq!(cookies_set(&response).len(), if status == 302 { 2 } else { 0 }, "never half a session");
    };
    let padding = |kib: usize| json!({"custom:padding": "p".repeat(kib * 1024)});
    for kib in [4, 8, 16] {
        check(padding(kib), 302, "sign_in.completed");
    }
    for kib in [64, 128] {
        check(padding(kib), 401, "reason=id_token_malformed ");
    }
    // The response with this token is larger than any that is read.
    check(padding(256), 502, "reason=token_nonsense ");
    let groups: Vec<String> = (0..2_000).map(|number| format!("group-{number}")).collect();
    check(json!({ "cognito:groups": groups }), 431, "reason=identity_too_large ");
    let claims: serde_json::Map<String, Value> =
        (0..80).map(|number| (format!("custom:{number}"), json!("c".repeat(2_048)))).collect();
    check(Value::Object(claims), 401, "reason=id_token_malformed ");
}

#[test]
fn case_064_somebody_is_their_subject_and_no_address() {
    for sub in [json!(""), json!("s".repeat(10_240)), json!(7), json!("a\rb"), json!("a\nb"), json!("é")] {
        refuse_claims("a subject", json!({ "sub": sub }), "id_token_subject");
    }
    let mut harness = Harness::with(json!({
        "headers": {"claims": {"x-verified": "email_verified"}},
        "rules": [{"path": "/corp", "roles_any": ["corp.com", "@corp.com", "a@evil.com@corp.com"]}],
    }));
    harness.cognito.user["email"] = json!("a@evil.com@corp.com");
    harness.cognito.user["email_verified"] = json!(false);
    harness.signed_in();
    assert_eq!(harness.get("/corp").answered().status, 403, "no rule uses the email address");
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-email"), Some("a@evil.com@corp.com"), "as it is");
    assert_eq!(upstream(&edits, "x-verified"), Some("false"), "and the app can learn whether it is verified");
}

#[test]
fn case_152_a_bearer_token_is_for_this_client_and_this_pool_and_until_it_expires() {
    let mut harness = Harness::with(json!({
        "bearer": {"enabled": true},
        "rules": [{"path": "/write", "roles_any": ["scope:orders/write"]}],
    }));
    let config = std::sync::Arc::clone(&harness.config);
    let now = harness.now().secs();
    let ask = |harness: &mut Harness, target: &str, claims: Value| {
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let outcome = harness.bare_request("GET", target, &[("authorization", &value)]);
        if outcome.is_forwarded() {
            (200, None)
        } else {
            let answer = outcome.answered();
            (answer.status, answer.header("www-authenticate").map(str::to_owned))
        }
    };
    let invalid = Some("Bearer error=\"invalid_token\"".to_owned());
    for claims in [
        json!({"client_id": "2jvuq8gkhfoh7u4fdfihiditj50"}),
        json!({"client_id": ["2jvuq8gkhfoh7u4fdfihiditj5"]}),
        json!({"client_id": null, "aud": "2jvuq8gkhfoh7u4fdfihiditj5"}),
        json!({"token_use": "id", "aud": "2jvuq8gkhfoh7u4fdfihiditj5"}),
        json!({"exp": now - 60}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"iat": now - 7 * 86_400}),
        json!({"iss": format!("{ISSUER}2")}),
        json!({"iss": ISSUER.replace("us-east-1_", "us-east-2_")}),
    ] {
        assert_eq!(ask(&mut harness, "/", claims.clone()), (401, invalid.clone()), "{claims}");
    }
    let scope = Some("Bearer error=\"insufficient_scope\"".to_owned());
    assert_eq!(ask(&mut harness, "/write", json!({})), (403, scope));
    assert_eq!(ask(&mut harness, "/write", json!({"scope": "orders/write"})), (200, None));
    assert_eq!(ask(&mut harness, "/", json!({"exp": now - 59})), (200, None));
}
