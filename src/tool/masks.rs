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
                    let named = WORDS.iter().any(|word| key.contains(word)) && !NAMES.contains(&key.as_str());
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

    /// What stands behind a suspicious word and a colon, to the end of the line, and the lines of a list below.
    fn lines(&mut self, text: &str) {
        let (mut at, mut below) = (0, false);
        for line in text.split_inclusive('\n') {
            let lower = line.to_ascii_lowercase();
            let is_named = WORDS.iter().any(|word| lower.contains(word));
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

/// Whether a text is one variable and nothing else, which is no secret.
fn is_reference(text: &str) -> bool {
    matches!(references(text).as_slice(), [(_, range)] if range.len() == text.len())
}
