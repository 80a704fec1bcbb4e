//! Attributes that the ID token lacks, requested from userInfo or GetUser at sign-in and at each refresh, but never
//! for a request.
//!
//! Cognito leaves them out in two cases. With the scopes `openid email`, neither the ID token nor userInfo has custom
//! attributes, but GetUser returns everything that the client may read. And a pre token generation trigger removes
//! claims from the ID token, but not from userInfo.

use std::time::Duration;

use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Pool, Rotation, Times};

use crate::world::{PASSWORD, Plan, Site, USER, header, plan, pool_id, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let zone = json!({ "claims": { "x-auth-timezone": "custom:timezone" } });
    let user_info = || {
        plan(json!({
            "roles": { "attributes_from": "userinfo" },
            "headers": zone,
            "timeouts": { "userinfo": "3s" },
        }))
    };
    let get_user = || {
        plan(json!({
            "roles": { "attributes_from": "get_user" },
            "scopes": ["openid", "email", "aws.cognito.signin.user.admin"],
            "headers": zone,
            "timeouts": { "userinfo": "3s" },
        }))
    };
    vec![
        ("lacking", plan(json!({ "headers": zone })).at_cognito(suppress)),
        ("lacking-scopes", plan(json!({ "headers": zone, "scopes": ["openid", "email"] }))),
        ("userinfo", user_info().at_cognito(suppress)),
        ("getuser", get_user()),
        ("userinfo-renewed", user_info().at_cognito(suppress_briefly)),
        ("getuser-renewed", get_user().at_cognito(briefly)),
        ("userinfo-down", user_info().at_cognito(suppress)),
        ("getuser-down", get_user()),
        ("userinfo-outage", user_info().at_cognito(suppress_briefly)),
        ("getuser-outage", get_user().at_cognito(briefly)),
        (
            "getuser-unreadable",
            get_user().at_cognito(|pool| {
                let readable = ["email", "email_verified", "name"].map(str::to_owned);
                pool.clients[0].read_attributes = Some(readable.to_vec());
            }),
        ),
    ]
}

fn suppress(pool: &mut Pool) {
    pool.suppressed_claims = ["custom:roles", "custom:timezone"].map(str::to_owned).to_vec();
}

/// Tokens that last some seconds, and refresh tokens that can be used once.
fn briefly(pool: &mut Pool) {
    let client = &mut pool.clients[0];
    client.id_token_seconds = 4;
    client.access_token_seconds = 4;
    client.rotation = Some(Rotation { grace_seconds: 0 });
}

fn suppress_briefly(pool: &mut Pool) {
    suppress(pool);
    briefly(pool);
}

/// What the app gets: roles and time zone.
fn known(seen: &Value) -> (Option<&str>, Option<&str>) {
    (header(seen, "x-auth-roles"), header(seen, "x-auth-timezone"))
}

const JOHN: (Option<&str>, Option<&str>) = (Some("authp/admin,authp/user"), Some("America/New_York"));

#[test]
fn the_id_token_lacks_them() {
    for name in ["lacking", "lacking-scopes"] {
        let site = world().site(name);
        let seen = site.seen_from(&mut site.signed_in());
        assert_eq!(header(&seen, "x-auth-user"), Some(USER));
        assert_eq!(known(&seen), (None, None), "{name}: or the tests below prove nothing");
        assert_eq!(asked(site, Endpoint::UserInfo) + asked(site, Endpoint::GetUser), 0);
    }
}

fn asked(site: Site, endpoint: Endpoint) -> usize {
    site.calls(endpoint).len()
}

fn check_asked_once(name: &'static str, endpoint: Endpoint) {
    let site = world().site(name);
    let mut browser = site.signed_in();
    assert_eq!(known(&site.seen_from(&mut browser)), JOHN);
    for _ in 0..20 {
        site.seen_from(&mut browser);
    }
    let me = browser.fetch(&site.url("/.auth/me")).json();
    assert_eq!(me["roles"], json!(["authp/admin", "authp/user"]));
    assert_eq!(me["claims"]["custom:timezone"], "America/New_York");
    assert_eq!(asked(site, endpoint), 1, "once at sign-in, never on a request");
}

#[test]
fn user_info_is_asked_once_a_sign_in() {
    check_asked_once("userinfo", Endpoint::UserInfo);
    let calls = world().site("userinfo").calls(Endpoint::UserInfo);
    assert!(calls[0].authorization.as_ref().is_some_and(|value| value.starts_with("Bearer ")));
}

#[test]
fn get_user_is_asked_once_a_sign_in() {
    check_asked_once("getuser", Endpoint::GetUser);
}

#[test]
fn what_the_client_may_not_read_stays_unknown() {
    let site = world().site("getuser-unreadable");
    let seen = site.seen_from(&mut site.signed_in());
    assert_eq!(header(&seen, "x-auth-name"), Some("John Smith"), "the values come from GetUser");
    assert_eq!(known(&seen), (None, None));
}

fn check_renewed(name: &'static str, endpoint: Endpoint) {
    let site = world().site(name);
    let mut browser = site.signed_in();
    assert_eq!(known(&site.seen_from(&mut browser)), JOHN);
    let pool = pool_id(name);
    world().cognito.set_attribute(&pool, USER, "custom:roles", Some("authp/guest"));
    world().cognito.set_attribute(&pool, USER, "custom:timezone", Some("Asia/Tokyo"));
    let renewed = rig::eventually(rig::PATIENCE, || {
        let seen = site.seen_from(&mut browser);
        (known(&seen) == (Some("authp/guest"), Some("Asia/Tokyo"))).then_some(())
    });
    assert!(renewed.is_some(), "a refresh");
    // A refresh may be between its two calls right now.
    let each = rig::eventually(rig::PATIENCE, || {
        let tokens = asked(site, Endpoint::Token);
        (tokens >= 2 && asked(site, endpoint) == tokens).then_some(())
    });
    assert!(each.is_some(), "{} for {} sets of tokens", asked(site, endpoint), asked(site, Endpoint::Token));
}

#[test]
fn a_refresh_asks_user_info_again() {
    check_renewed("userinfo-renewed", Endpoint::UserInfo);
}

#[test]
fn a_refresh_asks_get_user_again() {
    check_renewed("getuser-renewed", Endpoint::GetUser);
}

fn check_down_at_sign_in(name: &'static str, endpoint: Endpoint, cases: &[(Fault, u16)]) {
    let site = world().site(name);
    for (fault, status) in cases {
        world().cognito.fault(endpoint, name, fault.clone(), Times::Next(1));
        let mut browser = site.browser();
        let visit = browser.sign_in(&site.url("/deep"), USER, PASSWORD);
        assert_eq!(visit.status(), *status, "{fault:?}: {visit}");
        assert!(visit.url.starts_with(&site.url("/.auth/callback")), "{fault:?}: {visit}");
        let text = visit.text();
        assert!(text.contains("Try again") && text.contains("return=%2Fdeep"), "{fault:?}: {text}");
        assert!(browser.cookies(&site.origin()).is_empty(), "{fault:?}: no session");
        assert_eq!(browser.fetch(&site.url("/json")).status, 401, "{fault:?}");
    }
    let mut browser = site.signed_in();
    assert_eq!(known(&site.seen_from(&mut browser)), JOHN, "and it works again");
}

#[test]
fn without_user_info_nobody_is_signed_in() {
    let cases = [
        (Fault::Status(500), 503),
        (Fault::Status(429), 503),
        (Fault::Status(403), 503),
        (Fault::Reset, 503),
        (Fault::Truncated, 503),
        (Fault::Slow(Duration::from_secs(30)), 504),
        (Fault::Status(401), 502),
        (Fault::Html, 502),
        (Fault::Empty, 502),
        (Fault::NotAnObject, 502),
        (body(r#"{"sub":"somebody-else","custom:roles":"authp/admin"}"#), 401),
        (body(r#"{"custom:roles":"authp/admin"}"#), 502),
    ];
    check_down_at_sign_in("userinfo-down", Endpoint::UserInfo, &cases);
    for reason in ["attributes_unavailable", "attributes_timeout", "attributes_refused", "attributes_subject"]
    {
        let line = world().envoy.log_line(&format!("event=sign_in.failed reason={reason}"));
        assert!(line.is_some(), "{reason}");
    }
}

fn body(body: &str) -> Fault {
    Fault::Body { status: 200, content_type: "application/json".to_owned(), body: body.to_owned() }
}

#[test]
fn without_get_user_nobody_is_signed_in() {
    let cases = [
        (Fault::Status(500), 503),
        // AWS throttles its API with 400 and a type that says so.
        (Fault::Status(400), 503),
        (Fault::Slow(Duration::from_secs(30)), 504),
        (Fault::Html, 502),
        (body(r#"{"Username":"jsmith"}"#), 502),
        (body(r#"{"UserAttributes":[{"Name":"sub","Value":"somebody-else"}]}"#), 401),
    ];
    check_down_at_sign_in("getuser-down", Endpoint::GetUser, &cases);
}

fn check_outage(name: &'static str, endpoint: Endpoint) {
    let site = world().site(name);
    let mut browser = site.signed_in();
    assert_eq!(known(&site.seen_from(&mut browser)), JOHN);
    world().cognito.fault(endpoint, name, Fault::Status(500), Times::Always);
    world().cognito.set_attribute(&pool_id(name), USER, "custom:roles", Some("authp/guest"));
    // At least two refreshes: the second uses the refresh token from the first.
    let refreshed = rig::eventually(rig::PATIENCE, || {
        assert_eq!(known(&site.seen_from(&mut browser)), JOHN, "their identity stays the same");
        (asked(site, Endpoint::Token) >= 3).then_some(())
    });
    assert!(refreshed.is_some(), "{} token calls", asked(site, Endpoint::Token));
    world().cognito.clear_faults(name);
    let renewed = rig::eventually(rig::PATIENCE, || {
        let seen = site.seen_from(&mut browser);
        (header(&seen, "x-auth-roles") == Some("authp/guest")).then_some(())
    });
    assert!(renewed.is_some(), "the next refresh asks again");
    let calls = site.calls(Endpoint::Token);
    assert!(calls.iter().all(|call| call.status == 200), "no refresh token was lost or used twice");
    assert_eq!(asked(site, Endpoint::Authorize), 1, "nobody had to sign in again");
    assert!(world().envoy.log_line("event=refresh.failed reason=attributes_unavailable").is_some());
}

#[test]
fn without_user_info_a_session_goes_on_and_keeps_its_refresh_token() {
    check_outage("userinfo-outage", Endpoint::UserInfo);
}

#[test]
fn without_get_user_a_session_goes_on_and_keeps_its_refresh_token() {
    check_outage("getuser-outage", Endpoint::GetUser);
}
