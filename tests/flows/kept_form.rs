//! `pages.keep_form`: a form that is posted without a session comes back after the sign-in, and only to the person who
//! has filled it in.

use std::time::Duration;

use envoy_cognito_core::http::Response;
use serde_json::json;

use crate::harness::{Endpoint, Harness, IDENTITY, Jar, NAVIGATE, Refreshing, cookies_set};

const BODY: &str = "text=a+long+%C3%A9+letter%0D%0A%22%3Cb%3E&amount=3&amount=4&empty=";
const PATH: &str = "/orders?step=2";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The headers of a form that a page of this origin has sent.
const FORM: [(&str, &str); 5] = [
    NAVIGATE[0],
    NAVIGATE[1],
    ("sec-fetch-site", "same-origin"),
    ("origin", "https://app.example.com"),
    ("content-type", "application/x-www-form-urlencoded"),
];

fn keeping() -> Harness {
    Harness::with(json!({"pages": {"keep_form": true}}))
}

/// Posts a body with these headers, and returns the response.
#[track_caller]
fn post_with(harness: &mut Harness, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let length = body.len().to_string();
    let mut all = headers.to_vec();
    all.push(("content-length", &length));
    harness.post(path, &all, &[body]).answered()
}

#[track_caller]
fn post(harness: &mut Harness, path: &str, body: &[u8]) -> Response {
    post_with(harness, path, &FORM, body)
}

/// The sealed form in a page, as the browser posts it.
fn sealed(page: &Response) -> Option<String> {
    let (_, rest) = page.body.split_once("<input type=\"hidden\" name=\"form\" value=\"")?;
    Some(format!("form={}", rest.split_once('"')?.0))
}

#[track_caller]
fn kept(harness: &mut Harness) -> String {
    let page = post(harness, PATH, BODY.as_bytes());
    assert_eq!(page.status, 401);
    sealed(&page).unwrap_or_else(|| panic!("not kept: {}", page.body))
}

/// Posts a sealed form as the page's button does.
#[track_caller]
fn go_on(harness: &mut Harness, sealed: &str) -> Response {
    post(harness, "/.auth/form", sealed.as_bytes())
}

#[test]
fn a_form_is_kept_in_the_page_and_offered_to_who_signs_in() {
    let mut harness = keeping();
    let page = post(&mut harness, PATH, BODY.as_bytes());
    assert_eq!((page.status, page.header("www-authenticate")), (401, Some("Bearer")));
    let link = "href=\"/.auth/sign-in?return=%2F.auth%2Fform\" target=\"_blank\" rel=\"noopener\"";
    assert!(page.body.contains(link), "{}", page.body);
    assert!(page.body.contains("<form method=\"post\" action=\"/.auth/form\">"), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self';"));
    assert!(!page.body.contains("long"), "nothing that was typed can be read in it");
    assert!(cookies_set(&page).is_empty(), "nothing is kept anywhere else");
    let sealed = sealed(&page).expect("a sealed form");

    assert_eq!(harness.sign_in("/.auth/form").header("location"), Some("/.auth/form"));
    let landing = harness.navigate("/.auth/form").answered();
    assert_eq!(landing.status, 200);
    assert!(
        landing.body.contains("Return to the tab") && landing.body.contains("You are signed in as jsmith")
    );

    let offer = go_on(&mut harness, &sealed);
    assert_eq!(offer.status, 200, "{}", offer.body);
    assert!(offer.body.contains("<form method=\"post\" action=\"/orders?step=2\">"), "{}", offer.body);
    for field in [
        "name=\"text\" value=\"a long é letter&#13;&#10;&quot;&lt;b&gt;\"",
        "name=\"amount\" value=\"3\">\n<input type=\"hidden\" name=\"amount\" value=\"4\"",
        "name=\"empty\" value=\"\"",
    ] {
        assert!(offer.body.contains(field), "{}", offer.body);
    }
    assert!(offer.body.contains("You are signed in as jsmith."));
    assert!(offer.body.contains("will be sent to https://app.example.com/orders?step=2"), "{}", offer.body);
    assert_eq!(offer.body.matches("<button").count(), 1);
    assert!(harness.request("POST", PATH, &FORM).is_forwarded());
    assert!(!harness.log().contains("letter"), "what was typed is never logged");
}

#[test]
fn a_body_may_come_in_parts() {
    let mut harness = keeping();
    let length = BODY.len().to_string();
    let headers = [&FORM[..], &[("content-length", length.as_str())]].concat();
    let parts: Vec<&[u8]> = BODY.as_bytes().chunks(7).collect();
    let page = harness.post(PATH, &headers, &parts).answered();
    let sealed = sealed(&page).expect("a sealed form");
    harness.signed_in();
    assert!(go_on(&mut harness, &sealed).body.contains("a long é letter"));
}

#[test]
fn without_the_setting_nothing_is_read_and_the_path_is_the_apps() {
    let mut harness = Harness::new();
    let page = harness.request("POST", PATH, &[&FORM[..], &[("content-length", "9")]].concat()).answered();
    assert_eq!((page.status, sealed(&page)), (401, None));
    assert!(page.body.contains("Nothing that you entered has been stored"));
    harness.signed_in();
    assert!(harness.request("POST", "/.auth/form", &FORM).is_forwarded());
    assert!(harness.navigate("/.auth/form").is_forwarded());
}

#[test]
fn only_a_form_of_this_origin_is_kept() {
    let mut harness = keeping();
    let changed = |name: &str, value: Option<&'static str>| {
        let mut headers: Vec<(&str, &str)> = FORM.into_iter().filter(|(found, _)| *found != name).collect();
        headers.extend(value.map(|value| (FORM.iter().find(|(found, _)| *found == name).unwrap().0, value)));
        headers
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-site", "Same-Origin"),
        ("origin", "https://evil.example.com"),
        ("origin", "http://app.example.com"),
        ("origin", "https://app.example.com:444"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "text/plain"),
        // A worker's own request doesn't say who has caused it.
        ("sec-fetch-mode", "same-origin"),
    ] {
        let page = post_with(&mut harness, PATH, &changed(name, Some(value)), BODY.as_bytes());
        assert_eq!((page.status, sealed(&page)), (401, None), "{name}: {value}");
        assert!(page.body.contains("back button"), "{name}: {value}");
    }
    let neither: Vec<_> =
        FORM.into_iter().filter(|(name, _)| !["origin", "sec-fetch-site"].contains(name)).collect();
    for headers in [neither, changed("content-type", None)] {
        let page = post_with(&mut harness, PATH, &headers, BODY.as_bytes());
        assert_eq!((page.status, sealed(&page)), (401, None), "{headers:?}");
    }
    for headers in [
        changed("origin", None),
        changed("origin", Some("null")),
        changed("sec-fetch-site", None),
        changed("content-type", Some("Application/X-WWW-Form-Urlencoded; charset=utf-8")),
    ] {
        let page = post_with(&mut harness, PATH, &headers, BODY.as_bytes());
        assert!(sealed(&page).is_some(), "{headers:?}");
    }
}

#[test]
fn what_a_page_cannot_hold_or_repeat_gets_the_page_as_always() {
    let mut harness = keeping();
    let long = |length: usize| [b"a=".as_slice(), &vec![b'x'; length - 2]].concat();
    let many = |count: usize| vec!["a=b"; count].join("&").into_bytes();
    for (body, is_kept) in [
        (long(65_536), true),
        (long(65_537), false),
        (Vec::new(), false),
        (many(1000), true),
        (many(1001), false),
        (b"&&&".to_vec(), false),
        (b"a=%FF".to_vec(), false),
        (b"%00=a".to_vec(), false),
        (b"=a".to_vec(), false),
        (b"a=%01%C2%85%7F".to_vec(), true),
    ] {
        let page = post(&mut harness, PATH, &body);
        assert_eq!((page.status, sealed(&page).is_some()), (401, is_kept), "{} bytes", body.len());
        assert_eq!(page.body.contains("Nothing that you entered has been stored"), !is_kept);
    }
    for length in ["", "x", "-1", "99999999999999999999"] {
        let headers = [&FORM[..], &[("content-length", length)]].concat();
        let page = harness.post(PATH, &headers, &[BODY.as_bytes()]).answered();
        assert_eq!(sealed(&page), None, "content-length: {length}");
    }
    assert_eq!(sealed(&harness.post(PATH, &FORM, &[BODY.as_bytes()]).answered()), None, "of unknown length");
    let longer = [&FORM[..], &[("content-length", "10")]].concat();
    assert_eq!(
        sealed(&harness.post(PATH, &longer, &[BODY.as_bytes()]).answered()),
        None,
        "longer than it says"
    );
    let headers = [&FORM[..], &[("content-length", "10")]].concat();
    let deep = format!("/orders?{}", "q".repeat(8 * 1024));
    assert_eq!(sealed(&harness.post(&deep, &headers, &[b"a=12345678"]).answered()), None, "a long address");
}

#[test]
fn a_form_under_a_rule_that_rejects_is_told_so_in_json() {
    let rules = json!([{"path": "/api/**", "unauthenticated": "reject"}]);
    let mut harness = Harness::with(json!({"pages": {"keep_form": true}, "rules": rules}));
    let answer = post(&mut harness, "/api/x", BODY.as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/json")));
}

#[test]
fn who_isnt_signed_in_yet_gets_the_same_page_again() {
    let mut harness = keeping();
    let sealed_form = kept(&mut harness);
    let page = go_on(&mut harness, &sealed_form);
    assert_eq!((page.status, sealed(&page)), (401, Some(sealed_form)));
}

#[test]
fn a_session_from_before_the_form_was_kept_is_not_the_sign_in_that_it_waits_for() {
    let mut harness = keeping();
    harness.signed_in();
    let session = std::mem::take(&mut harness.jar);
    harness.advance(MINUTE);
    let sealed_form = kept(&mut harness);
    harness.jar = session;
    let page = go_on(&mut harness, &sealed_form);
    assert_eq!((page.status, sealed(&page).is_some()), (401, true));
    harness.signed_in();
    assert_eq!(go_on(&mut harness, &sealed_form).status, 200);
}

#[test]
fn a_form_is_kept_for_ten_minutes() {
    let mut harness = keeping();
    let sealed_form = kept(&mut harness);
    harness.signed_in();
    harness.advance(10 * MINUTE - Duration::from_secs(1));
    assert_eq!(go_on(&mut harness, &sealed_form).status, 200);
    harness.advance(Duration::from_secs(1));
    let page = go_on(&mut harness, &sealed_form);
    assert_eq!(page.status, 403);
    assert!(page.body.contains("ten minutes") && !page.body.contains("<form"), "{}", page.body);
    assert!(harness.log().contains("event=form.refused reason=expired"));
}

/// A session that has ended, but whose cookie the browser still sends.
fn idle() -> Harness {
    let mut harness = Harness::with(json!({"pages": {"keep_form": true}, "session": {"idle": "10m"}}));
    harness.signed_in();
    harness.advance(11 * MINUTE);
    harness
}

#[test]
fn another_person_cannot_send_it() {
    let mut harness = idle();
    let sealed_form = kept(&mut harness);
    harness.cognito.user["sub"] = json!("somebody-else");
    harness.signed_in();
    let page = go_on(&mut harness, &sealed_form);
    assert_eq!(page.status, 403);
    assert!(!page.body.contains("letter"), "nor read it");
    assert!(harness.log().contains("event=form.refused reason=other_person"));

    let mut harness = idle();
    let sealed_form = kept(&mut harness);
    harness.signed_in();
    assert_eq!(go_on(&mut harness, &sealed_form).status, 200, "the same person can");
}

#[test]
fn a_sealed_form_is_only_taken_from_a_page_of_this_origin() {
    let mut harness = keeping();
    let sealed_form = kept(&mut harness);
    harness.signed_in();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example.com"),
        ("sec-fetch-mode", "cors"),
        ("content-type", "text/plain"),
    ] {
        let headers = FORM.map(|header| if header.0 == name { (name, value) } else { header });
        let page = post_with(&mut harness, "/.auth/form", &headers, sealed_form.as_bytes());
        assert_eq!(page.status, 403, "{name}: {value}");
        assert!(!page.body.contains("<form"), "{name}: {value}");
        assert!(harness.log().contains("event=form.refused reason=not_from_here"));
    }
}

#[test]
fn nothing_but_a_form_of_this_origin_opens() {
    let mut harness = keeping();
    let sealed_form = kept(&mut harness);
    harness.signed_in();
    let identity = format!("form={}", harness.jar.get(IDENTITY).unwrap());
    let mut bent = sealed_form.clone();
    bent.replace_range(60..61, if &sealed_form[60..61] == "A" { "B" } else { "A" });
    for body in
        [identity.as_str(), &bent, "form=", "form", "a=b", "form=%00", &sealed_form[..120], "form=AAAA"]
    {
        assert_eq!(go_on(&mut harness, body).status, 403, "{body}");
    }
    assert!(harness.log().contains("event=form.refused reason=unreadable"));
    // A sealed form is no session either.
    harness.jar = Jar::default();
    let cookie = format!("{IDENTITY}={}", sealed_form.trim_start_matches("form="));
    assert_eq!(harness.bare_request("GET", "/", &[("cookie", &cookie)]).answered().status, 401);
    harness.authority = "other.example.com".to_owned();
    harness.signed_in();
    let headers =
        FORM.map(
            |(name, value)| {
                if name == "origin" { (name, "https://other.example.com") } else { (name, value) }
            },
        );
    let page = post_with(&mut harness, "/.auth/form", &headers, sealed_form.as_bytes());
    assert_eq!(page.status, 403, "kept at another host");
}

#[test]
fn a_key_that_only_opens_still_opens_it() {
    use crate::harness::{OTHER_KEY, SESSION_KEY};
    let mut harness = keeping();
    let sealed_form = kept(&mut harness);
    let keys = json!([OTHER_KEY, SESSION_KEY]);
    harness.reconfigure(json!({"pages": {"keep_form": true}, "session": {"keys": keys}}));
    harness.signed_in();
    assert_eq!(go_on(&mut harness, &sealed_form).status, 200);
}

#[test]
fn a_form_that_waited_for_a_refresh_in_vain_gets_the_page_as_always() {
    let mut harness = keeping();
    harness.cognito.refreshing = Refreshing::Refused;
    harness.signed_in();
    harness.advance(HOUR + MINUTE);
    let page = post(&mut harness, PATH, BODY.as_bytes());
    assert_eq!((page.status, sealed(&page)), (401, None), "its body may have passed");
    let sealed_form = kept(&mut harness);
    harness.signed_in();
    assert_eq!(go_on(&mut harness, &sealed_form).status, 200, "it is known now, so nothing waits");
    assert_eq!(harness.cognito.calls(Endpoint::Token), 3);
}

#[test]
fn other_methods_are_told_which_are_allowed() {
    let mut harness = keeping();
    let answer = harness.request("PUT", "/.auth/form", &NAVIGATE).answered();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, POST")));
    let location = harness.navigate("/.auth/form").answered();
    assert_eq!(location.status, 302, "who isn't signed in signs in first");
}

#[test]
fn at_another_host_than_public_url_nothing_is_kept() {
    let public = json!({"pages": {"keep_form": true}, "public_url": "https://www.example.com"});
    let mut harness = Harness::with(public);
    let page = post(&mut harness, PATH, BODY.as_bytes());
    assert_eq!((page.status, sealed(&page)), (401, None));
}
