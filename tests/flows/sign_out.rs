//! Signing out.

use envoy_cognito_core::http::CalloutError;
use serde_json::json;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, IDENTITY, NAVIGATE, TOKENS, cookies_deleted, cookies_set, set_cookies,
};

#[test]
fn signing_out_clears_the_cookies_revokes_the_token_and_goes_on_to_cognito() {
    let mut harness = Harness::new();
    harness.signed_in();
    let response = harness.navigate("/.auth/sign-out").answered();
    assert_eq!(response.status, 302);
    let expected = "https://myapp.auth.us-east-1.amazoncognito.com/logout\
                    ?client_id=2jvuq8gkhfoh7u4fdfihiditj5\
                    &logout_uri=https%3A%2F%2Fapp.example.com%2F.auth%2Fsigned-out";
    assert_eq!(response.header("location"), Some(expected));
    assert_eq!(cookies_deleted(&response), [IDENTITY, TOKENS]);
    for cookie in set_cookies(&response) {
        // A browser ignores a deletion without the attributes that a `__Host-` cookie must have.
        assert!(cookie.contains("; Path=/;") && cookie.contains("; Secure;"), "{cookie}");
    }
    assert!(harness.jar.names("").is_empty());
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 1);
    assert!(harness.cognito.refresh_tokens.is_empty());
    assert!(!harness.is_signed_in());
    assert!(harness.log().contains("event=sign_out "));
}

#[test]
fn nobody_waits_for_the_revocation_and_its_failure_is_only_logged() {
    let check = |answer: Answer, logged: bool| {
        let mut harness = Harness::new();
        harness.signed_in();
        harness.cognito.revoke = answer;
        assert_eq!(harness.navigate("/.auth/sign-out").answered().status, 302);
        assert!(harness.jar.names("").is_empty());
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 1, "one attempt");
        assert_eq!(harness.log().contains("event=sign_out.revoke_failed"), logged);
    };
    check(Answer::Held, false);
    check(Answer::Good, false);
    check(Answer::says(400, r#"{"error":"invalid_request"}"#), true);
    check(Answer::says(503, ""), true);
    check(Answer::Fails(CalloutError::TimedOut), true);
    check(Answer::Fails(CalloutError::NotDispatched), true);
}

#[test]
fn whoever_has_no_session_signs_out_all_the_same() {
    let mut harness = Harness::new();
    let response = harness.navigate("/.auth/sign-out").answered();
    assert_eq!(response.status, 302);
    assert_eq!(cookies_deleted(&response), [IDENTITY, TOKENS]);
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0);
}

#[test]
fn an_expired_session_still_has_its_refresh_token_revoked() {
    let mut harness = Harness::new();
    harness.signed_in();
    harness.advance(std::time::Duration::from_secs(7200));
    let _ = harness.navigate("/.auth/sign-out").answered();
    assert!(harness.cognito.refresh_tokens.is_empty());
}

#[test]
fn sign_ins_under_way_end_with_it() {
    let mut harness = Harness::new();
    let location = harness.start("/");
    let callback = harness.authorize(&location);
    let _ = harness.navigate("/.auth/sign-out").answered();
    assert!(harness.jar.names(FLOW).is_empty());
    assert_eq!(harness.navigate(&callback).answered().status, 400);
}

#[test]
fn what_another_site_asks_for_is_not_obeyed() {
    let check = |method: &str, headers: &[(&str, &str)]| {
        let mut harness = Harness::new();
        harness.signed_in();
        let response = harness.request(method, "/.auth/sign-out", headers).answered();
        assert_eq!(response.status, 403, "{headers:?}");
        assert_eq!(set_cookies(&response).count(), 0, "{headers:?}");
        assert!(response.body.contains("href=\"/.auth/sign-out\""), "{headers:?}: the person may");
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0, "{headers:?}");
        assert!(harness.is_signed_in(), "{headers:?}");
    };
    let [mode, accept] = NAVIGATE;
    check("GET", &[mode, accept, ("sec-fetch-site", "cross-site")]);
    check("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-site", "cross-site")]);
    check("POST", &[mode, ("origin", "https://evil.example")]);
    check("POST", &[mode, ("origin", "null")]);
    check("POST", &[("origin", "http://app.example.com")]);
    check("POST", &[("origin", "https://app.example.com:8443")]);
    check("POST", &[("origin", "https://app.example.com"), ("origin", "https://evil.example")]);
    check("GET", &[mode, accept, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]);
    check("GET", &[mode, accept, ("sec-purpose", "prefetch")]);
    let cors = ("sec-fetch-mode", "cors");
    check("POST", &[cors, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]);
    check("POST", &[cors, ("sec-fetch-site", "same-site"), ("origin", "https://other.example.com")]);
    check("GET", &[("sec-fetch-mode", "same-origin"), accept, ("sec-fetch-site", "cross-site")]);
}

#[test]
fn what_this_site_or_the_person_asks_for_is_obeyed() {
    let check = |method: &str, headers: &[(&str, &str)]| {
        let mut harness = Harness::new();
        harness.signed_in();
        let response = harness.request(method, "/.auth/sign-out", headers).answered();
        assert_eq!(response.status, 302, "{headers:?}");
        assert!(!harness.is_signed_in(), "{headers:?}");
    };
    let [navigate, accept] = NAVIGATE;
    check("GET", &[]);
    check("GET", &[accept]);
    check("GET", &[("sec-fetch-site", "none"), navigate]);
    check("GET", &[("sec-fetch-site", "same-origin"), navigate]);
    check("GET", &[("sec-fetch-site", "same-site"), navigate]);
    check("GET", &[("sec-fetch-mode", "same-origin"), ("sec-fetch-site", "same-origin"), accept]);
    let origin = ("origin", "https://app.example.com");
    check("POST", &[origin, ("sec-fetch-site", "same-origin"), navigate]);
    // A form in a browser without fetch metadata.
    check("POST", &[origin, accept, ("content-type", "application/x-www-form-urlencoded")]);
}

#[test]
fn a_script_that_signs_out_is_told_where_its_page_is_to_go() {
    let check = |method: &str, headers: &[(&str, &str)]| {
        let mut harness = Harness::new();
        harness.signed_in();
        let response = harness.request(method, "/.auth/sign-out", headers).answered();
        assert_eq!(response.status, 200, "{headers:?}");
        assert_eq!(response.header("location"), None, "{headers:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{headers:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{headers:?}");
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        let logout = "https://myapp.auth.us-east-1.amazoncognito.com/logout\
                      ?client_id=2jvuq8gkhfoh7u4fdfihiditj5\
                      &logout_uri=https%3A%2F%2Fapp.example.com%2F.auth%2Fsigned-out";
        assert_eq!(body, json!({ "sign_out": logout }), "{headers:?}");
        assert_eq!(cookies_deleted(&response), [IDENTITY, TOKENS], "{headers:?}");
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 1, "{headers:?}");
        assert!(harness.log().contains("event=sign_out "), "{headers:?}");
        assert!(!harness.is_signed_in(), "{headers:?}");
    };
    let (cors, here) = (("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin"));
    let origin = ("origin", "https://app.example.com");
    check("POST", &[cors, here, origin, ("accept", "*/*")]);
    check("GET", &[cors, here, ("accept", "*/*")]);
    check("GET", &[("sec-fetch-mode", "same-origin"), here, ("accept", "application/json")]);
    check("POST", &[here, origin, ("accept", "text/html")]);
    check("POST", &[origin, ("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")]);
    check("GET", &[("accept", "*/*")]);
    check("POST", &[]);
    check("POST", &[("accept", "*/*")]);
    check("POST", &[("accept", "application/json"), ("content-type", "application/json")]);
    check("POST", &[("content-type", "application/grpc")]);
    check("GET", &[("upgrade", "websocket"), ("sec-fetch-mode", "websocket"), origin]);
}

#[test]
fn a_script_without_a_session_is_told_where_to_go_all_the_same() {
    let mut harness = Harness::new();
    for _ in 0..2 {
        let response = harness.request("POST", "/.auth/sign-out", &[("sec-fetch-mode", "cors")]).answered();
        assert_eq!(response.status, 200);
        assert!(response.body.contains("/logout?client_id="), "{}", response.body);
        assert_eq!(cookies_deleted(&response), [IDENTITY, TOKENS]);
    }
    assert_eq!(harness.cognito.calls(Endpoint::Revoke), 0);
}

#[test]
fn only_get_and_post_sign_out() {
    let mut harness = Harness::new();
    harness.signed_in();
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS"] {
        let response = harness.request(method, "/.auth/sign-out", &[]).answered();
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, POST")), "{method}");
    }
    assert!(harness.is_signed_in());
}

#[test]
fn the_signed_out_page_is_public_and_signs_nobody_in() {
    let mut harness = Harness::new();
    let response = harness.navigate("/.auth/signed-out").answered();
    assert_eq!(response.status, 200);
    assert_eq!(set_cookies(&response).count(), 0);
    assert!(response.body.contains("href=\"/.auth/sign-in\""));
    assert!(!response.body.contains("http-equiv"), "it doesn't move on by itself");
}

#[test]
fn the_landing_place_may_be_the_apps() {
    let mut harness = Harness::with(json!({"paths": {"after_sign_out": "/bye"}}));
    let response = harness.navigate("/.auth/sign-out").answered();
    assert!(response.header("location").unwrap().ends_with("logout_uri=https%3A%2F%2Fapp.example.com%2Fbye"));
}

#[test]
fn a_logout_url_keeps_its_own_query() {
    let logout = "https://login.example.com/logout?tenant=7";
    let mut harness = Harness::with(json!({"endpoints": {"logout": logout}}));
    let response = harness.navigate("/.auth/sign-out").answered();
    assert!(response.header("location").unwrap().starts_with(&format!("{logout}&client_id=")));
}

#[test]
fn after_signing_out_the_next_visit_begins_a_sign_in() {
    let mut harness = Harness::new();
    harness.signed_in();
    let _ = harness.navigate("/.auth/sign-out").answered();
    let response = harness.navigate("/").answered();
    assert_eq!(response.status, 302);
    assert!(cookies_set(&response)[0].starts_with(FLOW));
}
