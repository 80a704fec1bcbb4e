//! The shapes of settings, as JSON Schema.

use serde_json::{Map, Value, json};

use crate::settings::{Item, ItemShape, Literal, Setting, Shape};

/// Matches a text that contains a variable or a secret. Its value isn't known.
const VARIABLE: &str = r"\$\{(?:[A-Za-z0-9_]+|sds:[^}]+)\}";

/// The schema of a setting, without the settings below it.
pub fn shape_of(setting: &Setting) -> Value {
    let description = setting.description;
    let mut shape = match setting.shape {
        Shape::Section => object(description, Map::new()),
        Shape::Sections { description: item, min_items, min_properties } => {
            let mut item = object(item, Map::new());
            at_least(&mut item, "minProperties", min_properties);
            let mut shape = list(description, item);
            at_least(&mut shape, "minItems", min_items);
            shape
        }
        Shape::Text => text(description),
        Shape::Pattern(form) => pattern(description, form.regex),
        Shape::Duration => {
            let mut shape = pattern(description, r"\s*(?:[0-9]+(?:d|h|ms|m|s))+\s*");
            insert(&mut shape, "examples", json!(["30s", "5m", "1h30m"]));
            shape
        }
        Shape::Flag => json!({ "description": description, "type": ["boolean", "null"] }),
        Shape::Choice(words) => choice(description, words),
        Shape::List { item, min_items, must_have } => {
            let mut shape = list(description, shape_of_item(&item));
            at_least(&mut shape, "minItems", min_items);
            if let Some(text) = must_have {
                let contains =
                    json!({ "anyOf": [{ "const": text }, { "type": "string", "pattern": VARIABLE }] });
                insert(&mut shape, "contains", contains);
            }
            shape
        }
        Shape::AnyOrList(item) => {
            let mut values = list("The allowed values.", shape_of_item(&item));
            at_least(&mut values, "minItems", 1);
            let variable = json!({ "type": "string", "pattern": VARIABLE });
            json!({ "description": description, "anyOf": [{ "const": "any" }, variable, values] })
        }
        Shape::TextOrList(item) => {
            let one = shape_of_item(&item);
            let several = list(item.description, one.clone());
            json!({ "description": description, "anyOf": [one, several] })
        }
        Shape::ValueMap(item) => {
            let one = json!({ "type": ["string", "number", "boolean"], "pattern": r"\S" });
            let several = json!({ "type": "array", "minItems": 1, "items": one.clone() });
            json!({
                "description": description,
                "type": ["object", "null"],
                "minProperties": 1,
                "additionalProperties": { "description": item.description, "anyOf": [one, several] },
            })
        }
        Shape::TextMap { names, value } => json!({
            "description": description,
            "type": ["object", "null"],
            "propertyNames": { "pattern": format!("^(?:{names})$") },
            "additionalProperties": shape_of_item(&value),
        }),
        Shape::Objects { names, description: item } => json!({
            "description": description,
            "type": ["object", "null"],
            "propertyNames": { "pattern": format!("^(?:{names})$") },
            "additionalProperties": { "description": item, "type": "object" },
        }),
        Shape::Names(names) => {
            let texts = names.iter().map(|(name, description)| ((*name).to_owned(), text(description)));
            object(description, texts.collect())
        }
    };
    if let Some(default) = setting.default {
        insert(&mut shape, "default", value_of(default));
    }
    if let Some(example) = setting.example {
        insert(&mut shape, "examples", json!([example]));
    }
    if let Some(characters) = setting.max_length {
        insert(&mut shape, "maxLength", json!(characters));
    }
    shape
}

fn shape_of_item(item: &Item) -> Value {
    match item.shape {
        ItemShape::Pattern(form) => pattern(item.description, form.regex),
        ItemShape::Choice(words) => {
            let mut shape = choice(item.description, words);
            insert(&mut shape, "default", json!(words.first()));
            shape
        }
    }
}

fn value_of(literal: Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Text(text) => json!(text),
        Literal::Flag(flag) => json!(flag),
        Literal::Texts(texts) => json!(texts),
        Literal::EmptyObject => json!({}),
    }
}

/// Any text.
fn text(description: &str) -> Value {
    json!({ "description": description, "type": ["string", "null"] })
}

/// A text that matches a regular expression or contains a variable.
fn pattern(description: &str, regex: &str) -> Value {
    let mut shape = text(description);
    insert(&mut shape, "pattern", json!(format!("^(?:{regex})$|{VARIABLE}")));
    shape
}

/// One of a few words, which an editor can offer.
fn choice(description: &str, words: &[&str]) -> Value {
    let mut known: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    known.push(Value::Null);
    json!({
        "description": description,
        "anyOf": [{ "enum": known }, { "type": "string", "pattern": VARIABLE }],
    })
}

/// A list. A null item still counts as an item, and the core refuses it.
fn list(description: &str, mut item: Value) -> Value {
    refuse_null(&mut item);
    json!({ "description": description, "type": ["array", "null"], "items": item })
}

fn object(description: &str, properties: Map<String, Value>) -> Value {
    let mut shape =
        json!({ "description": description, "type": ["object", "null"], "additionalProperties": false });
    insert(&mut shape, "properties", Value::Object(properties));
    shape
}

fn at_least(shape: &mut Value, keyword: &str, count: u32) {
    if count > 0 {
        insert(shape, keyword, json!(count));
    }
}

/// Removes null from the types that a value may have.
pub fn refuse_null(shape: &mut Value) {
    if let Some(kind) = shape.get_mut("type")
        && let Some(first) = kind.get(0).cloned()
    {
        *kind = first;
    }
}

/// Adds a keyword to a schema.
pub fn insert(shape: &mut Value, keyword: &str, value: Value) {
    if let Value::Object(shape) = shape {
        shape.insert(keyword.to_owned(), value);
    }
}
