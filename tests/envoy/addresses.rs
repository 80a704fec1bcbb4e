//! Addresses: other names of the same site, proxies in front, and links longer than a cookie.

use std::time::Duration;

use rig::{Browser, Listener, RawRequest, Response};
use serde_json::json;
use stand_in::Endpoint;

use crate::world::{PASSWORD, Plan, Site, USER, header, parameter, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/data/**", "unauthenticated": "redirect" },
    ]);
    let site = || plan(json!({ "rules": rules }));
    vec![
        ("names", site()),
        ("names-domain", plan(json!({ "session": { "cookie": { "domain": "example.test" } } }))),
        ("rewritten", site().listener(rewriting)),
        ("balanced", plan(json!({ "public_url": null })).listener(trusting)),
        ("long", site().listener(default_limit)),
        ("long-strict", plan(json!({ "session": { "cookie": { "same_site": "strict" } } }))),
    ]
}

/// A proxy in front that rewrites the host.
fn rewriting(listener: &mut Listener) {
    let code = "function envoy_on_request(handle)\nhandle:headers():replace(':authority', 'inner.internal:8080')\nend";
    listener.filters_before = vec![json!({ "name": "rewriting", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": { "inline_string": code },
    }})];
}

/// Envoy's own default.
fn default_limit(listener: &mut Listener) {
    listener.max_request_headers_kb = 60;
}

/// Behind one load balancer.
fn trusting(listener: &mut Listener) {
    listener.manager_overrides = json!({ "use_remote_address": true, "xff_num_trusted_hops": 1 });
}

const OTHER: &str = "https://www.names.example.test";

/// A browser that reaches a site by two names.
fn browser_at(site: Site, other: &str) -> Browser {
    site.browser().route(other, site.addr)
}

fn send(site: Site, host: &str, request: RawRequest) -> Response {
    rig::send(site.addr, &request.host(host)).expect("an answer")
}

fn navigation(target: &str) -> RawRequest {
    RawRequest::get(target).header("sec-fetch-mode", "navigate")
}

#[test]
fn a_person_at_another_name_of_the_site_signs_in_at_public_url_and_lands_there() {
    let site = world().site("names");
    let mut browser = browser_at(site, OTHER);
    let visit = browser.sign_in(&format!("{OTHER}/deep/json?x=1&y=%C3%A9"), USER, PASSWORD);
    assert_eq!(
        (visit.status(), visit.url.as_str()),
        (200, site.url("/deep/json?x=1&y=%C3%A9").as_str()),
        "{visit}"
    );
    assert_eq!(visit.urls()[1], site.url("/deep/json?x=1&y=%C3%A9"), "{visit}");
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
    // There is no session at the other name, so another visit costs a redirect.
    let visit = browser.navigate(&format!("{OTHER}/again"));
    assert_eq!((visit.status(), visit.url), (200, site.url("/again")));
    let visit = browser.navigate(&format!("{OTHER}/.auth/me"));
    assert_eq!((visit.status(), visit.url), (200, site.url("/.auth/me")));
    // Signing out at the other name ends the session here.
    let visit = browser.navigate(&format!("{OTHER}/.auth/sign-out"));
    assert_eq!(visit.url, site.url("/.auth/signed-out"), "{visit}");
    assert_eq!(browser.fetch(&site.url("/json")).status, 401);
    let revoked = || (!site.calls(Endpoint::Revoke).is_empty()).then_some(());
    assert!(rig::eventually(Duration::from_secs(20), revoked).is_some());
}

#[test]
fn every_spelling_of_another_host_leads_to_public_url_and_nowhere_else() {
    let site = world().site("names");
    for host in [
        "www.names.example.test",
        "evil.example",
        "names.example.test.",
        "127.0.0.1:8080",
        "NAMES.example.test.evil",
    ] {
        for target in [
            "/deep?x=1",
            "//evil.example/x",
            "/%2f%2fevil.example",
            "/.auth/sign-in?return=/x&pool=y",
            "/data/x",
        ] {
            let response = send(site, host, navigation(target));
            assert_eq!(
                (response.status, response.location()),
                (302, Some(site.url(target).as_str())),
                "{host} {target}"
            );
            let sign_ins =
                response.set_cookies().into_iter().filter(|cookie| cookie.name.starts_with("__Host-"));
            assert_eq!(sign_ins.count(), 0, "{host} {target}");
            assert_eq!(response.header("cache-control"), Some("no-store"));
        }
    }
    for host in ["NAMES.example.test", "names.example.test:8443"] {
        let response = send(site, host, navigation("/deep"));
        let location = response.location().expect("a location");
        assert_eq!(
            parameter(location, "redirect_uri"),
            Some(site.url("/.auth/callback")),
            "{host}: {location}"
        );
    }
    assert!(world().envoy.log_line("event=sign_in.to_public_url").is_some());
}

#[test]
fn at_another_host_only_navigations_are_sent_on() {
    let site = world().site("names");
    let other = "www.names.example.test";
    let response = send(site, other, RawRequest::get("/api"));
    assert_eq!((response.status, response.location()), (401, None));
    assert_eq!(response.json()["sign_in"], "/.auth/sign-in");
    assert_eq!(send(site, other, RawRequest::get("/public/json")).status, 200);
    assert_eq!(send(site, other, RawRequest::get("/data/x")).location(), Some(site.url("/data/x").as_str()));
    let mut browser = browser_at(site, OTHER);
    let page = browser.submit("POST", &format!("{OTHER}/form?step=2"), &[("text", "x")]);
    assert_eq!(page.status(), 401);
    assert!(page.text().contains(&site.url("/.auth/sign-in?return=%2Fform%3Fstep%3D2")), "{}", page.text());
    let visit = browser.sign_in(&site.url("/.auth/sign-in?return=%2Fform%3Fstep%3D2"), USER, PASSWORD);
    assert_eq!(visit.url, site.url("/form?step=2"), "{visit}");
}

#[test]
fn cookies_of_a_domain_let_a_sign_in_begin_at_any_host_below() {
    let site = world().site("names-domain");
    let other = "https://www.example.test";
    let mut browser = browser_at(site, other);
    let visit = browser.sign_in(&format!("{other}/deep?x=1"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/deep?x=1").as_str()), "{visit}");
    assert!(visit.urls()[1].contains("/oauth2/authorize?"), "{visit}");
    assert_eq!(browser.fetch(&format!("{other}/json")).status, 200);
}

#[test]
fn where_something_in_front_rewrites_the_host_people_sign_in_all_the_same() {
    let site = world().site("rewritten");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/deep/json?x=1"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/deep/json?x=1").as_str()), "{visit}");
    let to_itself = visit.urls().iter().filter(|url| **url == site.url("/deep/json?x=1")).count();
    assert_eq!(to_itself, 3, "sent there, and there in the end: {visit}");
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
    let seen = browser.fetch(&site.url("/json")).json();
    assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    assert_eq!(header(&seen, "cookie"), None, "the app doesn't get the filter's cookie");
    let line = world().envoy.log_line("event=sign_in.host_rewritten").expect("a line");
    assert!(line.contains("host=inner.internal") && line.contains("X-Forwarded-Host"), "{line}");
    let visit = browser.navigate(&site.url("/.auth/sign-out"));
    assert_eq!(visit.url, site.url("/.auth/signed-out"), "{visit}");
    assert_eq!(browser.fetch(&site.url("/json")).status, 401);
}

#[test]
fn a_proxy_that_says_which_host_it_was_asked_for_costs_no_redirect() {
    let site = world().site("rewritten");
    let mut browser = site.browser();
    browser.headers.push(("x-forwarded-host".into(), "rewritten.example.test, other.proxy".into()));
    let visit = browser.sign_in(&site.url("/deep?x=1"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/deep?x=1").as_str()), "{visit}");
    assert!(visit.urls()[1].contains("/oauth2/authorize?"), "{visit}");
}

#[test]
fn a_client_without_cookies_is_not_sent_in_a_circle() {
    let site = world().site("rewritten");
    let ask = || site.send(navigation("/circle").header("user-agent", "no-cookies"));
    let is_page = |response: &Response| {
        response.status == 401 && response.text().contains(&format!("href=\"{}\"", site.url("/circle")))
    };
    // Counting restarts after ten seconds, if the machine is too slow for all redirects in that time.
    let page = rig::eventually(rig::PATIENCE, || {
        let response = ask();
        if is_page(&response) {
            return Some(());
        }
        assert_eq!(response.location(), Some(site.url("/circle").as_str()), "{response:?}");
        None
    });
    assert!(page.is_some(), "a page with a link, in place of one redirect more");
}

#[test]
fn of_several_forwarded_schemes_the_first_is_the_browsers() {
    let site = world().site("balanced");
    let navigate = |lines: &[&str]| {
        let request = navigation("/a?b=c").header("x-forwarded-for", "203.0.113.7");
        site.send(lines.iter().fold(request, |request, line| request.header("x-forwarded-proto", line)))
    };
    let secure: [&[&str]; 7] = [
        &["https"],
        &["https,https"],
        &["https, http"],
        &["HTTPS ,\thttp"],
        &["https", "https"],
        &["https", "http"],
        &[",https"],
    ];
    for lines in secure {
        let response = navigate(lines);
        let location = response.location().expect("a location");
        assert_eq!(
            parameter(location, "redirect_uri"),
            Some(site.url("/.auth/callback")),
            "{lines:?}: {location}"
        );
    }
    let plain: [&[&str]; 6] =
        [&["http"], &["http,https"], &["http", "https"], &["httpss"], &["https;x"], &["on,https"]];
    for lines in plain {
        let response = navigate(lines);
        assert_eq!(response.location(), Some(site.url("/a?b=c").as_str()), "{lines:?}");
        assert!(response.set_cookies().is_empty(), "{lines:?}");
    }
    // The whole list, as behind two proxies that each add an address.
    let mut browser = site.browser();
    browser.forwarded_proto = false;
    for (name, value) in [("x-forwarded-proto", "https, http"), ("x-forwarded-for", "203.0.113.7")] {
        browser.headers.push((name.into(), value.into()));
    }
    let visit = browser.sign_in(&site.url("/a/json"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/a/json").as_str()), "{visit}");
}

#[test]
fn an_accept_header_in_two_lines_is_a_browsers_too() {
    let site = world().site("names");
    let request = RawRequest::get("/a").without_default_headers();
    let response = site.send(request.header("accept", "application/xml").header("accept", "text/html"));
    assert_eq!(response.status, 302);
}

fn address(path: &str, bytes: usize) -> String {
    let query = "q=a%20b&_g=(time:(from:now-15m,to:now))&x=~!*;$@".repeat(bytes / 20);
    format!("{path}?{}", &query[..bytes - path.len() - 1])
}

#[test]
fn a_long_address_comes_through_a_sign_in_whole() {
    let site = world().site("long");
    for bytes in [2_000, 3_000, 7 * 1024] {
        let mut browser = site.browser();
        let url = site.url(&address("/deep/json", bytes));
        let visit = browser.sign_in(&url, USER, PASSWORD);
        assert_eq!(visit.status(), 200, "{bytes}: {:?}", visit.urls().last());
        assert!(visit.url == url, "{bytes}");
        assert!(browser.refused_cookies().is_empty(), "{bytes}: {:?}", browser.refused_cookies());
        let names: Vec<String> =
            browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.name).collect();
        assert!(names.iter().all(|name| !name.contains("flow")), "{bytes}: {names:?}");
    }
}

#[test]
fn five_tabs_with_long_addresses_stay_below_envoys_limit() {
    let site = world().site("long");
    let mut browser = site.browser();
    let urls: Vec<String> =
        (0..5).map(|tab| site.url(&address(&format!("/tab/{tab}/json"), 6_000))).collect();
    let starts: Vec<String> =
        urls.iter().map(|url| browser.step(url).location().expect("a redirect").to_owned()).collect();
    for tab in [3, 0, 4, 1, 2] {
        let visit = browser.sign_in(&starts[tab], USER, PASSWORD);
        assert!(visit.status() == 200 && visit.url == urls[tab], "{tab}: {}", visit.status());
    }
    // However many and however long, no request of the browser is ever too large.
    let mut browser = site.browser();
    for tab in 0..12 {
        let response = browser.step(&site.url(&address(&format!("/{tab}"), 7 * 1024)));
        assert_eq!(response.status, 302, "{tab}");
    }
    let visit = browser.sign_in(&site.url("/last/json"), USER, PASSWORD);
    assert_eq!((visit.status(), visit.url.as_str()), (200, site.url("/last/json").as_str()), "{visit}");
}

#[test]
fn beyond_the_limit_the_person_and_the_operator_are_told() {
    let site = world().site("long");
    for (name, said) in [("long", "without the query"), ("long-strict", "without the query")] {
        let site = world().site(name);
        let mut browser = site.browser();
        let visit = browser.sign_in(&site.url(&address("/deep", 20_000)), USER, PASSWORD);
        assert_eq!(visit.status(), 200);
        assert!(visit.text().contains(said) && visit.text().contains("href=\"/deep\""), "{}", visit.text());
        assert_eq!(browser.fetch(&site.url("/deep/json")).status, 200, "they are signed in");
    }
    let line = world().envoy.log_line("event=sign_in.address_shortened").expect("a line");
    assert!(line.contains("bytes=20000 kept=path hint="), "{line}");
    // The longest that Envoy accepts.
    let response = site.navigate(&address("/deep", 50_000));
    assert_eq!(response.status, 302);
    assert_eq!(site.navigate(&address("/deep", 70_000)).status, 431, "which is Envoy's own response");
}

#[test]
fn with_strict_cookies_a_long_address_is_reached_as_well() {
    let site = world().site("long-strict");
    let mut browser = site.browser();
    let url = site.url(&address("/deep/json", 6_500));
    let visit = browser.sign_in(&url, USER, PASSWORD);
    assert!(visit.status() == 200 && visit.url == url, "{} {}", visit.status(), visit.text());
}

/// One request over HTTP/2, with each cookie in its own field, as browsers send them.
fn over_http2(site: Site, target: &str, cookies: &str) -> (u16, Option<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(site.addr).await.expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut client = client.ready().await.expect("ready");
        let request = http::Request::get(site.url(target)).header("sec-fetch-mode", "navigate");
        let crumbs = cookies.split("; ").filter(|crumb| !crumb.is_empty());
        let request = crumbs.fold(request, |request, crumb| request.header("cookie", crumb));
        let (response, _body) =
            client.send_request(request.body(()).expect("a request"), true).expect("sent");
        let response = response.await.expect("an answer");
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let set = response.headers().get_all("set-cookie").iter().map(text).collect();
        (response.status().as_u16(), response.headers().get("location").map(text), set)
    })
}

#[test]
fn over_http2_a_long_address_is_kept_whole_too() {
    let site = world().site("long");
    let asked = address("/deep/json", 7 * 1024);
    let (status, location, set) = over_http2(site, &asked, "");
    assert_eq!(status, 302);
    let pairs: Vec<&str> = set.iter().filter_map(|line| line.split(';').next()).collect();
    let callback = crate::world::callback_of(&location.expect("a location"));
    let target = callback.strip_prefix(&site.origin()).expect("at the site");
    let (status, location, _) = over_http2(site, target, &pairs.join("; "));
    assert_eq!(status, 302);
    assert!(location.as_deref() == Some(asked.as_str()));
}
