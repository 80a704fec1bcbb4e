//! `public_url`, and browsers at another name of the same site, or behind a proxy that rewrites the host.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    FLOW, Harness, Jar, NAVIGATE, Outcome, SESSION_KEY, cookies_deleted, cookies_set, set_cookies,
};

const PUBLIC: &str = "https://app.example.com";
const OTHER: &str = "www.example.com";
/// The cookie that shows that a browser is at `public_url`'s host.
const HERE: &str = "__Secure-auth-flow-here";

fn site(patch: Value) -> Harness {
    let mut config = json!({ "public_url": PUBLIC });
    config.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    Harness::with(config)
}

fn at(host: &str, patch: Value) -> Harness {
    let mut harness = site(patch);
    host.clone_into(&mut harness.authority);
    harness
}

/// The redirect of a navigation. No sign-in starts, and at another name of the same domain no cookie is set at all.
#[track_caller]
fn sent_by(harness: &mut Harness, target: &str) -> String {
    let response = harness.navigate(target).answered();
    assert_eq!(response.status, 302, "{target}: {response:?}");
    let allowed: &[&str] = if harness.authority.contains("example.com") { &[] } else { &[HERE] };
    assert_eq!(cookies_set(&response), allowed, "{target}: {response:?}");
    response.header("location").unwrap().to_owned()
}

fn is_authorize(location: &str) -> bool {
    location.starts_with("https://myapp.auth.us-east-1.amazoncognito.com/oauth2/authorize?")
}

#[test]
fn a_navigation_at_another_host_is_sent_to_the_same_path_at_public_url() {
    for host in [
        OTHER,
        "WWW.example.com",
        "example.com",
        "sub.app.example.com",
        // For browsers, a name with a dot at its end is another name, with its own cookies.
        "app.example.com.",
        "app.example.evil",
        "evil.example:443",
        "127.0.0.1:8080",
        "[::1]",
    ] {
        let mut harness = at(host, json!({}));
        assert_eq!(sent_by(&mut harness, "/deep?x=1"), format!("{PUBLIC}/deep?x=1"), "{host}");
        let log = harness.log();
        assert!(log.contains("event=sign_in.to_public_url request_id=request-1 host="), "{log}");
        assert!(!log.contains("sign_in.started"), "{log}");
        // At the redirect's target, the sign-in starts and ends.
        harness.authority = "app.example.com".to_owned();
        let landed = harness.sign_in("/deep?x=1");
        assert_eq!((landed.status, landed.header("location")), (302, Some("/deep?x=1")), "{host}");
    }
}

#[test]
fn another_spelling_of_the_same_host_is_the_same_host() {
    for host in ["APP.Example.com", "app.example.com:443", "app.example.com:8443", "app.example.com"] {
        let mut harness = at(host, json!({}));
        let landed = harness.sign_in("/deep?x=1");
        assert_eq!((landed.status, landed.header("location")), (302, Some("/deep?x=1")), "{host}");
    }
    let localhost = json!({
        "public_url": "http://localhost:8080",
        "session": { "keys": [SESSION_KEY], "cookie": { "secure": false } },
    });
    for (host, begins) in [("localhost:9999", true), ("LOCALHOST", true), ("127.0.0.1:8080", false)] {
        let mut harness = at(host, localhost.clone());
        harness.scheme = "http";
        let location = harness.navigate("/x").answered().header("location").unwrap().to_owned();
        assert_eq!(is_authorize(&location), begins, "{host}: {location}");
        assert!(begins || location == "http://localhost:8080/x", "{location}");
    }
}

#[test]
fn the_path_goes_byte_for_byte_and_bends_to_no_other_host() {
    for target in [
        "/",
        "/?",
        "/a/../b/%2e%2e/c%20d;p=1//e/?q=%C3%A9&&=#",
        "//evil.example/x",
        "/\\evil.example",
        "/@evil.example",
        "/.evil.example",
        "/:8443/x",
        "/%0d%0aset-cookie:x=y",
        "/?https://evil.example/",
        "/?x=\\\"<>'{}|^`",
    ] {
        let mut harness = at(OTHER, json!({}));
        let Outcome::Answered(response) = harness.navigate(target) else { panic!("{target}") };
        let Some(location) = response.header("location") else {
            assert_eq!(response.status, 400, "{target}");
            continue;
        };
        assert_eq!(location, format!("{PUBLIC}{target}"));
        let url = url::Url::parse(location).unwrap();
        assert_eq!(url.origin().ascii_serialization(), PUBLIC, "{target}");
    }
    let mut harness = at(OTHER, json!({}));
    let bytes = "/?q=\u{e9} x".as_bytes();
    let headers: Vec<(&str, &[u8])> =
        NAVIGATE.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let location = harness.raw_request("GET", bytes, &headers).answered();
    assert_eq!(location.header("location"), Some("https://app.example.com/?q=%C3%A9%20x"));
}

#[test]
fn own_paths_are_left_for_public_url_too() {
    for target in
        ["/.auth/sign-in", "/.auth/sign-in?return=%2Fdeep%3Fx%3D1&pool=us", "/.auth/me", "/.auth/sign-out"]
    {
        let mut harness = at(OTHER, json!({}));
        assert_eq!(sent_by(&mut harness, target), format!("{PUBLIC}{target}"));
    }
    // A request that starts no sign-in isn't redirected: a page of this host does no harm.
    let mut harness = at(OTHER, json!({}));
    assert_eq!(harness.navigate("/.auth/signed-out").answered().status, 200);
    let gone = harness.navigate("/.auth/callback?code=x&state=0123456789abcdef.x").answered();
    assert_eq!((gone.status, gone.header("location")), (400, None));
    assert!(gone.body.contains("/.auth/sign-in?return=%2F"), "which in turn leads to public_url");
}

#[test]
fn a_sign_out_that_another_site_asks_for_is_not_sent_on() {
    let mut harness = at(OTHER, json!({}));
    let foreign = [NAVIGATE[0], NAVIGATE[1], ("sec-fetch-site", "cross-site")];
    assert_eq!(harness.request("GET", "/.auth/sign-out", &foreign).answered().status, 403);
}

#[test]
fn what_is_no_navigation_is_told_so_where_it_is() {
    let mut harness = at(OTHER, json!({}));
    let response = harness.get("/api").answered();
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((response.status, response.header("location")), (401, None));
    assert_eq!(sent_by(&mut harness, body["sign_in"].as_str().unwrap()), format!("{PUBLIC}/.auth/sign-in"));
    let rules = json!({ "rules": [
        { "path": "/open", "allow": "everyone" },
        { "path": "/redirect", "unauthenticated": "redirect" },
        { "path": "/reject", "unauthenticated": "reject" },
        { "path": "/closed", "allow": "nobody" },
    ]});
    let mut harness = at(OTHER, rules);
    assert!(harness.navigate("/open").is_forwarded(), "no sign-in starts");
    assert_eq!(
        harness.get("/redirect").answered().header("location"),
        Some("https://app.example.com/redirect")
    );
    assert_eq!(harness.navigate("/reject").answered().status, 401);
    assert_eq!(harness.navigate("/closed").answered().status, 403);
}

#[test]
fn a_form_at_another_host_is_led_to_public_url_in_a_new_tab() {
    let mut harness = at(OTHER, json!({}));
    let page = harness.request("POST", "/form?step=2", &NAVIGATE).answered();
    assert_eq!((page.status, set_cookies(&page).count()), (401, 0));
    let link = "href=\"https://app.example.com/.auth/sign-in?return=%2Fform%3Fstep%3D2\" target=\"_blank\"";
    assert!(page.body.contains(link), "{}", page.body);
    assert!(page.body.contains("People sign in at app.example.com."), "{}", page.body);
    harness.authority = "app.example.com".to_owned();
    let page = harness.request("POST", "/form?step=2", &NAVIGATE).answered();
    assert!(page.body.contains("href=\"/.auth/sign-in?return=%2Fform%3Fstep%3D2\""), "{}", page.body);
    assert!(!page.body.contains("People sign in at"), "{}", page.body);
}

#[test]
fn cookies_of_a_domain_that_covers_both_hosts_let_a_sign_in_begin_at_either() {
    let shared = json!({ "session": { "keys": [SESSION_KEY], "cookie": { "domain": "example.com" } } });
    for (host, begins) in [
        (OTHER, true),
        ("example.com", true),
        ("a.b.example.com:8443", true),
        ("notexample.com", false),
        ("example.com.evil.example", false),
        ("www.example.com.", false),
    ] {
        let mut harness = at(host, shared.clone());
        let location = harness.navigate("/deep?x=1").answered().header("location").unwrap().to_owned();
        assert_eq!(is_authorize(&location), begins, "{host}: {location}");
        assert!(begins || location == format!("{PUBLIC}/deep?x=1"), "{host}: {location}");
    }
    let mut harness = at(OTHER, shared);
    let landed = harness.sign_in("/deep?x=1");
    assert_eq!((landed.status, landed.header("location")), (302, Some("/deep?x=1")));
}

#[test]
fn a_pool_that_a_host_picks_is_left_for_the_choice_at_public_url() {
    let pool = |name: &str, hosts: Value| {
        json!({
            "name": name, "user_pool_id": format!("us-east-1_{name}"), "client_id": format!("client-{name}"),
            "domain": format!("{name}.auth.us-east-1.amazoncognito.com"), "hosts": hosts,
        })
    };
    let mut flat =
        json!({ "pools": [pool("us", json!(["us.example.com"])), pool("eu", json!(["eu.example.com"]))] });
    for own in ["user_pool_id", "client_id", "client_secret", "domain"] {
        flat[own] = Value::Null;
    }
    let mut rules = flat.clone();
    rules["rules"] = json!([{ "path": "/eu/**", "pools": ["eu"] }]);
    let mut harness = at("us.example.com", rules);
    // Nobody could sign in at `eu` here, but at public_url they can.
    assert_eq!(sent_by(&mut harness, "/eu/x"), format!("{PUBLIC}/eu/x"));
    harness.authority = "app.example.com".to_owned();
    let location = harness.start("/eu/x");
    assert!(location.starts_with("https://eu.auth."), "{location}");
    assert_eq!(harness.navigate("/x").answered().status, 200, "a page with both");
}

/// Behind a proxy that rewrites the host, a browser at `public_url` sends the same request again and again.
fn follow(harness: &mut Harness, target: &str, headers: &[(&str, &str)]) -> (usize, String) {
    for hops in 0..20 {
        let response = harness.request("GET", target, headers).answered();
        // A browser at `public_url` drops cookies for another host.
        harness.jar.remove("__Secure-auth-flow-there");
        let location = response.header("location").unwrap().to_owned();
        if is_authorize(&location) {
            return (hops, location);
        }
        assert_eq!(location, format!("{PUBLIC}{target}"));
    }
    panic!("the redirects don't end");
}

#[test]
fn behind_a_proxy_that_rewrites_the_host_a_sign_in_takes_a_redirect_more_and_works() {
    let mut harness = at("internal:8080", json!({}));
    let (hops, location) = follow(&mut harness, "/deep?x=1", &NAVIGATE);
    assert_eq!(hops, 1);
    let log = harness.log();
    assert!(log.contains("event=sign_in.host_rewritten request_id=request-2 host=internal"), "{log}");
    assert!(log.contains("X-Forwarded-Host"), "{log}");
    let callback = harness.authorize(&location);
    let landed = harness.navigate(&callback).answered();
    assert_eq!((landed.status, landed.header("location")), (302, Some("/deep?x=1")));
    assert!(harness.get("/x").is_forwarded());
    // The app doesn't get the probe cookies.
    let edits = harness.get("/x").forwarded();
    let cookies = format!("{:?}", edits.set().collect::<Vec<_>>());
    assert!(harness.jar.get(HERE).is_some() && !cookies.contains("flow-here"), "{cookies}");
    // Signing out ends the session here, where its cookies are.
    let out = harness.navigate("/.auth/sign-out").answered();
    assert!(out.header("location").unwrap().contains("/logout?"), "{out:?}");
    assert!(cookies_deleted(&out).contains(&"__Host-auth"));
}

#[test]
fn a_proxys_name_in_the_same_domain_costs_two() {
    for host in ["inner.example.com", "origin.app.example.com"] {
        let mut harness = at(host, json!({}));
        assert_eq!(follow(&mut harness, "/deep?x=1", &NAVIGATE).0, 2, "{host}");
    }
}

#[test]
fn the_probe_cookie_is_set_only_for_the_host_of_public_url() {
    let mut harness = at(OTHER, json!({}));
    assert_eq!(sent_by(&mut harness, "/x"), format!("{PUBLIC}/x"));
    let again = harness.navigate("/x").answered();
    let cookies: Vec<&str> = set_cookies(&again).collect();
    let expected = format!(
        "{HERE}=www.example.com; Path=/; Max-Age=600; Domain=app.example.com; HttpOnly; Secure; SameSite=Lax"
    );
    assert_eq!(cookies, [expected]);
    assert!(harness.log().contains("hint=\"does a proxy in front of the filter rewrite Host?"));
}

#[test]
fn a_proxy_that_says_which_host_it_was_asked_for_costs_nothing() {
    for said in
        ["app.example.com", "APP.example.com:443", "app.example.com, proxy.internal", " ,app.example.com"]
    {
        let mut harness = at("internal:8080", json!({}));
        let headers = [NAVIGATE[0], NAVIGATE[1], ("x-forwarded-host", said)];
        assert_eq!(follow(&mut harness, "/x", &headers).0, 0, "{said}");
    }
    // At another host the header names that host, and a client that makes it up gains nothing.
    for said in [OTHER, "evil.example", "internal, app.example.com", "app.example.com.evil.example", ""] {
        let mut harness = at("internal:8080", json!({}));
        let headers = [NAVIGATE[0], NAVIGATE[1], ("x-forwarded-host", said)];
        let response = harness.request("GET", "/x", &headers).answered();
        assert_eq!(response.header("location"), Some("https://app.example.com/x"), "{said}");
    }
}

#[test]
fn a_browser_with_a_cookie_of_public_url_counts_as_being_there() {
    let mut harness = site(json!({ "session": { "keys": [SESSION_KEY], "lifetime": "1h" } }));
    harness.signed_in();
    "internal".clone_into(&mut harness.authority);
    assert!(harness.get("/x").is_forwarded());
    harness.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(follow(&mut harness, "/x", &NAVIGATE).0, 0, "a session that has ended counts too");
    harness.jar = Jar::default();
    harness.authority = "app.example.com".to_owned();
    let _ = harness.start("/one");
    "internal".clone_into(&mut harness.authority);
    assert_eq!(follow(&mut harness, "/two", &NAVIGATE).0, 0, "a sign-in in progress counts too");
}

#[test]
fn a_client_that_keeps_no_cookies_is_not_sent_in_a_circle() {
    let mut harness = at("internal", json!({}));
    let mut hops = 0;
    let page = loop {
        harness.jar = Jar::default();
        let response = harness.navigate("/x").answered();
        if response.status != 302 {
            break response;
        }
        hops += 1;
        assert!(hops < 20, "browsers give up then");
    };
    assert_eq!((hops, page.status), (16, 401));
    assert!(page.body.contains("href=\"https://app.example.com/x\""), "{}", page.body);
    // Other clients, other addresses and later requests are counted separately.
    harness.jar = Jar::default();
    assert_eq!(sent_by(&mut harness, "/y"), format!("{PUBLIC}/y"));
    harness.jar = Jar::default();
    let other = [NAVIGATE[0], NAVIGATE[1], ("user-agent", "another")];
    let response = harness.request("GET", "/x", &other).answered();
    assert_eq!(response.header("location"), Some("https://app.example.com/x"));
    harness.jar = Jar::default();
    harness.advance(Duration::from_secs(31));
    assert_eq!(sent_by(&mut harness, "/x"), format!("{PUBLIC}/x"));
}

#[test]
fn workers_count_together() {
    let mut harness = Harness::of_workers(4, json!({ "public_url": PUBLIC }));
    "inner.example.com".clone_into(&mut harness.authority);
    let mut hops = 0;
    loop {
        harness.worker = hops % 4;
        let location = harness.navigate("/x").answered().header("location").unwrap().to_owned();
        if is_authorize(&location) {
            break;
        }
        hops += 1;
        assert!(hops < 20);
    }
    assert_eq!(hops, 2);
}

#[test]
fn thousands_of_visitors_at_another_host_fill_nothing() {
    let mut harness = at(OTHER, json!({}));
    for visitor in 0..1_000 {
        let agent = format!("visitor-{visitor}");
        let headers = [NAVIGATE[0], NAVIGATE[1], ("user-agent", agent.as_str())];
        let response = harness.request("GET", "/x", &headers).answered();
        assert_eq!(response.header("location"), Some("https://app.example.com/x"));
        assert_eq!(cookies_set(&response).len(), 0);
    }
    assert!(harness.jar.names(FLOW).is_empty());
    let kept = harness.shared.size();
    assert!(kept < 64 * 1024, "{kept} bytes");
}

/// A browser at a host below `public_url`'s accepts the cookies of both, and still counts as elsewhere.
#[test]
fn a_browser_below_public_urls_host_is_sent_there_however_often_it_comes() {
    let mut harness = at("www.example.com", json!({ "public_url": "https://example.com" }));
    for target in ["/x", "/x", "/x", "/y"] {
        let response = harness.navigate(target).answered();
        assert_eq!(response.header("location"), Some(format!("https://example.com{target}").as_str()));
    }
}

/// Without `X-Forwarded-For`, people with the same browser look like one.
#[test]
fn of_many_people_with_the_same_browser_none_begins_a_sign_in_elsewhere() {
    let mut harness = at(OTHER, json!({}));
    let agent = [NAVIGATE[0], NAVIGATE[1], ("user-agent", "Mozilla/5.0 Chrome/140.0.0.0")];
    for person in 0..40 {
        harness.jar = Jar::default();
        let response = harness.request("GET", "/", &agent).answered();
        let address = "https://app.example.com/";
        match response.status {
            302 => assert_eq!(response.header("location"), Some(address), "person {person}"),
            _ => assert!(person >= 16 && response.body.contains(&format!("href=\"{address}\"")), "{person}"),
        }
        assert!(harness.jar.names(FLOW).iter().all(|name| name.ends_with("-here")), "person {person}");
    }
    // After a short time they are redirected again.
    harness.advance(Duration::from_secs(10));
    harness.jar = Jar::default();
    assert_eq!(harness.request("GET", "/", &agent).answered().status, 302);
}

#[test]
fn a_proxy_with_many_names_costs_one_redirect() {
    let mut harness = at("10.0.0.0", json!({}));
    assert_eq!(sent_by(&mut harness, "/x"), format!("{PUBLIC}/x"));
    "10.0.0.1".clone_into(&mut harness.authority);
    let next = harness.navigate("/x").answered();
    assert!(is_authorize(next.header("location").unwrap()), "{next:?}");
}

#[test]
fn signing_out_elsewhere_leads_to_where_the_session_is() {
    let mut harness = at(OTHER, json!({}));
    let form = harness.request("POST", "/.auth/sign-out", &NAVIGATE).answered();
    assert_eq!(form.header("location"), Some("https://app.example.com/.auth/sign-out"));
    let script = [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-origin")];
    let told = harness.request("POST", "/.auth/sign-out", &script).answered();
    assert_eq!(
        (told.status, told.body.as_str()),
        (200, r#"{"sign_out":"https://app.example.com/.auth/sign-out"}"#)
    );
    assert_eq!(harness.cognito.calls(crate::harness::Endpoint::Revoke), 0);
}
