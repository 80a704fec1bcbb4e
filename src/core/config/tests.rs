//! Configurations: what is accepted, what is refused, and with which messages.

mod access;
mod addresses;
mod documents;
mod headers;
mod pool;
mod secrets;
mod session;
mod templates;
mod variables;

use serde_json::{Value, json};

use super::*;
use crate::cognito::identity::Identity;
use crate::crypto::secret::{Entropy, NoEntropy};
use crate::http::cookie::SameSite;
use crate::http::path::RequestPath;
use crate::rules::{Allow, Target};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The smallest configuration.
fn smallest() -> Value {
    json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": {"keys": [KEY]},
    })
}

/// JSON merge patch (RFC 7396).
fn merge(document: &mut Value, patch: &Value) {
    let (Value::Object(known), Value::Object(patch)) = (&mut *document, patch) else {
        *document = patch.clone();
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            known.remove(key);
        } else {
            merge(known.entry(key).or_insert_with(|| json!({})), value);
        }
    }
}

fn environment(name: &str) -> Option<String> {
    match name {
        "POOL" => Some("eu-west-1_FromEnv".to_owned()),
        "KEY" => Some(KEY.to_owned()),
        "PATH_PART" => Some("login".to_owned()),
        "EMPTY" => Some(String::new()),
        "NESTED" => Some("${POOL}".to_owned()),
        "SECRET" => Some("hunter2-from-the-environment".to_owned()),
        _ => None,
    }
}

fn parse(patch: Value) -> Result<Config, Vec<ConfigError>> {
    let mut document = smallest();
    merge(&mut document, &patch);
    Config::parse(document.to_string().as_bytes(), &environment)
}

#[track_caller]
fn accepted(patch: Value) -> Config {
    parse(patch).unwrap()
}

/// The errors in a document, as the operator sees them.
#[track_caller]
fn faults(patch: Value) -> Vec<String> {
    parse(patch).unwrap_err().iter().map(ConfigError::to_string).collect()
}

#[track_caller]
fn check(patch: Value, expected: &[&str]) {
    assert_eq!(faults(patch.clone()), expected, "{patch}");
}

/// Who may access a path.
fn allow(config: &Config, path: &str) -> Allow {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    config.rules.find(&Target { path: &path, method: "GET", host: "app.example.com" }).allow()
}
