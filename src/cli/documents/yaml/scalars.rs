//! How the readers of YAML interpret a scalar: as text, a number, a boolean or null.

use saphyr_parser::{ScalarStyle, Tag};

use crate::documents::tree::Value;

/// A tag with its handle resolved.
pub fn whole(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// How Envoy reads a key: always as text.
pub fn envoys_key(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> String {
    let is_nothing = style == ScalarStyle::Plain && tag.is_none() && is_null(text);
    if is_nothing { "null".to_owned() } else { text.to_owned() }
}

/// How Envoy reads a scalar. A quoted scalar is text, and so is one tagged `!`. Any other tag, even `!!str`, cancels
/// the effect of quotes; its only other effect is that the scalar isn't null.
pub fn envoys_scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.map_or(style != ScalarStyle::Plain, |tag| whole(tag) == "!");
    if is_text {
        return Value::Text(text.to_owned());
    }
    // Trailing white space doesn't matter to a number. A quoted text can have some.
    match (boolean(text), integer(text.trim_end())) {
        _ if is_null(text) && tag.is_none() => Value::Null,
        (Some(flag), _) => Value::Bool(flag),
        // Envoy reads an integer beyond 32 bits as text, to keep all its digits.
        (None, Some(number)) if i32::try_from(number).is_err() => Value::Text(number.to_string()),
        (None, Some(number)) => Value::Number(number as f64),
        // Envoy reads a fraction as text.
        (None, None) => Value::Text(text.to_owned()),
    }
}

/// How Go's YAML reads a scalar. Core tags such as `!!int` have their usual meaning; any other tag makes it text.
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

/// The boolean that both readers see in an unquoted word.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// An integer in Go's YAML, which also allows `0b11`, `0o17`, and `_` between digits.
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

/// An integer: decimal, hexadecimal (`0x1f`), or octal with a leading zero.
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
