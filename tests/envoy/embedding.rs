//! Cookies for the app in a frame on another site, and the change to such cookies.

use std::collections::BTreeSet;

use rig::{Filter, RawRequest, Response, SetCookie};
use serde_json::{Value, json};
use stand_in::Endpoint;

use crate::configuration::{good, validate};
use crate::own::{NAME, Own, Wish};
use crate::world::{SESSION_KEY, USER, callback_of, header, merged};

fn cookie(settings: Value) -> Value {
    json!({ "session": { "cookie": settings } })
}

fn embeddable() -> Own {
    Own::new(Wish { config: cookie(json!({ "same_site": "none", "partitioned": true })), ..Wish::default() })
}

/// Whether a browser keeps the cookie separate for each site that embeds this one.
fn is_partitioned(cookie: &SetCookie) -> bool {
    cookie.line.split(';').any(|attribute| attribute.trim() == "Partitioned")
}

#[track_caller]
fn all_are_partitioned(response: &Response, count: usize) {
    let cookies = response.set_cookies();
    assert_eq!(cookies.len(), count, "{cookies:?}");
    for cookie in cookies {
        assert!(is_partitioned(&cookie) && cookie.secure, "{cookie:?}");
        assert_eq!(cookie.same_site.as_deref(), Some("None"), "{cookie:?}");
    }
}

#[test]
fn every_cookie_is_partitioned_from_the_sign_in_to_the_sign_out() {
    let own = embeddable();
    let mut browser = own.browser();
    let start = browser.step(&own.url("/deep?x=1"));
    all_are_partitioned(&start, 1);
    let end = browser.step(&callback_of(start.location().expect("a location")));
    assert_eq!(end.location(), Some("/deep?x=1"));
    all_are_partitioned(&end, 3);
    let seen = browser.fetch(&own.url("/json")).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(header(&seen, "cookie"), None);
    all_are_partitioned(&browser.step(&own.url("/.auth/sign-out")), 2);
}

#[test]
fn a_session_outlives_the_change_and_signing_out_ends_what_is_of_either_kind() {
    let mut own = Own::new(Wish { config: cookie(json!({ "same_site": "none" })), ..Wish::default() });
    let sessions = |own: &Own| [0, 1, 2].map(|_| own.signed_in().cookie_header(&own.url("/")));
    // Signing out is final, so each round needs sessions of its own.
    let [alone, first, second] = sessions(&own);
    own.restart(0, &cookie(json!({ "partitioned": true })));
    let seen =
        |own: &Own, cookies: &str| own.send(0, RawRequest::get("/json").header("cookie", cookies)).json();
    assert_eq!(header(&seen(&own, &alone), "x-auth-user"), Some(USER));
    let [before, after, _] = sessions(&own);
    for cookies in [alone, format!("{first}; {after}"), format!("{before}; {second}")] {
        let seen = seen(&own, &cookies);
        assert_eq!(header(&seen, "x-auth-user"), Some(USER));
        assert_eq!(header(&seen, "cookie"), None, "the app gets neither");
        let sign_out = RawRequest::new("POST", "/.auth/sign-out").header("cookie", &cookies);
        let response = own.send(0, sign_out);
        assert_eq!(response.status, 200);
        for kind in [true, false] {
            let gone = response.set_cookies().into_iter().filter(|cookie| is_partitioned(cookie) == kind);
            let names: Vec<String> = gone.filter(SetCookie::removes).map(|cookie| cookie.name).collect();
            for name in ["__Host-auth", "__Host-auth-tokens"] {
                assert!(names.iter().any(|gone| gone == name), "{name} {kind}: {names:?}");
            }
        }
    }
    let revoked = rig::eventually(rig::PATIENCE, || {
        let calls = own.cognito().calls(Endpoint::Revoke, NAME);
        let tokens: BTreeSet<_> = calls.iter().filter_map(|call| call.get("token")).collect();
        (tokens.len() == 5).then_some(())
    });
    assert!(revoked.is_some(), "the refresh tokens of all");
}

#[test]
fn envoy_refuses_to_partition_cookies_that_no_frame_is_sent() {
    let check = |settings: Value| {
        let filter = Filter::Struct(merged(good(), cookie(settings)));
        validate(filter, &[("SESSION_KEY", SESSION_KEY)])
    };
    let error = check(json!({ "partitioned": true })).unwrap_err();
    assert!(error.contains("session.cookie.partitioned: requires `same_site: none`"), "{error}");
    check(json!({ "partitioned": true, "same_site": "none" })).unwrap();
}
