//! The app in a frame on another site: cookies that the browser keeps separate for that site (CHIPS), and leftovers
//! of earlier ones.

use std::time::Duration;

use envoy_cognito_core::http::Response;
use serde_json::{Value, json};

use crate::harness::{
    Endpoint, FLOW, Harness, IDENTITY, NAVIGATE, Refreshing, TOKENS, cookies_deleted, cookies_set, parse,
    set_cookies,
};

const HOUR: Duration = Duration::from_secs(3600);

/// What a browser sends with a navigation in a frame of the same site's page.
const FRAME: [(&str, &str); 4] = [
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "iframe"),
    ("sec-fetch-site", "same-origin"),
    ("accept", "text/html"),
];

fn partitioned() -> Value {
    json!({"session": {"cookie": {"same_site": "none", "partitioned": true}}})
}

fn unpartitioned() -> Value {
    json!({"session": {"cookie": {"same_site": "none"}}})
}

/// All cookies of a response: name, whether deleted, and whether partitioned.
fn kinds(response: &Response) -> Vec<(&str, bool, bool)> {
    let kind = |cookie| {
        let (name, rest): (&str, &str) = str::split_once(cookie, '=').unwrap();
        (name, rest.contains("; Max-Age=0;"), rest.ends_with("; Partitioned"))
    };
    set_cookies(response).map(kind).collect()
}

/// A `Cookie` header with all cookies of two profiles, the first one's first.
fn both(one: &crate::harness::Jar, other: &crate::harness::Jar) -> String {
    format!("{}; {}", one.header(), other.header())
}

#[test]
fn every_cookie_is_partitioned_set_or_deleted() {
    for domain in [Value::Null, json!("example.com")] {
        let mut harness = Harness::with(json!({
            "session": {"cookie": {"same_site": "none", "partitioned": true, "domain": domain}, "idle": "1h"},
        }));
        harness.cognito.refresh_token_len = 5_000;
        let check = |response: &Response, count: usize| {
            let cookies: Vec<&str> = set_cookies(response).collect();
            assert_eq!(cookies.len(), count, "{cookies:?}");
            for cookie in cookies {
                assert!(cookie.contains("; Secure; SameSite=None; Partitioned"), "{cookie}");
                assert!(cookie.ends_with("; Partitioned"), "{cookie}");
            }
        };
        let start = harness.request("GET", "/", &FRAME).answered();
        check(&start, 1);
        let callback = harness.authorize(start.header("location").unwrap());
        check(&harness.navigate(&callback).answered(), 4);
        check(&harness.navigate("/.auth/sign-out").answered(), 4);
        assert!(harness.jar.names("").is_empty());
        for _ in 0..6 {
            let response = harness.navigate("/").answered();
            check(&response, set_cookies(&response).count());
        }
        let error = harness.navigate("/.auth/callback?error=access_denied").answered();
        check(&error, 0);
    }
}

#[test]
fn without_the_setting_no_cookie_is_partitioned() {
    for same_site in ["lax", "strict", "none"] {
        let mut harness = Harness::with(json!({"session": {"cookie": {"same_site": same_site}}}));
        let start = harness.navigate("/").answered();
        let callback = harness.authorize(start.header("location").unwrap());
        let end = harness.navigate(&callback).answered();
        let left = harness.navigate("/.auth/sign-out").answered();
        for response in [start, end, left] {
            assert!(kinds(&response).iter().all(|(_, _, partitioned)| !partitioned), "{response:?}");
        }
    }
}

#[test]
fn a_refresh_and_a_touch_keep_cookies_partitioned() {
    let mut harness = Harness::with(json!({
        "session": {"cookie": {"same_site": "none", "partitioned": true}, "idle": "2h"},
    }));
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    for minutes in [20, 40, 50] {
        let before = harness.jar.get(IDENTITY).unwrap().to_owned();
        harness.advance(Duration::from_secs(60 * minutes));
        assert!(harness.get("/").is_forwarded());
        assert_ne!(harness.jar.get(IDENTITY), Some(before.as_str()), "{minutes}");
    }
    assert_eq!(
        kinds(&harness.navigate("/.auth/sign-out").answered()).len(),
        2,
        "nothing of another kind is left"
    );
}

#[test]
fn what_deletes_a_cookie_in_a_frame_is_one_that_the_browser_takes_there() {
    for (settings, expected) in [(unpartitioned(), "None"), (partitioned(), "None"), (json!({}), "Lax")] {
        let mut harness = Harness::with(settings);
        harness.signed_in();
        let response = harness.request("GET", "/.auth/sign-out", &FRAME).answered();
        for cookie in set_cookies(&response) {
            assert!(cookie.contains(&format!("; SameSite={expected}")), "{cookie}");
        }
    }
}

#[test]
fn partitioned_cookies_require_same_site_none() {
    for same_site in ["lax", "strict"] {
        let settings = json!({"session": {"cookie": {"same_site": same_site, "partitioned": true}}});
        let faults = parse(&settings).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].path, "session.cookie.partitioned");
    }
}

#[test]
fn a_session_outlives_the_change_to_partitioned_and_back() {
    for (before, after) in
        [(unpartitioned(), partitioned()), (partitioned(), unpartitioned()), (partitioned(), json!({}))]
    {
        let mut harness = Harness::with(before);
        harness.signed_in();
        harness.reconfigure(after);
        assert!(harness.is_signed_in());
        harness.cognito.refreshing = Refreshing::Rotated;
        harness.advance(HOUR);
        assert!(harness.get("/").is_forwarded(), "its refresh token opens too");
    }
}

#[test]
fn a_sign_in_under_way_outlives_the_change() {
    let mut harness = Harness::with(unpartitioned());
    let location = harness.start("/there");
    let callback = harness.authorize(&location);
    harness.reconfigure(partitioned());
    let response = harness.navigate(&callback).answered();
    assert_eq!(response.header("location"), Some("/there"));
    let flow = harness.config.pools[0].cookies.flow.clone();
    let of_flow: Vec<_> = kinds(&response).into_iter().filter(|(name, ..)| name.starts_with(&flow)).collect();
    let [(_, true, one), (_, true, other)] = of_flow[..] else { panic!("{of_flow:?}") };
    assert_ne!(one, other, "whichever it is, it is deleted");
}

/// The browser hasn't received new cookies yet.
#[test]
fn signing_out_takes_away_cookies_from_before_the_change() {
    for (before, after, is_now) in
        [(unpartitioned(), partitioned(), true), (partitioned(), unpartitioned(), false)]
    {
        let mut harness = Harness::with(before);
        harness.cognito.refresh_token_len = 5_000;
        harness.signed_in();
        harness.reconfigure(after);
        let response = harness.navigate("/.auth/sign-out").answered();
        let names = [IDENTITY, "__Host-auth-tokens.1", "__Host-auth-tokens.2"];
        for name in names {
            for kind in [is_now, !is_now] {
                assert!(kinds(&response).contains(&(name, true, kind)), "{name} {kind}: {response:?}");
            }
        }
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 1);
    }
}

#[test]
fn a_refresh_takes_away_cookies_from_before_the_change() {
    let mut harness = Harness::with(unpartitioned());
    harness.cognito.refreshing = Refreshing::Rotated;
    harness.signed_in();
    harness.reconfigure(partitioned());
    let before = harness.jar.clone();
    harness.advance(HOUR);
    assert!(harness.get("/").is_forwarded());
    assert_ne!(
        harness.jar.get(IDENTITY),
        before.get(IDENTITY),
        "it is refreshed, and the deletions come first"
    );
    assert!(harness.jar.get(TOKENS).is_some());
    assert_eq!(kinds(&harness.navigate("/.auth/sign-out").answered()).len(), 2, "all is of one kind now");
}

/// A browser sends both, in any order.
#[test]
fn of_two_kinds_under_one_name_the_newer_counts_and_signing_out_ends_both() {
    for new_first in [false, true] {
        let mut harness = Harness::with(unpartitioned());
        harness.cognito.refresh_token_len = 5_000;
        harness.signed_in();
        let old = harness.jar.clone();
        harness.reconfigure(partitioned());
        harness.advance(Duration::from_secs(10));
        harness.jar = crate::harness::Jar::default();
        harness.cognito.user["cognito:username"] = json!("somebody-else");
        harness.signed_in();
        let new = harness.jar.clone();
        let cookies = if new_first { both(&new, &old) } else { both(&old, &new) };
        let edits = harness.bare_request("GET", "/", &[("cookie", &cookies)]).forwarded();
        assert_eq!(crate::harness::upstream(&edits, "x-auth-user"), Some("somebody-else"), "{new_first}");

        let headers = [NAVIGATE[0], NAVIGATE[1], ("cookie", cookies.as_str())];
        let response = harness.bare_request("GET", "/.auth/sign-out", &headers).answered();
        for name in [IDENTITY, "__Host-auth-tokens.1", "__Host-auth-tokens.2"] {
            for kind in [true, false] {
                assert!(kinds(&response).contains(&(name, true, kind)), "{name} {kind}");
            }
        }
        assert_eq!(harness.cognito.calls(Endpoint::Revoke), 2, "the refresh tokens of both");
        for session in [&old, &new] {
            harness.advance(HOUR);
            let cookies = session.header();
            let answer = harness.bare_request("GET", "/", &[("cookie", &cookies)]).answered();
            assert_eq!(answer.status, 401, "neither is refreshed any more");
        }
    }
}

#[test]
fn of_two_kinds_of_one_session_the_newer_refresh_token_is_spent() {
    for new_first in [false, true] {
        let mut harness = Harness::with(unpartitioned());
        harness.cognito.refreshing = Refreshing::Rotated;
        harness.cognito.refresh_token_len = 5_000;
        harness.signed_in();
        let old = harness.jar.clone();
        harness.reconfigure(partitioned());
        harness.advance(HOUR);
        assert!(harness.get("/").is_forwarded());
        let new = harness.jar.clone();
        harness.advance(HOUR);
        let cookies = if new_first { both(&new, &old) } else { both(&old, &new) };
        let outcome = harness.bare_request("GET", "/", &[("cookie", &cookies)]);
        assert!(outcome.is_forwarded(), "{new_first}: {outcome:?}");
    }
}

#[test]
fn cookies_of_either_kind_say_nothing_to_another_name() {
    let mut harness = Harness::with(partitioned());
    harness.signed_in();
    let tokens = harness.jar.get(TOKENS).unwrap().to_owned();
    let identity = harness.jar.get(IDENTITY).unwrap().to_owned();
    harness.jar.put(IDENTITY, &tokens);
    harness.jar.put(TOKENS, &identity);
    assert_eq!(harness.get("/").answered().status, 401);
}

/// `SameSite` no longer prevents other sites' requests from carrying the session.
#[test]
fn another_site_that_sends_the_session_along_signs_nobody_out() {
    for settings in [unpartitioned(), partitioned()] {
        let mut harness = Harness::with(settings);
        harness.signed_in();
        let [mode, accept] = NAVIGATE;
        let (far, evil) = (("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"));
        let requests: [(&str, &[(&str, &str)]); 5] = [
            ("GET", &[mode, accept, far, ("sec-fetch-dest", "iframe")]),
            ("GET", &[("sec-fetch-mode", "no-cors"), far]),
            ("POST", &[mode, accept, far, evil]),
            ("POST", &[("sec-fetch-mode", "cors"), far, evil]),
            ("POST", &[accept, evil]),
        ];
        for (method, headers) in requests {
            let response = harness.request(method, "/.auth/sign-out", headers).answered();
            assert_eq!((response.status, set_cookies(&response).count()), (403, 0), "{headers:?}");
        }
        let image = [("sec-fetch-mode", "no-cors"), far, ("accept", "image/*")];
        let response = harness.request("GET", "/.auth/sign-in", &image).answered();
        assert_eq!(
            (response.status, cookies_set(&response).len()),
            (401, 0),
            "no sign-in starts for an image"
        );
        assert!(harness.is_signed_in());
        assert!(cookies_deleted(&harness.navigate("/.auth/sign-out").answered()).contains(&IDENTITY));
        assert!(harness.jar.names(FLOW).is_empty());
    }
}
