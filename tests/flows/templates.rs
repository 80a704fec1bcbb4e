//! Headers that are composed by templates: what the app gets, what a client can't forge, and what a session keeps.

use serde_json::{Value, json};

use crate::harness::{Harness, IDENTITY, upstream};

fn settings(templates: Value) -> Value {
    json!({
        "headers": {"templates": templates},
        "rules": [{"path": "/public", "allow": "everyone"}],
    })
}

fn all() -> Value {
    settings(json!({
        "x-role": "{role:authp/admin=Admin|authp/user=Editor|Viewer}",
        "x-groups": "{roles:|}",
        "x-display": "{name} <{email}>",
        "x-tenant-user": "{claims.custom:tenant}/{username}",
        "x-from": "envoy",
    }))
}

fn signed_in(settings: Value, tenant: Option<&str>) -> Harness {
    let mut harness = Harness::with(settings);
    harness.cognito.user = json!({
        "sub": "s", "cognito:username": "jsmith", "name": "John Smith", "email": "jsmith@example.com",
        "custom:roles": "authp/admin|authp/user",
    });
    if let Some(tenant) = tenant {
        harness.cognito.user["custom:tenant"] = json!(tenant);
    }
    harness.signed_in();
    harness
}

#[test]
fn an_app_gets_composed_headers_and_never_the_clients_own() {
    let mut harness = signed_in(all(), Some("acme/eu"));
    let names = ["x-role", "x-groups", "x-display", "x-tenant-user", "x-from"];
    let cookies = harness.jar.header();
    for spelt in [str::to_owned, |name: &str| name.replace('-', "_"), str::to_ascii_uppercase] {
        let forged = names.map(spelt);
        let mut headers: Vec<(&str, &str)> = forged.iter().map(|name| (name.as_str(), "forged")).collect();
        headers.push(("cookie", &cookies));
        let edits = harness.bare_request("GET", "/", &headers).forwarded();
        for name in &forged {
            assert!(
                edits.remove.iter().any(|removed| removed.eq_ignore_ascii_case(name)),
                "{name}: {edits:?}"
            );
        }
        for (name, value) in names.iter().zip([
            "Admin",
            "authp/admin|authp/user",
            "John Smith <jsmith@example.com>",
            "acme%2Feu/jsmith",
            "envoy",
        ]) {
            assert_eq!(upstream(&edits, name), Some(value), "{name}");
        }
        // On a public path, without a session, nobody's.
        headers.pop();
        let edits = harness.bare_request("GET", "/public", &headers).forwarded();
        for name in &forged {
            assert!(
                edits.remove.iter().any(|removed| removed.eq_ignore_ascii_case(name)),
                "{name}: {edits:?}"
            );
        }
        assert!(names.iter().all(|name| upstream(&edits, name).is_none()), "{edits:?}");
    }
}

#[test]
fn a_part_that_is_unknown_leaves_its_header_out() {
    let mut harness = signed_in(all(), None);
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-tenant-user"), None);
    assert_eq!(upstream(&edits, "x-role"), Some("Admin"));
}

#[test]
fn a_session_keeps_what_a_template_needs_and_grows_by_nothing_else() {
    let length = |settings: Value| {
        let harness = signed_in(settings, Some("acme"));
        harness.jar.get(IDENTITY).unwrap().len()
    };
    let without = length(settings(json!({})));
    let known = json!({"x-a": "{sub} {name} {email} {username}", "x-b": "{roles:;}", "x-c": "{role:a=b|c}", "x-d": "1"});
    assert_eq!(length(settings(known)), without);
    assert!(length(all()) > without);
}

#[test]
fn a_session_from_before_a_template_sends_it_after_its_next_refresh() {
    let mut harness = signed_in(settings(json!({})), Some("acme"));
    harness.reconfigure(all());
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-tenant-user"), None, "the session hasn't the claim yet");
    assert_eq!(upstream(&edits, "x-role"), Some("Admin"));
    harness.cognito.refreshing = crate::harness::Refreshing::Kept;
    harness.advance(std::time::Duration::from_secs(3600));
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-tenant-user"), Some("acme/jsmith"));
}

#[test]
fn no_claim_can_end_a_composed_header_or_add_another() {
    let mut harness =
        Harness::with(settings(json!({"x-it": "user={username};tenant={claims.custom:tenant}"})));
    harness.cognito.user = json!({
        "sub": "s", "cognito:username": "a;tenant=evil", "custom:tenant": "b\r\nx-auth-roles: authp/admin",
    });
    harness.signed_in();
    let edits = harness.get("/").forwarded();
    assert_eq!(upstream(&edits, "x-it"), Some("user=a%3Btenant=evil;tenant=b??x-auth-roles: authp/admin"));
}
