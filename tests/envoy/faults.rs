//! A Cognito that fails or lies: each time there is a page in one step and no session, and the next person can sign
//! in.

use std::time::{Duration, Instant};

use serde_json::json;
use stand_in::{Endpoint, Fault, Times};

use crate::world::{PASSWORD, Site, USER, is_native, world};

/// One sign-in while the token endpoint has a fault. It must end with `status` on one of our pages.
fn check(site: &Site, fault: Fault, status: u16, reason: &str) {
    let what = format!("{fault:?}");
    let what = &what[..what.len().min(80)];
    world().cognito.fault(Endpoint::Token, site.name, fault, Times::Next(1));
    let mut browser = site.browser();
    let before = site.calls(Endpoint::Token).len();
    let visit = browser.sign_in(&site.url("/wanted"), USER, PASSWORD);
    assert_eq!(visit.status(), status, "{what}: {visit}\n{}", visit.text());
    assert!(visit.url.starts_with(&site.url("/.auth/callback")), "{what}: {visit}");
    let page = visit.text();
    assert!(page.contains("Try again") && page.contains("Reference:"), "{what}: {page}");
    assert!(page.len() < 10_000);
    assert!(browser.cookies(&site.origin()).is_empty(), "{what}: {:?}", browser.cookies(&site.origin()));
    assert_eq!(site.calls(Endpoint::Token).len(), before + 1, "{what}: a code is tried once");
    assert!(world().envoy.log_line(&format!("reason={reason} ")).is_some(), "{what}: {reason} isn't logged");
    world().cognito.clear_faults(site.name);
}

#[test]
fn every_fault_of_the_token_endpoint_ends_on_a_page() {
    let site = world().site("faults");
    check(&site, Fault::Status(500), 503, "token_unavailable");
    check(&site, Fault::Status(503), 503, "token_unavailable");
    check(&site, Fault::Status(429), 503, "token_unavailable");
    check(&site, Fault::Status(400), 503, "token_unavailable");
    check(&site, Fault::Html, 502, "token_nonsense");
    check(&site, Fault::Empty, 502, "token_nonsense");
    check(&site, Fault::NotAnObject, 502, "token_nonsense");
    check(&site, Fault::NoIdToken, 502, "token_nonsense");
    check(&site, Fault::Truncated, 503, "token_unavailable");
    check(&site, Fault::Reset, 503, "token_unavailable");
    // Envoy itself rejects 50 MB; the filter rejects what Envoy lets through. Envoy tells a wasm filter only that no
    // response came, and a native module that it is too large.
    let huge = if is_native() { (502, "token_nonsense") } else { (503, "token_unavailable") };
    check(&site, Fault::Huge, huge.0, huge.1);
    let body = format!(r#"{{"id_token":"{}"}}"#, "x".repeat(300_000));
    let long = Fault::Body { status: 200, content_type: "application/json".into(), body };
    check(&site, long, 502, "token_nonsense");
    let elsewhere = format!("{}/{}", world().cognito.idp_url(), "elsewhere");
    check(&site, Fault::Redirect(elsewhere), 502, "token_nonsense");
    check(&site, Fault::OAuthError("invalid_grant".into()), 401, "invalid_grant");
    check(&site, Fault::OAuthError("invalid_client".into()), 502, "invalid_client");
    check(&site, Fault::OAuthError("unauthorized_client".into()), 502, "unauthorized_client");
    let after = site.signed_in().fetch(&site.url("/json"));
    assert_eq!(after.status, 200, "the next person signs in");
}

#[test]
fn a_slow_token_endpoint_is_given_up_in_time() {
    let site = world().site("slow");
    let begun = Instant::now();
    check(&site, Fault::Held, 504, "token_timeout");
    world().cognito.clear_faults(site.name);
    // `check` also signs a person in, who waits for nothing.
    assert!(begun.elapsed() < rig::PATIENCE, "{:?}", begun.elapsed());
}

/// Every way in which an ID token can be wrong, with the reason for it.
fn bad_tokens() -> Vec<(Fault, &'static str)> {
    let claims = |value: serde_json::Value| Fault::Claims(value.as_object().unwrap().clone());
    vec![
        (Fault::WrongNonce, "id_token_nonce"),
        (Fault::NoNonce, "id_token_nonce"),
        (Fault::WrongAudience, "id_token_audience"),
        (claims(json!({"aud": "tokens1"})), "id_token_audience"),
        (claims(json!({"aud": ["tokens", "other"]})), "id_token_audience"),
        (Fault::WrongIssuer, "id_token_issuer"),
        (claims(json!({"iss": null})), "id_token_issuer"),
        (Fault::Expired, "id_token_expired"),
        (Fault::NoExp, "id_token_expired"),
        (claims(json!({"exp": "tomorrow"})), "id_token_expired"),
        (Fault::IssuedInFuture, "id_token_not_yet_valid"),
        (Fault::NoIat, "id_token_not_yet_valid"),
        (claims(json!({"nbf": 99_999_999_999_u64})), "id_token_not_yet_valid"),
        (Fault::NoSubject, "id_token_subject"),
        (claims(json!({"sub": 7})), "id_token_subject"),
        (claims(json!({"sub": "a\r\nb"})), "id_token_subject"),
        (Fault::AlgNone, "id_token_algorithm"),
        (Fault::Hs256WithPublicKey, "id_token_algorithm"),
        (Fault::BadSignature, "id_token_signature"),
        (Fault::WrongTokenUse, "id_token_token_use"),
        (claims(json!({"token_use": null})), "id_token_token_use"),
        (Fault::WrongAtHash, "id_token_at_hash"),
        (Fault::HugeToken, "id_token_malformed"),
    ]
}

#[test]
fn every_bad_token_is_refused_by_the_host_verifier() {
    let site = world().site("tokens");
    for (fault, reason) in bad_tokens() {
        check(&site, fault, 401, reason);
    }
    site.signed_in();
}

#[test]
fn every_bad_token_is_refused_by_the_portable_verifier_too() {
    let site = world().site("portable");
    for (fault, reason) in bad_tokens() {
        // This site's own client replaces the one in the list.
        let fault = match fault {
            Fault::Claims(mut claims) => {
                for value in claims.values_mut() {
                    if *value == json!("tokens1") {
                        *value = json!("portable1");
                    }
                    if *value == json!(["tokens", "other"]) {
                        *value = json!(["portable", "other"]);
                    }
                }
                Fault::Claims(claims)
            }
            fault => fault,
        };
        check(&site, fault, 401, reason);
    }
    site.signed_in();
}

#[test]
fn an_identity_too_large_for_a_cookie_says_what_to_drop() {
    let site = world().site("large");
    let groups: Vec<String> = (0..400).map(|n| format!("a-group-with-a-long-name-{n:04}")).collect();
    let claims = json!({ "cognito:groups": groups }).as_object().unwrap().clone();
    check_status(&site, Fault::Claims(claims), 431);
    assert!(world().envoy.log_line("reason=identity_too_large").is_some());
    let groups: Vec<String> = (0..60).map(|n| format!("a-group-with-a-long-name-{n:04}")).collect();
    let claims = json!({ "cognito:groups": groups }).as_object().unwrap().clone();
    world().cognito.fault(Endpoint::Token, site.name, Fault::Claims(claims), Times::Next(1));
    let browser = site.signed_in();
    assert!(browser.refused_cookies().is_empty());
}

fn check_status(site: &Site, fault: Fault, status: u16) {
    world().cognito.fault(Endpoint::Token, site.name, fault, Times::Next(1));
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/wanted"), USER, PASSWORD);
    assert_eq!(visit.status(), status, "{visit}");
    assert!(browser.cookies(&site.origin()).is_empty());
}

#[test]
fn a_client_that_leaves_does_no_harm() {
    let site = world().site("leaves");
    world().cognito.fault(Endpoint::Token, site.name, Fault::Slow(Duration::from_millis(300)), Times::Always);
    for _ in 0..10 {
        let mut browser = site.browser();
        let start = browser.step(&site.url("/"));
        let state = crate::world::parameter(start.location().unwrap(), "state").unwrap();
        let target = format!("/.auth/callback?code=made-up&state={state}");
        let cookie = browser.cookie_header(&site.url("/.auth/callback"));
        let request = rig::RawRequest::get(&target).host("leaves.example.test").header("cookie", &cookie);
        let pending = rig::open(site.addr, &request).expect("sent");
        std::thread::sleep(Duration::from_millis(30));
        drop(pending);
    }
    world().cognito.clear_faults(site.name);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.signed_in().fetch(&site.url("/json")).status, 200);
    assert!(world().envoy.alive());
}
