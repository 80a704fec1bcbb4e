//! Requests that need a session and have none.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::harness::{
    FLOW, Harness, IDENTITY, Jar, NAVIGATE, cookies_deleted, cookies_set, fields, set_cookies,
};

const OPEN_REDIRECTS: &str = include_str!("../fixtures/open_redirects.txt");

fn query_of(location: &str) -> std::collections::BTreeMap<String, String> {
    fields(location.split_once('?').unwrap().1)
}

#[test]
fn a_navigation_is_sent_to_cognito_with_all_that_the_code_flow_needs() {
    let mut harness = Harness::new();
    let query = query_of(&harness.start("/reports?year=2026"));
    let expected = [
        ("response_type", "code"),
        ("client_id", "2jvuq8gkhfoh7u4fdfihiditj5"),
        ("redirect_uri", "https://app.example.com/.auth/callback"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in expected {
        assert_eq!(query[name], value, "{name}");
    }
    assert_eq!(query["code_challenge"].len(), 43, "base64url of 32 bytes");
    assert!(query["nonce"].len() >= 22, "128 bits at least");
    assert!(query["state"].len() >= 22, "128 bits at least");
    assert_eq!(query.len(), 8, "and nothing else: {query:?}");
}

#[test]
fn a_sign_in_sets_one_flow_cookie_and_nothing_else() {
    let mut harness = Harness::new();
    let response = harness.navigate("/").answered();
    let cookies: Vec<&str> = set_cookies(&response).collect();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(cookies[0].starts_with(FLOW));
    assert!(cookies[0].ends_with("; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax"), "{}", cookies[0]);
}

#[test]
fn flow_cookies_stay_lax_whatever_the_session_is() {
    for same_site in ["strict", "none"] {
        let mut harness = Harness::with(json!({"session": {"cookie": {"same_site": same_site}}}));
        let response = harness.navigate("/").answered();
        let cookies: Vec<&str> = set_cookies(&response).collect();
        assert!(cookies[0].ends_with("SameSite=Lax"), "{cookies:?}");
    }
}

#[test]
fn the_operators_settings_shape_the_authorization_request() {
    let mut harness = Harness::with(json!({
        "scopes": ["openid", "email", "app/read+write"],
        "authorize_params": {"identity_provider": "Example & Co", "lang": "fr"},
        "public_url": "https://public.example.com:8443",
    }));
    "public.example.com:8443".clone_into(&mut harness.authority);
    let query = query_of(&harness.start("/"));
    assert_eq!(query["scope"], "openid email app/read+write");
    assert_eq!(query["identity_provider"], "Example & Co");
    assert_eq!(query["lang"], "fr");
    assert_eq!(query["redirect_uri"], "https://public.example.com:8443/.auth/callback");
}

#[test]
fn nothing_of_the_request_gets_into_the_authorization_request() {
    let mut harness = Harness::new();
    let parameters = "redirect_uri=https://evil.example&scope=admin&client_id=evil&state=x&nonce=x\
                      &prompt=none&response_type=token&lang=xx&identity_provider=evil";
    for target in [format!("/a?{parameters}"), format!("/.auth/sign-in?return=/a&{parameters}")] {
        let query = query_of(&harness.start(&target));
        assert_eq!(query.len(), 8, "{query:?}");
        assert!(query.values().all(|value| !value.contains("evil") && value != "x"), "{query:?}");
    }
}

#[test]
fn every_sign_in_has_secrets_of_its_own() {
    let mut harness = Harness::new();
    let mut seen = BTreeSet::new();
    for _ in 0..500 {
        let query = query_of(&harness.start("/"));
        let (id, secret) = query["state"].split_once('.').unwrap();
        for value in [&query["nonce"], &query["code_challenge"], id, secret] {
            assert!(seen.insert(value.to_owned()), "{value} occurs twice");
        }
    }
}

#[test]
fn a_request_that_isnt_a_navigation_gets_401_and_no_redirect() {
    let check = |method: &str, headers: &[(&str, &str)]| {
        let mut harness = Harness::new();
        let response = harness.request(method, "/", headers).answered();
        assert_eq!(response.status, 401, "{headers:?}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{headers:?}");
        assert_eq!(response.header("location"), None, "{headers:?}");
        assert_eq!(set_cookies(&response).count(), 0, "{headers:?}");
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body, json!({"error": "unauthenticated", "sign_in": "/.auth/sign-in"}), "{headers:?}");
    };
    let html = ("accept", "text/html");
    check("GET", &[]);
    check("GET", &[("accept", "*/*")]);
    check("GET", &[("accept", "application/json")]);
    check("GET", &[html, ("sec-fetch-mode", "cors")]);
    check("GET", &[html, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]);
    check("GET", &[html, ("sec-fetch-dest", "document")]);
    check("GET", &[html, ("x-requested-with", "XMLHttpRequest")]);
    check("GET", &[NAVIGATE[0], html, ("sec-purpose", "prefetch;prerender")]);
    check("GET", &[NAVIGATE[0], html, ("purpose", "prefetch")]);
    check("GET", &[("sec-fetch-mode", "websocket"), ("upgrade", "websocket"), ("connection", "Upgrade")]);
    check("GET", &[("upgrade", "websocket"), ("connection", "Upgrade")]);
    check("POST", &[html]);
    check("DELETE", &[html]);
    check("OPTIONS", &[("origin", "https://elsewhere.example"), ("access-control-request-method", "GET")]);
    check("POST", &[("content-type", "application/grpc"), NAVIGATE[0]]);
}

#[test]
fn a_form_gets_a_page_that_signs_in_instead_of_a_redirect() {
    let mut harness = Harness::new();
    for method in ["POST", "PUT"] {
        let response = harness.request(method, "/form?step=2", &NAVIGATE).answered();
        assert_eq!(response.status, 401);
        assert_eq!(response.header("location"), None);
        assert_eq!(set_cookies(&response).count(), 0);
        assert!(
            response.body.contains("href=\"/.auth/sign-in?return=%2Fform%3Fstep%3D2\""),
            "{}",
            response.body
        );
    }
}

#[test]
fn a_head_request_begins_a_sign_in_like_a_get() {
    let mut harness = Harness::new();
    let response = harness.request("HEAD", "/", &NAVIGATE).answered();
    assert_eq!(response.status, 302);
    assert_eq!(cookies_set(&response).len(), 1);
}

#[test]
fn six_tabs_leave_five_sign_ins_and_the_oldest_goes() {
    let mut harness = Harness::new();
    let mut locations = Vec::new();
    for tab in 0..7 {
        locations.push(harness.start(&format!("/tab/{tab}")));
        harness.advance(Duration::from_secs(1));
    }
    assert_eq!(harness.jar.names(FLOW).len(), 5);
    for (tab, location) in locations.iter().enumerate() {
        let callback = harness.authorize(location);
        harness.jar.remove(IDENTITY);
        let response = harness.navigate(&callback).answered();
        if tab < 2 {
            assert_eq!(response.status, 400, "tab {tab} was the oldest");
        } else {
            assert_eq!(response.header("location"), Some(format!("/tab/{tab}").as_str()));
        }
    }
}

#[test]
fn a_thousand_abandoned_sign_ins_leave_a_cookie_header_that_every_proxy_takes() {
    let mut harness = Harness::new();
    for page in 0..1_000 {
        harness.start(&format!("/page/{page}?with=a&few=parameters"));
        assert!(harness.jar.header().len() < 5 * 700, "{} bytes", harness.jar.header().len());
    }
}

#[test]
fn flow_cookies_that_are_over_or_not_ours_make_room_first() {
    let mut harness = Harness::new();
    harness.start("/over");
    let over = harness.jar.names(FLOW).remove(0);
    harness.advance(Duration::from_secs(600));
    let alive = harness.start("/alive");
    assert!(!harness.jar.names(FLOW).contains(&over));
    let broken = format!("{FLOW}00000000000000ff");
    harness.jar.put(&broken, "nonsense");
    let response = harness.navigate("/").answered();
    assert_eq!(cookies_deleted(&response), [broken.as_str()]);
    let callback = harness.authorize(&alive);
    assert_eq!(harness.navigate(&callback).answered().status, 302);
}

#[test]
fn no_sign_in_begins_over_plain_http() {
    let mut harness = Harness::new();
    harness.scheme = "http";
    harness.authority = "app.example.com:80".to_owned();
    let check = |harness: &mut Harness, target: &str, expected: &str| {
        let response = harness.navigate(target).answered();
        assert_eq!(response.status, 302, "{target}");
        assert_eq!(response.header("location"), Some(expected), "{target}");
        assert_eq!(set_cookies(&response).count(), 0, "{target}");
    };
    check(&mut harness, "/a?b=c", "https://app.example.com/a?b=c");
    check(&mut harness, "/.auth/sign-in?return=/a", "https://app.example.com/.auth/sign-in?return=/a");
    check(&mut harness, "//evil.example/", "https://app.example.com//evil.example/");
    assert_eq!(harness.get("/a").answered().status, 401);
}

#[test]
fn the_scheme_is_what_the_connection_manager_vouches_for() {
    let mut harness = Harness::new();
    harness.scheme = "http";
    let forwarded = [NAVIGATE[0], NAVIGATE[1], ("x-forwarded-proto", "https")];
    let response = harness.request("GET", "/", &forwarded).answered();
    let query = query_of(response.header("location").unwrap());
    assert_eq!(query["redirect_uri"], "https://app.example.com/.auth/callback");
}

#[test]
fn localhost_without_tls_works_with_bare_cookie_names() {
    let mut harness = Harness::with(json!({"session": {"cookie": {"secure": false}}}));
    harness.scheme = "http";
    harness.authority = "localhost:8080".to_owned();
    let location = harness.start("/");
    assert_eq!(query_of(&location)["redirect_uri"], "http://localhost:8080/.auth/callback");
    let callback = harness.authorize(&location);
    let response = harness.navigate(&callback).answered();
    assert_eq!(cookies_set(&response), ["auth", "auth-tokens"]);
    assert!(set_cookies(&response).all(|cookie| !cookie.contains("Secure")));
    assert!(harness.is_signed_in());
}

#[test]
fn a_public_client_signs_in_by_pkce_alone() {
    let mut harness = Harness::with(json!({"client_secret": null}));
    harness.signed_in();
}

#[test]
fn one_returns_to_exactly_what_one_asked_for() {
    let check = |asked: &str| {
        let mut harness = Harness::new();
        let response = harness.sign_in(asked);
        assert_eq!((response.status, response.header("location")), (302, Some(asked)));
    };
    check("/");
    check("/a/b/");
    check("/a?b=c&d=%20%2F&e=+#not-a-fragment");
    check("/a%20b%2Fc?next=https://elsewhere.example/");
    check("/a?");
    check("/a;v=1/b");
    check("/search?q=//x&r=\\y");
    // Escaped twice, not UTF-8, a lone `%`.
    check("/job/app/job/feature%252Flogin/1/console");
    check("/a%252Eb%255Cc%25252F");
    check("/files/r%E9sum%E9.pdf?q=%E9%");
    check("/files/%83%65%83%58%83%67%83%5C.txt");
    check("/sale/50%");
    check("/%zz/%2/%u00e9");
}

#[test]
fn an_address_that_isnt_utf_8_is_returned_to_byte_for_byte() {
    let navigate = NAVIGATE.map(|(name, value)| (name, value.as_bytes()));
    let mut harness = Harness::new();
    let returns = |harness: &mut Harness, target: &[u8]| {
        let response = harness.raw_request("GET", target, &navigate).answered();
        let callback = harness.authorize(response.header("location").unwrap());
        let response = harness.navigate(&callback).answered();
        harness.jar = Jar::default();
        response.header("location").unwrap().to_owned()
    };
    assert_eq!(returns(&mut harness, b"/r\xe9sum\xe9 %?\xff"), "/r%E9sum%E9%20%?%FF");
    // The same if an app gives the address to return to, with its own escapes or with one more level of them.
    for said in ["/r%E9sum%E9?50%25", "%2Fr%25E9sum%25E9%3F50%25", "/r%E9sum%E9?50%"] {
        let location = returns(&mut harness, format!("/.auth/sign-in?return={said}").as_bytes());
        assert_eq!(location, "/r%E9sum%E9?50%", "{said}");
    }
    for foreign in
        ["%2F%2Fevil.example", "%252F%252Fevil.example", "/%5Cevil.example", "%2F%5Cevil.example%E9"]
    {
        let location = returns(&mut harness, format!("/.auth/sign-in?return={foreign}").as_bytes());
        assert_eq!(location, "/", "{foreign}");
    }
    for stays in ["/%252F%252Fevil.example", "/%255Cevil.example", "/%2F%2Fevil.example%E9"] {
        assert_eq!(returns(&mut harness, stays.as_bytes()), stays);
    }
    harness.scheme = "http";
    let response = harness.raw_request("GET", b"/r%E9\xe9/50%?\xff%", &navigate).answered();
    assert_eq!(response.header("location"), Some("https://app.example.com/r%E9%E9/50%?%FF%"));
}

#[test]
fn odd_spellings_of_our_own_paths_are_none_of_ours() {
    let mut harness = Harness::new();
    let odd = [
        "/.auth/me%",
        "/.auth/%6de",
        "/.auth/m%2565",
        "/.auth/me%E9",
        "/%252eauth/me",
        "/.auth%252Fsign-out",
    ];
    for target in odd {
        assert_eq!(harness.get(target).answered().status, 401, "{target}");
        assert!(harness.log().is_empty() || !harness.log().contains("sign_out"), "{target}");
    }
    harness.signed_in();
    for target in odd {
        assert!(harness.get(target).is_forwarded(), "{target}");
    }
    assert!(harness.is_signed_in());
    let response = harness.navigate("/.auth/callback?code=%E9%&state=%ff%252F%").answered();
    assert_eq!((response.status, response.header("location")), (302, Some("/")), "there is a session");
}

#[test]
fn the_sign_in_path_returns_where_it_is_told_to() {
    let check = |query: &str, expected: &str| {
        let mut harness = Harness::new();
        let response = harness.sign_in(&format!("/.auth/sign-in{query}"));
        assert_eq!((response.status, response.header("location")), (302, Some(expected)), "{query}");
    };
    check("", "/");
    check("?return=/a/b%3Fc%3Dd%26e", "/a/b?c=d&e");
    check("?return=", "/");
    check("?return=/ü x", "/%C3%BC%20x");
    check("?return=/a&return=//evil.example", "/a");
    // Returning to one of these would start, end or repeat a session.
    check("?return=/.auth/sign-in", "/");
    check("?return=/.auth/sign-out", "/");
    check("?return=/.auth/callback?code=x", "/");
    check("?return=/.auth/x/../sign-out", "/");
    check("?return=/x%255Cy/../.auth/sign-out", "/");
    check("?return=/.auth/signed-out", "/");
    check("?return=/.auth/me", "/.auth/me");
}

#[test]
fn no_spelling_of_another_site_is_ever_followed() {
    let spellings = OPEN_REDIRECTS.split('\n').filter(|line| !line.is_empty());
    for spelling in spellings {
        let mut harness = Harness::new();
        let encoded: String = url::form_urlencoded::byte_serialize(spelling.as_bytes()).collect();
        let response = harness.sign_in(&format!("/.auth/sign-in?return={encoded}"));
        let location = response.header("location").unwrap();
        let here = Url::parse("https://app.example.com/.auth/callback").unwrap();
        let there = here.join(location).unwrap();
        assert_eq!(there.origin(), here.origin(), "{spelling:?} leads to {there}");
        assert!(location.starts_with('/') && !location.starts_with("//"), "{spelling:?} → {location}");
    }
}

#[test]
fn the_sign_in_path_is_for_navigations() {
    let mut harness = Harness::new();
    let cors = [("sec-fetch-mode", "cors"), ("accept", "text/html")];
    assert_eq!(harness.request("GET", "/.auth/sign-in", &cors).answered().status, 401);
    let prefetch = [NAVIGATE[0], NAVIGATE[1], ("sec-purpose", "prefetch")];
    assert_eq!(harness.request("GET", "/.auth/sign-in", &prefetch).answered().status, 401);
    assert_eq!(harness.request("POST", "/.auth/sign-in", &NAVIGATE).answered().status, 405);
    assert_eq!(
        harness.request("GET", "/.auth/sign-in", &[]).answered().status,
        302,
        "an old browser's click"
    );
}

#[test]
fn a_request_without_a_usable_host_or_path_gets_400() {
    let check = |authority: &str, target: &str| {
        let mut harness = Harness::new();
        harness.authority = authority.to_owned();
        let response = harness.navigate(target).answered();
        assert_eq!(response.status, 400, "{authority:?} {target:?}");
        assert!(harness.log().contains("event=request.refused"), "{authority:?} {target:?}");
    };
    check("", "/");
    check("app.example.com/evil", "/");
    check("user@app.example.com", "/");
    check("app example.com", "/");
    check("app.example.com", "");
    check("app.example.com", "*");
    check("app.example.com", "app.example.com:443");
    check("app.example.com", "/a#b");
    check("app.example.com", "/a%00b");
    check("app.example.com", "/a%2500b");
    check("app.example.com", "/%c0%ae");
    check("app.example.com", "/%25c0%25ae");
}
