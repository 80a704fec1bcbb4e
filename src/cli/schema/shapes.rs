//! The shapes that settings have.

use serde_json::{Map, Value, json};

/// What a text with a variable in it looks like: nobody knows what it will be.
const VARIABLE: &str = r"\$\{[A-Za-z0-9_]+\}";

/// A host, or all hosts below one.
pub const HOST: &str = r"\*\.[A-Za-z0-9_.-]+|[A-Za-z0-9_.:-]+|\[[0-9A-Fa-f:.]+\]";

/// A URL that a browser or the filter may be sent to.
pub const URL: &str = r"https://\S+|http://(?:[A-Za-z0-9.-]*localhost|127\.[0-9.]+|\[::1\])(?:[:/?]\S*)?";

/// A URL that nobody is sent to.
pub const COMPARED: &str = r"https?://[^/?#@\s]+(?:/[^?#\s]*)?";

/// Any text.
pub fn text(description: &str) -> Value {
    json!({ "description": description, "type": ["string", "null"] })
}

/// A text that matches a pattern, or has a variable in it.
pub fn pattern(description: &str, pattern: &str) -> Value {
    let mut shape = text(description);
    described(&mut shape, "pattern", json!(format!("^(?:{pattern})$|{VARIABLE}")));
    shape
}

/// A text that isn't empty.
pub fn some_text(description: &str) -> Value {
    pattern(description, r"[\s\S]*\S[\s\S]*")
}

/// A duration.
pub fn duration(description: &str, default: Option<&str>) -> Value {
    let mut shape = pattern(description, r"\s*(?:[0-9]+(?:d|h|ms|m|s))+\s*");
    described(&mut shape, "default", json!(default));
    described(&mut shape, "examples", json!(["30s", "5m", "1h30m"]));
    shape
}

/// `true` or `false`.
pub fn flag(description: &str, default: bool) -> Value {
    json!({ "description": description, "type": ["boolean", "null"], "default": default })
}

/// One word of a few. An editor offers them.
pub fn choice(description: &str, choices: &[&str], default: &str) -> Value {
    let mut known: Vec<Value> = choices.iter().map(|choice| json!(choice)).collect();
    known.push(Value::Null);
    json!({
        "description": description,
        "default": default,
        "anyOf": [{ "enum": known }, { "type": "string", "pattern": VARIABLE }],
    })
}

/// A list.
pub fn list(description: &str, mut item: Value) -> Value {
    // An item that is null is an item all the same, and none of these.
    if let Some(kind) = item.get_mut("type")
        && let Some(first) = kind.get(0).cloned()
    {
        *kind = first;
    }
    json!({ "description": description, "type": ["array", "null"], "items": item })
}

/// An object of known settings.
pub fn object(description: &str, properties: Map<String, Value>) -> Value {
    json!({
        "description": description,
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": properties,
    })
}

/// An object of texts under names that the operator chooses.
pub fn text_map(description: &str, names: &str, value: Value) -> Value {
    json!({
        "description": description,
        "type": ["object", "null"],
        "propertyNames": { "pattern": names },
        "additionalProperties": value,
        "default": {},
    })
}

/// Settings by their names.
pub fn settings<const N: usize>(settings: [(&str, Value); N]) -> Map<String, Value> {
    settings.into_iter().map(|(key, shape)| (key.to_owned(), shape)).collect()
}

/// A shape with one more keyword.
pub fn with(mut shape: Value, keyword: &str, value: Value) -> Value {
    described(&mut shape, keyword, value);
    shape
}

/// Adds a keyword.
pub fn described(shape: &mut Value, keyword: &str, value: Value) {
    if let Value::Object(shape) = shape {
        shape.insert(keyword.to_owned(), value);
    }
}
