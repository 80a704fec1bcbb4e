//! Cases of `docs/security-cases.md`: the redirect to Cognito, the callback, and signing out.

use std::time::Duration;

use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, IDENTITY, Jar, NAVIGATE, OTHER_KEY, Outcome, SESSION_KEY, cookies_set,
    fields, parse, set_cookies, upstream,
};

fn query_of(location: &str) -> std::collections::BTreeMap<String, String> {
    fields(location.split_once('?').unwrap().1)
}

#[test]
fn case_013_an_absent_claim_has_no_header_and_a_deep_one_is_one_line() {
    let claims = json!({
        "x-phone": "phone_number", "x-phone-verified": "phone_number_verified", "x-address": "address",
        "x-profile": "profile", "x-zone": "zoneinfo", "x-locale": "locale",
    });
    let mut harness = Harness::with(json!({
        "scopes": ["openid", "email", "phone", "profile"],
        "headers": {"claims": claims},
    }));
    harness.cognito.user = json!({
        "sub": "s", "phone_number": "+15550100", "phone_number_verified": true, "profile": null, "locale": "",
        "address": {"formatted": "1 Main St\r\nX-Admin: 1", "country": "US"},
    });
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-phone"), Some("+15550100"));
    assert_eq!(upstream(&edits, "x-phone-verified"), Some("true"));
    let address = r#"{"country":"US","formatted":"1 Main St\r\nX-Admin: 1"}"#;
    assert_eq!(upstream(&edits, "x-address"), Some(address), "JSON escapes what would end a line");
    for absent in ["x-profile", "x-zone", "x-locale", "x-auth-email", "x-auth-name", "x-auth-user"] {
        assert_eq!(upstream(&edits, absent), None, "{absent}");
    }
}

#[test]
fn case_015_016_044_nothing_is_discovered_and_nothing_but_the_configured_is_called() {
    // The harness panics if a call goes to an address that isn't configured.
    for host in ["one.example.com", "two.example.com"] {
        let at = |path: &str| format!("https://{host}/{path}");
        let mut harness = Harness::with(json!({"endpoints": {
            "issuer": at("issuer"), "jwks": at("some/keys"), "token": at("t"), "authorize": at("a"),
        }}));
        let location = harness.start("/");
        assert!(location.starts_with(&at("a?")), "{location}");
        assert_eq!(query_of(&location)["code_challenge_method"], "S256", "whatever a server says it can");
        harness.signed_in();
        let asked = [Endpoint::Keys, Endpoint::Token, Endpoint::Attributes];
        assert_eq!(asked.map(|endpoint| harness.cognito.calls(endpoint)), [1, 1, 0], "{host}");
    }
    let faults = parse(&json!({"endpoints": {"jwks": "http://evil.example/keys"}})).unwrap_err();
    assert!(faults[0].to_string().starts_with("endpoints.jwks: "), "{faults:?}");
}

#[test]
fn case_023_the_page_behind_a_sign_out_takes_no_state() {
    let mut harness = Harness::new();
    harness.signed_in();
    let _ = harness.navigate("/.auth/sign-out").answered();
    let plain = harness.navigate("/.auth/signed-out").answered();
    for query in ["?state=x", "?state=https://evil.example", "?state=%2F%2Fevil.example&state=2", "?"] {
        let page = harness.navigate(&format!("/.auth/signed-out{query}")).answered();
        assert_eq!((page.status, page.header("location")), (200, None), "{query}");
        assert_eq!(page.body, plain.body, "{query}");
        assert_eq!(set_cookies(&page).count(), 0, "{query}");
    }
}

#[test]
fn case_024_a_sign_in_that_others_begin_takes_nothing_of_theirs() {
    let theirs = "iss=https://evil.example&target_link_uri=https://evil.example/&login_hint=victim\
                  &lti_message_hint=x&client_id=evil&max_age=0";
    let mut harness = Harness::new();
    let location = harness.start(&format!("/.auth/sign-in?{theirs}"));
    let query = query_of(&location);
    assert_eq!(query.len(), 8, "{query:?}");
    assert!(query.values().all(|value| !value.contains("evil") && !value.contains("victim")), "{query:?}");
    let callback = harness.authorize(&location);
    assert_eq!(harness.navigate(&callback).answered().header("location"), Some("/"));
    let form = [NAVIGATE[0], NAVIGATE[1], ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(harness.request("POST", "/.auth/sign-in", &form).answered().status, 405);
}

#[test]
fn case_034_two_hundred_scripts_without_a_session_leave_no_cookie() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.advance(Duration::from_secs(3600));
    let before = harness.jar.header();
    for number in 0..200 {
        let answer = harness.get(&format!("/api/{number}")).answered();
        assert_eq!((answer.status, set_cookies(&answer).count()), (401, 0));
    }
    assert_eq!(harness.jar.header(), before);
}

#[test]
fn case_035_flow_cookies_that_do_not_open_are_all_alike() {
    let mut harness = Harness::new();
    harness.signed_in();
    let session = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.jar = Jar::default();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let name = harness.jar.names(FLOW).remove(0);
    let good = harness.jar.get(&name).unwrap().to_owned();
    let mut bad: Vec<String> = (0..good.len())
        .flat_map(|at| [1, 2, 4, 8, 16, 32].map(|bit| (at, bit)))
        .filter_map(|(at, bit)| {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= bit;
            let plain = bytes[at].is_ascii_alphanumeric() || b"-_+/=.".contains(&bytes[at]);
            plain.then(|| String::from_utf8(bytes).unwrap())
        })
        .collect();
    bad.extend((0..good.len()).map(|length| good[..length].to_owned()));
    bad.extend([format!("{good}A"), format!("{good}="), session, "deleted".to_owned()]);
    assert!(bad.len() > 1_000, "{}", bad.len());
    let mut answers = std::collections::BTreeSet::new();
    for value in bad {
        let cookie = format!("{name}={value}");
        let headers = [NAVIGATE[0], NAVIGATE[1], ("cookie", &cookie)];
        answers.insert(refusal(&mut harness, &callback, &headers));
    }
    let cookie = format!("{name}={good}");
    let headers = [NAVIGATE[0], NAVIGATE[1], ("cookie", cookie.as_str())];
    harness.reconfigure(json!({"session": {"keys": [OTHER_KEY]}}));
    answers.insert(refusal(&mut harness, &callback, &headers));
    harness.reconfigure(json!({"session": {"keys": [SESSION_KEY]}}));
    harness.advance(Duration::from_secs(600));
    answers.insert(refusal(&mut harness, &callback, &headers));
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "that of the session");
}

/// Everything in the response to a rejected request, except its reference.
fn refusal(harness: &mut Harness, target: &str, headers: &[(&str, &str)]) -> String {
    let response = harness.bare_request("GET", target, headers).answered();
    assert_eq!(response.status, 400);
    let (before, rest) = response.body.split_once("<code>request-").unwrap();
    let (_, after) = rest.split_once("</code>").unwrap();
    format!("{:?} {before} {after}", response.headers)
}

#[test]
fn case_037_an_issuer_in_the_callback_is_compared_byte_for_byte() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    let state = query_of(&location)["state"].clone();
    let error = format!("/.auth/callback?error=access_denied&state={state}");
    for target in [&callback, &error] {
        for other in [
            String::new(),
            format!("{issuer}/"),
            format!("{issuer}2"),
            issuer.replace("https", "http"),
            issuer.to_uppercase(),
            "https://evil.example".to_owned(),
        ] {
            let iss: String = url::form_urlencoded::byte_serialize(other.as_bytes()).collect();
            let response = harness.navigate(&format!("{target}&iss={iss}")).answered();
            assert_eq!((response.status, cookies_set(&response).len()), (400, 0), "{target} {other}");
            assert!(harness.log().contains("reason=other_issuer "), "{target} {other}");
        }
    }
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    assert_eq!(harness.navigate(&callback).answered().status, 302, "Cognito sends none");
}

#[test]
fn case_042_a_planted_session_has_no_part_in_the_one_that_is_signed_in() {
    let mut harness = Harness::new();
    harness.cognito.user = json!({"sub": "attacker", "cognito:username": "attacker", "custom:roles": "spy"});
    harness.signed_in();
    let planted = harness.jar.clone();
    harness.jar = planted.clone();
    harness.cognito.user = json!({"sub": "victim", "cognito:username": "victim"});
    harness.signed_in();
    for name in planted.names("") {
        assert_ne!(harness.jar.get(&name), planted.get(&name), "{name}");
    }
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("victim"));
    assert_eq!(upstream(&edits, "x-auth-roles"), None);
    harness.jar = planted;
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-auth-user"), Some("attacker"), "the old one is still its own person's");
}

#[test]
fn case_079_what_is_no_answer_of_a_token_endpoint_signs_nobody_in() {
    let good = r#"{"id_token":"a.b.c","id_token":"d.e.f","access_token":"x","access_token":"y"}"#;
    for (answer, status) in [
        (Answer::says(200, r#"{"error":"invalid_grant"}"#), 401),
        (Answer::says(200, r#"{"error":"invalid_client"}"#), 502),
        (Answer::says(200, good), 401),
        (Answer::says(200, "[]"), 502),
        (Answer::says(200, "null"), 502),
        (Answer::says(200, r#"{"id_token":["a"],"access_token":{}}"#), 502),
        (Answer::says(200, "{\"id_token\":\"a.b.c\""), 502),
        (Answer::says(201, r#"{"id_token":"a.b.c","access_token":"x"}"#), 502),
        (Answer::says(204, ""), 502),
        (Answer::says(206, "{}"), 502),
        (Answer::says(301, ""), 502),
        (Answer::says(307, ""), 502),
        (Answer::says(308, ""), 502),
        (Answer::says(600, ""), 503),
        (Answer::Fails(CalloutError::TooLarge), 502),
    ] {
        let mut harness = Harness::new();
        harness.cognito.token = answer.clone();
        let response = harness.sign_in("/");
        assert_eq!((response.status, cookies_set(&response).len()), (status, 0), "{answer:?}");
        assert_eq!(harness.cognito.calls(Endpoint::Token), 1, "{answer:?}");
    }
}

#[test]
fn case_083_clients_that_leave_at_every_wait_leave_nothing_behind() {
    let leave = |harness: &mut Harness, count: usize| {
        for _ in 0..count {
            harness.jar = Jar::default();
            let location = harness.start("/");
            let callback = harness.authorize(&location);
            if let Outcome::Parked(stream) = harness.navigate(&callback) {
                harness.gone(stream);
            }
        }
    };
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    leave(&mut harness, 150);
    harness.cognito.keys = Answer::Good;
    harness.release();
    for _ in 0..4 {
        harness.cognito.token = Answer::Held;
        leave(&mut harness, 150);
        harness.cognito.token = Answer::Fails(CalloutError::Broken);
        harness.release();
    }
    assert_eq!((harness.decisions(), harness.held()), (0, 0), "a closed stream gets no response");
    harness.cognito.token = Answer::Good;
    harness.jar = Jar::default();
    harness.signed_in();
}

#[test]
fn case_113_nobody_is_signed_out_by_a_logout_token() {
    let mut harness = Harness::new();
    harness.signed_in();
    for path in
        ["/.auth/backchannel-logout", "/.auth/back-channel-logout", "/.auth/logout", "/.auth/sign-out/x"]
    {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = harness.bare_request("POST", &format!("{path}?logout_token=a.b.c"), &form).answered();
        assert_eq!(
            (answer.status, set_cookies(&answer).count()),
            (401, 0),
            "{path}: it belongs to the app, not to the filter"
        );
    }
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0);
    assert!(harness.is_signed_in());
}
