//! The JSON Schema, compared with what the filter's core accepts.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::run;
use crate::settings::{
    self, Setting, below, blocks, completed, embedded, files, merge, parse, smallest, yaml,
};

const COPY: &str = "docs/configuration.schema.json";

fn schema() -> Value {
    run(&["schema"]).outcome().expect(0).json()
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).unwrap()
}

#[test]
fn the_copy_is_fresh() {
    let printed = run(&["schema"]).outcome().expect(0).out;
    if std::env::var_os("UPDATE").is_some() {
        fs::write(settings::root().join(COPY), &printed).unwrap();
    }
    assert_eq!(settings::read(COPY), printed, "run `cargo run -- schema > {COPY}`");
}

/// The settings that a part of the schema describes.
fn described(section: &str, schema: &Value, found: &mut BTreeSet<Setting>) {
    let properties = schema["properties"].as_object().cloned().unwrap_or_else(Map::new);
    for (key, shape) in &properties {
        let setting = below(section, key);
        if shape["items"]["properties"].is_object() {
            described(&format!("{setting}[]"), &shape["items"], found);
            found.insert(setting);
        } else if shape["properties"].is_object() && key != "authorize_params" {
            described(&setting, shape, found);
        } else {
            found.insert(setting);
        }
    }
}

#[test]
fn it_has_every_setting_and_no_other() {
    let mut found = BTreeSet::new();
    described("", &schema(), &mut found);
    assert_eq!(found, settings::settings());
    // Only a few names are allowed here.
    let params = ["identity_provider", "idp_identifier", "lang", "login_hint", "prompt", "resource"];
    assert!(
        params
            .iter()
            .all(|param| schema()["properties"]["authorize_params"]["properties"][param].is_object())
    );
}

#[test]
fn it_says_what_every_setting_means() {
    fn look(path: &str, shape: &Value) {
        assert!(shape["description"].as_str().is_some_and(|text| text.len() > 5), "{path}");
        for (key, shape) in shape["properties"].as_object().into_iter().flatten() {
            assert!(shape["type"] != "object" || shape["additionalProperties"] == false, "{path}.{key}");
            look(&format!("{path}.{key}"), shape);
        }
        if shape["items"].is_object() {
            look(&format!("{path}[]"), &shape["items"]);
        }
    }
    look("", &schema());
}

#[test]
fn defaults_are_those_of_the_filter() {
    fn look(setting: &str, shape: &Value, seen: &mut usize) {
        if let Some(default) = shape.get("default").filter(|default| !default.is_null()) {
            let read = |value: Value| {
                let mut document = smallest();
                merge(&mut document, &settings::with(setting, value));
                parse(&document).map(|config| format!("{config:?}")).map_err(|faults| format!("{faults:?}"))
            };
            assert_eq!(read(default.clone()), read(Value::Null), "{setting}");
            *seen += 1;
        }
        for (key, shape) in shape["properties"].as_object().into_iter().flatten() {
            if !["pools", "rules"].contains(&key.as_str()) {
                look(&below(setting, key), shape, seen);
            }
        }
    }
    let mut seen = 0;
    look("", &schema(), &mut seen);
    assert!(seen >= 20, "{seen}");
}

#[test]
fn every_example_validates() {
    let validator = validator();
    let mut documents = Vec::new();
    for (place, block) in blocks("docs/configuration.md") {
        documents.push((place, completed(&block)));
    }
    for file in files("envoy", "yaml") {
        let mut found = Vec::new();
        embedded(&yaml(&file, &settings::read(&file)), &mut found);
        documents.extend(found.into_iter().map(|document| (file.clone(), document)));
    }
    assert!(documents.len() >= 12, "{}", documents.len());
    for (place, document) in documents {
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{place}: {errors:?}");
    }
}

/// The smallest configuration, with a patch.
fn patched(patch: &Value) -> Value {
    let mut document = smallest();
    merge(&mut document, patch);
    document
}

#[test]
fn what_the_core_refuses_for_its_shape_the_schema_refuses_too() {
    let validator = validator();
    let pool =
        json!({ "name": "us", "user_pool_id": "us-east-1_A", "client_id": "a", "domain": "a.example.com" });
    let keys = smallest()["session"].clone();
    let mut wrong = vec![
        json!({}),
        json!({ "user_pool_id": "us-east-1_A", "client_id": "a", "session": keys }),
        json!({ "client_id": "a", "domain": "a.example.com", "session": keys }),
        json!({ "user_pool_id": "us-east-1_A", "client_id": "a", "domain": "a.example.com" }),
        json!({ "pools": [], "session": keys }),
        json!({ "pools": [pool], "session": keys, "client_id": "a" }),
        json!({ "pools": [pool], "session": keys, "roles": {} }),
        json!({ "pools": [{ "name": "us" }], "session": keys }),
        json!({ "pools": [pool] }),
    ];
    let patches = [
        json!({ "client": "x" }),
        json!({ "session": { "cookie": { "nam": "x" } } }),
        json!({ "rules": [{ "pth": "/x" }] }),
        json!({ "authorize_params": { "state": "x" } }),
        json!({ "sign_in_params": { "state": "any" } }),
        json!({ "sign_in_params": { "lang": "de" } }),
        json!({ "sign_in_params": { "lang": [] } }),
        json!({ "sign_in_params": { "resource": "any" } }),
        json!({ "bearer": { "resources": ["a b"] } }),
        json!({ "bearer": { "resources": ["https://a/#x"] } }),
        json!({ "pages": { "passkeys": "yes" } }),
        json!({ "user_pool_id": "us-east-1" }),
        json!({ "user_pool_id": 1 }),
        json!({ "user_pool_id": null }),
        json!({ "client_id": "a b" }),
        json!({ "client_secret": "a b" }),
        json!({ "client_secret": true }),
        json!({ "domain": "https://a.example.com" }),
        json!({ "domain": "a.example.com/x" }),
        json!({ "scopes": ["email"] }),
        json!({ "scopes": "openid" }),
        json!({ "scopes": ["openid", null] }),
        json!({ "endpoints": { "token": "http://example.com/token" } }),
        json!({ "endpoints": { "issuer": "example.com/pool" } }),
        json!({ "endpoints": { "issuer": "http://example.com/pool?x" } }),
        json!({ "endpoints": { "issuer": "http://user@example.com/pool" } }),
        json!({ "clusters": { "idp": "" } }),
        json!({ "clusters": ["a"] }),
        json!({ "public_url": "https://a.example.com/x" }),
        json!({ "paths": { "prefix": "auth" } }),
        json!({ "paths": { "prefix": "/" } }),
        json!({ "session": { "keys": [] } }),
        json!({ "session": { "keys": null } }),
        json!({ "session": { "keys": ["c2hvcnQ="] } }),
        json!({ "session": { "keys": [7] } }),
        json!({ "session": { "lifetime": "12 hours" } }),
        json!({ "session": { "lifetime": 12 } }),
        json!({ "session": { "cookie": { "secure": "yes" } } }),
        json!({ "session": { "cookie": { "same_site": "Lax" } } }),
        json!({ "session": { "cookie": { "name": "__Host-x" } } }),
        json!({ "session": { "cookie": { "domain": "localhost" } } }),
        json!({ "roles": { "separator": "" } }),
        json!({ "roles": { "attributes_from": "ldap" } }),
        json!({ "headers": { "preset": "x" } }),
        json!({ "headers": { "claims": { "x y": "email" } } }),
        json!({ "headers": { "claims": { "x-y": " " } } }),
        json!({ "headers": { "claims": ["email"] } }),
        json!({ "rules": {} }),
        json!({ "rules": [{}] }),
        json!({ "rules": [null] }),
        json!({ "rules": [{ "path": "x" }] }),
        json!({ "rules": [{ "path": "/x", "allow": "some" }] }),
        json!({ "rules": [{ "path": "/x", "methods": [] }] }),
        json!({ "rules": [{ "path": "/x", "methods": ["get"] }] }),
        json!({ "rules": [{ "path": "/x", "hosts": ["a/b"] }] }),
        json!({ "rules": [{ "path": "/x", "roles_any": [" a"] }] }),
        json!({ "bearer": { "enabled": "true" } }),
        json!({ "bearer": { "token_use": [] } }),
        json!({ "bearer": { "token_use": ["refresh"] } }),
        json!({ "cors_preflight": true }),
        json!({ "timeouts": { "token": "5" } }),
        json!({ "pages": { "accent": "blue" } }),
        json!({ "pages": { "logo": "//example.com/x" } }),
        json!({ "pages": { "title": "" } }),
    ];
    wrong.extend(patches.iter().map(patched));
    for document in wrong {
        assert!(parse(&document).is_err(), "the filter takes {document}");
        assert!(!validator.is_valid(&document), "the schema takes {document}");
    }
}

#[test]
fn variables_may_stand_in_any_text() {
    let validator = validator();
    let document = json!({
        "user_pool_id": "${A}", "client_id": "${A}", "client_secret": "${A}", "domain": "x-${A}.example.com",
        "scopes": ["${A}"], "public_url": "${A}", "cors_preflight": "${A}",
        "paths": { "prefix": "${A}" },
        "session": { "keys": ["${A}"], "lifetime": "${A}", "cookie": { "same_site": "${A}" } },
        "headers": { "preset": "${A}", "forward_id_token": "${A}" },
        "rules": [{ "path": "${A}", "methods": ["${A}"], "hosts": ["${A}"], "allow": "${A}" }],
        "pages": { "accent": "${A}" },
    });
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    // Null counts as absent.
    let nothing = json!({ "client_secret": null, "roles": null, "rules": null, "pools": null, "session": { "idle": null } });
    assert!(validator.is_valid(&patched(&nothing)) && parse(&patched(&nothing)).is_ok());
}
