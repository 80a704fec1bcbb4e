//! What the readers of YAML make of a scalar: a text, a number, a boolean or nothing.

use saphyr_parser::{ScalarStyle, Tag};

use crate::documents::tree::Value;

/// A tag as it is once its handle has been looked up.
pub fn whole(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What Envoy makes of a key: text, whatever else it could be.
pub fn envoys_key(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> String {
    let is_nothing = style == ScalarStyle::Plain && tag.is_none() && is_null(text);
    if is_nothing { "null".to_owned() } else { text.to_owned() }
}

/// What Envoy makes of a scalar. What is in quotes is text, and what is tagged `!`. Any other tag, `!!str` too, takes
/// the quotes' meaning away and has none of its own, but that what is tagged isn't null.
pub fn envoys_scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.map_or(style != ScalarStyle::Plain, |tag| whole(tag) == "!");
    if is_text {
        return Value::Text(text.to_owned());
    }
    // White space behind a number is no matter, which a text in quotes can have.
    match (boolean(text), integer(text.trim_end())) {
        _ if is_null(text) && tag.is_none() => Value::Null,
        (Some(flag), _) => Value::Bool(flag),
        // Beyond 32 bits Envoy makes a text of it, so as not to lose digits.
        (None, Some(number)) if i32::try_from(number).is_err() => Value::Text(number.to_string()),
        (None, Some(number)) => Value::Number(number as f64),
        // A fraction is text to Envoy.
        (None, None) => Value::Text(text.to_owned()),
    }
}

/// What Go's YAML makes of a scalar. `!!int` and the like have their meaning there, and any other tag makes it text.
pub fn kubernetes_scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = match tag {
        Some(tag) if tag.is_yaml_core_schema() => tag.suffix == "str",
        Some(_) => true,
        None => style != ScalarStyle::Plain,
    };
    if is_text || (text.is_empty() && tag.is_some()) {
        return Value::Text(text.to_owned());
    }
    match (boolean(text), gos_integer(text)) {
        _ if is_null(text) => Value::Null,
        (Some(flag), _) => Value::Bool(flag),
        (None, Some(number)) => Value::Number(number as f64),
        (None, None) if looks_like_a_fraction(text) => {
            text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Number)
        }
        (None, None) => Value::Text(text.to_owned()),
    }
}

/// The boolean that both take an unquoted word for.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// A whole number to Go, which also knows `0b11` and `0o17`, and `_` between digits.
fn gos_integer(text: &str) -> Option<i64> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.as_str()),
    };
    let in_base = |prefix: &str, radix: u32| {
        digits.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok())
    };
    in_base("0b", 2).or_else(|| in_base("0o", 8)).map(|number| sign * number).or_else(|| integer(&plain))
}

/// A whole number: decimal, hexadecimal (`0x1f`), or octal with a nought in front.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

fn looks_like_a_fraction(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
}
