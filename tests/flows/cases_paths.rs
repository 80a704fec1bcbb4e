//! Cases of `docs/security-cases.md`: which paths a person may see, however they are spelt.

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

/// Paths that the app might serve as something below `/admin`.
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
    // Decoded twice or more.
    "/public/%252e%252e/admin",
    "/public/%252e%252e%252fadmin",
    "/public/..%252Fadmin",
    "/public/..%255cadmin",
    "/public/..%253bx/admin",
    "/public/%25252e%25252e/admin",
    "/public/%2525252e./admin",
    "/public/%%32%65%25%32%65/admin",
    "/public/.%25%%32%35%32%65/../admin",
    "/%2561dmin",
    "/%252561dmin/x",
    "/admin%252fx",
    "/public%2f%252e%252e/admin",
    // Decoded, resolved, and decoded again by the next server.
    "/public/%2e%2e/%2561dmin/%252e%252e/%2e%2e/x",
    // One server decodes the characters for which this changes nothing, and the next decodes all.
    "/public/%2e%2e/admin%2f../public",
    // Escapes that only some servers decode.
    "/%u002e%u002e/admin",
    "/public/%u002e%U002E/admin",
    "/%u0061dmin",
    // Bytes that aren't UTF-8 may be dropped or kept.
    "/admin/%E9",
    "/admin/r%E9sum%E9.pdf",
    "/%E9/../admin",
    "/public/%E9/../../admin",
    "/public/%E9/../%ff/../admin",
    "/public/.%E9./admin",
    "/public/..%85/admin",
    "/public/%ed%a0%80../admin",
    "/public/.%25E9./admin",
    "/ad%E9min",
    "/ad%min/x",
    "/admin/50%",
    "/%/../admin",
    "/public/%/../../admin",
    // In Shift-JIS, GBK and Big5 a backslash can be half of a character.
    "/public/a%83%5Cb\\..\\..\\admin",
    "/public/a%d5%5Cb%5C..%5C..%5Cadmin",
];

/// Unusual but harmless: every server finds them below a public path.
const HARMLESS: &[&[u8]] = &[
    b"/public/job/app/job/feature%252Flogin/1/console",
    b"/public/feature%25252Flogin",
    b"/public/a%252Eb/c%255Cd/e%253Bf",
    b"/public/r%E9sum%E9.pdf",
    b"/public/%E9",
    b"/public/r\xe9sum\xe9.pdf",
    b"/public/\x83\x65\x83\x58\x83\x67.txt",
    b"/public/%83%65%83%58%83%67.txt",
    b"/public/%83%5C%95%5C.txt",
    b"/public/%EF%F0%E8%E2%E5%F2",
    b"/public/%85/%80/%ff/%ed%a0%80",
    b"/public/50%",
    b"/public/50%/of%",
    b"/public/%",
    b"/public/%2",
    b"/public/%zz",
    b"/public/%25zz/%25",
    b"/public/%u00e9",
    b"/public/%25252e/%zz",
    b"/v1.0/%E9t%E9",
    b"/v1.0/%EF%F0%E8%E2%E5%F2",
    b"/v1.0/50%",
];

/// The same, at paths that no rule names: signed-in people may see them.
const UNNAMED: &[&[u8]] = &[
    b"/job/app/job/feature%252Flogin/1/console",
    b"/files/r%E9sum%E9.pdf",
    b"/sale/50%",
    b"/%zz",
    b"/%",
    b"/%2",
    b"/%E9",
    b"/\xff",
    b"/exact%",
    b"/ex%E9act",
    b"/v1.0/a%252Fb",
    b"/public%",
    b"/public%E9/x",
];

/// Paths that are ambiguous, and targets that aren't paths.
const ODD: &[&[u8]] = &[
    b"/%c0%ae%c0%ae/admin",
    b"/public/%c0%af../admin",
    b"/public/%25c0%25ae/x",
    b"/public/%c0%25ae/x",
    b"/public/%2525c1%25259c/x",
    b"/public/%e0%80%ae/admin",
    b"/public/%f0%80%80%ae/x",
    b"/public/\xc0\xae\xc0\xae/admin",
    b"/public/\xe0\x80\xaf",
    b"/public/%00",
    b"/public/%2500",
    b"/public/%25250d",
    b"/public/%0a../admin",
    b"/public/%u0000",
    b"/public/%c2%85",
    b"/public\t/../admin",
    b"/admin#/public",
    b"/public/%#",
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
fn case_138_an_odd_path_is_decided_by_its_rule() {
    let mut harness = guarded();
    for (targets, statuses) in [(HARMLESS, [200, 200]), (UNNAMED, [200, 401])] {
        for target in targets {
            assert_eq!(asked(&mut harness, target), statuses, "{}", target.escape_ascii());
        }
    }
}

#[test]
fn case_138_a_name_that_is_no_utf_8_or_has_a_lone_percent_equals_no_literal() {
    let rules = json!([
        {"path": "/closed/é", "allow": "nobody"},
        {"path": "/closed/50%", "allow": "nobody"},
        {"path": "/open/é", "allow": "everyone"},
        {"path": "/open/50%", "allow": "everyone"},
        {"path": "/one/*", "allow": "everyone"},
        {"path": "/closed/**", "allow": "everyone"},
    ]);
    let mut harness = Harness::with(json!({ "rules": rules }));
    let mut check = |target: &[u8], status| {
        assert_eq!(asked(&mut harness, target)[1], status, "{}", target.escape_ascii());
    };
    // Correctly spelt, they match the rules.
    check(b"/closed/%C3%A9", 403);
    check(b"/closed/50%25", 403);
    check(b"/open/%C3%A9", 200);
    check("/open/é".as_bytes(), 200);
    check(b"/open/50%25", 200);
    // In another encoding, they match wildcards and the default.
    check(b"/closed/%E9", 200);
    check(b"/closed/\xe9", 200);
    check(b"/open/%E9", 401);
    check(b"/open/\xe9", 401);
    check(b"/one/%E9", 200);
    check(b"/one/%", 200);
    check(b"/one/%E9/%E9", 401);
    // A server that keeps a lone `%` finds the closed path; the open path is open in its own spelling.
    check(b"/closed/50%", 403);
    check(b"/open/50%", 401);
}

#[test]
fn case_138_a_shadow_rule_tells_of_every_reading() {
    let mut harness = Harness::with(json!({"rules": [
        {"name": "later", "path": "/admin/**", "allow": "nobody", "mode": "shadow"},
        {"path": "/**", "allow": "everyone"},
    ]}));
    for target in ["/x/%252e%252e/admin", "/%2561dmin", "/ad%E9min"] {
        assert!(harness.get(target).is_forwarded(), "{target}");
        assert!(harness.log().contains("event=authz.shadow_denied rule=later"), "{target}");
    }
    assert!(harness.get("/x%252Fy").is_forwarded());
    assert!(!harness.log().contains("shadow_denied"));
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
            // A pattern without wildcards matches itself, letter for letter.
            assert!(!pattern.contains('*'), "{pattern}");
            let mut harness = Harness::with(json!({"rules": [{"path": pattern, "allow": "everyone"}]}));
            drop(config);
            assert_eq!(harness.get("/a").answered().status, 401, "{pattern}");
        }
    }
}

/// All permutations of these.
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

/// A rule, and a function that says whether it matches, too simple to be wrong.
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
        // In some orders a rule is unreachable behind others; such a configuration is refused.
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
    // Where no rule names a method, a session is required, whatever the method is.
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
