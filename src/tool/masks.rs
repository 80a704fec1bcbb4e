//! What of a file is a secret, so that no line of it is shown with one.

use std::ops::Range;

use crate::tool::contents::Contents;
use crate::tool::source::Source;
use crate::tool::tree::{Node, Value};
use crate::tool::variables::references;

/// Words that keys of secrets have in them; also of settings that are spelt wrong.
const WORDS: [&str; 5] = ["secret", "key", "password", "passwd", "credential"];

/// Keys that have such a word and hold no secret.
const NAMES: [&str; 3] = ["host_env_keys", "hostenvkeys", "hostkeys"];

/// The text of a file with asterisks for secrets, byte for byte.
pub fn masked(source: &Source, documents: &[Node], contents: &Contents, is_whole: bool) -> String {
    let mut masks = Masks { places: Vec::new() };
    for node in documents {
        masks.walk(node, false);
    }
    let configurations = contents.plugins.iter().filter_map(|plugin| plugin.configuration.as_ref());
    for node in configurations.clone() {
        masks.walk(node, false);
    }
    let read: Vec<&Range<usize>> = configurations.map(|node| &node.span).collect();
    for node in documents {
        masks.unread_texts(node, &read);
    }
    if !is_whole {
        // No tree tells keys from values here.
        masks.lines(&source.text);
    }
    masks.words(&source.text);
    let mut bytes = source.text.clone().into_bytes();
    for place in masks.places {
        if let Some(secret) = bytes.get_mut(place) {
            secret.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
    }
    // Whole values were masked, so that no character was cut in half.
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Masks {
    places: Vec<Range<usize>>,
}

impl Masks {
    fn walk(&mut self, node: &Node, is_secret: bool) {
        match &node.value {
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) if !is_secret => {}
            Value::Text(text) if !is_secret || is_reference(text) => {}
            Value::Bool(_) | Value::Number(_) | Value::Text(_) => self.places.push(node.span.clone()),
            Value::List(items) => items.iter().for_each(|item| self.walk(item, is_secret)),
            Value::Map(entries) => {
                let is_variable = node.get("name").is_some();
                for entry in entries {
                    let key = entry.key.to_ascii_lowercase();
                    let named = names_a_secret(&key) && !NAMES.contains(&key.as_str());
                    let of_variable = is_variable && key == "value" && entry.node.text().is_some();
                    self.walk(&entry.node, is_secret || named || of_variable);
                }
            }
        }
    }

    /// Texts that hold a configuration which couldn't be read.
    fn unread_texts(&mut self, node: &Node, read: &[&Range<usize>]) {
        match &node.value {
            Value::Text(text) => {
                let holds = ["client_secret", "\"keys\""].iter().any(|word| text.contains(word));
                let is_read = read.iter().any(|span| node.span.contains(&span.start));
                if holds && !is_read {
                    self.places.push(node.span.clone());
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.unread_texts(item, read)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.unread_texts(&entry.node, read)),
            _ => {}
        }
    }

    /// Words that look like keys, wherever they were put.
    fn words(&mut self, text: &str) {
        let mut at = 0;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '=' | '_')) {
            if looks_random(word) {
                self.places.push(at..at + word.len());
            }
            at += word.len();
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        }
    }

    /// What stands behind a suspicious word and a colon, to the end of the line, and the lines of a list below.
    fn lines(&mut self, text: &str) {
        let (mut at, mut below) = (0, false);
        for line in text.split_inclusive('\n') {
            let lower = line.to_ascii_lowercase();
            let is_named = lower.split([':', '=']).next().is_some_and(names_a_secret)
                || WORDS.iter().any(|word| lower.contains(word));
            let is_item = line.trim_start().starts_with(['-', ']', '"', '\'']);
            if is_named || (below && is_item) {
                let start = if is_named { line.find([':', '=']).map_or(0, |colon| colon + 1) } else { 0 };
                self.places.push(at + start..at + line.len());
            }
            below = is_named || (below && is_item);
            at += line.len();
        }
    }
}

/// Whether a key in lower case is of a secret, or was meant to be.
fn names_a_secret(key: &str) -> bool {
    let key = key.trim().trim_matches(['"', '\'', '{', ',', ' ']);
    WORDS.iter().any(|word| key.contains(word)) || strsim::osa_distance(key, "client_secret") <= 3
}

/// Whether a word looks like a key or a client's secret: made of nothing that anybody would write by hand.
fn looks_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    (word.len() >= 22 && mixed)
        || (word.len() >= 40 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit))
}

/// Whether a text is one variable and nothing else, which is no secret.
fn is_reference(text: &str) -> bool {
    matches!(references(text).as_slice(), [(_, range)] if range.len() == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_told_from_what_does_not() {
        for secret in ["MDEyMzQ1Njc4OWFiY2RlZg==", "1e6m3k0v7n8p2q4r5s9t1u2v3w4x5y6z7a8b9c0d1e2f3g4h5j"] {
            assert!(looks_random(secret), "{secret}");
        }
        for word in [
            "2jvuq8gkhfoh7u4fdfihiditj5",
            "COGNITO_US_EAST_1_CLIENT_SECRET",
            "envoy_cognito",
            "us-east-1_UFeMzbuJe",
        ] {
            assert!(!looks_random(word), "{word}");
        }
    }

    #[test]
    fn keys_of_secrets_are_known_by_what_they_were_meant_to_be() {
        for key in ["client_secret", "client_sret", "clientsecret", "\"keys\"", "api_password"] {
            assert!(names_a_secret(key), "{key}");
        }
        for key in ["client_id", "domain", "scopes"] {
            assert!(!names_a_secret(key), "{key}");
        }
    }
}
