//! Identity and roles as the app reads them: presets, claims, raw tokens.

use rig::{Browser, RawRequest};
use serde_json::{Value, json};
use stand_in::{Client, Endpoint, Pool};

use crate::world::{Plan, SUBJECT, Site, USER, header, headers, plan, world};

/// Names that Cognito accepts, but that careless code reads as several names, or as another one.
const GROUPS: [&str; 5] = ["a,admin", "a|admin", "x%2Cy", "管理", "authp/user"];

pub fn sites() -> Vec<(&'static str, Plan)> {
    let public = json!({ "path": "/public/**", "allow": "everyone" });
    let preset = |name: &str| plan(json!({ "headers": { "preset": name }, "rules": [public] }));
    let spaced = |pool: &mut Pool| {
        pool.users[0].attributes.insert("custom:roles".into(), "two words|a,b|c%d|plain".into());
    };
    vec![
        (
            "roles",
            plan(json!({ "rules": [
                { "path": "/admin/**", "roles_any": ["admin"] },
                { "path": "/decoded/**", "roles_any": ["x,y"] },
                { "path": "/kanri/**", "roles_any": ["管理"] },
                { "path": "/comma/**", "roles_all": ["a,admin", "x%2Cy"] },
                public,
            ]}))
            .at_cognito(|pool| pool.users[0].groups = GROUPS.map(str::to_owned).to_vec()),
        ),
        (
            "team",
            plan(json!({ "roles": { "claims": ["custom:team"], "separator": "," } })).at_cognito(|pool| {
                pool.users[0].attributes.insert("custom:team".into(), "red, blue,red,,green".into());
            }),
        ),
        ("preset-request", preset("x-auth-request")),
        ("preset-forwarded", preset("x-forwarded")),
        ("preset-token", preset("x-token").at_cognito(spaced)),
        (
            "preset-none",
            plan(json!({
                "headers": { "preset": "none", "claims": {
                    "X-Zone": "custom:timezone",
                    "x-verified": "email_verified",
                    "x-nothing": "custom:nothing",
                }},
                "rules": [public],
            })),
        ),
        ("rawtokens", raw_tokens().at_cognito(|pool| short_lived(&mut pool.clients[0], 3600))),
        ("rawtokens-renewed", raw_tokens().at_cognito(|pool| short_lived(&mut pool.clients[0], 4))),
    ]
}

fn raw_tokens() -> Plan {
    plan(json!({
        "headers": { "forward_id_token": "x-id-token", "forward_access_token": "authorization" },
        "rules": [{ "path": "/public/**", "allow": "everyone" }],
    }))
}

fn short_lived(client: &mut Client, seconds: u64) {
    client.id_token_seconds = seconds;
    client.access_token_seconds = seconds;
    // With two raw tokens as well, more than one cookie is needed.
    client.refresh_token_bytes = 1800;
}

/// What an app does: it splits, then decodes the percent signs.
fn decoded(value: &str, separator: char) -> Vec<String> {
    let decode = |role: &str| {
        let (mut bytes, mut rest) = (Vec::new(), role.as_bytes());
        while let Some((first, tail)) = rest.split_first() {
            let escape = if *first == b'%' { std::str::from_utf8(&tail[..2]).ok() } else { None };
            bytes.push(escape.map_or(*first, |hex| u8::from_str_radix(hex, 16).expect("an escape")));
            rest = if escape.is_some() { &tail[2..] } else { tail };
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    value.split(separator).map(decode).collect()
}

#[test]
fn roles_are_groups_and_then_custom_roles_without_repeats() {
    let site = world().site("roles");
    let mut browser = site.signed_in();
    let seen = site.seen_from(&mut browser);
    let roles = decoded(header(&seen, "x-auth-roles").expect("roles"), ',');
    assert_eq!(roles, ["a,admin", "a|admin", "x%2Cy", "管理", "authp/user", "authp/admin"]);
    let raw = header(&seen, "x-auth-roles").expect("roles");
    assert!(raw.is_ascii() && !raw.contains("%2Cy,x,y"), "{raw}");
    let me = browser.fetch(&site.url("/.auth/me")).json();
    assert_eq!(me["roles"], json!(roles), "as they are, where nothing has to be split");
}

#[test]
fn a_group_is_one_role_under_its_very_name() {
    let site = world().site("roles");
    let mut browser = site.signed_in();
    let mut status = |path: &str| browser.fetch(&site.url(path)).status;
    assert_eq!(status("/admin/json"), 403, "`a,admin` and `a|admin` aren't `admin`");
    assert_eq!(status("/decoded/json"), 403, "`x%2Cy` isn't `x,y`");
    assert_eq!(status("/kanri/json"), 200);
    assert_eq!(status("/comma/json"), 200);
}

#[test]
fn a_claim_of_any_name_holds_roles() {
    let site = world().site("team");
    let seen = site.seen_from(&mut site.signed_in());
    assert_eq!(header(&seen, "x-auth-roles"), Some("red,blue,green"));
}

/// Checks the identity headers of a preset, for John Smith without groups.
fn check_preset(site: Site, expected: &[(&str, &str)], start: &str) {
    let seen = site.seen_from(&mut site.signed_in());
    let all = seen["headers"].as_array().expect("headers");
    let mut found: Vec<(&str, &str)> = all
        .iter()
        .filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
        .filter(|(name, _)| {
            name.starts_with(start) && !["x-forwarded-proto", "x-forwarded-for"].contains(name)
        })
        .collect();
    found.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{seen}");
    assert!(headers(&seen, "x-auth-user").is_empty(), "no other preset's headers");
}

#[test]
fn oauth2_proxys_names_have_its_meanings() {
    check_preset(
        world().site("preset-request"),
        &[
            ("x-auth-request-user", SUBJECT),
            ("x-auth-request-email", "jsmith@example.com"),
            ("x-auth-request-preferred-username", USER),
            ("x-auth-request-groups", "authp/admin,authp/user"),
        ],
        "x-auth-request-",
    );
    check_preset(
        world().site("preset-forwarded"),
        &[
            ("x-forwarded-user", SUBJECT),
            ("x-forwarded-email", "jsmith@example.com"),
            ("x-forwarded-preferred-username", USER),
            ("x-forwarded-groups", "authp/admin,authp/user"),
        ],
        "x-forwarded-",
    );
}

#[test]
fn auth_crunchs_roles_are_separated_by_spaces() {
    let site = world().site("preset-token");
    let roles = "two%20words a%2Cb c%25d plain";
    check_preset(
        site,
        &[
            ("x-token-subject", SUBJECT),
            ("x-token-user-name", "John Smith"),
            ("x-token-user-email", "jsmith@example.com"),
            ("x-token-user-roles", roles),
        ],
        "x-token-",
    );
    assert_eq!(decoded(roles, ' '), ["two words", "a,b", "c%d", "plain"]);
}

#[test]
fn without_a_preset_only_claims_have_headers() {
    let site = world().site("preset-none");
    let seen = site.seen_from(&mut site.signed_in());
    assert_eq!(header(&seen, "x-zone"), Some("America/New_York"));
    assert_eq!(header(&seen, "x-verified"), Some("true"));
    assert_eq!(header(&seen, "x-nothing"), None, "an absent claim has no header");
    assert!(!seen["headers"].to_string().contains("jsmith"), "{seen}");
}

/// Sends every one of these headers, and variants of them, and expects none to arrive.
fn check_spoofing(name: &'static str, ours: &[&str]) {
    let site = world().site(name);
    let session = site.signed_in().cookie_header(&site.url("/"));
    let spoof = |target: &str| {
        ours.iter().fold(RawRequest::get(target), |request, name| {
            let twins = [name.replace('-', "_"), name.replace('-', "."), name.to_ascii_uppercase()];
            twins
                .iter()
                .fold(request.header(name, "spoofed"), |request, twin| request.header(twin, "spoofed"))
        })
    };
    for request in [
        spoof("/public/json"),
        spoof("/public/json").header("cookie", &session),
        spoof("/json").header("cookie", &session),
    ] {
        let response = site.send(request.header("x-other", "kept"));
        assert_eq!(response.status, 200, "{name}: {response:?}");
        let seen = response.json();
        assert!(!seen["headers"].to_string().contains("spoofed"), "{name}: {seen}");
        assert_eq!(header(&seen, "x-other"), Some("kept"));
    }
}

#[test]
fn no_presets_headers_can_be_made_up_by_a_client() {
    let of = |start: &str, ends: &[&str]| -> Vec<String> {
        ends.iter().map(|end| format!("{start}-{end}")).collect()
    };
    for (site, ours) in [
        ("roles", of("x-auth", &["user", "subject", "email", "name", "roles"])),
        ("preset-request", of("x-auth-request", &["user", "email", "preferred-username", "groups"])),
        ("preset-forwarded", of("x-forwarded", &["user", "email", "preferred-username", "groups"])),
        ("preset-token", of("x-token", &["subject", "user-name", "user-email", "user-roles"])),
        ("preset-none", of("x", &["zone", "verified", "nothing"])),
        ("rawtokens", vec!["x-id-token".to_owned(), "authorization".to_owned()]),
    ] {
        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        check_spoofing(site, &ours);
    }
}

/// The tokens that the app received: ID and access token.
fn raw(seen: &Value) -> (String, String) {
    let id = header(seen, "x-id-token").expect("an ID token");
    let access = header(seen, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    (id.to_owned(), access.expect("an access token").to_owned())
}

/// Whether Cognito issued these two tokens together.
fn issued_together(site: Site, (id, access): &(String, String)) -> bool {
    let calls = site.calls(Endpoint::Token);
    calls.iter().any(|call| call.answer["id_token"] == *id && call.answer["access_token"] == *access)
}

#[test]
fn the_app_gets_the_very_tokens() {
    let site = world().site("rawtokens");
    let mut browser = site.signed_in();
    let tokens = raw(&site.seen_from(&mut browser));
    assert!(issued_together(site, &tokens));
    let seen = browser.fetch(&site.url("/public/json")).json();
    assert_eq!(raw(&seen), tokens, "on public paths as well");
    let anonymous = site.get("/public/json").json();
    assert_eq!((header(&anonymous, "x-id-token"), header(&anonymous, "authorization")), (None, None));
}

#[test]
fn cookies_of_raw_tokens_are_split_and_all_fit() {
    let site = world().site("rawtokens");
    let mut browser = site.browser();
    let visit = browser.sign_in(&site.url("/"), USER, crate::world::PASSWORD);
    let callback = visit.step(&site.url("/.auth/callback")).expect("a callback");
    let lines = callback.response.headers_named("set-cookie");
    let longest = lines.iter().map(|line| line.len()).max();
    assert!(longest <= Some(4096), "{longest:?}");
    let kept = names(&browser, site);
    assert!(kept.contains(&"__Host-auth-tokens.1".to_owned()), "{kept:?}");
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
    let identity = browser.cookie(&site.origin(), "__Host-auth").expect("the identity").value;
    assert!(
        identity.len() < 1000,
        "the identity cookie, which every request decrypts, contains no tokens: {}",
        identity.len()
    );
}

fn names(browser: &Browser, site: Site) -> Vec<String> {
    browser.cookies(&site.origin()).into_iter().map(|cookie| cookie.name).collect()
}

#[test]
fn a_refresh_brings_the_app_the_new_tokens() {
    let site = world().site("rawtokens-renewed");
    let mut browser = site.signed_in();
    let before = raw(&site.seen_from(&mut browser));
    let after = rig::eventually(rig::PATIENCE, || {
        let now = raw(&site.seen_from(&mut browser));
        (now != before).then_some(now)
    });
    let after = after.expect("new tokens");
    assert!(after.0 != before.0 && after.1 != before.1, "both are new");
    assert!(issued_together(site, &after));
    assert!(browser.refused_cookies().is_empty(), "{:?}", browser.refused_cookies());
}
