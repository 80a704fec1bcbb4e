//! Cases of `docs/security-cases.md`: what is around the filter in Envoy: routes that rewrite and redirect, other
//! filters, and a load balancer in front.

use rig::{Listener, RawRequest};
use serde_json::{Value, json};

use crate::odd::{Answer, odd};
use crate::world::{Plan, Site, USER, header, headers, parameter, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let rules = json!([
        { "path": "/public/**", "allow": "everyone" },
        { "path": "/api/**", "allow": "everyone" },
        { "path": "/admin/**", "roles_any": ["admin"] },
    ]);
    let site = || plan(json!({ "rules": rules }));
    let mut sites = vec![
        ("case-routes", site().listener(rewriting)),
        ("case-internal", site().listener(redirecting)),
        ("case-filters", site().listener(surrounded)),
        ("case-connect", site().listener(connecting)),
    ];
    sites.push((
        "case-balancer",
        plan(json!({ "public_url": null })).listener(|listener| {
            let trusting = json!({ "use_remote_address": true, "xff_num_trusted_hops": 1 });
            listener.manager_overrides = trusting;
        }),
    ));
    sites
}

fn route(prefix: &str, action: Value) -> Value {
    let mut action = action;
    if action["cluster"].is_null() {
        action["cluster"] = json!("app");
    }
    json!({ "match": { "prefix": prefix }, "route": action })
}

fn rewriting(listener: &mut Listener) {
    let strip =
        json!({ "regex_rewrite": { "pattern": { "regex": "^/public/strip(.*)$" }, "substitution": "\\1" } });
    let routes = json!([
        route("/public/prefix/", json!({ "prefix_rewrite": "/" })),
        route("/public/strip", strip),
        route("/public/host", json!({ "host_rewrite_literal": "inner.example" })),
        route("/public/retry", json!({ "retry_policy": { "retry_on": "5xx", "num_retries": 2 } })),
        route("/api", json!({ "prefix_rewrite": "/inner" })),
        route("/host", json!({ "host_rewrite_literal": "inner.example", "prefix_rewrite": "/elsewhere" })),
        route("/", json!({})),
    ]);
    listener.manager_overrides = json!({ "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] } });
}

/// Envoy itself follows the app's redirects, instead of the client.
fn redirecting(listener: &mut Listener) {
    listener.upstream_cluster = Some("odd".to_owned());
    let policy = json!({ "max_internal_redirects": 3, "redirect_response_codes": [302, 303], "allow_cross_scheme_redirect": true });
    listener.route_overrides = json!({ "route": { "internal_redirect_policy": policy } });
}

/// Lua before the filter forges identity headers; Lua after it records the requests that get there.
fn surrounded(listener: &mut Listener) {
    let lua = |name: &str, code: &str| {
        json!({ "name": name, "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": code },
        }})
    };
    let forge = "function envoy_on_request(handle)\n\
                 handle:headers():add('x-auth-user', 'root')\n\
                 handle:headers():add('x_auth_roles', 'admin')\nend";
    let note = "function envoy_on_request(handle)\n\
                handle:headers():add('x-reached', handle:headers():get('x-auth-user') or 'nobody')\nend\n\
                function envoy_on_response(handle)\n\
                handle:headers():add('x-answered', 'yes')\nend";
    listener.filters_before = vec![lua("before", forge)];
    listener.filters_after = vec![lua("after", note)];
}

/// WebSockets over HTTP/2 (RFC 8441).
fn connecting(listener: &mut Listener) {
    listener.manager_overrides = json!({ "http2_protocol_options": { "allow_connect": true } });
}

fn session(site: Site) -> String {
    site.signed_in().cookie_header(&site.url("/"))
}

#[test]
fn case_107_145_a_route_that_rewrites_is_judged_by_what_the_client_asked_for() {
    let site = world().site("case-routes");
    let john = session(site);
    let as_john = |target: &str| site.send(RawRequest::get(target).header("cookie", &john));
    // A public path is rewritten to begin with /admin; that is the operator's choice …
    assert_eq!(site.get("/public/prefix/admin/json").status, 200);
    assert_eq!(site.get("/public/strip/json").status, 200);
    // … and no spelling of a protected path matches that route.
    for target in [
        "/public/prefix/../../admin/json",
        "/public/prefix/%2e%2e/%2e%2e/admin/json",
        "/public/strip/../../admin/json",
        "/api%2e%2e/admin",
        "/api/..%2fadmin/json",
        "/api/%2e%2e/admin/json",
        "/api/..;/admin/json",
        "/public/host/../../admin/json",
    ] {
        let nobody = site.get(target).status;
        assert!([400, 401].contains(&nobody), "{target}: {nobody}");
        let status = as_john(target).status;
        assert!([400, 403].contains(&status) || target == "/api%2e%2e/admin", "{target}: {status}");
    }
    // A rewritten host doesn't change the owner of the cookies, and causes no loop.
    for _ in 0..2 {
        let seen = as_john("/host/json").json();
        assert_eq!(seen["path"], "/elsewhere/json");
        assert_eq!(header(&seen, "host"), Some("inner.example"));
        assert_eq!(header(&seen, "x-auth-user"), Some(USER));
    }
    assert_eq!(site.get("/host/json").status, 401);
    let retried =
        RawRequest::get("/public/retry/json").header("x-sample-status", "503").header("x-auth-user", "root");
    let seen = site.send(retried).json();
    assert_eq!(header(&seen, "x-auth-user"), None, "no attempt has the client's forged header");
}

#[test]
fn case_145_where_envoy_follows_a_redirect_itself_the_filter_judges_anew() {
    let site = world().site("case-internal");
    let mut browser = site.browser();
    let start = browser.step(&site.url("/"));
    browser.step(&crate::world::callback_of(start.location().expect("a location")));
    let john = browser.cookie_header(&site.url("/"));
    let elsewhere = |from: &str, to: &str| {
        let location = format!("location: http://case-internal.example.test{to}");
        let head =
            format!("HTTP/1.1 302 Found\r\n{location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        odd().say(&format!("GET {from} "), Answer::at_once(head));
    };
    for (from, to, cookies, status) in [
        ("/public/internal-1", "/public/internal-2", "", 200),
        ("/public/internal-3", "/admin/internal-4", "", 401),
        ("/public/internal-5", "/admin/internal-6", john.as_str(), 401),
        ("/internal-7", "/admin/internal-8", &john, 401),
        // The first pass removed the session's cookies, so the person is unknown in the second.
        ("/internal-9", "/internal-10", &john, 401),
    ] {
        elsewhere(from, to);
        let request = RawRequest::get(from).header("cookie", cookies).header("x-auth-user", "root");
        assert_eq!(site.send(request).status, status, "{from} leads to {to}");
        assert_eq!(odd().requests(&format!("GET {from} ")).len(), 1, "{from}");
        let arrived = odd().requests(&format!("GET {to} "));
        assert_eq!(arrived.len(), usize::from(status == 200), "{to}");
        for request in arrived {
            let head = String::from_utf8_lossy(&request).to_lowercase();
            assert!(
                !head.contains("x-auth-user"),
                "{to}: a request without a session has no identity there either: {head}"
            );
        }
    }
}

#[test]
fn case_168_filters_before_forge_nothing_and_filters_behind_see_nobody_unjudged() {
    let site = world().site("case-filters");
    let before = world().app.count();
    for target in ["/x", "/admin/x"] {
        let nobody = site.get(target);
        assert_eq!(nobody.status, 401, "{target}");
    }
    let john = session(site);
    assert_eq!(site.send(RawRequest::get("/admin/x").header("cookie", &john)).status, 403);
    let seen = site.send(RawRequest::get("/json").header("cookie", &john)).json();
    assert_eq!(headers(&seen, "x-auth-user"), [USER]);
    assert_eq!(headers(&seen, "x-reached"), [USER], "the filter behind sees what the app sees");
    let seen = site.get("/public/json").json();
    assert_eq!((header(&seen, "x-auth-user"), header(&seen, "x-reached")), (None, Some("nobody")));
    assert!(!seen["headers"].to_string().contains("root"), "{seen}");
    let ours =
        |request: &&sample_app::Request| request.header_str("host") == Some("case-filters.example.test");
    let requests = world().app.requests();
    assert!(requests[before..].iter().filter(ours).all(|request| request.header("x_auth_roles").is_none()));
}

#[test]
fn case_122_behind_a_balancer_that_is_trusted_https_is_believed() {
    let site = world().site("case-balancer");
    let navigate = |proto: Option<&str>| {
        let request = RawRequest::get("/a").header("sec-fetch-mode", "navigate");
        let request = request.header("x-forwarded-for", "203.0.113.7");
        site.send(match proto {
            Some(proto) => request.header("x-forwarded-proto", proto),
            None => request,
        })
    };
    let begun = navigate(Some("https"));
    let location = begun.location().expect("a location");
    assert_eq!(parameter(location, "redirect_uri"), Some(site.url("/.auth/callback")), "{location}");
    for proto in [Some("http"), None] {
        let response = navigate(proto);
        assert_eq!(response.location(), Some(site.url("/a").as_str()), "{proto:?}");
        assert!(response.set_cookies().is_empty(), "{proto:?}");
    }
}

/// The status of an extended CONNECT, with which browsers open a WebSocket over HTTP/2.
fn extended_connect(site: Site, path: &str, cookies: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(site.addr).await.expect("connected");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let mut client = client.ready().await.expect("ready");
        // The server first announces that it accepts them.
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let request = http::Request::builder()
            .method("CONNECT")
            .uri(site.url(path))
            .header("cookie", cookies)
            .header("sec-websocket-version", "13")
            .header("sec-fetch-mode", "websocket")
            .extension(h2::ext::Protocol::from_static("websocket"))
            .body(())
            .expect("a request");
        let (response, _body) = client.send_request(request, false).expect("sent");
        response.await.expect("an answer").status().as_u16()
    })
}

#[test]
fn case_149_an_extended_connect_is_judged_like_any_request() {
    let site = world().site("case-connect");
    let (before, john) = (world().app.count(), session(site));
    assert_eq!(extended_connect(site, "/socket", ""), 401);
    assert_eq!(extended_connect(site, "/public/../admin/socket", ""), 401);
    assert_eq!(extended_connect(site, "/admin/socket", &john), 403);
    let arrived = |path: &str| world().app.requests()[before..].iter().any(|request| request.path == path);
    assert!(!arrived("/socket") && !arrived("/admin/socket"));
    // The sample app doesn't support WebSocket, but it gets the request.
    extended_connect(site, "/public/socket", "");
    assert!(arrived("/public/socket"));
}
