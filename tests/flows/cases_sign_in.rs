//! Cases of `docs/security-cases.md`: the way to Cognito, the callback, the way back, and signing out.

use std::time::Duration;

use envoy_cognito::http::CalloutError;
use envoy_cognito::return_to::ReturnTo;
use serde_json::json;
use url::Url;

use crate::harness::{
    Answer, Endpoint, FLOW, Harness, IDENTITY, Jar, NAVIGATE, OTHER_KEY, SESSION_KEY, cookies_deleted,
    cookies_set, fields, parse, set_cookies, upstream,
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
            if let crate::harness::Outcome::Parked(stream) = harness.navigate(&callback) {
                harness.gone(stream);
            }
        }
    };
    let mut harness = Harness::asleep(1, json!({}));
    harness.cognito.keys = Answer::Held;
    harness.settle();
    leave(&mut harness, 300);
    harness.cognito.keys = Answer::Good;
    harness.release();
    for _ in 0..10 {
        harness.cognito.token = Answer::Held;
        leave(&mut harness, 300);
        harness.cognito.token = Answer::Fails(CalloutError::Broken);
        harness.release();
    }
    assert_eq!((harness.decisions(), harness.held()), (0, 0), "nobody is answered who isn't there");
    harness.cognito.token = Answer::Good;
    harness.jar = Jar::default();
    harness.signed_in();
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

/// Spellings of another site: every start that parsers disagree about, before and behind several hosts.
fn foreign_targets() -> Vec<String> {
    let starts = [
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
    let ends = [
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
    starts.iter().flat_map(|start| ends.iter().map(move |end| format!("{start}{end}"))).collect()
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
    let hosts = [
        "evil.com",
        "evil-example.com",
        "app.example.com.evil.com",
        "APP.EXAMPLE.COM",
        "app.example.com:8443",
    ];
    let mut harness = Harness::with(json!({"public_url": "https://app.example.com"}));
    for host in hosts {
        host.clone_into(&mut harness.authority);
        let query = query_of(&harness.start("/x"));
        assert_eq!(query["redirect_uri"], "https://app.example.com/.auth/callback", "{host}");
    }
    // Without one it is the request's own, which Cognito has registered or turns down.
    let mut harness = Harness::new();
    "evil.com".clone_into(&mut harness.authority);
    assert_eq!(query_of(&harness.start("/x"))["redirect_uri"], "https://evil.com/.auth/callback");
    for host in ["", "a b", "a,b", "evil.com/..", "x@app.example.com", "app.example.com..", "[::1"] {
        host.clone_into(&mut harness.authority);
        assert_eq!(harness.navigate("/x").answered().status, 400, "{host}");
    }
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
    assert_eq!((response.status, response.header("location")), (401, None), "tokens that are over");
    harness.cognito.tamper = None;
    let response = harness.sign_in("/x?a=b");
    assert_eq!(response.header("location"), Some("/x?a=b"), "neither code nor state is left");
    assert_eq!(cookies_deleted(&response).len(), 1);
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
