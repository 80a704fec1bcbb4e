//! Cases of `docs/security-cases.md`: what operators see: the log, a flood, and the errors in a configuration.

use envoy_cognito_core::config::Config;
use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{Answer, Harness, Jar, NAVIGATE, Outcome, fields, parse};

fn query_of(location: &str) -> std::collections::BTreeMap<String, String> {
    fields(location.split_once('?').unwrap().1)
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
        // An issuer may use http, as an emulator's does, but no URL that is called or opened may.
        (json!({"endpoints": {"issuer": "http://idp.example/pool#x"}}), "endpoints.issuer: "),
        (json!({"endpoints": {"issuer": "idp.example/pool"}}), "endpoints.issuer: "),
        (json!({"endpoints": {"jwks": "http://idp.example/keys"}}), "endpoints.jwks: "),
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
    assert!(faults[0].to_string().contains("`keys` is set twice"), "{faults:?}");
}
