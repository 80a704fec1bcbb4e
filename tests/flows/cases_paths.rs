//! Cases of `docs/security-cases.md`: which paths somebody may see, however they are spelt.

use serde_json::{Value, json};

use crate::harness::{Harness, parse};

/// The status that a person without roles gets, and one without a session.
fn asked(harness: &mut Harness, target: &[u8]) -> [u16; 2] {
    let cookies = harness.jar.header();
    let headers: [&[(&str, &[u8])]; 2] = [&[("cookie", cookies.as_bytes())], &[]];
    headers.map(|headers| {
        let outcome = harness.raw_request("GET", target, headers);
        if outcome.is_forwarded() { 200 } else { outcome.answered().status }
    })
}

fn guarded() -> Harness {
    let mut harness = Harness::with(json!({"rules": [
        {"path": "/public/**", "allow": "everyone"},
        {"path": "/admin/**", "roles_any": ["admin"]},
        {"path": "/exact", "allow": "everyone"},
        {"path": "/v1.0/*", "allow": "everyone"},
    ]}));
    harness.cognito.user = json!({"sub": "s"});
    harness.signed_in();
    harness
}

/// What the app would serve as something below `/admin`.
const GUARDED: &[&str] = &[
    "/public/../admin",
    "/public/%2e%2e/admin",
    "/public/.%2e/admin",
    "/public/%2e./admin",
    "/public/..;/admin",
    "/public/..;x=1/admin",
    "/public/./../admin",
    "/public/..%2fadmin",
    "/public/..%5cadmin",
    "/public/..\\admin",
    "/public\\..\\admin",
    "/public/%2E%2E%2Fadmin",
    "//admin",
    "///admin",
    "/admin//x",
    "/admin/",
    "/%2fadmin",
    "/admin%2fx",
    "/\\admin",
    "/%5cadmin",
    "/admin;x",
    "/;/admin",
    "/admin;.css",
    "/admin/.;/x",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/admin/./x",
    "/public/;/../admin",
    "/public//../admin",
    "/public/x/..;/../admin",
    "/admin?/public",
    "/./admin",
];

/// What no two servers need agree about, and what isn't a path.
const ODD: &[&[u8]] = &[
    b"/public/%252e%252e/admin",
    b"/public/%252e%252e%252fadmin",
    b"/public/%25252e/%zz",
    b"/%c0%ae%c0%ae/admin",
    b"/public/%c0%af../admin",
    b"/%u002e%u002e/admin",
    b"/%zz",
    b"/%",
    b"/%2",
    b"/public/%00",
    b"/public/\xff/../admin",
    b"/public/\xc0\xae\xc0\xae/admin",
    b"/public/%e0%80%ae/admin",
    b"/public\t/../admin",
    b"/admin#/public",
    b"/public/%0a../admin",
    b"admin",
    b"*",
    b"",
    b"http://x/admin",
];

#[test]
fn case_136_137_138_no_spelling_of_a_guarded_path_is_public() {
    let mut harness = guarded();
    for target in GUARDED {
        assert_eq!(asked(&mut harness, target.as_bytes()), [403, 401], "{target}");
    }
    for target in ODD {
        let statuses = asked(&mut harness, target);
        assert_eq!(statuses, [400, 400], "{}", target.escape_ascii());
    }
}

#[test]
fn case_141_a_pattern_ends_where_its_segment_ends() {
    let mut harness = guarded();
    for (target, statuses) in [
        ("/admin", [403, 401]),
        ("/administrator", [200, 401]),
        ("/admin.json", [200, 401]),
        ("/adminx/y", [200, 401]),
        ("/Admin", [200, 401]),
        ("/publicity", [200, 401]),
        ("/exact", [200, 200]),
        ("/exact/", [200, 200]),
        ("/exact/x", [200, 401]),
        ("/exactly", [200, 401]),
        ("/v1.0/x", [200, 200]),
        ("/v1x0/x", [200, 401]),
        ("/v1.0/x/y", [200, 401]),
        ("/v1.0", [200, 401]),
    ] {
        assert_eq!(asked(&mut harness, target.as_bytes()), statuses, "{target}");
    }
    for pattern in ["/a*", "/*.css", "/a.*b", "/(a|b)", "/[a-z]+", "/^a$", "*", "**", "/a/***"] {
        let accepted = parse(&json!({"rules": [{"path": pattern, "allow": "everyone"}]}));
        if let Ok(config) = accepted {
            // What is no wildcard is itself, letter for letter.
            assert!(!pattern.contains('*'), "{pattern}");
            let mut harness = Harness::with(json!({"rules": [{"path": pattern, "allow": "everyone"}]}));
            drop(config);
            assert_eq!(harness.get("/a").answered().status, 401, "{pattern}");
        }
    }
}

/// Every order of these.
fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, *first);
            order
        })
    };
    permutations(rest).into_iter().flat_map(insert).collect()
}

/// A rule, and whether it matches, in words too plain to be wrong.
type Known = (Value, fn(&str, &str) -> bool);

#[test]
fn case_142_in_every_order_the_first_rule_that_matches_decides() {
    let rules: [Known; 5] = [
        (json!({"path": "/a/**", "allow": "everyone"}), |_, path| path == "/a" || path.starts_with("/a/")),
        (json!({"path": "/a/*", "allow": "nobody"}), |_, path| {
            path.strip_prefix("/a/").is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        }),
        (json!({"path": "/**/x", "methods": ["GET", "POST"], "allow": "nobody"}), |method, path| {
            ["GET", "POST"].contains(&method) && path.ends_with("/x")
        }),
        (json!({"methods": ["POST"], "path": "/b", "allow": "everyone"}), |method, path| {
            method == "POST" && path == "/b"
        }),
        (json!({"path": "/*", "allow": "nobody"}), |_, path| path != "/" && path.matches('/').count() == 1),
    ];
    let paths = [
        "/", "/a", "/a/x", "/a/y", "/a/x/y", "/a/y/x", "/b", "/b/x", "/b/y", "/c", "/c/x", "/x", "/ab",
        "/ab/x",
    ];
    let (mut orders, mut checked) = (0, 0);
    for order in permutations(&[0, 1, 2, 3, 4]) {
        let document: Vec<Value> = order.iter().map(|at| rules[*at].0.clone()).collect();
        // Some orders have a rule that the ones in front leave nothing to; such a configuration is refused.
        if parse(&json!({ "rules": document })).is_err() {
            continue;
        }
        orders += 1;
        let mut harness = Harness::with(json!({ "rules": document }));
        for path in paths {
            for method in ["GET", "POST", "HEAD", "PURGE"] {
                let first = order.iter().find(|at| rules[**at].1(method, path));
                let expected = first.map_or("signed_in", |at| rules[*at].0["allow"].as_str().unwrap());
                let outcome = harness.bare_request(method, path, &[]);
                let found = if outcome.is_forwarded() { 200 } else { outcome.answered().status };
                let status = match expected {
                    "everyone" => 200,
                    "nobody" => 403,
                    _ => 401,
                };
                assert_eq!(found, status, "{method} {path} under {document:?}");
                checked += 1;
            }
        }
    }
    assert!(orders >= 30 && checked > 1_500, "{orders} orders, {checked} requests");
}

#[test]
fn case_143_a_method_is_what_the_request_line_says() {
    let mut harness = Harness::with(json!({"rules": [
        {"path": "/x", "methods": ["GET", "HEAD"], "allow": "everyone"},
        {"path": "/x", "allow": "nobody"},
    ]}));
    for method in ["GET", "HEAD"] {
        assert!(harness.bare_request(method, "/x", &[]).is_forwarded(), "{method}");
    }
    for method in ["OPTIONS", "TRACE", "PURGE", "get", "Get", "GETT", "POST", "PROPFIND", "CONNECT", ""] {
        let status = harness.bare_request(method, "/x", &[]).answered().status;
        assert!([400, 403].contains(&status), "{method}: {status}");
    }
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
        ("x-method-override", "GET"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        for target in ["/x", "/x?_method=GET"] {
            assert_eq!(
                harness.bare_request("POST", target, &[(name, value)]).answered().status,
                403,
                "{name}"
            );
        }
    }
    // Where no rule has a method it takes a session, whatever the method is called.
    for method in ["TRACE", "PURGE", "get", "BREW"] {
        assert_eq!(harness.bare_request(method, "/y", &[]).answered().status, 401, "{method}");
    }
}

#[test]
fn case_143_only_a_true_preflight_passes_and_only_where_it_says_so() {
    let origin = ("origin", "https://a.example");
    let asks = ("access-control-request-method", "PUT");
    for (passes, patch) in [(true, json!({"cors_preflight": "pass"})), (false, json!({}))] {
        let mut harness = Harness::with(patch);
        harness.signed_in();
        let cookies = harness.jar.header();
        let spoofed =
            [origin, asks, ("cookie", &cookies), ("x-auth-user", "root"), ("x_auth_roles", "admin")];
        let outcome = harness.bare_request("OPTIONS", "/", &spoofed[..2]);
        assert_eq!(outcome.is_forwarded(), passes);
        if passes {
            let edits = harness.bare_request("OPTIONS", "/", &spoofed).forwarded();
            assert_eq!(edits.set().count(), 0, "nobody, and no cookie of ours");
            for name in ["x-auth-user", "x_auth_roles", "cookie"] {
                assert!(edits.remove.iter().any(|removed| removed == name), "{name}");
            }
        }
        let overriding = [origin, asks, ("x-http-method-override", "OPTIONS"), ("x-http-method", "OPTIONS")];
        for (method, headers) in [
            ("GET", &overriding[..]),
            ("POST", &overriding),
            ("options", &overriding),
            ("OPTIONS", &[origin]),
            ("OPTIONS", &[asks]),
            ("OPTIONS", &[]),
        ] {
            assert_eq!(
                harness.bare_request(method, "/", headers).answered().status,
                401,
                "{method} {headers:?}"
            );
        }
    }
}
