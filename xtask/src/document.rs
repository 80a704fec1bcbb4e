//! JSON documents, built field by field.

use serde_json::Value;

/// Adds a field to an object, if there is a value for it.
pub fn with(object: Value, key: &str, value: Option<Value>) -> Value {
    match (object, value) {
        (Value::Object(mut fields), Some(value)) => {
            fields.insert(key.to_owned(), value);
            Value::Object(fields)
        }
        (object, _) => object,
    }
}
