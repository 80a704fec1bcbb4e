//! Claims of every kind: lists as text, which Cognito passes on from identity providers; every type of JSON; and
//! invalid values.

use serde_json::{Value, json};

use crate::harness::{Harness, IDENTITY, Refreshing, upstream};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// The possible sources of a claim.
const SOURCES: [&str; 5] = ["id_token", "refresh", "bearer", "userinfo", "get_user"];

fn settings(source: &str) -> Value {
    let attributes_from = if ["userinfo", "get_user"].contains(&source) { source } else { "id_token" };
    json!({
        "scopes": ["openid", "aws.cognito.signin.user.admin"],
        "roles": {"claims": ["cognito:groups", "custom:x"], "attributes_from": attributes_from},
        "headers": {"claims": {"x-claim": "custom:x"}},
        "bearer": {"enabled": true, "token_use": ["id"]},
        "rules": [
            {"path": "/billing", "roles_any": ["billing"]},
            {"path": "/half", "roles_any": ["half \u{fffd}"]},
        ],
    })
}

/// How a claim is shown: its header, the roles, and both in `me`.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    header: Option<String>,
    roles: Option<String>,
    me: Value,
    me_roles: Value,
    may_see_billing: bool,
}

/// Signs a person in with the claim `custom:x`, written like this, and sends requests as them.
fn seen(source: &str, written: &str) -> Seen {
    let mut harness = Harness::with(settings(source));
    harness.cognito.user = json!({"sub": "s", "cognito:username": "jsmith"});
    harness.cognito.refreshing = Refreshing::Kept;
    let claim = format!("\"custom:x\":{written}");
    let mut headers = Vec::new();
    match source {
        "userinfo" => {
            harness.cognito.attributes =
                crate::harness::Answer::says(200, &format!("{{\"sub\":\"s\",\n {claim} }}"));
        }
        "get_user" => {
            let list = format!(
                r#"[{{"Name":"","Value":"x"}},{{"Name":"sub","Value":"s"}},{{"Value":{written},"Name":"custom:x"}},7]"#
            );
            let body = format!(r#"{{"Username":"jsmith","UserAttributes":{list}}}"#);
            harness.cognito.attributes = crate::harness::Answer::says(200, &body);
        }
        "refresh" => {}
        _ => harness.cognito.written_claims.clone_from(&claim),
    }
    if source == "bearer" {
        headers.push(("authorization", format!("Bearer {}", id_token(&harness, &claim))));
    } else {
        harness.signed_in();
        if source == "refresh" {
            harness.cognito.written_claims = claim;
            harness.advance(HOUR);
        }
        headers.push(("cookie", harness.jar.header()));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let edits = harness.bare_request("GET", "/", &headers).forwarded();
    let may_see_billing = harness.bare_request("GET", "/billing", &headers).is_forwarded();
    let mut headers = headers;
    headers.push(("accept", "application/json"));
    let me = harness.bare_request("GET", "/.auth/me", &headers).answered();
    let me: Value = serde_json::from_str(&me.body).unwrap();
    assert_eq!(upstream(&edits, "x-auth-subject"), Some("s"), "{source}: {written}");
    Seen {
        header: upstream(&edits, "x-claim").map(str::to_owned),
        roles: upstream(&edits, "x-auth-roles").map(str::to_owned),
        me: me["claims"]["custom:x"].clone(),
        me_roles: me["roles"].clone(),
        may_see_billing,
    }
}

/// An ID token, as an API client has it.
fn id_token(harness: &Harness, written: &str) -> String {
    let pool = &harness.config.pools[0].cognito;
    let now = harness.now().secs();
    let claims = json!({
        "sub": "s", "token_use": "id", "iss": pool.issuer, "aud": pool.client_id, "iat": now, "exp": now + 3600,
    });
    let header = json!({"alg": "RS256", "kid": harness.cognito.signs_with});
    let [header, claims] = [header, claims].map(|part| part.as_object().unwrap().clone());
    crate::harness::Token { header, claims }.signed_with(written)
}

/// Checks a list: the same in the header and in the roles, from every source.
#[track_caller]
fn check_list(written: &str, items: &[&str], header: &str) {
    for source in SOURCES {
        let expected = (!header.is_empty()).then(|| header.to_owned());
        let expected = Seen {
            me: json!(expected),
            header: expected.clone(),
            roles: expected,
            me_roles: json!(items),
            may_see_billing: items.contains(&"billing"),
        };
        assert_eq!(seen(source, written), expected, "{source}: {written}");
    }
}

#[test]
fn groups_of_saml_and_oidc_providers_are_roles() {
    let expected = ["ops", "billing", "dev team"];
    for written in [
        r#""[ops, billing, dev team]""#,
        r#""[\"ops\",\"billing\",\"dev team\"]""#,
        r#""[\n \"ops\",\n \"billing\",\n \"dev team\"\n]\n""#,
        r#"["ops","billing","dev team"]"#,
        r#"[ "ops", "", "billing", null, "dev team", [] ]"#,
    ] {
        check_list(written, &expected, "ops,billing,dev team");
    }
}

#[test]
fn lists_in_texts_have_the_form_of_lists() {
    check_list(r#""[billing]""#, &["billing"], "billing");
    check_list(r#""[billing, ]""#, &["billing"], "billing");
    check_list(r#""[\"a, b\",\"c\"]""#, &["a, b", "c"], "a%2C b,c");
    check_list(r#"["a, b","c"]"#, &["a, b", "c"], "a%2C b,c");
    check_list(r#""[1, 2]""#, &["1", "2"], "1,2");
    check_list("[1,2]", &["1", "2"], "1,2");
    check_list(r#""[1e3, 007, true]""#, &["1e3", "007", "true"], "1e3,007,true");
    check_list(r#""[管理, 50%]""#, &["管理", "50%"], "%E7%AE%A1%E7%90%86,50%25");
    check_list(r#""[ops|billing]""#, &["ops|billing"], "ops|billing");
    check_list(r#"["half \ud83d","\ude00"]"#, &["half \u{fffd}", "\u{fffd}"], "half %EF%BF%BD,%EF%BF%BD");
    for nothing in [r#""[]""#, r#""[ ]""#, r#""[,]""#, "[]", "[[],{},null,\"\",\" \"]", "null", r#""""#, "{}"]
    {
        check_list(nothing, &[], "");
    }
}

#[test]
fn a_list_that_was_cut_off_gives_nobody_half_a_role() {
    // Cognito limits attributes to 2,048 characters.
    for source in SOURCES {
        for written in [r#""[ops, billing""#, r#""[\"ops\",\"billing""#, r#""[ops, billing, adm""#] {
            let seen = seen(source, written);
            assert!(!seen.may_see_billing, "{source}: {seen:?}");
            assert_eq!(seen.me_roles.as_array().unwrap().len(), 1, "{source}: {seen:?}");
        }
    }
}

#[test]
fn a_name_in_brackets_is_a_name() {
    let mut harness = Harness::with(json!({
        "headers": {"claims": {"x-name": "name", "x-nickname": "nickname"}},
    }));
    harness.cognito.user = json!({
        "sub": "[s]", "cognito:username": "[bob]", "email": "[bob]@example.com", "name": "[Bob]", "nickname": "[Bob]",
    });
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    for (header, expected) in [
        ("x-auth-subject", "[s]"),
        ("x-auth-user", "[bob]"),
        ("x-auth-email", "[bob]@example.com"),
        ("x-auth-name", "[Bob]"),
        ("x-name", "[Bob]"),
        ("x-nickname", "[Bob]"),
    ] {
        assert_eq!(upstream(&edits, header), Some(expected), "{header}");
    }
}

#[test]
fn a_scope_in_brackets_is_no_role() {
    for source in SOURCES {
        for written in
            [r#""[scope:admin, billing]""#, r#"["scope:admin","billing"]"#, r#""[ scope:admin ,billing]""#]
        {
            assert_eq!(seen(source, written).me_roles, json!(["billing"]), "{source}: {written}");
        }
    }
}

#[test]
fn groups_of_an_access_token_may_stand_in_a_text_too() {
    let mut harness = Harness::with(json!({"bearer": {"enabled": true}}));
    let config = std::sync::Arc::clone(&harness.config);
    for (groups, expected) in [
        (json!(["ops", 7, null, ["x"]]), Some("ops,7,scope:openid")),
        (json!("[ops, billing]"), Some("ops,billing,scope:openid")),
        (json!("ops"), Some("scope:openid")),
        (json!({"ops": true}), Some("scope:openid")),
        (json!([]), Some("scope:openid")),
    ] {
        let claims = json!({"cognito:groups": groups, "scope": "openid"});
        let token = harness.cognito.access_token(&config.pools[0], &claims);
        let value = format!("Bearer {token}");
        let edits = harness.bare_request("GET", "/", &[("authorization", &value)]).forwarded();
        assert_eq!(upstream(&edits, "x-auth-roles"), expected, "{groups}");
    }
}

#[test]
fn a_claim_of_every_type_has_its_header_and_its_roles() {
    for (written, header, roles) in [
        ("0", Some("0"), json!(["0"])),
        ("-1.50", Some("-1.50"), json!(["-1.50"])),
        ("1e999", Some("1e999"), json!(["1e999"])),
        (
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
            json!(["123456789012345678901234567890"]),
        ),
        ("true", Some("true"), json!(["true"])),
        ("false", Some("false"), json!(["false"])),
        (r#""{}""#, Some("{}"), json!(["{}"])),
        (r#"{ "a" : [ 1, "é b" ] }"#, Some(r#"{"a":[1,"é b"]}"#), json!([])),
        (r#"[["a"], "billing"]"#, Some(r#"[["a"],"billing"]"#), json!(["billing"])),
        (r#""[[\"a\"], \"billing\"]""#, Some(r#"[["a"],"billing"]"#), json!(["billing"])),
        (r#"[{"a": null}]"#, Some(r#"[{"a":null}]"#), json!([])),
        (r#""billing| ops ||""#, Some("billing| ops ||"), json!(["billing", "ops"])),
        (r#""half \ud83d""#, Some("half \u{fffd}"), json!(["half \u{fffd}"])),
        (r#""\ud83d\ude00""#, Some("\u{1f600}"), json!(["\u{1f600}"])),
        (r#"{"half":"\ud83d"}"#, Some(r#"{"half":"\ufffd"}"#), json!([])),
    ] {
        for source in SOURCES {
            let seen = seen(source, written);
            assert_eq!(seen.header.as_deref(), header, "{source}: {written}");
            assert_eq!(seen.me, json!(header), "{source}: {written}");
            assert_eq!(seen.me_roles, roles, "{source}: {written}");
        }
    }
}

#[test]
fn a_claim_that_nobody_can_read_keeps_nobody_out() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for written in [
        "\"name\":\"Bob \\ud83d\"".to_owned(),
        "\"\\ud83d\":\"\\ude00\"".to_owned(),
        "\"custom:other\":1e999".to_owned(),
        format!("\"custom:other\":{deep}"),
    ] {
        let mut harness = Harness::new();
        harness.cognito.written_claims.clone_from(&written);
        harness.signed_in();
        let edits = harness.get("/").forwarded();
        assert_eq!(upstream(&edits, "x-auth-user"), Some("jsmith"), "{written}");
    }
}

#[test]
fn half_a_character_makes_no_token_ours() {
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    for (claim, reason) in [
        (r#""sub":"\ud800""#.to_owned(), "subject"),
        (r#""sub":"55ddc31e-b818-4136-8fb8-84cfb31af537\ud800""#.to_owned(), "subject"),
        (format!(r#""iss":"{issuer}\ud800""#), "issuer"),
        (r#""aud":"2jvuq8gkhfoh7u4fdfihiditj5\ud800""#.to_owned(), "audience"),
        (r#""aud":["2jvuq8gkhfoh7u4fdfihiditj5","\ud800"]"#.to_owned(), "audience"),
        (r#""token_use":"id\ud800""#.to_owned(), "token_use"),
        (r#""nonce":"\ud800""#.to_owned(), "nonce"),
        (r#""at_hash":"\ud800""#.to_owned(), "at_hash"),
        (r#""exp":"\ud800""#.to_owned(), "expired"),
        (r#""exp":1e999"#.to_owned(), "expired"),
        (r#""iat":"\ud800""#.to_owned(), "not_yet_valid"),
        (r#""nbf":"\ud800""#.to_owned(), "not_yet_valid"),
        (r#""nbf":null"#.to_owned(), "not_yet_valid"),
        (r#""at_hash":"""#.to_owned(), "at_hash"),
        (r#""at_hash":null"#.to_owned(), "at_hash"),
    ] {
        let mut harness = Harness::new();
        harness.cognito.written_claims.clone_from(&claim);
        assert_eq!(harness.sign_in("/").status, 401, "{claim}");
        assert!(harness.jar.get(IDENTITY).is_none(), "{claim}");
        let log = harness.log();
        assert!(log.contains(&format!("event=sign_in.failed reason=id_token_{reason} ")), "{claim}: {log}");
    }
}

#[test]
fn percent_encoding_covers_every_value() {
    let claims = json!({"x-city": "custom:city", "x-list": "custom:list", "x-deep": "custom:deep"});
    for preset in ["x-auth", "x-auth-request", "x-forwarded", "x-token"] {
        let headers = |encoding| {
            json!({"headers": {
                "preset": preset, "claims": claims, "encoding": encoding, "forward_access_token": "x-access",
                "forward_id_token": "authorization",
            }})
        };
        let mut harness = Harness::with(headers("percent"));
        harness.cognito.user = json!({
            "sub": "100%", "cognito:username": "müller", "email": "ü@example.com", "name": "Zoë 李 100%\r\n",
            "custom:roles": "管理|50%", "custom:city": "  Zürich\u{85}", "custom:list": ["é", "a,b"],
            "custom:deep": {"é": "%"},
        });
        harness.signed_in();
        let percent = harness.get("/").forwarded();
        harness.reconfigure(headers("utf8"));
        let utf8 = harness.get("/").forwarded();
        assert!(percent.set().count() >= 8, "{preset}");
        for ((name, encoded), (same, plain)) in percent.set().zip(utf8.set()) {
            assert_eq!(name, same);
            assert!(encoded.iter().all(|byte| (0x20..0x7f).contains(byte)), "{name}: {encoded:?}");
            // Roles and lists are encoded item by item in both encodings; tokens never are.
            let as_it_was = ["groups", "roles", "x-list", "x-access", "authorization"];
            if as_it_was.iter().any(|end| name.ends_with(end)) {
                assert_eq!(encoded, plain, "{name}");
            } else {
                assert!(!encoded.contains(&b'+'), "which means a space in a form");
                let form = [b"v=", encoded].concat();
                let (_, decoded) = url::form_urlencoded::parse(&form).next().unwrap();
                assert_eq!(decoded.as_bytes(), plain, "{name}");
            }
        }
    }
}

#[test]
fn a_session_from_before_lists_were_json_still_shows_the_same() {
    // What the identity cookie contained for `["x,y", "z"]`, and for a text.
    let mut harness = Harness::with(json!({"headers": {"claims": {"x-list": "l", "x-text": "t"}}}));
    harness.cognito.user = json!({"sub": "s", "l": "x%2Cy,z", "t": "a"});
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-list"), Some("x%2Cy,z"));
    assert_eq!(upstream(&edits, "x-text"), Some("a"));
}
