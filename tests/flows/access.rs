//! Roles and the other settings of rules, as people and programs experience them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Harness, NAVIGATE, cookies_set, upstream};

/// John Smith, with the roles `authp/admin` and `authp/user`, is signed in under these rules.
fn signed_in(rules: Value) -> Harness {
    let mut harness = Harness::with(json!({ "rules": rules }));
    harness.signed_in();
    harness.log();
    harness
}

#[test]
fn a_role_lets_in_and_its_absence_keeps_out() {
    let mut harness = signed_in(json!([
        {"path": "/admin/**", "roles_any": ["authp/admin", "root"]},
        {"name": "finance", "path": "/reports/*", "methods": ["GET", "HEAD"], "roles_all": ["authp/user", "finance"]},
    ]));
    assert!(harness.get("/admin/x").is_forwarded());
    assert!(harness.request("POST", "/reports/1", &[]).is_forwarded(), "no rule matches");
    let json = harness.get("/reports/1").answered();
    assert_eq!((json.status, json.body.as_str()), (403, r#"{"error":"forbidden"}"#));
    assert_eq!(json.header("www-authenticate"), None);
    let page = harness.navigate("/reports/1").answered();
    assert_eq!(page.status, 403);
    for part in ["You are signed in as jsmith.", "href=\"/.auth/me\"", "href=\"/.auth/sign-out\""] {
        assert!(page.body.contains(part), "{part}");
    }
    let log = harness.log();
    let line = "event=authz.denied rule=finance request_id=request-";
    assert!(log.contains(line) && log.contains("subject=55ddc31e-b818-4136-8fb8-84cfb31af537"), "{log}");
}

#[test]
fn the_log_knows_who_asked_for_what_nobody_may_have() {
    let closed = json!({"rules": [{"path": "/closed/**", "allow": "nobody"}], "bearer": {"enabled": true}});
    let mut harness = Harness::with(closed);
    let page = harness.navigate("/closed/x").answered();
    let log = harness.log();
    assert!(log.contains("event=authz.denied rule=0 ") && !log.contains("subject="), "{log}");
    harness.signed_in();
    harness.log();
    let again = harness.navigate("/closed/x").answered();
    // The page doesn't change, and no request waits: it couldn't help.
    let without_reference = |page: &str| page.split("<code>").next().unwrap().to_owned();
    assert_eq!((again.status, without_reference(&again.body)), (403, without_reference(&page.body)));
    let log = harness.log();
    assert!(log.contains("event=authz.denied rule=0 request_id=request-"), "{log}");
    assert!(log.contains("subject=55ddc31e-b818-4136-8fb8-84cfb31af537"), "{log}");
    let access = harness.access.clone().unwrap();
    assert!(
        access.person.is_none(),
        "the access log names nobody, because the decision didn't depend on the person"
    );
    for header in [("cookie", "__Host-auth=bent"), ("authorization", "Bearer x")] {
        assert_eq!(harness.bare_request("GET", "/closed/x", &[header]).answered().status, 403);
        assert!(!harness.log().contains("subject="), "{header:?}");
    }
    // With expired tokens, nobody waits for a refresh.
    harness.advance(Duration::from_secs(7200));
    assert_eq!(harness.get("/closed/x").answered().status, 403);
}

#[test]
fn no_spelling_of_a_path_gets_past_a_role() {
    let mut harness = signed_in(json!([
        {"path": "/secret/**", "roles_any": ["nobody-has-this"]},
        {"path": "/open/**", "allow": "everyone"},
    ]));
    for spelling in [
        "/secret",
        "/secret/",
        "//secret",
        "/secret%2f",
        "/%73ecret",
        "/open/../secret",
        "/open/..;/secret/x",
        "/open/%2e%2e/secret",
        "/secret;x=1",
        "/secret/./x",
        "/open/..%2fsecret",
        "/\\secret",
        "/secret/../open",
    ] {
        assert_eq!(harness.get(spelling).answered().status, 403, "{spelling}");
    }
    assert!(harness.get("/secrets").is_forwarded());
}

#[test]
fn a_shadow_rule_lets_pass_and_says_so_in_the_log() {
    let mut harness = signed_in(json!([
        {"name": "beta", "hosts": ["app.example.com"], "path": "/beta/**", "roles_any": ["beta"], "mode": "shadow"},
        {"path": "/open", "roles_any": ["beta"], "mode": "shadow"},
        {"path": "/open", "allow": "everyone"},
    ]));
    assert!(harness.get("/beta/x").is_forwarded());
    assert!(harness.log().contains("event=authz.shadow_denied rule=beta request_id="));
    assert!(harness.bare_request("GET", "/open", &[]).is_forwarded());
    let log = harness.log();
    assert!(log.contains("event=authz.shadow_denied rule=1 ") && !log.contains("subject="), "{log}");
    harness.cognito.user["custom:roles"] = json!("beta");
    harness.signed_in();
    harness.log();
    assert!(harness.get("/beta/x").is_forwarded());
    assert!(!harness.log().contains("shadow"));
    // A request that needs a sign-in anyway isn't logged.
    assert_eq!(harness.bare_request("GET", "/beta/x", &[]).answered().status, 401);
    assert!(!harness.log().contains("shadow"));
}

#[test]
fn rules_say_what_happens_without_a_session() {
    let mut harness = Harness::with(json!({"rules": [
        {"path": "/api/**", "unauthenticated": "reject"},
        {"path": "/old/**", "unauthenticated": "redirect"},
    ]}));
    for headers in [&NAVIGATE[..], &[]] {
        let response = harness.request("GET", "/api/x", headers).answered();
        assert_eq!((response.status, response.header("content-type")), (401, Some("application/json")));
        assert!(cookies_set(&response).is_empty());
    }
    let form = harness.request("POST", "/api/x", &NAVIGATE).answered();
    assert_eq!(form.header("content-type"), Some("application/json"));
    for method in ["GET", "HEAD"] {
        let response = harness.request(method, "/old/x", &[("accept", "*/*")]).answered();
        assert_eq!((response.status, cookies_set(&response).len()), (302, 1), "{method}");
    }
    let harmful: [(&str, &[(&str, &str)]); 4] = [
        ("POST", &[]),
        ("GET", &[("upgrade", "websocket")]),
        ("GET", &[("sec-purpose", "prefetch")]),
        ("POST", &[("content-type", "application/grpc")]),
    ];
    for (method, headers) in harmful {
        assert_eq!(harness.request(method, "/old/x", headers).answered().status, 401, "{method} {headers:?}");
    }
    harness.scheme = "http";
    assert_eq!(harness.request("GET", "/old/x", &[]).answered().status, 401);
}

#[test]
fn preflights_pass_without_anybody_s_identity() {
    let rules = json!([{"path": "/closed", "allow": "nobody"}]);
    let preflight = [("origin", "https://spa.example.com"), ("access-control-request-method", "PUT")];
    let mut harness = Harness::with(json!({"rules": rules, "cors_preflight": "pass"}));
    harness.signed_in();
    let mut headers = preflight.to_vec();
    headers.push(("x-auth-user", "forged"));
    let edits = harness.request("OPTIONS", "/x", &headers).forwarded();
    assert_eq!(edits.remove.as_slice(), ["x-auth-user", "cookie"]);
    assert_eq!(edits.set().next(), None);
    assert_eq!(harness.request("OPTIONS", "/closed", &preflight).answered().status, 403);
    assert_eq!(harness.request("OPTIONS", "/.auth/me", &preflight).answered().status, 405);
    for (method, headers) in [("OPTIONS", &preflight[..1]), ("OPTIONS", &preflight[1..]), ("GET", &preflight)]
    {
        assert_eq!(
            harness.bare_request(method, "/x", headers).answered().status,
            401,
            "{method} {headers:?}"
        );
    }
    let mut harness = Harness::with(json!({ "rules": rules }));
    assert_eq!(harness.bare_request("OPTIONS", "/x", &preflight).answered().status, 401);
}

#[test]
fn a_role_is_never_read_as_another() {
    let groups = json!(["a,admin", "a|admin", "x%2Cy", "管理者", "admin "]);
    let mut harness = Harness::with(json!({"rules": [
        {"path": "/admin", "roles_any": ["admin", "y", "a"]},
        {"path": "/japanese", "roles_any": ["管理者"]},
        {"path": "/comma", "roles_all": ["a,admin", "x%2Cy"]},
    ]}));
    harness.cognito.user = json!({"sub": "s", "cognito:groups": groups});
    harness.signed_in();
    assert_eq!(harness.get("/admin").answered().status, 403);
    assert!(harness.get("/japanese").is_forwarded() && harness.get("/comma").is_forwarded());
    let edits = harness.get("/").forwarded();
    let expected = "a%2Cadmin,a|admin,x%252Cy,%E7%AE%A1%E7%90%86%E8%80%85,admin%20";
    assert_eq!(upstream(&edits, "x-auth-roles"), Some(expected));
}

#[test]
fn pages_look_as_they_were_told_to() {
    let pages = json!({"title": "Example & Co", "logo": "https://cdn.example.com/l.svg", "accent": "#c00"});
    let mut harness = Harness::with(json!({ "pages": pages }));
    for target in ["/.auth/signed-out", "/.auth/callback", "/%c0%ae"] {
        let page = harness.navigate(target).answered();
        assert!(page.body.contains("Example &amp; Co</title>"), "{target}");
        assert!(page.body.contains("<img src=\"https://cdn.example.com/l.svg\" alt=\"\">"), "{target}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("img-src https://cdn.example.com;"), "{policy}");
    }
}

#[test]
fn no_spelling_of_a_host_gets_past_its_rules() {
    let rules = json!([
        {"hosts": ["admin.example.com", "*.corp.example.com"], "roles_any": ["admin"]},
        {"path": "/**", "allow": "everyone"},
    ]);
    for public_url in [Value::Null, json!("https://app.example.com")] {
        let mut harness = Harness::with(json!({"rules": rules, "public_url": public_url}));
        for (host, status) in [
            ("admin.example.com", 401),
            ("ADMIN.example.com:8443", 401),
            ("admin.example.com.", 401),
            ("a.b.corp.example.com.:443", 401),
            ("admin.example.com:x", 400),
            ("admin.example.com:80:80", 400),
            ("admin.example.com..", 400),
            ("admin.example.com:443.", 400),
            ("a..corp.example.com", 400),
            ("x@admin.example.com", 400),
            ("admin%2eexample.com", 400),
            ("admin.example.com,", 400),
            ("", 400),
        ] {
            host.clone_into(&mut harness.authority);
            assert_eq!(harness.get("/x").answered().status, status, "{host} {public_url}");
        }
    }
}
