//! Cases of `docs/security-cases.md`: the headers that tell the app about a person, and those that identify an API
//! client.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Harness, NAVIGATE, Refreshing, parse, upstream};

const SPOOFED: [&str; 6] =
    ["x-auth-user", "x-auth-email", "x-auth-name", "x-auth-roles", "x-auth-subject", "x-auth-timezone"];

#[test]
fn case_123_a_claim_that_is_absent_leaves_no_room_for_the_clients() {
    let mut harness = Harness::with(json!({
        "bearer": {"enabled": true}, "cors_preflight": "pass",
        "rules": [{"path": "/public", "allow": "everyone"}, {"path": "/hello", "allow": "optional"}],
    }));
    harness.cognito.user = json!({"sub": "s"});
    harness.signed_in();
    let config = std::sync::Arc::clone(&harness.config);
    let claims = json!({"username": null, "cognito:groups": null, "scope": null});
    let bearer = format!("Bearer {}", harness.cognito.access_token(&config.pools[0], &claims));
    let cookies = harness.jar.header();
    let preflight = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    type Sent<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, bool);
    let requests: [Sent<'_>; 8] = [
        ("GET", "/public", vec![], false),
        ("GET", "/hello", vec![], false),
        ("GET", "/public", vec![("cookie", &cookies)], true),
        ("GET", "/hello", vec![("cookie", &cookies)], true),
        ("GET", "/", vec![("cookie", &cookies)], true),
        ("GET", "/", vec![("authorization", &bearer)], true),
        ("GET", "/public", vec![("authorization", "Bearer a.b.c"), ("cookie", &cookies)], false),
        ("OPTIONS", "/", preflight.to_vec(), false),
    ];
    for (method, target, more, known) in requests {
        let mut headers: Vec<(&str, &str)> = SPOOFED.iter().map(|name| (*name, "root")).collect();
        headers.extend(more);
        let edits = harness.bare_request(method, target, &headers).forwarded();
        for name in SPOOFED {
            let taken = edits.remove.iter().any(|removed| removed == name)
                || edits.replace.iter().any(|(replaced, _)| *replaced == name);
            assert!(taken, "{name}: {method} {target} {headers:?}");
        }
        let set: Vec<&str> =
            edits.set().map(|(name, _)| name).filter(|name| name.starts_with("x-auth")).collect();
        assert_eq!(set, if known { vec!["x-auth-subject"] } else { vec![] }, "{method} {target} {headers:?}");
    }
    // Requests that the filter answers itself go nowhere else.
    for target in ["/.auth/callback?code=x&state=y", "/.auth/sign-out", "/.auth/signed-out", "/.auth/me"] {
        let headers: Vec<(&str, &str)> = SPOOFED.iter().map(|name| (*name, "root")).chain(NAVIGATE).collect();
        let _ = harness.bare_request("GET", target, &headers).answered();
    }
}

/// What an app does that knows how roles are written: split, then decode.
fn split(header: &str) -> Vec<String> {
    let decode = |role: &str| {
        let mut parts = role.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    };
    header.split(',').map(decode).collect()
}

#[test]
fn case_128_129_every_group_reaches_the_app_as_itself() {
    let groups = [
        "a,admin",
        "admin,",
        ",admin",
        "a;admin",
        "\"admin\"",
        "a%2Cadmin",
        "a\\,admin",
        "a，admin",
        "a|admin",
        "a\tadmin",
        "a\r\nadmin",
        "%",
        "%2",
        "管理者",
        "🔑",
        "\u{202e}nimda",
        "e\u{301}",
        "ａｄｍｉｎ",
        "a admin",
    ];
    let mut harness = Harness::with(json!({"rules": [{"path": "/admin", "roles_any": ["admin"]}]}));
    harness.cognito.user = json!({"sub": "s", "cognito:groups": groups});
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    let header = upstream(&edits, "x-auth-roles").unwrap();
    assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header}");
    assert!(header.split(',').all(|role| role != "admin"), "{header}");
    assert_eq!(split(header), groups, "and back, byte for byte");
    assert_eq!(harness.get("/admin").answered().status, 403);
    let mut harness = Harness::with(json!({"headers": {"preset": "x-token"}}));
    harness.cognito.user = json!({"sub": "s", "cognito:groups": groups});
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    let header = upstream(&edits, "x-token-user-roles").unwrap().to_owned();
    assert_eq!(header.split(' ').flat_map(split).collect::<Vec<_>>(), groups, "where blanks separate");
}

#[test]
fn case_133_no_claim_stands_in_a_header_that_carries_the_request() {
    for name in [
        ":path",
        ":method",
        ":authority",
        ":scheme",
        "host",
        "Host",
        "cookie",
        "content-length",
        "transfer-encoding",
        "connection",
        "authorization",
        "x-envoy-original-path",
        "X-Envoy-Internal",
        "x_envoy_force_trace",
        "set-cookie",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-client-cert",
        "x-real-ip",
        "forwarded",
        "content_length",
    ] {
        let faults = parse(&json!({"headers": {"claims": {name: "custom:evil"}}})).err().unwrap_or_default();
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(faults[0].to_string().starts_with(&format!("headers.claims.{name}: ")), "{faults:?}");
    }
}

#[test]
fn case_135_tokens_go_upstream_where_they_are_asked_for_and_refresh_tokens_never() {
    let forward = json!({"forward_id_token": "x-id-token", "forward_access_token": "x-access-token"});
    for (headers, forwarded) in [(json!({}), 0), (json!({"forward_id_token": "x-id-token"}), 1), (forward, 2)]
    {
        let mut harness = Harness::with(json!({"headers": headers}));
        harness.cognito.refreshing = Refreshing::Rotated;
        harness.signed_in();
        for hour in 0..3 {
            let refresh = harness.cognito.refresh_tokens.clone();
            let cookies = harness.jar.header();
            let edits = harness.get("/").forwarded();
            let names = ["x-id-token", "x-access-token"];
            let tokens = names.iter().filter_map(|name| upstream(&edits, name)).collect::<Vec<_>>();
            assert_eq!(tokens.len(), forwarded, "{headers}, hour {hour}");
            let all: Vec<u8> = edits.set().flat_map(|(_, value)| value.to_vec()).collect();
            let all = String::from_utf8(all).unwrap();
            assert!(refresh.iter().chain(&harness.cognito.refresh_tokens).all(|token| !all.contains(token)));
            assert!(
                cookies.split("; ").all(|cookie| !all.contains(cookie)),
                "nor the cookies that contain them"
            );
            harness.advance(Duration::from_secs(3_600));
        }
    }
}

#[test]
fn case_150_one_well_formed_token_or_nobody() {
    let mut harness = Harness::with(json!({
        "bearer": {"enabled": true}, "rules": [{"path": "/public", "allow": "everyone"}],
    }));
    let config = std::sync::Arc::clone(&harness.config);
    let good = harness.cognito.access_token(&config.pools[0], &json!({}));
    for spelling in ["Bearer ", "bearer ", "BEARER ", "Bearer  ", "BeArEr    "] {
        let value = format!("{spelling}{good}");
        let edits = harness.bare_request("GET", "/", &[("authorization", &value)]).forwarded();
        assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"), "{spelling}");
    }
    let mut nobody: Vec<String> = [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "BEARER x",
        "Bearer a b",
        "Bearer x,Bearer y",
        "Basic",
        "Basic ",
        "Basic eDp5",
        "Digest username=\"x\"",
        "Negotiate",
        "null",
        "undefined",
        "a.b.c",
        "Bearer null",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer =",
        ",",
        ";",
        "\u{e9}",
    ]
    .map(str::to_owned)
    .to_vec();
    nobody.push("\"".repeat(500));
    nobody.push("Bearer ".repeat(500));
    nobody.extend(
        [
            "_ _",
            "_,Bearer _",
            "_, _",
            "\t_",
            ":_",
            "=\"_\"",
            " \"_\"",
            " '_'",
            " <_>",
            " token=_",
            " _;",
            " _,",
            " _\t",
            " _\u{a0}",
            " _/",
            " _%",
            " %_",
            " Bearer _",
            "\u{a0}_",
        ]
        .map(|behind| format!("Bearer{}", behind.replace('_', &good))),
    );
    nobody.extend(
        ["Token _", "Basic _", "JWT _", "Bearer_", "_", ",Bearer _", "Basic eDp5,Bearer _"]
            .map(|all| all.replace('_', &good)),
    );
    let mut check = |values: &[&str]| {
        let headers: Vec<(&str, &str)> = values.iter().map(|value| ("authorization", *value)).collect();
        let shown = values.iter().map(|value| value.chars().take(30).collect::<String>()).collect::<Vec<_>>();
        let response = harness.bare_request("GET", "/", &headers).answered();
        assert_eq!((response.status, response.header("location")), (401, None), "{shown:?}");
        // Where everybody may pass, they are anonymous.
        let edits = harness.bare_request("GET", "/public", &headers).forwarded();
        assert_eq!(edits.set().filter(|(name, _)| name.starts_with("x-auth")).count(), 0, "{shown:?}");
    };
    for value in &nobody {
        check(&[value]);
    }
    let value = format!("Bearer {good}");
    check(&[&value, &value]);
    check(&[&value, &value, &value]);
    check(&[&value, "Basic eDp5"]);
    check(&["Basic eDp5", &value]);
    check(&["", &value]);
    check(&[&value, ""]);
    check(&["Bearer x", "Basic eDp5", &value]);
    for target in [format!("/?access_token={good}"), format!("/?token={good}")] {
        assert_eq!(harness.bare_request("GET", &target, &[]).answered().status, 401, "never in a URL");
    }
}
