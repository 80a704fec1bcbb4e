//! Attacks: open redirects, spoofed headers, changed cookies, unusual paths and bytes.

use rig::{Browser, Load, RawRequest};
use stand_in::Endpoint;

use crate::world::{PASSWORD, Site, USER, callback_of, header, headers, world};

fn site() -> Site {
    world().site("attacks")
}

const OPEN_REDIRECTS: &str = include_str!("../fixtures/open_redirects.txt");

/// Whether a browser at the site that follows this `Location` stays there.
fn stays(site: &Site, location: &str) -> bool {
    let base = url::Url::parse(&site.url("/.auth/callback")).unwrap();
    base.join(location).is_ok_and(|url| url.origin() == base.origin() && !url.path().starts_with("//"))
}

/// Starts a sign-in with this request target. Returns where its callback redirects to.
fn lands_at(browser: &mut Browser, target: &str) -> String {
    let response = site().send(RawRequest::get(target).header("sec-fetch-mode", "navigate"));
    assert_eq!(response.status, 302, "{target}");
    for cookie in response.set_cookies() {
        browser.set_cookie_raw(&site().origin(), &cookie.name, &cookie.value);
    }
    let url = response.location().expect("a location").to_owned();
    let visit = browser.sign_in(&url, USER, PASSWORD);
    let callback = visit.step(&site().url("/.auth/callback")).unwrap_or_else(|| panic!("{target}: {visit}"));
    assert_eq!(callback.status, 302, "{target}: {visit}");
    callback.response.location().expect("a location").to_owned()
}

#[test]
fn no_spelling_of_a_return_target_leaves_the_host() {
    let mut browser = site().browser();
    let targets: Vec<&str> = OPEN_REDIRECTS.lines().filter(|line| !line.is_empty()).collect();
    assert!(targets.len() >= 30, "{} spellings", targets.len());
    for target in targets {
        let query: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let location = lands_at(&mut browser, &format!("/.auth/sign-in?return={query}"));
        assert!(stays(&site(), &location), "{target} leads to {location}");
        assert!(!location.starts_with("/.auth/sign"), "{target} leads to {location}");
    }
}

#[test]
fn no_spelling_of_the_path_itself_leaves_the_host() {
    let mut browser = site().browser();
    for target in [
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "/.//evil.example/",
        "/x/..//evil.example",
        "/@evil.example/",
        "/%2f%2fevil.example/",
        "/;/evil.example",
        "//evil.example/?a=b",
        "/%5cevil.example",
    ] {
        let location = lands_at(&mut browser, target);
        assert!(stays(&site(), &location), "{target} leads to {location}");
    }
}

#[test]
fn paths_that_cannot_be_decided_are_refused() {
    let before = world().app.count();
    let mut browser = site().signed_in();
    let cookies = browser.cookie_header(&site().url("/"));
    for target in [
        "/public/%00",
        "/public/%2500",
        "/public/%0d%0ax",
        "/public/%250d%250ax",
        "/%09/x",
        "/public/%7f",
        "/public/%c2%85",
        "/public/%c0%ae%c0%ae/internal",
        "/public/%25c0%25ae%25c0%25ae/internal",
        "/public/%e0%80%ae",
        "/public/%f0%80%80%af",
        "/public/%u0000",
    ] {
        for request in [RawRequest::get(target), RawRequest::get(target).header("cookie", &cookies)] {
            let response = site().send(request);
            assert_eq!(response.status, 400, "{target}");
        }
    }
    let page = browser.step(&site().url("/public/%2500"));
    assert_eq!(page.status, 400, "a browser gets a page: {}", page.text());
    assert!(page.text().contains("This address"), "{}", page.text());
    let requests = world().app.requests();
    assert!(requests[before..].iter().all(|request| !request.path.contains("%2500")));
}

#[test]
fn no_spelling_of_a_path_opens_a_door() {
    let session = site().signed_in().cookie_header(&site().url("/"));
    for target in [
        "/internal",
        "/internal/x",
        "//internal",
        "/internal//x",
        "/internal/",
        "/./internal",
        "/x/../internal",
        "/public/../internal",
        "/public/%2e%2e/internal",
        "/public/..%2finternal",
        "/public/..;/internal",
        "/public/..\\internal",
        "/%69nternal",
        "/internal;x=1",
        "/internal%2fx",
        "/%2finternal",
        "/\\internal",
        "/%5cinternal",
        "/public/x/../../internal",
        "/public/./.././internal",
    ] {
        let anonymous = site().get(target);
        assert!([401, 403].contains(&anonymous.status), "{target}: {}", anonymous.status);
        let signed_in = site().send(RawRequest::get(target).header("cookie", &session));
        assert_eq!(signed_in.status, 403, "{target}");
    }
    for target in ["//public", "/%70ublic", "/internal/../public/x", "/public;x"] {
        assert!([401, 403].contains(&site().get(target).status), "{target}");
    }
    for target in ["/public/x/../y", "/public/a%20b", "/public/"] {
        assert_eq!(site().get(target).status, 200, "{target}");
    }
}

#[test]
fn identity_headers_of_the_client_never_arrive() {
    let session = site().signed_in().cookie_header(&site().url("/"));
    let spoofed = |target: &str| {
        [
            "X-Auth-User",
            "x_auth_user",
            "x-auth_Roles",
            "X.Auth.Email",
            "x-auth-subject",
            "x-auth-subject",
            "X_AUTH_NAME",
        ]
        .iter()
        .fold(RawRequest::get(target), |request, name| request.header(name, "root"))
    };
    for target in ["/public/json", "/hello/json/../json", "/public/x/json"] {
        let response = site().send(spoofed(target));
        if response.status == 200 {
            let seen = response.json();
            assert!(!seen["headers"].to_string().contains("root"), "{target}: {seen}");
        }
    }
    let seen = site().send(spoofed("/json").header("cookie", &session)).json();
    assert!(!seen["headers"].to_string().contains("root"), "{seen}");
    assert_eq!(headers(&seen, "x-auth-user"), [USER], "exactly one, ours");
    assert_eq!(header(&seen, "x-auth-roles"), Some("authp/admin,authp/user"));
}

#[test]
fn public_pages_know_who_is_signed_in_and_never_get_our_cookies() {
    let session = site().signed_in().cookie_header(&site().url("/"));
    let seen = site().send(RawRequest::get("/public/json").header("cookie", &session)).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(header(&seen, "cookie"), None);
    let broken = RawRequest::get("/public/json").header("cookie", "__Host-auth=broken; a=1");
    let seen = site().send(broken).json();
    assert_eq!(header(&seen, "x-auth-user"), None);
    assert_eq!(header(&seen, "cookie"), Some("a=1"));
}

#[test]
fn a_changed_session_cookie_is_no_session() {
    let browser = site().signed_in();
    let good = browser.cookie(&site().origin(), "__Host-auth").expect("a session").value;
    let tokens = browser.cookie(&site().origin(), "__Host-auth-tokens").expect("tokens").value;
    let status = |value: &str| {
        let request =
            RawRequest::get("/json").header_bytes("cookie", format!("__Host-auth={value}").as_bytes());
        site().send(request).status
    };
    assert_eq!(status(&good), 200);
    for at in (0..good.len()).step_by(7) {
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(status(&String::from_utf8(bent).unwrap()), 401, "byte {at}");
    }
    let padded = format!("{good}=");
    let doubled = format!("{good}{good}");
    for value in ["", "deleted", "AAAA", &good[..good.len() - 1], &padded, &doubled, &tokens, "é", "%00"] {
        assert_eq!(status(value), 401, "{value}");
    }
}

#[test]
fn a_session_of_another_site_is_none_here() {
    let elsewhere = world().site("callback").signed_in().cookie_header("https://callback.example.test/");
    assert_eq!(site().send(RawRequest::get("/json").header("cookie", &elsewhere)).status, 401);
}

#[test]
fn odd_bytes_and_piles_of_cookies_do_no_harm() {
    let session = site().signed_in().cookie_header(&site().url("/"));
    let pile = "j=1; ".repeat(12_000);
    let copies = "__Host-auth=junk; ".repeat(1_000);
    let check = |request: RawRequest, status: u16| assert_eq!(site().send(request).status, status);
    check(RawRequest::get("/json").header("cookie", format!("{pile}{session}")), 200);
    check(RawRequest::get("/json").header("cookie", format!("{copies}{session}")), 401);
    check(RawRequest::get("/json").header_bytes("cookie", b"\xff\xfe=\x80; __Host-auth=\xc3\x28"), 401);
    check(RawRequest::get("/json").header_bytes("x-odd", b"\x80\xff\xfe").header("cookie", &session), 200);
    check(RawRequest::get("/json").header_bytes("authorization", b"Bearer \xff"), 401);
    check(RawRequest::get("/json").header("cookie", "; ;; =; =x; __Host-auth"), 401);
    check(RawRequest::get("/json").header("cookie", "__Host-auth-tokens.1=9.x; __Host-auth-flow-=1"), 401);
    for name in ["accept", "sec-fetch-mode", "x-forwarded-proto", "x-request-id", "origin"] {
        let request = RawRequest::get("/json").header_bytes(name, b"\xff\xfe\x80").header("cookie", &session);
        check(request, 200);
    }
    assert!(world().envoy.alive());
    assert!(!world().envoy.log().contains("panicked"), "{}", world().envoy.log());
}

#[test]
fn a_connect_or_an_odd_target_is_refused() {
    for (method, target, statuses) in [
        ("OPTIONS", "*", [400, 404]),
        ("CONNECT", "evil.example:443", [400, 404]),
        ("GET", "/x#y", [400, 400]),
    ] {
        let response = site().send(RawRequest::new(method, target));
        assert!(statuses.contains(&response.status), "{method} {target}: {}", response.status);
    }
}

#[test]
fn other_sites_cannot_finish_a_sign_in_for_a_victim() {
    // A separate site: the token calls of other tests would be counted too.
    let site = world().site("victims");
    // An attacker's own code and state, in a victim's browser.
    let mut attacker = site.browser();
    let start = attacker.step(&site.url("/"));
    let before = site.calls(Endpoint::Token).len();
    let callback = callback_of(start.location().expect("a location"));
    assert!(callback.starts_with(&site.url("/.auth/callback")), "{callback}");
    let mut victim = site.browser();
    let landed = victim.load(Load::link("https://evil.example", &callback).one_step()).unwrap();
    assert_eq!(landed.status(), 400, "{landed}");
    assert!(victim.cookies(&site.origin()).is_empty());
    assert_eq!(site.calls(Endpoint::Token).len(), before, "no code is redeemed for a stranger");
}

#[test]
fn a_foreign_host_is_malformed_or_harmless() {
    let site = world().site("proto");
    let navigate = |host: &str| {
        let request = RawRequest::get("/").host(host).header("sec-fetch-mode", "navigate");
        rig::send(site.addr, &request).expect("an answer")
    };
    for host in ["evil.example/..", "a b", "evil.example\\x", "a@b", "<script>"] {
        let response = navigate(host);
        assert_eq!(response.status, 400, "{host}");
        assert!(!response.text().contains("<script>"));
    }
}
