//! Cases of `docs/security-cases.md`: the way to Cognito, the callback, and signing out.

use std::time::Duration;

use envoy_cognito::config::Config;
use envoy_cognito::http::CalloutError;
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
    // The harness panics where an address is called that the configuration doesn't name.
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
    let faults = parse(&json!({"endpoints": {"issuer": "http://evil.example/pool"}})).unwrap_err();
    assert!(faults[0].to_string().starts_with("endpoints.issuer: "), "{faults:?}");
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

/// All that a refused request is answered with, but for its reference.
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
    assert_eq!((harness.decisions(), harness.held()), (0, 0), "nobody is answered who isn't there");
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
            "{path}: the app's, if anybody's"
        );
    }
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0);
    assert!(harness.is_signed_in());
}

#[test]
fn case_177_nothing_that_anybody_says_makes_a_second_line_in_the_log() {
    let mut harness = Harness::new();
    let odd = "a\"b=c \u{1b}[31m<script>";
    harness.cognito.user["cognito:username"] = json!(format!("{odd}\r\nevent=forged"));
    harness.signed_in();
    let headers = [("user-agent", odd), ("referer", odd), ("x-forwarded-for", odd), NAVIGATE[0]];
    for target in ["/a%0d%0aevent=forged", "/%1b%5b31m", "/<script>\"", "/a#\"event=forged"] {
        let _ = harness.request("GET", target, &headers);
    }
    harness.authority = "app.example.com\" event=forged".to_owned();
    let page = harness.navigate("/").answered();
    assert!(!page.body.contains("forged"), "{}", page.body);
    harness.authority = "app.example.com".to_owned();
    let location = harness.start("/.auth/sign-in");
    let state = query_of(&location)["state"].clone();
    let lines = "x%22%0d%0aevent=forged%1b[31m<script>";
    let page =
        harness.navigate(&format!("/.auth/callback?state={state}&error={lines}&error_description={lines}"));
    assert!(!page.answered().body.contains("forged"));
    harness.cognito.mangle = Some(Box::new(|token| {
        let mut token = token.clone();
        token.header.insert("kid".to_owned(), json!("k\"\r\nevent=forged"));
        token.claim("sub", "s\r\nevent=forged");
        token.signed()
    }));
    let _ = harness.sign_in("/.auth/sign-in");
    for line in harness.log().lines() {
        assert!(line.starts_with("event=") && !line.starts_with("event=forged"), "{line:?}");
        assert!(!line.contains(" event=forged") || line.contains('"'), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn case_173_of_two_thousand_who_wait_some_do_and_the_rest_is_told_to_come_again() {
    let mut harness = Harness::new();
    harness.signed_in();
    let session = harness.jar.header();
    harness.cognito.token = Answer::Held;
    let (mut waiting, mut turned_away) = (Vec::new(), 0);
    for _ in 0..2_000 {
        harness.jar = Jar::default();
        let location = harness.start("/");
        let callback = harness.authorize(&location);
        match harness.navigate(&callback) {
            Outcome::Parked(stream) => waiting.push(stream),
            outcome => {
                let response = outcome.answered();
                assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
                turned_away += 1;
            }
        }
        assert!(
            harness.bare_request("GET", "/", &[("cookie", &session)]).is_forwarded(),
            "others are served"
        );
    }
    assert_eq!((waiting.len(), turned_away, harness.held()), (256, 1_744, 128));
    harness.cognito.token = Answer::Fails(CalloutError::TimedOut);
    while harness.held() > 0 {
        harness.release();
    }
    for stream in waiting {
        assert_eq!(harness.decision(stream).unwrap().status, 504);
    }
    harness.cognito.token = Answer::Good;
    harness.jar = Jar::default();
    harness.signed_in();
}

#[test]
fn case_175_each_mistake_is_refused_by_one_line_that_names_it() {
    for (mistake, place) in [
        (json!({"endpoints": {"issuer": "http://idp.example/pool"}}), "endpoints.issuer: "),
        (json!({"endpoints": {"token": "http://idp.example/token"}}), "endpoints.token: "),
        (json!({"public_url": "https://*.example.com"}), "public_url: "),
        (json!({"public_url": "*"}), "public_url: "),
        (json!({"public_url": "http://app.example.com"}), "public_url: "),
        (json!({"paths": {"callback": "https://evil.example/"}}), "paths.callback: "),
        (json!({"client_id": ""}), "client_id: "),
        (json!({"client_id": null}), "client_id: "),
        (json!({"client_secret": ""}), "client_secret: "),
        (json!({"client_secret": "${NOT_SET}"}), "client_secret: "),
        (json!({"client_secret": 7}), "client_secret: "),
        (json!({"session": {"keys": null}}), "session.keys: "),
        (json!({"session": {"keys": []}}), "session.keys: "),
        (json!({"session": {"keys": ["c2hvcnQ="]}}), "session.keys[0]: "),
        (json!({"session": {"keys": ["changeme"]}}), "session.keys[0]: "),
        (json!({"session": {"lifetime": 12}}), "session.lifetime: "),
        (json!({"session": {"cookie": {"name": "__Host-x", "domain": "example.com"}}}), "session.cookie."),
        (json!({"session": {"cookie": {"domain": "*.example.com"}}}), "session.cookie.domain: "),
        (json!({"session": {"cookie": {"domain": "com"}}}), "session.cookie.domain: "),
        (json!({"session": {"cookie": {"same_site": "none", "secure": false}}}), "session.cookie."),
        (json!({"rules": [{"path": "/x", "alow": "nobody"}]}), "rules[0].alow: "),
        (json!({"rules": [{"path": "/x", "allow": true}]}), "rules[0].allow: "),
        (json!({"bearer": {"enabled": "yes"}}), "bearer.enabled: "),
        (json!({"redirect_uri": "https://app.example.com/*"}), "redirect_uri: "),
    ] {
        let faults: Vec<String> = match parse(&mistake) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(faults.len(), 1, "{mistake}: {faults:?}");
        assert!(faults[0].starts_with(place) && !faults[0].contains('\n'), "{mistake}: {faults:?}");
    }
    let twice = br#"{"client_id": "a", "session": {"keys": [], "keys": []}}"#;
    let faults = Config::parse(twice, &|_| None).unwrap_err();
    assert!(faults[0].to_string().contains("`keys` comes twice"), "{faults:?}");
}
