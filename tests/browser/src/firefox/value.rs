//! BiDi's form of a script's value.

use serde_json::{Map, Value, json};

/// The parameters of `script.evaluate`.
pub(super) fn script(expression: &str, context: &str) -> Value {
    json!({
        "expression": expression, "target": { "context": context }, "awaitPromise": true, "userActivation": true,
        "serializationOptions": { "maxObjectDepth": 20 },
    })
}

/// The value in the answer, as JSON.
pub(super) fn evaluated(answer: &Value) -> Result<Value, String> {
    match answer["exceptionDetails"]["text"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(plain(&answer["result"])),
    }
}

/// Without the types. What JSON doesn't have is `null`.
fn plain(value: &Value) -> Value {
    let inner = &value["value"];
    match value["type"].as_str() {
        Some("string" | "number" | "boolean") => inner.clone(),
        Some("array") => inner.as_array().into_iter().flatten().map(plain).collect(),
        Some("object") => {
            let pairs = inner.as_array().into_iter().flatten();
            let named = pairs.filter_map(|pair| Some((pair[0].as_str()?.to_owned(), plain(&pair[1]))));
            Value::Object(named.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}
