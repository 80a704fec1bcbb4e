//! JSON with the place of each value.

use std::ops::Range;

use jsonc_parser::ast::{ObjectPropName, Value as Ast};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions};

use crate::documents::source::Source;
use crate::documents::tree::{Entry, Node, Trouble, Value};

/// Strict JSON: nothing is accepted that Envoy and the filter refuse.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// What protobuf's JSON parser, which Envoy uses, also accepts.
const LENIENT: ParseOptions = ParseOptions {
    allow_loose_object_property_names: true,
    allow_trailing_commas: true,
    allow_single_quoted_strings: true,
    ..STRICT
};

/// Reads a text that is one JSON value, and reports duplicate keys.
///
/// # Errors
/// If it isn't JSON, with the message that the filter would give.
pub fn parse(text: &str, twice: &mut Vec<Trouble>) -> Result<Node, Trouble> {
    // The filter reads JSON with serde_json, so serde_json decides. The other parser only finds places.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let at = Source::offset(text, error.line(), error.column());
        let words = error.to_string();
        let message = words.split(" at line ").next().unwrap_or(&words);
        return Err(Trouble { message: format!("not JSON: {message}"), span: at..at, unread: 0..text.len() });
    }
    parse_by(&STRICT, text, twice)
}

/// Reads a text as Envoy reads the JSON of its own configuration: with trailing commas, single quotes and keys
/// without quotes.
///
/// # Errors
/// If Envoy can't read it either.
pub fn parse_leniently(text: &str, twice: &mut Vec<Trouble>) -> Result<Node, Trouble> {
    parse_by(&LENIENT, text, twice)
}

fn parse_by(options: &ParseOptions, text: &str, twice: &mut Vec<Trouble>) -> Result<Node, Trouble> {
    match jsonc_parser::parse_to_ast(text, &CollectOptions::default(), options) {
        Ok(parsed) => {
            Ok(parsed.value.map_or(Node { value: Value::Null, span: 0..0 }, |value| node(&value, twice)))
        }
        Err(error) => {
            let range = error.range();
            let message = format!("not JSON: {}", error.kind());
            Err(Trouble { message, span: range.start..range.end, unread: 0..text.len() })
        }
    }
}

fn node(ast: &Ast<'_>, twice: &mut Vec<Trouble>) -> Node {
    let range = ast.range();
    let value = match ast {
        Ast::NullKeyword(_) => Value::Null,
        Ast::BooleanLit(literal) => Value::Bool(literal.value),
        Ast::NumberLit(literal) => number(literal.value, range.start..range.end, twice),
        Ast::StringLit(literal) => Value::Text(literal.value.to_string()),
        Ast::Array(list) => Value::List(list.elements.iter().map(|item| node(item, twice)).collect()),
        Ast::Object(object) => {
            let mut entries: Vec<Entry> = Vec::new();
            for property in &object.properties {
                let key = match &property.name {
                    ObjectPropName::String(name) => name.value.to_string(),
                    ObjectPropName::Word(word) => word.value.to_owned(),
                };
                let place = property.name.range();
                if matches!(property.name, ObjectPropName::Word(_)) && !is_identifier(&key) {
                    let message = format!("not JSON: the key `{key}` needs quotes");
                    let span = place.start..place.end;
                    twice.push(Trouble { message, unread: span.clone(), span });
                }
                push(
                    &mut entries,
                    Entry { key, span: place.start..place.end, node: node(&property.value, twice) },
                    twice,
                );
            }
            Value::Map(entries)
        }
    };
    Node { value, span: range.start..range.end }
}

/// A number as it is written. A number outside the range of a double is refused.
fn number(text: &str, span: Range<usize>, troubles: &mut Vec<Trouble>) -> Value {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Number(number),
        _ => {
            let message = "not JSON: number out of range".to_owned();
            troubles.push(Trouble { message, unread: span.clone(), span });
            Value::Null
        }
    }
}

/// Whether a key may be without quotes.
fn is_identifier(key: &str) -> bool {
    let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && !key.starts_with(|c: char| c.is_ascii_digit()) && !["true", "false", "null"].contains(&key)
}

/// Adds a pair. A duplicate key is an error, because it is unclear which one was meant. Envoy takes the last.
pub fn push(entries: &mut Vec<Entry>, entry: Entry, twice: &mut Vec<Trouble>) {
    match entries.iter_mut().find(|known| known.key == entry.key) {
        Some(known) => {
            twice.push(Trouble {
                message: format!("`{}` is set twice in one object", entry.key),
                span: entry.span.clone(),
                unread: known.span.start..known.node.span.end,
            });
            *known = entry;
        }
        None => entries.push(entry),
    }
}
