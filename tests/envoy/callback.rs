//! The callback: the state comes first, the code is redeemed once, and pages say what happened.

use rig::{Browser, RawRequest};
use stand_in::{Endpoint, Fault, Times};

use crate::world::{Site, callback_of, world};

/// A callback URL with a valid code and the state of `browser`'s sign-in, not visited yet.
fn ready(site: &Site, browser: &mut Browser) -> String {
    let start = browser.step(&site.url("/wanted"));
    callback_of(start.location().expect("a location"))
}

#[test]
fn an_invalid_callback_is_refused_without_a_call() {
    let site = world().site("callback");
    let before = site.calls(Endpoint::Token).len();
    for query in [
        "",
        "?",
        "?&&&",
        "?state=x",
        "?code=",
        "?code=x",
        "?state=&code=x",
        "?state=x&code=y",
        "?code=x&state=y.z",
        "?state=0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA&code=x",
        "?state=a&state=b&code=x",
        "?error=access_denied",
        "?error=%3Cscript%3E&state=x&error_description=%0d%0aX:%20y",
        "?code=x&state=%ff%fe",
    ] {
        let response = site.navigate(&format!("/.auth/callback{query}"));
        assert_eq!(response.status, 400, "{query}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        assert!(
            response
                .header("content-security-policy")
                .is_some_and(|csp| csp.contains("frame-ancestors 'none'"))
        );
        assert!(!response.text().contains("<script"), "{}", response.text());
        assert!(response.set_cookies().is_empty());
        assert_eq!(site.get(&format!("/.auth/callback{query}")).status, 400);
    }
    assert_eq!(site.calls(Endpoint::Token).len(), before);
    assert_eq!(site.send(RawRequest::new("HEAD", "/.auth/callback?code=x&state=y")).status, 405);
}

#[test]
fn the_state_must_be_that_of_this_browser() {
    let site = world().site("callback");
    let (mut one, mut other) = (site.browser(), site.browser());
    let callback = ready(&site, &mut one);
    other.step(&site.url("/"));
    let visit = other.step(&callback);
    assert_eq!(visit.status, 400, "a flow cookie of another sign-in isn't accepted");
    let mut bent = callback.clone();
    let last = bent.pop().expect("a state");
    bent.push(if last == 'A' { 'B' } else { 'A' });
    assert_eq!(one.step(&bent).status, 400, "nor is a state with one wrong character");
    let visit = one.navigate(&callback);
    assert_eq!(visit.url, site.url("/wanted"), "the right one still works: {visit}");
}

#[test]
fn a_flow_cookie_that_is_missing_bent_or_something_else_is_refused() {
    let site = world().site("callback");
    let mut browser = site.browser();
    let callback = ready(&site, &mut browser);
    let cookie = browser.cookies(&site.origin()).remove(0);
    let session = site.signed_in().cookie(&site.origin(), "__Host-auth").unwrap().value;
    let other = if cookie.value.starts_with('A') { 'B' } else { 'A' };
    let bent = format!("{other}{}", &cookie.value[1..]);
    let target = callback.strip_prefix(&site.origin()).unwrap().to_owned();
    let before = site.calls(Endpoint::Token).len();
    for value in ["", "x", &cookie.value[1..], &bent, &session] {
        let request = RawRequest::get(&target).header("cookie", format!("{}={value}", cookie.name));
        assert_eq!(site.send(request.header("sec-fetch-mode", "navigate")).status, 400, "{value}");
    }
    let twin = RawRequest::get(&target)
        .header("cookie", format!("auth-flow-{}={}", &cookie.name[17..], cookie.value));
    assert_eq!(site.send(twin).status, 400, "a twin without the prefix is ignored");
    assert_eq!(site.calls(Endpoint::Token).len(), before);
}

#[test]
fn a_code_is_redeemed_once_however_often_the_callback_comes() {
    let site = world().site("burst");
    let mut browser = site.browser();
    let callback = ready(&site, &mut browser);
    let cookie = browser.cookie_header(&site.url("/.auth/callback"));
    let target = callback.strip_prefix(&site.origin()).unwrap().to_owned();
    world().cognito.fault(
        Endpoint::Token,
        site.name,
        Fault::Slow(std::time::Duration::from_millis(500)),
        Times::Always,
    );
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    let request = RawRequest::get(&target)
                        .header("cookie", &cookie)
                        .header("sec-fetch-mode", "navigate");
                    site.send(request).status
                })
            })
            .collect();
        requests.into_iter().map(|request| request.join().unwrap()).collect()
    });
    assert!(statuses.contains(&302), "{statuses:?}");
    assert!(statuses.iter().all(|status| [302, 400, 503].contains(status)), "{statuses:?}");
    world().cognito.clear_faults(site.name);
    assert_eq!(site.calls(Endpoint::Token).len(), 1);
    let again =
        site.send(RawRequest::get(&target).header("cookie", &cookie).header("sec-fetch-mode", "navigate"));
    assert_eq!(again.status, 400);
    assert!(again.text().contains("finished before"), "{}", again.text());
    assert!(again.set_cookies().iter().all(|cookie| cookie.name != "__Host-auth"));
    assert_eq!(site.calls(Endpoint::Token).len(), 1);
}

#[test]
fn reload_and_back_button_lead_on_for_who_is_signed_in() {
    let site = world().site("callback");
    let mut browser = site.browser();
    let callback = ready(&site, &mut browser);
    assert_eq!(browser.navigate(&callback).url, site.url("/wanted"));
    let again = browser.step(&callback);
    assert_eq!(again.status, 302);
    assert_eq!(again.location(), Some("/"));
}

#[test]
fn an_error_of_cognito_ends_on_a_page_that_shows_none_of_it() {
    let site = world().site("callback");
    for (query, hint) in [
        ("error=access_denied&error_description=%3Cb%3Eboo%3C%2Fb%3E%0d%0aX:y", None),
        ("error_description=invalid_scope&error=invalid_request", Some("`scopes` asks for one")),
        ("error=unauthorized_client", Some("allow the authorization code grant")),
        ("error=something_new&error_description=PreSignUp+failed", None),
    ] {
        let mut browser = site.browser();
        let start = browser.step(&site.url("/wanted"));
        let state = crate::world::parameter(start.location().unwrap(), "state").unwrap();
        let page = browser.navigate(&site.url(&format!("/.auth/callback?state={state}&{query}")));
        assert_eq!(page.status(), 401, "{page}");
        assert!(page.text().contains("/.auth/sign-in?return=%2Fwanted"), "{}", page.text());
        assert!(page.text().contains("Reference:"), "{}", page.text());
        assert!(!page.text().contains("boo") && !page.text().contains("PreSignUp"), "{}", page.text());
        assert!(browser.cookies(&site.origin()).is_empty(), "the flow cookie is gone");
        if let Some(hint) = hint {
            assert!(world().envoy.log_line(hint).is_some(), "{hint}");
        }
    }
    let log = world().envoy.log();
    assert!(log.contains(r#"description="<b>boo</b>\u{d}\u{a}X:y""#), "one well-formed line");
}

#[test]
fn nothing_secret_is_ever_logged() {
    let site = world().site("callback");
    let browser = site.signed_in();
    let log = world().envoy.log();
    let call = site.calls(Endpoint::Token).pop().expect("a token call");
    let mut secrets: Vec<String> =
        ["code", "code_verifier"].iter().filter_map(|name| call.get(name).map(str::to_owned)).collect();
    for token in ["id_token", "access_token", "refresh_token"] {
        secrets.push(call.answer[token].as_str().expect(token).to_owned());
    }
    secrets.extend(browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.value));
    secrets.push(crate::world::CLIENT_SECRET.to_owned());
    secrets.push(crate::world::SESSION_KEY.to_owned());
    secrets.push("jsmith@example.com".to_owned());
    assert!(secrets.len() >= 9);
    for secret in secrets {
        assert!(!log.contains(&secret), "{}… is in the log", &secret[..8]);
    }
    assert!(log.contains("event=sign_in.completed"));
}
