//! Cases of `docs/security-cases.md`: where a browser is redirected, and where never.

use envoy_cognito_core::session::return_to::ReturnTo;
use serde_json::json;
use url::Url;

use crate::harness::{Endpoint, Harness, Jar, NAVIGATE, cookies_deleted, fields};

fn query_of(location: &str) -> std::collections::BTreeMap<String, String> {
    fields(location.split_once('?').unwrap().1)
}

#[test]
fn case_110_no_sign_out_leads_to_where_an_address_says() {
    let mut harness = Harness::new();
    let expected = harness.navigate("/.auth/sign-out").answered();
    for target in include_str!("../fixtures/open_redirects.txt").lines().filter(|line| !line.is_empty()) {
        let encoded: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        for name in ["rd", "return", "logout_uri", "post_logout_redirect_uri", "redirect_uri", "state"] {
            let answer = harness.navigate(&format!("/.auth/sign-out?{name}={encoded}")).answered();
            assert_eq!(answer.header("location"), expected.header("location"), "{name} {target}");
        }
    }
}

/// Beginnings that parsers read differently.
const STARTS: &[&str] = &[
    "//",
    "///",
    "////",
    "/\\",
    "\\/",
    "\\\\",
    "/\\/",
    "//\\",
    "\\//",
    "/\t/",
    "\t//",
    "/\n/",
    "\r//",
    "/ /",
    " //",
    "\u{b}//",
    "\0//",
    "/\0/",
    "/.//",
    "/./\\",
    "/..//",
    "/x/..//",
    "/x/../\\",
    "/;//",
    "/%09/",
    "/%0a/",
    "/%0d/",
    "/%00/",
    "/%2f",
    "/%2f%2f",
    "/%5c",
    "/%5c%5c",
    "/%252f",
    "/%255c",
    "/%2e//",
    "/%2e%2e//",
    "https://",
    "https:",
    "https:/",
    "https:///",
    "http://",
    "HTTPS://",
    "hTTps:\\\\",
    "ht\ttps://",
    "https:\\\\",
    "ftp://",
    "ws://",
    "file://",
    "blob:https://",
    "data:",
    "javascript:",
    "java\nscript:",
    "vbscript:",
    "//app.example.com@",
    "//app.example.com:pass@",
    "https://app.example.com@",
    "https://app.example.com.",
    "https://app.example.com%2f@",
    "/@",
    "@",
    "//[::ffff:",
    "/\u{2028}/",
    "/\u{3031}",
    "/\u{ff0f}",
    "\u{ff0f}\u{ff0f}",
    "/\u{2215}",
    "//\u{ad}",
    "",
];

/// Other sites, in several spellings.
const ENDS: &[&str] = &[
    "evil.example",
    "evil.example/",
    "evil.example/..",
    "evil.example?",
    "evil.example#",
    "evil.example:443",
    "evil.example\\@app.example.com",
    "evil%2eexample",
    "evil\u{3002}example",
    "127.1",
    "0x7f000001",
];

fn foreign_targets() -> Vec<String> {
    STARTS.iter().flat_map(|start| ENDS.iter().map(move |end| format!("{start}{end}"))).collect()
}

#[test]
fn case_114_a_thousand_spellings_of_another_site_all_stay_here() {
    let harness = Harness::new();
    let paths = &harness.config.paths;
    let here = Url::parse("https://app.example.com/.auth/callback?code=x").unwrap();
    let mut followed = 0;
    for target in foreign_targets() {
        let once = target.replace('/', "%2f").replace('\\', "%5c");
        let twice = once.replace('%', "%25");
        for spelling in [target, format!("/{once}"), format!("/{twice}"), once, twice] {
            let decoded: Vec<u8> = percent_decoded(&spelling);
            for bytes in [spelling.as_bytes(), &decoded] {
                let Some(found) = ReturnTo::parse(bytes, paths) else { continue };
                let there = here.join(found.as_str()).unwrap();
                assert_eq!(there.origin(), here.origin(), "{spelling:?} leads to {there}");
                let location = found.as_str();
                assert!(
                    location.starts_with('/') && !location.starts_with("//"),
                    "{spelling:?} → {location}"
                );
                assert!(
                    !location.contains('\\') || location.contains('?') || location.contains('#'),
                    "{location}"
                );
                followed += 1;
            }
        }
    }
    assert!(followed > 100, "{followed}: what only looks odd is followed");
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

#[test]
fn case_116_the_callback_is_at_the_configured_address_whatever_host_is_asked_for() {
    let mut harness = Harness::with(json!({"public_url": "https://app.example.com"}));
    for host in ["evil.com", "evil-example.com", "app.example.com.evil.com", "app.example.com."] {
        host.clone_into(&mut harness.authority);
        // Browsers elsewhere don't accept cookies for the configured address.
        harness.jar = crate::harness::Jar::default();
        let sent = harness.navigate("/x").answered();
        assert_eq!(
            sent.header("location"),
            Some("https://app.example.com/x"),
            "{host}: the sign-in starts only there"
        );
    }
    for host in ["APP.EXAMPLE.COM", "app.example.com:8443"] {
        host.clone_into(&mut harness.authority);
        let query = query_of(&harness.start("/x"));
        assert_eq!(query["redirect_uri"], "https://app.example.com/.auth/callback", "{host}");
    }
    // Without it, the request's own origin is used, which is either registered at Cognito or refused there.
    let mut harness = Harness::new();
    "evil.com".clone_into(&mut harness.authority);
    assert_eq!(query_of(&harness.start("/x"))["redirect_uri"], "https://evil.com/.auth/callback");
    for host in ["", "a b", "a,b", "evil.com/..", "x@app.example.com", "app.example.com..", "[::1"] {
        host.clone_into(&mut harness.authority);
        assert_eq!(harness.navigate("/x").answered().status, 400, "{host}");
    }
}

#[test]
fn case_120_what_is_no_navigation_is_never_sent_anywhere() {
    let html = ("accept", "text/html");
    let kinds: [(&str, &[(&str, &str)]); 15] = [
        ("nothing", &[]),
        ("Accept: */*", &[("accept", "*/*")]),
        ("XHR", &[html, ("x-requested-with", "XMLHttpRequest")]),
        ("fetch", &[("accept", "*/*"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
        ("fetch of this site", &[("accept", "*/*"), ("sec-fetch-mode", "same-origin")]),
        ("fetch of a page", &[html, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
        ("image", &[("accept", "image/*"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
        ("style", &[("accept", "text/css"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "style")]),
        ("events", &[("accept", "text/event-stream"), ("sec-fetch-mode", "cors")]),
        (
            "WebSocket",
            &[("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")],
        ),
        ("WebSocket of a browser", &[("upgrade", "websocket"), ("sec-fetch-mode", "websocket")]),
        ("prefetch", &[NAVIGATE[0], html, ("sec-purpose", "prefetch")]),
        ("prerender", &[NAVIGATE[0], html, ("sec-purpose", "prefetch;prerender")]),
        ("old prefetch", &[NAVIGATE[0], html, ("purpose", "prefetch")]),
        ("Firefox's prefetch", &[html, ("sec-fetch-mode", "no-cors"), ("x-moz", "prefetch")]),
    ];
    for scheme in ["https", "http"] {
        for (what, headers) in kinds {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let mut harness = Harness::new();
                harness.scheme = scheme;
                let response = harness.request(method, "/x", headers).answered();
                let heard =
                    (response.status, response.header("www-authenticate"), response.header("location"));
                assert_eq!(heard, (401, Some("Bearer"), None), "{method} {what} over {scheme}");
                assert!(harness.jar.names("").is_empty(), "{method} {what} over {scheme}: no flow cookie");
            }
        }
        let mut harness = Harness::new();
        harness.scheme = scheme;
        let response =
            harness.request("POST", "/svc/Method", &[("content-type", "application/grpc")]).answered();
        assert_eq!(
            (response.header("location"), harness.jar.names("").len()),
            (None, 0),
            "gRPC over {scheme}"
        );
    }
}

#[test]
fn case_120_no_redirect_has_a_form_sent_twice() {
    // 307 and 308 would. The harness checks every response of every test, and this test makes all kinds of them.
    let mut harness = Harness::new();
    let mut statuses = vec![harness.sign_in("/x").status];
    for target in ["/.auth/sign-out", "/y", "/.auth/sign-in?return=/z", "/.auth/callback?code=x&state=y"] {
        statuses.push(harness.navigate(target).answered().status);
    }
    harness.scheme = "http";
    statuses.push(harness.navigate("/y").answered().status);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for unauthenticated in ["auto", "redirect", "reject"] {
            let rule = json!({"path": "/**", "unauthenticated": unauthenticated});
            harness.reconfigure(json!({ "rules": [rule] }));
            for scheme in ["https", "http"] {
                harness.scheme = scheme;
                let response = harness.request(method, "/form", &NAVIGATE).answered();
                let is_page = response.status == 401 && response.header("location").is_none();
                assert!(
                    is_page || [302, 303].contains(&response.status),
                    "{method} {unauthenticated}: {response:?}"
                );
            }
        }
    }
    assert_eq!(statuses, [302, 302, 302, 302, 400, 302]);
}

#[test]
fn case_121_where_cookies_are_not_kept_the_way_ends_on_a_page_at_once() {
    let mut harness = Harness::new();
    for _ in 0..3 {
        let location = harness.start("/");
        harness.jar = Jar::default();
        let callback = harness.authorize(&location);
        let response = harness.navigate(&callback).answered();
        assert_eq!((response.status, response.header("location")), (400, None));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        assert!(response.body.contains("/.auth/sign-in"), "the person may try again, by a click");
    }
    assert_eq!(harness.cognito.calls(Endpoint::Token), 0);
    let mut harness = Harness::new();
    let expired = harness.now().secs() - 3_600;
    harness.cognito.tamper = Some(Box::new(move |token| token.claim("exp", expired)));
    let response = harness.sign_in("/");
    assert_eq!((response.status, response.header("location")), (401, None), "expired tokens");
    harness.cognito.tamper = None;
    let response = harness.sign_in("/x?a=b");
    assert_eq!(response.header("location"), Some("/x?a=b"), "neither code nor state is left");
    assert_eq!(cookies_deleted(&response).len(), 1);
}
