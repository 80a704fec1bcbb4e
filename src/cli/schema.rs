//! `envoy-cognito schema`: a JSON Schema of the configuration, for editors. It uses draft 7, which all editors
//! support. The schema can't express everything that the filter's core checks; `check` reports the rest.

mod shapes;

use serde_json::{Map, Value, json};

use crate::schema::shapes::{insert, shape_of};
use crate::settings::{POOL, SEVERAL_POOLS, SHARED, Setting, Shape};

/// The schema as text, with a line break at the end.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}

fn schema() -> Value {
    let own = properties("", POOL, false);
    let mut all = properties("", SHARED, true);
    all.extend(properties("", SEVERAL_POOLS, true));
    all.extend(own.clone());
    if let Some(Value::Object(pool)) = all.get_mut("pools").and_then(|pools| pools.get_mut("items")) {
        if let Some(Value::Object(properties)) = pool.get_mut("properties") {
            properties.extend(own.clone());
        }
        pool.insert("allOf".to_owned(), json!([required_of_pool()]));
    }
    // The settings of a single pool are an error beside `pools`. Null counts as absent.
    let nothing: Map<String, Value> =
        own.keys().map(|key| (key.clone(), json!({ "type": "null" }))).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "envoy-cognito",
        "description": "The configuration of the envoy-cognito filter. Any text can contain ${NAME}, an environment variable of the filter's VM.",
        "type": "object",
        "additionalProperties": false,
        "properties": all,
        "required": required("", SHARED),
        "if": { "properties": { "pools": { "type": "array" } }, "required": ["pools"] },
        "then": { "properties": nothing },
        "else": required_of_pool(),
    })
}

/// The settings of a section, with everything below them. `strictly` says whether a required setting refuses null.
fn properties(section: &str, settings: &[Setting], strictly: bool) -> Map<String, Value> {
    let mut properties = Map::new();
    for setting in settings.iter().filter(|setting| section_of(setting) == section) {
        let mut shape = shape_of(setting);
        match setting.shape {
            Shape::Section => add_section(&mut shape, setting.path, settings, strictly),
            Shape::Sections { .. } => {
                if let Some(item) = shape.get_mut("items") {
                    add_section(item, &format!("{}[]", setting.path), settings, strictly);
                }
            }
            _ => {}
        }
        if setting.is_required && strictly {
            shapes::refuse_null(&mut shape);
        }
        properties.insert(setting.key().to_owned(), shape);
    }
    properties
}

fn add_section(shape: &mut Value, section: &str, settings: &[Setting], strictly: bool) {
    insert(shape, "properties", Value::Object(properties(section, settings, strictly)));
    let required = required(section, settings);
    if !required.is_empty() {
        insert(shape, "required", json!(required));
    }
}

/// The section that contains a setting.
fn section_of(setting: &Setting) -> &'static str {
    setting.path.rsplit_once('.').map_or("", |(section, _)| section)
}

/// The required settings of a section.
fn required(section: &str, settings: &[Setting]) -> Vec<&'static str> {
    let required = settings.iter().filter(|setting| setting.is_required && section_of(setting) == section);
    required.map(Setting::key).collect()
}

/// The required settings of a pool: its ids, and either a domain or all endpoints that would follow from it.
fn required_of_pool() -> Value {
    let texts = |keys: &[&str]| -> Map<String, Value> {
        keys.iter().map(|key| ((*key).to_owned(), json!({ "type": "string" }))).collect()
    };
    let ids = required("", POOL);
    let endpoints = ["authorize", "token", "revoke", "logout"];
    json!({
        "required": ids,
        "properties": texts(&ids),
        "anyOf": [
            { "required": ["domain"], "properties": texts(&["domain"]) },
            {
                "required": ["endpoints"],
                "properties": {
                    "endpoints": { "type": "object", "required": endpoints, "properties": texts(&endpoints) },
                },
            },
        ],
    })
}
