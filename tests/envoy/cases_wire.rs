//! Cases of `docs/security-cases.md`: what only shows on the wire: bytes, repeated headers, trailers, hosts.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rig::{RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::odd::odd;
use crate::world::{Plan, SUBJECT, Site, USER, header, headers, parameter, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/closed/**", "allow": "nobody" },
        { "path": "/admin/**", "roles_any": ["admin"] },
    ]);
    let site = || plan(json!({ "rules": rules }));
    vec![
        ("case-wire", site()),
        ("case-claims", site()),
        ("case-log", site()),
        ("case-random", site()),
        ("case-hosts", plan(json!({ "public_url": null }))),
        (
            "case-trailers",
            site().listener(|listener| {
                listener.upstream_cluster = Some("odd".into());
                listener.manager_overrides = json!({ "http_protocol_options": { "enable_trailers": true } });
            }),
        ),
        ("case-narrow", site().listener(|listener| listener.max_request_headers_kb = 60)),
    ]
}

fn session(site: Site) -> String {
    site.signed_in().cookie_header(&site.url("/"))
}

#[test]
fn case_039_091_166_no_value_of_a_sign_in_comes_twice() {
    let site = world().site("case-random");
    let mut seen = BTreeSet::new();
    let mut once = |what: &str, value: Vec<u8>| {
        assert!(value.len() >= 8, "{what}: {value:?}");
        assert!(seen.insert(value), "{what} occurs twice");
    };
    for _ in 0..1_000 {
        let response = site.navigate("/x");
        let url = response.location().expect("a location");
        let state = parameter(url, "state").expect("a state");
        let (id, secret) = state.split_once('.').expect("two parts");
        let nonce = parameter(url, "nonce").expect("a nonce");
        let challenge = parameter(url, "code_challenge").expect("a challenge");
        assert!(secret.len() >= 22 && nonce.len() >= 22 && challenge.len() == 43, "128 bits at least: {url}");
        assert_eq!(parameter(url, "code_challenge_method").as_deref(), Some("S256"));
        let cookie = response.set_cookies().remove(0);
        for value in [secret, &nonce, &challenge] {
            assert!(!cookie.value.contains(value) && !cookie.name.contains(value), "sealed, not shown");
        }
        let sealed = URL_SAFE_NO_PAD.decode(&cookie.value).expect("base64");
        for (what, value) in [("id", id), ("state", secret), ("nonce", &nonce), ("challenge", &challenge)] {
            once(what, value.as_bytes().to_vec());
        }
        once("the seal's nonce", sealed[..24].to_vec());
    }
}

#[test]
fn case_095_where_cookies_are_too_many_envoy_says_so_and_others_are_served() {
    let site = world().site("case-narrow");
    let good = session(site);
    for junk in [60, 180] {
        let bomb = (0..junk).map(|number| format!("junk{number}={}; ", "j".repeat(1_000)));
        let cookie = format!("{}{good}", bomb.collect::<String>());
        let status = site.send(RawRequest::get("/json").header("cookie", cookie)).status;
        assert_eq!(status, 431, "{junk} cookies");
    }
    assert_eq!(site.send(RawRequest::get("/json").header("cookie", &good)).status, 200);
    assert!(world().envoy.alive());
}

/// The lines of a request as the app received them on the wire.
fn lines(request: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(request).lines().map(str::to_ascii_lowercase).collect()
}

#[test]
fn case_124_nothing_of_ours_arrives_in_trailers() {
    let site = world().site("case-trailers");
    let mut browser = site.browser();
    let start = browser.step(&site.url("/"));
    browser.step(&crate::world::callback_of(start.location().expect("a location")));
    let session = browser.cookie_header(&site.url("/"));
    let trailers = "x-auth-user: root\r\nX_Auth_Roles: admin\r\nx.auth.email: root@x\r\nx-kept: yes\r\n";
    for (target, cookie) in
        [("/public/trailers-1", ""), ("/public/trailers-2", session.as_str()), ("/trailers-3", &session)]
    {
        let request = RawRequest::new("POST", target)
            .header("transfer-encoding", "chunked")
            .header("cookie", format!("a=1; {cookie}"))
            .body(format!("3\r\nabc\r\n0\r\n{trailers}\r\n"));
        assert_eq!(site.send(request).status, 200, "{target}");
        let sent = odd().requests(target).pop().expect("it arrived");
        let lines = lines(&sent);
        assert!(lines.contains(&"x-kept: yes".to_owned()), "trailers do arrive: {lines:?}");
        for spoofed in ["root", "x_auth", "x.auth"] {
            assert!(!lines.iter().any(|line| line.contains(spoofed)), "{spoofed}: {lines:?}");
        }
        let users = lines.iter().filter(|line| line.starts_with("x-auth-user:")).count();
        assert_eq!(users, usize::from(!cookie.is_empty()), "{lines:?}");
    }
}

#[test]
fn case_125_of_fifty_copies_the_app_sees_ours_alone() {
    let site = world().site("case-wire");
    let session = session(site);
    // Envoy accepts a hundred headers by default.
    for copies in [2, 50] {
        let mut request = RawRequest::get("/json").header("cookie", &session);
        for number in 0..copies {
            request = request.header("x-auth-user", format!("{USER}, root{number}"));
        }
        for _ in 0..copies.min(20) {
            request = request.header("X-Auth-Roles", "admin,root").header("x_auth_roles", "root");
        }
        let seen = site.send(request).json();
        assert_eq!(headers(&seen, "x-auth-user"), [USER]);
        assert_eq!(headers(&seen, "x-auth-roles"), ["authp/admin,authp/user"]);
        assert!(!seen["headers"].to_string().contains("root"), "{seen}");
    }
}

#[test]
fn case_127_128_a_claim_of_any_characters_is_one_line_upstream() {
    let site = world().site("case-claims");
    for (name, expected) in [
        ("J\rX-Admin: 1", "J?X-Admin: 1"),
        ("J\nX-Admin: 1", "J?X-Admin: 1"),
        ("J\r\nX-Admin: 1\r\n\r\nGET /admin HTTP/1.1", "J??X-Admin: 1????GET /admin HTTP/1.1"),
        ("a\0b\tc\u{7f}d", "a?b?c?d"),
        ("山田 太郎", "山田 太郎"),
        ("🔑 e\u{301} \u{202e}nimda", "🔑 e\u{301} \u{202e}nimda"),
        ("\u{85}\u{2028}x", "\u{85}\u{2028}x"),
    ] {
        let claims = json!({ "name": name }).as_object().expect("an object").clone();
        world().cognito.fault(Endpoint::Token, site.name, Fault::Claims(claims), Times::Next(1));
        let before = world().app.count();
        let seen = site.seen_from(&mut site.signed_in());
        let found = header(&seen, "x-auth-name").expect("a name");
        let alike = found == expected || found.replace('?', "") == expected.replace(['?', '\u{85}'], "");
        assert!(alike, "{name:?} arrives as {found:?}");
        assert_eq!(header(&seen, "x-admin"), None, "{name:?}");
        assert_eq!(header(&seen, "x-auth-subject"), Some(SUBJECT));
        let requests = world().app.requests();
        assert!(requests[before..].iter().all(|request| request.header("x-admin").is_none()), "{name:?}");
    }
}

#[test]
fn case_134_no_header_gets_anybody_past_a_rule() {
    let site = world().site("case-wire");
    let session = session(site);
    for (name, value) in [
        ("user-agent", "GoogleHC/1.0"),
        ("user-agent", "ELB-HealthChecker/2.0"),
        ("user-agent", "kube-probe/1.30"),
        ("user-agent", "Envoy/HC"),
        ("x-envoy-original-path", "/public/x"),
        ("x-envoy-internal", "true"),
        ("x-envoy-external-address", "127.0.0.1"),
        ("x-original-url", "/public/x"),
        ("x-rewrite-url", "/public/x"),
        ("x-original-uri", "/public/x"),
        ("x-forwarded-uri", "/public/x"),
        ("x-forwarded-prefix", "/public"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-middleware-subrequest", "middleware:middleware:middleware:middleware:middleware"),
        ("x-forwarded-client-cert", "By=spiffe://admin;Subject=\"CN=admin\""),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-http-method-override", "OPTIONS"),
        ("x-auth-user", "admin"),
        ("upgrade-insecure-requests", "1"),
    ] {
        let ask = |target: &str| site.send(RawRequest::get(target).header(name, value)).status;
        assert_eq!([ask("/x"), ask("/admin/x"), ask("/closed/x")], [401, 401, 403], "{name}: {value}");
        let request = RawRequest::get("/admin/x").header("cookie", &session).header(name, value);
        assert_eq!(site.send(request).status, 403, "{name}: {value}");
    }
}

#[test]
fn case_158_bytes_of_every_kind_are_bytes() {
    let site = world().site("case-wire");
    let session = session(site);
    let bytes: Vec<u8> = (0x80..=0xff).collect();
    for name in [
        "cookie",
        "x-auth-user",
        "user-agent",
        "referer",
        "origin",
        "authorization",
        "x-forwarded-host",
        "te",
    ] {
        let request = RawRequest::get("/json").header_bytes(name, &bytes).header("cookie", &session);
        let status = site.send(request).status;
        assert!([200, 400].contains(&status), "{name}: {status}");
    }
    for byte in bytes {
        let query = [b"/json?q=", &[byte][..]].concat();
        let status = site.send(RawRequest::get(query).header("cookie", &session)).status;
        assert!([200, 400].contains(&status), "{byte:x} in a query: {status}");
        if byte % 8 == 0 {
            let path = [b"/public/", &[byte][..], b"/../closed"].concat();
            assert_eq!(site.send(RawRequest::get(path)).status, 400, "{byte:x} in a path");
            let name = [b"x-", &[byte][..]].concat();
            let status = site
                .send(RawRequest::get("/json").header_bytes(name, b"v").header("cookie", &session))
                .status;
            assert!([200, 400].contains(&status), "{byte:x} in a name: {status}");
        }
    }
    assert!(!world().envoy.log().contains("panicked"));
}

/// The host that a sign-in would return to; `None` if none starts.
fn comes_back_to(response: &Response) -> Option<String> {
    let location = response.location().filter(|location| location.contains("/oauth2/authorize?"))?;
    parameter(location, "redirect_uri")
}

#[test]
fn case_116_a_host_that_is_odd_or_twice_begins_no_sign_in_elsewhere() {
    let fixed = world().site("case-wire");
    let send = |site: Site, target: &str, hosts: &[&str]| {
        let request = RawRequest::get(target).without_default_headers().header("sec-fetch-mode", "navigate");
        let request = hosts.iter().fold(request, |request, host| request.header("host", host));
        rig::send(site.addr, &request)
    };
    let callback = fixed.url("/.auth/callback");
    for (target, hosts) in [
        ("/x", &["evil.example"][..]),
        ("/x", &["case-wire.example.test.evil.example"]),
        ("/x", &["CASE-WIRE.example.test:9999"]),
        ("/x", &["case-wire.example.test."]),
        ("http://evil.example/x", &["case-wire.example.test"]),
        ("/x", &["case-wire.example.test", "evil.example"]),
        ("/x", &[]),
        ("/x", &[""]),
    ] {
        // Envoy may close the connection for an invalid request.
        let Ok(response) = send(fixed, target, hosts) else { continue };
        match (comes_back_to(&response), response.location()) {
            (Some(to), _) => assert_eq!(to, callback, "{target} {hosts:?}"),
            (None, Some(to)) => assert_eq!(to, fixed.url("/x"), "{hosts:?}: there first"),
            (None, None) => {
                assert!([400, 404].contains(&response.status), "{target} {hosts:?}: {response:?}");
            }
        }
    }
    // Without `public_url` it is the requested host, named once, or nothing.
    let open = world().site("case-hosts");
    for hosts in [&["a.example", "b.example"][..], &["a.example,b.example"], &["a.example b.example"], &[""]]
    {
        let Ok(response) = send(open, "/x", hosts) else { continue };
        assert_eq!(response.status, 400, "{hosts:?}: {response:?}");
    }
}

#[test]
fn case_176_every_token_state_and_cookie_of_many_sign_ins_stays_out_of_the_log() {
    let site = world().site("case-log");
    let mut secrets: Vec<String> = Vec::new();
    for _ in 0..3 {
        let mut browser = site.browser();
        let start = browser.step(&site.url("/"));
        let url = start.location().expect("a location").to_owned();
        secrets.extend(browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.value));
        for name in ["state", "nonce", "code_challenge"] {
            let value = parameter(&url, name).expect(name);
            secrets.push(value.rsplit('.').next().unwrap_or_default().to_owned());
        }
        browser.step(&crate::world::callback_of(&url));
        secrets.extend(browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.value));
        browser.fetch(&site.url("/closed/x"));
        browser.navigate(&site.url("/.auth/sign-out"));
    }
    for call in site.calls(Endpoint::Token) {
        secrets.extend(["code", "code_verifier"].iter().filter_map(|name| call.get(name).map(str::to_owned)));
        let tokens = ["id_token", "access_token", "refresh_token"].map(|name| call.answer[name].clone());
        secrets.extend(tokens.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    assert!(secrets.len() > 30 && secrets.iter().all(|secret| secret.len() >= 16));
    let log = world().envoy.log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{}… is in the log", &secret[..8]);
    }
    for event in ["sign_in.completed", "authz.denied", "sign_out"] {
        assert!(log.contains(&format!("event={event} ")), "{event} is");
    }
}
