//! Signing out: here, at Cognito, and only if the person wants it.

use rig::{Load, RawRequest};
use stand_in::Endpoint;

use crate::world::{PASSWORD, USER, parameter, world};

#[test]
fn signing_out_empties_the_browser_and_ends_at_cognito() {
    let site = world().site("signout");
    let mut browser = site.signed_in();
    let revoked_before = site.calls(Endpoint::Revoke).len();
    let visit = browser.navigate(&site.url("/.auth/sign-out"));
    assert_eq!(visit.url, site.url("/.auth/signed-out"), "{visit}");
    assert_eq!(visit.status(), 200);
    assert!(visit.text().contains("You are signed out"), "{}", visit.text());
    assert!(browser.cookies(&site.origin()).is_empty(), "{:?}", browser.cookies(&site.origin()));
    let logout = visit.trail.iter().map(|step| step.url.as_str()).find(|url| url.contains("/logout?"));
    let logout = logout.expect("Cognito's logout");
    assert_eq!(parameter(logout, "client_id").as_deref(), Some("signout"));
    assert_eq!(parameter(logout, "logout_uri"), Some(site.url("/.auth/signed-out")));
    let revoked =
        rig::eventually(rig::PATIENCE, || site.calls(Endpoint::Revoke).get(revoked_before).cloned());
    let revoked = revoked.expect("the refresh token is revoked");
    assert_eq!(revoked.status, 200);
    assert!(revoked.get("token").is_some_and(|token| token.len() > 1000));
    let again = browser.navigate(&site.url("/"));
    assert!(again.url.starts_with(&world().cognito.domain_url()), "a password is asked for: {again}");
}

#[test]
fn the_signed_out_page_signs_nobody_in() {
    let site = world().site("signout");
    let response = site.navigate("/.auth/signed-out");
    assert_eq!(response.status, 200);
    assert!(response.set_cookies().is_empty());
    assert!(response.text().contains("/.auth/sign-in"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[test]
fn another_site_cannot_sign_anybody_out() {
    let site = world().site("signout");
    let mut browser = site.signed_in();
    let url = site.url("/.auth/sign-out");
    let evil = "https://evil.example";
    for load in [
        Load::link(evil, &url).one_step(),
        Load::form(evil, "POST", &url, &[]).one_step(),
        Load::fetch(evil, &url).one_step(),
        Load::typed(&url).header("sec-purpose", "prefetch").one_step(),
        Load::fetch(evil, &url).header("origin", "null").one_step(),
    ] {
        let visit = browser.load(load).unwrap();
        assert_eq!(visit.status(), 403, "{visit}");
        assert!(visit.response.set_cookies().is_empty());
    }
    assert_eq!(browser.fetch(&site.url("/json")).status, 200, "still signed in");
    let form = Load::form(&site.url("/"), "POST", &url, &[]).one_step();
    assert_eq!(browser.load(form).unwrap().status(), 302, "a form of the site's own is obeyed");
    assert!(browser.cookies(&site.origin()).is_empty());
}

#[test]
fn a_script_is_told_where_its_page_is_to_go() {
    let site = world().site("signout");
    let cors = ("sec-fetch-mode", "cors");
    let here = [cors, ("sec-fetch-site", "same-origin"), ("accept", "*/*")];
    let kinds: [(&str, &[(&str, &str)]); 5] = [
        ("POST", &here),
        ("GET", &here),
        ("GET", &[("accept", "*/*")]),
        ("POST", &[("accept", "application/json")]),
        ("POST", &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")]),
    ];
    for (method, headers) in kinds {
        let mut browser = site.signed_in();
        let request = RawRequest::new(method, "/.auth/sign-out");
        let request = request.header("cookie", browser.cookie_header(&site.url("/")));
        let response = site.send(headers.iter().fold(request, |to, (name, value)| to.header(*name, *value)));
        assert_eq!((response.status, response.location()), (200, None), "{headers:?}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{headers:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{headers:?}");
        let gone: Vec<String> = response
            .set_cookies()
            .into_iter()
            .filter(rig::SetCookie::removes)
            .map(|cookie| cookie.name)
            .collect();
        assert_eq!(gone, ["__Host-auth", "__Host-auth-tokens"], "{headers:?}");
        let body = response.json();
        let url = body["sign_out"].as_str().expect("an address").to_owned();
        assert_eq!(body, serde_json::json!({ "sign_out": url }));
        assert!(url.starts_with(&format!("{}/logout?", world().cognito.domain_url())), "{url}");
        let end = browser.navigate(&url);
        assert_eq!(end.url, site.url("/.auth/signed-out"), "{end}");
    }
    let grpc = RawRequest::post("/.auth/sign-out", "").header("content-type", "application/grpc");
    let response = site.send(grpc.header("cookie", site.signed_in().cookie_header(&site.url("/"))));
    assert_eq!((response.status, response.set_cookies().len()), (200, 2));
    assert_eq!(site.send(RawRequest::new("HEAD", "/.auth/sign-out")).status, 405);
}

#[test]
fn signing_out_goes_nowhere_else() {
    let site = world().site("signout");
    for target in ["https://evil.example", "//evil.example", "/%2fevil.example"] {
        for name in ["rd", "logout_uri", "post_logout_redirect_uri", "return", "redirect_uri"] {
            let response = site.navigate(&format!("/.auth/sign-out?{name}={target}"));
            let location = response.location().expect("a location");
            assert!(location.starts_with(&world().cognito.domain_url()), "{location}");
            assert!(!location.contains("evil"), "{location}");
        }
    }
}

#[test]
fn signing_out_works_with_a_broken_session_and_without_one() {
    let site = world().site("signout");
    let cookie = "__Host-auth=broken; __Host-auth-tokens.1=2.x; __Host-auth-tokens.2=y; other=1";
    let response = site.send(RawRequest::get("/.auth/sign-out").header("cookie", cookie));
    assert_eq!(response.status, 302);
    let cleared: Vec<String> = response
        .set_cookies()
        .into_iter()
        .map(|cookie| {
            assert!(cookie.removes() && cookie.secure && cookie.path.as_deref() == Some("/"), "{cookie:?}");
            cookie.name
        })
        .collect();
    for name in ["__Host-auth", "__Host-auth-tokens", "__Host-auth-tokens.1", "__Host-auth-tokens.2"] {
        assert!(cleared.iter().any(|cleared| cleared == name), "{name} in {cleared:?}");
    }
    assert!(!cleared.contains(&"other".to_owned()));
}

#[test]
fn a_refresh_token_of_any_length_is_kept_and_revoked() {
    let site = world().site("longtokens");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/"), USER, PASSWORD);
    assert_eq!(visit.status(), 200, "{visit}");
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
    let names: Vec<String> = browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.name).collect();
    assert!(names.contains(&"__Host-auth-tokens.1".to_owned()), "{names:?}");
    assert!(names.contains(&"__Host-auth-tokens.2".to_owned()), "{names:?}");
    browser.navigate(&site.url("/.auth/sign-out"));
    assert!(browser.cookies(&site.origin()).is_empty());
    let revoked = rig::eventually(rig::PATIENCE, || site.calls(Endpoint::Revoke).pop());
    assert!(revoked.expect("revoked").get("token").is_some_and(|token| token.len() > 4000));
}
