//! `envoy-cognito schema`: a JSON Schema of the configuration, for editors. It is of draft 7, which all of them read.
//! What only the filter's core can judge is left to it: `check` says that.

mod pool;
mod settings;
mod shapes;

use serde_json::{Map, Value, json};

use crate::schema::shapes::{described, list, object};

/// The schema as a text, with a line break at its end.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema.
fn schema() -> Value {
    let own = pool::of_a_pool();
    let mut properties = settings::shared();
    properties.extend(own.clone());
    properties.insert("pools".to_owned(), pools(&own));
    // Beside several pools the settings of one are a fault; null is as good as absent.
    let nothing: Map<String, Value> =
        own.keys().map(|key| (key.clone(), json!({ "type": "null" }))).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "envoy-cognito",
        "description": "The configuration of the envoy-cognito filter. Any text may contain ${NAME}, an environment variable of the filter's VM.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": ["session"],
        "if": { "properties": { "pools": { "type": "array" } }, "required": ["pools"] },
        "then": { "properties": nothing },
        "else": required(),
    })
}

/// What a pool must have.
fn required() -> Value {
    let endpoints = ["authorize", "token", "revoke", "logout"];
    let texts: Map<String, Value> =
        endpoints.iter().map(|key| ((*key).to_owned(), json!({ "type": "string" }))).collect();
    json!({
        "required": ["user_pool_id", "client_id"],
        "properties": { "user_pool_id": { "type": "string" }, "client_id": { "type": "string" } },
        "anyOf": [
            { "required": ["domain"], "properties": { "domain": { "type": "string" } } },
            {
                "required": ["endpoints"],
                "properties": { "endpoints": { "type": "object", "required": endpoints, "properties": texts } },
            },
        ],
    })
}

/// Several pools.
fn pools(own: &Map<String, Value>) -> Value {
    let mut properties = pool::of_several();
    properties.extend(own.clone());
    let mut pool = object("A user pool, and what the filter calls it.", properties);
    described(&mut pool, "required", json!(["name"]));
    described(&mut pool, "allOf", json!([required()]));
    let mut pools = list("Several user pools, in place of the settings of one.", pool);
    described(&mut pools, "minItems", json!(1));
    pools
}
