//! Headers that are composed by templates, in a real Envoy.

use rig::RawRequest;
use serde_json::json;

use crate::world::{Plan, header, headers, plan, world};

pub fn sites() -> Vec<(&'static str, Plan)> {
    let templates = json!({
        "x-role": "{role:authp/admin=Admin|Viewer}",
        "x-groups": "{roles:|}",
        "x-display": "{name} <{email}>",
        "x-nobody": "{claims.custom:nobody}",
        "x-from": "envoy",
    });
    let rules = json!([{ "path": "/public/**", "allow": "everyone" }]);
    vec![("templates", plan(json!({ "headers": { "templates": templates }, "rules": rules })))]
}

const FORGED: [(&str, &str); 6] = [
    ("x-role", "Root"),
    ("X_Role", "Root"),
    ("x.groups", "authp/root"),
    ("x-display", "Root <root@example.com>"),
    ("x-nobody", "root"),
    ("X-From", "root"),
];

#[test]
fn an_app_gets_composed_headers_and_never_the_clients_own() {
    let site = world().site("templates");
    let mut browser = site.signed_in();
    browser.headers = FORGED.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let seen = site.seen_from(&mut browser);
    for (name, value) in [
        ("x-role", Some("Admin")),
        ("x-groups", Some("authp/admin|authp/user")),
        ("x-display", Some("John Smith <jsmith@example.com>")),
        ("x-nobody", None),
        ("x-from", Some("envoy")),
    ] {
        assert_eq!(header(&seen, name), value, "{name}");
    }
    assert!(!seen.to_string().to_lowercase().contains("root"), "{seen}");
    let forged = |request: RawRequest, (name, value): &(&str, &str)| request.header(name, value);
    let seen = site.send(FORGED.iter().fold(RawRequest::get("/public/json"), forged));
    assert_eq!(seen.status, 200, "{seen:?}");
    let seen = seen.json();
    assert!(
        ["x-role", "x-groups", "x-display", "x-from"].iter().all(|name| headers(&seen, name).is_empty()),
        "{seen}"
    );
    assert!(!seen.to_string().to_lowercase().contains("root"), "{seen}");
}
