//! Headers, presets and forwarded tokens.

use super::*;

#[test]
fn headers_are_well_named_and_no_two_are_one() {
    let claims = |claims: Value| json!({"headers": {"claims": claims}});
    for bad in ["", "x y", "x:y", "x\ny", "é", "x/y"] {
        let expected = format!(
            "headers.claims.{bad}: `{bad}` is not a valid header name; use letters, digits, `-`, `_` and `.`"
        );
        check(claims(json!({bad: "sub"})), &[expected.as_str()]);
    }
    for reserved in [
        "host",
        "Cookie",
        "set-cookie",
        "content-length",
        "transfer-encoding",
        "te",
        "authorization",
        "connection",
        "content_length",
        "x-envoy-original-path",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-proto",
    ] {
        let name = reserved.to_ascii_lowercase();
        let expected = format!(
            "headers.claims.{reserved}: `{name}` is part of the request itself and can't be set from a claim"
        );
        check(claims(json!({reserved: "sub"})), &[expected.as_str()]);
    }
    for twin in ["x-auth-user", "X-Auth-User", "x_auth_user", "x.auth.user"] {
        let name = twin.to_ascii_lowercase();
        let expected = format!("headers.claims.{twin}: `{name}` is already set by another setting");
        check(claims(json!({twin: "sub"})), &[expected.as_str()]);
    }
    check(
        claims(json!({"X-Tenant": "a", "x_tenant": "b"})),
        &["headers.claims.x_tenant: `x_tenant` is already set by another setting"],
    );
    check(claims(json!({"x-tenant": " "})), &["headers.claims.x-tenant: is empty; write a claim's name"]);
    check(
        json!({"headers": {"preset": "x-auht"}}),
        &["headers.preset: `x-auht` is not one of x-auth, x-auth-request, x-forwarded, x-token, none"],
    );
    // Without the preset, its header names can be used.
    accepted(json!({"headers": {"preset": "none", "claims": {"x-auth-user": "sub"}}}));
}

#[test]
fn every_preset_has_its_names() {
    let names = |preset: &str| {
        let config = accepted(json!({"headers": {"preset": preset}}));
        let identity = Identity {
            subject: "sub".to_owned(),
            username: Some("user".to_owned()),
            email: Some("email".to_owned()),
            name: Some("name".to_owned()),
            roles: vec!["a b".to_owned(), "c,d".to_owned()],
            ..Identity::default()
        };
        let pairs = config.headers.render(&identity);
        let text = |(name, value): (&str, Vec<u8>)| format!("{name}: {}", String::from_utf8(value).unwrap());
        pairs.map(text).collect::<Vec<_>>()
    };
    assert_eq!(
        names("x-auth-request"),
        [
            "x-auth-request-user: sub",
            "x-auth-request-email: email",
            "x-auth-request-preferred-username: user",
            "x-auth-request-groups: a b,c%2Cd"
        ]
    );
    assert_eq!(
        names("x-forwarded"),
        [
            "x-forwarded-user: sub",
            "x-forwarded-email: email",
            "x-forwarded-preferred-username: user",
            "x-forwarded-groups: a b,c%2Cd"
        ]
    );
    assert_eq!(
        names("x-token"),
        [
            "x-token-subject: sub",
            "x-token-user-name: name",
            "x-token-user-email: email",
            "x-token-user-roles: a%20b c%2Cd"
        ]
    );
    assert_eq!(names("none"), [""; 0]);
    check(
        json!({"headers": {"preset": "x-user"}}),
        &["headers.preset: `x-user` is not one of x-auth, x-auth-request, x-forwarded, x-token, none"],
    );
}

#[test]
fn tokens_go_under_a_name_of_their_own() {
    let config = accepted(json!({"headers": {
        "forward_id_token": "X-Id-Token", "forward_access_token": "authorization",
    }}));
    assert!(config.headers.is_ours("x_id_token") && config.headers.is_ours("Authorization"));
    check(
        json!({"headers": {"forward_id_token": "authorization", "forward_access_token": "Authorization"}}),
        &["headers.forward_access_token: `authorization` is already set by another setting"],
    );
    check(
        json!({"headers": {"forward_id_token": "x-auth-user", "forward_access_token": "cookie"}}),
        &[
            "headers.forward_id_token: `x-auth-user` is already set by another setting",
            "headers.forward_access_token: `cookie` is part of the request itself and can't be set from a token",
        ],
    );
}
