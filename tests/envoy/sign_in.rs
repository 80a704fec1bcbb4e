//! From the first request to the app.

use std::time::Duration;

use rig::{Load, RawRequest};
use stand_in::Endpoint;

use crate::world::{PASSWORD, SUBJECT, USER, header, headers, is_native, parameter, world};

#[test]
fn a_person_signs_in_and_lands_where_they_wanted_to_go() {
    let site = world().site("signin");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/reports/2026?from=1&to=%C3%A9/json"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}\n{}", world().envoy.log());
    assert_eq!(visit.url, site.url("/reports/2026?from=1&to=%C3%A9/json"), "{visit}");
    let seen = browser.fetch(&site.url("/a/json")).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(header(&seen, "x-auth-subject"), Some(SUBJECT));
    assert_eq!(header(&seen, "x-auth-email"), Some("jsmith@example.com"));
    assert_eq!(header(&seen, "x-auth-name"), Some("John Smith"));
    assert_eq!(header(&seen, "x-auth-roles"), Some("authp/admin,authp/user"));
    assert_eq!(header(&seen, "cookie"), None, "the app doesn't get the filter's cookies");
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
}

#[test]
fn the_authorization_request_has_pkce_state_and_nonce() {
    let site = world().site("signin");
    let response =
        site.navigate("/x?redirect_uri=https://evil&scope=admin&client_id=other&state=mine&prompt=none");
    assert_eq!(response.status, 302);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let url = response.location().expect("a location");
    assert!(url.starts_with(&format!("{}/oauth2/authorize?", world().cognito.domain_url())), "{url}");
    assert_eq!(parameter(url, "response_type").as_deref(), Some("code"));
    assert_eq!(parameter(url, "client_id").as_deref(), Some("signin"));
    assert_eq!(parameter(url, "redirect_uri"), Some(site.url("/.auth/callback")));
    assert_eq!(parameter(url, "scope").as_deref(), Some("openid"));
    assert_eq!(parameter(url, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(parameter(url, "code_challenge").map(|challenge| challenge.len()), Some(43));
    assert!(parameter(url, "state").is_some_and(|state| state.len() >= 32));
    assert!(parameter(url, "nonce").is_some_and(|nonce| nonce.len() >= 22));
    assert_eq!(parameter(url, "prompt"), None);
    assert_eq!(url.matches("state=").count(), 1, "{url}");
    let cookies = response.set_cookies();
    assert_eq!(cookies.len(), 1);
    let cookie = &cookies[0];
    assert!(cookie.name.starts_with("__Host-auth-flow-"), "{cookie:?}");
    assert!(
        cookie.secure && cookie.http_only && cookie.path.as_deref() == Some("/") && cookie.domain.is_none()
    );
    assert_eq!(cookie.same_site.as_deref(), Some("Lax"));
    assert_eq!(cookie.max_age, Some(600));
}

#[test]
fn the_token_request_authenticates_the_client_and_shows_the_verifier() {
    let site = world().site("params");
    site.signed_in();
    let authorize = site.calls(Endpoint::Authorize).into_iter().next().expect("an authorization request");
    assert_eq!(authorize.get("identity_provider"), Some("COGNITO"));
    assert_eq!(authorize.get("lang"), Some("de"));
    assert_eq!(authorize.get("scope"), Some("openid email profile"));
    let calls = site.calls(Endpoint::Token);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].method, "POST");
    assert_eq!(calls[0].get("grant_type"), Some("authorization_code"));
    assert_eq!(calls[0].get("redirect_uri"), Some(site.url("/.auth/callback").as_str()));
    assert!(calls[0].get("code_verifier").is_some_and(|verifier| verifier.len() == 43));
    assert!(calls[0].authorization.as_ref().is_some_and(|basic| basic.starts_with("Basic ")));
    assert_eq!(calls[0].get("client_secret"), None);
}

#[test]
fn a_public_client_goes_by_pkce_alone() {
    let site = world().site("public-client");
    site.signed_in();
    assert_eq!(site.calls(Endpoint::Token)[0].authorization, None);
}

#[test]
fn a_struct_is_as_good_as_json() {
    let site = world().site("struct");
    let seen = site.signed_in().fetch(&site.url("/json")).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
}

#[test]
fn signatures_are_checked_in_the_filter_where_the_host_does_not_help() {
    let site = world().site("portable");
    let seen = site.signed_in().fetch(&site.url("/json")).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    let log = world().envoy.log();
    // The native module never asks: it brings its own verifier.
    let asked = log.contains("restricted proxy-wasm capability");
    assert_eq!(asked, !is_native(), "the host's verifier was asked and denied");
}

#[test]
fn claims_become_headers() {
    let site = world().site("claims");
    let mut browser = site.signed_in();
    let seen = browser.fetch(&site.url("/json")).json();
    assert_eq!(header(&seen, "x-auth-timezone"), Some("America/New_York"));
    let request = Load::fetch(&site.origin(), &site.url("/.auth/me")).header("accept", "application/json");
    let me = browser.load(request).unwrap().response.json();
    assert_eq!(me["claims"]["custom:timezone"], "America/New_York");
}

#[test]
fn what_is_no_navigation_is_told_so_in_json() {
    let site = world().site("signin");
    let check = |request: RawRequest| {
        let response = site.send(request);
        assert_eq!(response.status, 401);
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert!(response.set_cookies().is_empty());
        let body = response.json();
        assert_eq!(body, serde_json::json!({"error": "unauthenticated", "sign_in": "/.auth/sign-in"}));
    };
    check(RawRequest::get("/api"));
    check(RawRequest::get("/api").header("accept", "application/json"));
    check(RawRequest::get("/api").header("accept", "text/html").header("sec-fetch-mode", "cors"));
    check(RawRequest::get("/api").header("accept", "text/html").header("x-requested-with", "XMLHttpRequest"));
    check(RawRequest::post("/api", "{}"));
    check(RawRequest::new("DELETE", "/api").header("accept", "text/html"));
    check(RawRequest::get("/x").header("sec-fetch-mode", "navigate").header("sec-purpose", "prefetch"));
    check(
        RawRequest::get("/ws")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    );
}

#[test]
fn a_page_that_a_service_worker_fetches_itself_is_sent_to_sign_in() {
    let site = world().site("signin");
    let fetched = |method: &str, mode: &str, accept: &str| {
        let request = RawRequest::new(method, "/deep?x=1").header("sec-fetch-mode", mode);
        site.send(request.header("sec-fetch-dest", "empty").header("accept", accept))
    };
    let page = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    let response = fetched("GET", "same-origin", page);
    assert_eq!((response.status, response.set_cookies().len()), (302, 1));
    assert!(response.location().expect("a location").starts_with(&world().cognito.domain_url()));
    for (mode, accept) in [("cors", page), ("same-origin", "*/*"), ("same-origin", "application/json")] {
        let response = fetched("GET", mode, accept);
        assert_eq!((response.status, response.set_cookies().len()), (401, 0), "{mode} {accept}");
        assert_eq!(response.json()["error"], "unauthenticated", "{mode} {accept}");
    }
    let form = fetched("POST", "same-origin", page);
    assert_eq!((form.status, form.header("content-type")), (401, Some("text/html; charset=utf-8")));
}

#[test]
fn grpc_gets_its_own_status() {
    let site = world().site("signin");
    let request = RawRequest::post("/svc/Method", "").header("content-type", "application/grpc");
    let response = site.send(request);
    assert_eq!(response.status, 200);
    assert_eq!(response.header("grpc-status"), Some("16"));
}

#[test]
fn a_form_keeps_its_place_and_is_offered_a_link() {
    let site = world().site("signin");
    let before = world().app.count();
    let mut browser = site.browser();
    let visit = browser.submit("POST", &site.url("/form?step=2"), &[("text", "a long one")]);
    assert_eq!(visit.status(), 401, "{visit}");
    assert!(visit.text().contains("/.auth/sign-in?return=%2Fform%3Fstep%3D2"), "{}", visit.text());
    assert!(browser.cookies(&site.origin()).is_empty());
    assert!(world().app.requests()[before..].iter().all(|request| request.method != "POST"));
}

#[test]
fn five_tabs_sign_in_at_once_in_any_order() {
    let site = world().site("tabs");
    let mut browser = site.browser();
    let paths = ["/one", "/two", "/three", "/four", "/five"];
    let starts: Vec<String> = paths
        .iter()
        .map(|path| browser.step(&site.url(path)).location().expect("a redirect").to_owned())
        .collect();
    assert_eq!(browser.cookies(&site.origin()).len(), 5);
    for index in [3, 0, 4, 1, 2] {
        let visit = browser.sign_in(&starts[index], USER, PASSWORD);
        assert_eq!(visit.url, site.url(paths[index]), "{visit}");
        assert_eq!(visit.status(), 200, "{visit}");
    }
    let names: Vec<String> = browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.name).collect();
    assert!(names.iter().all(|name| !name.contains("flow")), "{names:?}");
}

#[test]
fn a_sixth_tab_makes_the_oldest_give_way() {
    let site = world().site("tabs");
    let mut browser = site.browser();
    for tab in 0..12 {
        browser.step(&site.url(&format!("/{tab}")));
        assert!(browser.cookies(&site.origin()).len() <= 5);
    }
    assert_eq!(browser.cookies(&site.origin()).len(), 5);
}

#[test]
fn the_sign_in_path_leads_back_to_where_it_was_told() {
    let site = world().site("signin");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/.auth/sign-in?return=/after%3Fa%3Db"), USER, PASSWORD);
    assert_eq!(visit.url, site.url("/after?a=b"), "{visit}");
}

#[test]
fn with_strict_cookies_a_page_takes_the_last_step() {
    let site = world().site("strict");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/deep?x=1"), USER, PASSWORD);
    assert_eq!(visit.url, site.url("/deep?x=1"), "{visit}");
    assert_eq!(visit.status(), 200, "{visit}");
    let callback = visit.step(&site.url("/.auth/callback")).expect("a callback");
    assert_eq!(callback.status, 200);
    let identity = callback.response.set_cookie("__Host-auth").expect("the identity cookie");
    assert_eq!(identity.same_site.as_deref(), Some("Strict"));
}

#[test]
fn a_domain_makes_cookies_for_all_hosts_below() {
    let site = world().site("domain");
    let mut browser = site.signed_in();
    let names: Vec<String> = browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.name).collect();
    assert!(names.contains(&"__Secure-auth".to_owned()), "{names:?}");
    let sibling = browser.cookies("https://other.example.test");
    assert!(sibling.iter().any(|cookie| cookie.name == "__Secure-auth"));
    assert_eq!(browser.fetch(&site.url("/json")).status, 200);
}

#[test]
fn no_sign_in_begins_over_plain_http() {
    let site = world().site("proto");
    let navigation = |proto: &str| {
        let request = RawRequest::get("/a?b=c").header("sec-fetch-mode", "navigate");
        site.send(request.header("x-forwarded-proto", proto))
    };
    let response = site.navigate("/a?b=c");
    assert_eq!(response.status, 302);
    assert_eq!(response.location(), Some(site.url("/a?b=c").as_str()));
    assert!(response.set_cookies().is_empty());
    assert_eq!(site.get("/a").status, 401);
    // Envoy replaces the header from an untrusted peer with the connection's own scheme.
    assert_eq!(navigation("http").location(), Some(site.url("/a?b=c").as_str()));
}

#[test]
fn a_session_ends_with_its_lifetime() {
    let site = world().site("lifetime");
    let mut browser = site.signed_in();
    assert_eq!(browser.fetch(&site.url("/json")).status, 200);
    site.age(&mut browser, Duration::from_secs(3_500));
    assert_eq!(browser.fetch(&site.url("/json")).status, 200);
    // Its tokens have been refreshed meanwhile; the time of sign-in stays.
    site.age(&mut browser, Duration::from_secs(3_700));
    assert_eq!(browser.fetch(&site.url("/json")).status, 401);
}

#[test]
fn an_envoy_without_the_cluster_says_so_at_once() {
    let site = world().site("no-cluster");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/"), USER, PASSWORD);
    assert_eq!(visit.status(), 503, "{visit}");
    assert!(visit.text().contains("Try again"));
    assert!(world().envoy.log_line("reason=cluster_missing").is_some());
}

#[test]
fn who_is_signed_in_can_ask_who_they_are() {
    let site = world().site("signin");
    let mut browser = site.signed_in();
    let page = browser.navigate(&site.url("/.auth/me"));
    assert_eq!(page.status(), 200);
    for text in ["My Identity", "John Smith", "jsmith@example.com", "authp/admin", "/.auth/sign-out"] {
        assert!(page.text().contains(text), "{text} is missing in {}", page.text());
    }
    let me = browser.fetch(&site.url("/.auth/me")).json();
    assert_eq!(me["sub"], SUBJECT);
    assert_eq!(me["username"], USER);
    assert_eq!(me["roles"], serde_json::json!(["authp/admin", "authp/user"]));
    assert!(me["expires_at"].as_u64().is_some_and(|at| at > 1_700_000_000));
    assert_eq!(site.get("/.auth/me").status, 401);
    assert_eq!(site.navigate("/.auth/me").status, 302);
}

#[test]
fn other_cookies_come_through_byte_for_byte() {
    let site = world().site("signin");
    let browser = site.signed_in();
    let ours = browser.cookie_header(&site.url("/"));
    let request = RawRequest::get("/json")
        .header("cookie", format!("a=1;  b=\"x, y\"; {ours}; c==; not-a-pair"))
        .header("cookie", "second=line");
    let seen = site.send(request).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    let cookies = headers(&seen, "cookie").join("|");
    assert!(cookies.contains("a=1;  b=\"x, y\"; c==; not-a-pair"), "{cookies}");
    assert!(cookies.contains("second=line"), "{cookies}");
    assert!(!cookies.contains("__Host-auth"), "{cookies}");
    let request = RawRequest::get("/json").header("cookie", "x=1").header("cookie", &ours);
    assert_eq!(header(&site.send(request).json(), "x-auth-user"), Some(USER), "a session in the second line");
}

#[test]
fn rules_decide_by_path() {
    let site = world().site("signin");
    assert_eq!(site.get("/public/page").status, 200);
    assert_eq!(site.get("/hello").status, 200);
    assert_eq!(site.get("/elsewhere").status, 401);
    assert_eq!(site.navigate("/internal/x").status, 403);
    let mut browser = site.signed_in();
    assert_eq!(browser.fetch(&site.url("/internal/x")).status, 403);
    let seen = browser.fetch(&site.url("/hello")).status;
    assert_eq!(seen, 200);
}
