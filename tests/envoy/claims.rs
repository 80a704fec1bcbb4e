//! Claims of every kind in a real Envoy: lists as text, every type of JSON, empty values, values beyond ASCII, and an
//! access token that expires before the ID token.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rig::{RawRequest, Response};
use serde_json::{Value, json};
use stand_in::{Endpoint, Fault, Times};

use crate::bearer::tokens;
use crate::own::{NAME, Own, Wish};
use crate::world::{CLIENT_SECRET, Plan, SUBJECT, Site, USER, header, plan, pool_id, world};

const BOUND: Duration = Duration::from_secs(60);

pub fn sites() -> Vec<(&'static str, Plan)> {
    let site = |attributes_from: &str| {
        plan(json!({
            "scopes": ["openid", "aws.cognito.signin.user.admin"],
            "roles": { "claims": ["cognito:groups", "custom:x"], "attributes_from": attributes_from },
            "headers": { "claims": { "x-claim": "custom:x" } },
            "bearer": { "enabled": true, "token_use": ["id"] },
            "rules": [{ "path": "/billing/**", "roles_any": ["billing"] }],
        }))
    };
    // If the ID token lacks the claim.
    let apart = |attributes_from: &str| {
        site(attributes_from).at_cognito(|pool| pool.suppressed_claims = vec!["custom:x".to_owned()])
    };
    vec![
        ("groups", site("id_token")),
        ("groups-userinfo", apart("userinfo")),
        ("groups-getuser", apart("get_user")),
        ("groups-bearer", site("id_token")),
        ("types", site("id_token")),
        ("halves-userinfo", apart("userinfo")),
        ("halves-getuser", apart("get_user")),
        (
            "percent",
            plan(json!({ "headers": {
                "encoding": "percent",
                "claims": { "x-city": "custom:city", "x-teams": "custom:teams" },
                "forward_id_token": "authorization",
            }}))
            .at_cognito(|pool| beyond_ascii(&mut pool.users[0])),
        ),
    ]
}

const PERSON: [(&str, &str); 4] = [
    ("name", "Zoë 李 100%"),
    ("custom:city", "Zürich"),
    ("custom:teams", "[é, a b]"),
    ("custom:roles", "管理|50%"),
];

fn beyond_ascii(user: &mut stand_in::User) {
    for (name, value) in PERSON {
        user.attributes.insert(name.into(), value.into());
    }
}

/// What an app does with a value: decodes it once.
fn decoded(value: &str) -> String {
    assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{value:?}");
    percent_decoded(value)
}

fn percent_decoded(value: &str) -> String {
    let form = format!("v={}", value.replace('+', "%2B").replace('&', "%26"));
    let (_, decoded) = url::form_urlencoded::parse(form.as_bytes()).next().expect("a value");
    decoded.into_owned()
}

/// Checks what the app, the rules and `me` show for `[ops, billing, dev team]`.
fn check_groups(seen: &Value, me: &Value, billing: &Response, text: &str) {
    assert_eq!(header(seen, "x-auth-roles"), Some("ops,billing,dev team"), "{text}");
    assert_eq!(header(seen, "x-claim"), Some("ops,billing,dev team"), "{text}");
    assert_eq!(me["roles"], json!(["ops", "billing", "dev team"]), "{text}");
    assert_eq!(me["claims"]["custom:x"], "ops,billing,dev team", "{text}");
    assert_eq!(billing.status, 200, "{text}");
}

#[test]
fn groups_of_an_identity_provider_are_roles_wherever_they_come_from() {
    for name in ["groups", "groups-userinfo", "groups-getuser"] {
        let site = world().site(name);
        for text in ["[ops, billing, dev team]", r#"["ops", "billing", "dev team"]"#] {
            world().cognito.set_attribute(&pool_id(name), USER, "custom:x", Some(text));
            let mut browser = site.signed_in();
            let seen = site.seen_from(&mut browser);
            let me = browser.fetch(&site.url("/.auth/me")).json();
            check_groups(&seen, &me, &browser.fetch(&site.url("/billing/json")), text);
            let page = browser.navigate(&site.url("/.auth/me")).text();
            assert!(page.contains("dev team") && !page.contains("[ops"), "{page}");
        }
        world().cognito.set_attribute(&pool_id(name), USER, "custom:x", Some("[]"));
        let mut browser = site.signed_in();
        let seen = site.seen_from(&mut browser);
        assert_eq!((header(&seen, "x-auth-roles"), header(&seen, "x-claim")), (None, None), "{name}");
        assert_eq!(browser.fetch(&site.url("/billing/json")).status, 403, "{name}");
    }
}

#[test]
fn groups_in_a_bearers_id_token_are_roles() {
    let site = world().site("groups-bearer");
    let name = site.name;
    world().cognito.set_attribute(&pool_id(name), USER, "custom:x", Some("[ops, billing, dev team]"));
    let answer = tokens(&world().cognito, name, Some(CLIENT_SECRET), name, "openid");
    let bearer = format!("Bearer {}", answer["id_token"].as_str().expect("an ID token"));
    let get = |target: &str| {
        site.send(
            RawRequest::get(target).header("authorization", &bearer).header("accept", "application/json"),
        )
    };
    check_groups(&get("/json").json(), &get("/.auth/me").json(), &get("/billing/json"), "bearer");
}

/// Signs John Smith in with the claim `custom:x`, written like this.
fn with_claim(site: Site, written: &str) -> (Option<String>, Value) {
    let fault = Fault::WrittenClaims(format!("\"custom:x\":{written}"));
    world().cognito.fault(Endpoint::Token, site.name, fault, Times::Next(1));
    let mut browser = site.signed_in();
    let seen = site.seen_from(&mut browser);
    assert_eq!(header(&seen, "x-auth-subject"), Some(SUBJECT), "{written}");
    let me = browser.fetch(&site.url("/.auth/me")).json();
    (header(&seen, "x-claim").map(str::to_owned), me["roles"].clone())
}

#[test]
fn a_claim_of_any_type_keeps_nobody_out_and_an_empty_one_has_no_header() {
    let site = world().site("types");
    for (written, header, roles) in [
        (r#"["a,b","c"]"#, Some("a%2Cb,c"), json!(["a,b", "c"])),
        (r#"[["a"],"c"]"#, Some(r#"[["a"],"c"]"#), json!(["c"])),
        (r#"{ "a": [1, "é"] }"#, Some(r#"{"a":[1,"é"]}"#), json!([])),
        ("7", Some("7"), json!(["7"])),
        (
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
            json!(["123456789012345678901234567890"]),
        ),
        ("1e999", Some("1e999"), json!(["1e999"])),
        ("-0.50", Some("-0.50"), json!(["-0.50"])),
        ("true", Some("true"), json!(["true"])),
        (r#""half \ud83d""#, Some("half \u{fffd}"), json!(["half \u{fffd}"])),
        (r#"{"\ud83d":"\ude00"}"#, Some(r#"{"\ufffd":"\ufffd"}"#), json!([])),
        ("null", None, json!([])),
        (r#""""#, None, json!([])),
        (r#"" ""#, None, json!([])),
        ("[]", None, json!([])),
        ("{}", None, json!([])),
        (r#"["","",null]"#, None, json!([])),
        (r#""[ ]""#, None, json!([])),
    ] {
        assert_eq!(with_claim(site, written), (header.map(str::to_owned), roles), "{written}");
    }
}

#[test]
fn attributes_with_half_a_character_or_nothing_in_them_keep_nobody_out() {
    for (name, endpoint, body) in [
        (
            "halves-userinfo",
            Endpoint::UserInfo,
            format!(r#"{{"sub":"{SUBJECT}","email":"","name":null,"custom:x":"half \ud83d"}}"#),
        ),
        (
            "halves-getuser",
            Endpoint::GetUser,
            format!(
                r#"{{"Username":"","UserAttributes":[{{"Name":"","Value":"x"}},{{"Name":"sub","Value":"{SUBJECT}"}},
                    {{"Name":"custom:y"}},{{"Name":"custom:x","Value":"half \ud83d"}}]}}"#
            ),
        ),
    ] {
        let site = world().site(name);
        let fault = Fault::Body { status: 200, content_type: "application/json".into(), body };
        world().cognito.fault(endpoint, name, fault, Times::Next(1));
        let seen = site.seen_from(&mut site.signed_in());
        assert_eq!(header(&seen, "x-claim"), Some("half \u{fffd}"), "{name}");
        assert_eq!(header(&seen, "x-auth-name"), Some("John Smith"), "{name}: the token's own");
        assert_eq!(header(&seen, "x-auth-roles"), Some("half %EF%BF%BD"), "{name}");
    }
}

#[test]
fn percent_encoded_values_are_ascii_and_themselves_again_when_decoded() {
    let site = world().site("percent");
    let mut browser = site.signed_in();
    let seen = site.seen_from(&mut browser);
    let value = |name: &str| decoded(header(&seen, name).unwrap_or_else(|| panic!("no {name}: {seen}")));
    assert_eq!(header(&seen, "x-auth-name"), Some("Zo%C3%AB %E6%9D%8E 100%25"));
    assert_eq!(value("x-auth-name"), "Zoë 李 100%");
    assert_eq!(value("x-city"), "Zürich");
    assert_eq!(value("x-auth-email"), "jsmith@example.com");
    let items = |name: &str| header(&seen, name).expect(name).split(',').map(decoded).collect::<Vec<_>>();
    assert_eq!(items("x-auth-roles"), ["管理", "50%"]);
    assert_eq!(items("x-teams"), ["é", "a b"]);
    let token = header(&seen, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    assert_eq!(token.map(|token| token.split('.').count()), Some(3), "a token is as it was");
    let me = browser.fetch(&site.url("/.auth/me")).json();
    assert_eq!(me["name"], "Zoë 李 100%", "no header, so not encoded");
    assert_eq!(me["claims"]["custom:city"], "Zürich");
}

/// An upstream like uvicorn with websockets 16: it accepts an upgrade unless a header contains a byte beyond ASCII.
/// It records what it receives.
fn strict_upstream(heads: &Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (addr, heads) = (listener.local_addr().expect("an address"), Arc::clone(heads));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 65_536];
            let Ok(read @ 1..) = stream.read(&mut request) else { continue };
            let answer: &[u8] = if request[..read].is_ascii() {
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
            } else {
                b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            };
            heads.lock().expect("no panic").push(String::from_utf8_lossy(&request[..read]).into_owned());
            let _ = stream.write_all(answer);
        }
    });
    addr
}

#[test]
fn a_strict_server_upgrades_a_websocket_whose_values_are_percent_encoded() {
    for (encoding, expected) in [("utf8", 503), ("percent", 101)] {
        let heads = Arc::default();
        let own = Own::new(Wish {
            config: json!({ "headers": { "encoding": encoding } }),
            upstream: Some(strict_upstream(&heads)),
            ..Wish::default()
        });
        own.cognito().set_attribute(&pool_id(NAME), USER, "name", Some("Zoë 李 100%"));
        let mut browser = own.browser();
        // The upstream has no landing page, so the sign-in stops before its last step.
        let start = browser.step(&own.url("/"));
        let callback = crate::world::callback_of(start.location().expect("a redirect"));
        assert_eq!(browser.step(&callback).status, 302);
        let request = RawRequest::get("/socket")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==")
            .header("sec-fetch-mode", "websocket")
            .header("cookie", browser.cookie_header(&own.url("/")));
        assert_eq!(own.send(0, request).status, expected, "{encoding}");
        let head = heads.lock().expect("no panic").pop().expect("a request");
        let name = head.lines().find_map(|line| line.strip_prefix("x-auth-name: ")).expect("a name");
        let name = if encoding == "percent" { percent_decoded(name) } else { name.to_owned() };
        assert_eq!(name, "Zoë 李 100%", "{encoding}");
    }
}

#[test]
fn an_empty_refresh_token_leaves_the_good_one_in_its_place() {
    let own = Own::new(Wish {
        client: |client| {
            client.id_token_seconds = 4;
            client.access_token_seconds = 4;
        },
        ..Wish::default()
    });
    let mut browser = own.signed_in();
    let empty = json!({ "refresh_token": "", "error": "", "token_type": "" });
    let empty = empty.as_object().expect("an object").clone();
    own.cognito().fault(Endpoint::Token, NAME, Fault::Members(empty), Times::Next(1));
    let refreshed = rig::eventually(BOUND, || {
        let answer = browser.fetch(&own.url("/json"));
        assert_eq!(answer.status, 200, "nobody is signed out: {}", own.envoys[0].log());
        (own.cognito().calls(Endpoint::Token, NAME).len() >= 4).then_some(())
    });
    assert!(refreshed.is_some(), "it is refreshed again and again: {}", own.envoys[0].log());
    let calls = own.cognito().calls(Endpoint::Token, NAME);
    let used: Vec<_> = calls[1..].iter().map(|call| call.get("refresh_token")).collect();
    assert!(used.iter().all(|token| *token == used[0]), "with the one and only refresh token");
    assert!(calls.iter().all(|call| call.status == 200));
}

#[test]
fn the_app_gets_no_access_token_that_is_over() {
    let own = Own::new(Wish {
        client: |client| client.access_token_seconds = 4,
        config: json!({ "headers": { "forward_access_token": "x-access-token" } }),
        ..Wish::default()
    });
    // Cognito's `expires_in` counts if it is shorter, but not if it is longer.
    let longer = json!({ "expires_in": 3600 }).as_object().expect("an object").clone();
    own.cognito().fault(Endpoint::Token, NAME, Fault::Members(longer), Times::Always);
    let mut browser = own.signed_in();
    let mut seen = std::collections::BTreeSet::new();
    let renewed = rig::eventually(BOUND, || {
        let asked = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let answer = browser.fetch(&own.url("/json")).json();
        let token = header(&answer, "x-access-token").expect("an access token").to_owned();
        let payload = token.split('.').nth(1).expect("a payload");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
        let claims: Value = serde_json::from_slice(&payload).expect("claims");
        let expires_at = claims["exp"].as_u64().expect("a date");
        assert!(expires_at > asked, "asked at {asked}: {claims}");
        seen.insert(token);
        (seen.len() >= 3).then_some(())
    });
    assert!(renewed.is_some(), "it is renewed: {}", own.envoys[0].log());
}
