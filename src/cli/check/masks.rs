//! Finds the secrets in a file, so that no line is shown with a secret in it.

use std::ops::Range;

use crate::documents::source::Source;
use crate::documents::tree::{Node, Value};
use crate::envoy::contents::Contents;
use crate::envoy::variables::references;
use crate::settings::{self, Setting};

/// Words in the keys of secrets, including misspelt settings.
const WORDS: [&str; 5] = ["secret", "key", "password", "passwd", "credential"];

/// Keys that contain such a word but hold no secret.
const NAMES: [&str; 3] = ["host_env_keys", "hostenvkeys", "hostkeys"];

/// The text of a file, with each byte of a secret replaced by an asterisk.
pub fn masked(source: &Source, documents: &[Node], contents: &Contents) -> String {
    let mut masks = Masks { places: Vec::new() };
    for node in documents {
        masks.walk(node, false);
    }
    let configurations = contents.plugins.iter().filter_map(|plugin| plugin.configuration.as_ref());
    for node in configurations.clone() {
        masks.walk(node, false);
    }
    let unread = contents.findings.iter().filter_map(|finding| finding.unread.as_ref());
    let unread = unread.chain(&contents.ignored);
    for range in unread.clone() {
        masks.unread(&source.text, range);
    }
    let looked_at: Vec<&Range<usize>> = configurations.map(|node| &node.span).chain(unread).collect();
    for node in documents {
        masks.texts(node, &looked_at);
    }
    masks.places.extend(random_words(&source.text));
    hidden(&source.text, masks.places)
}

/// A message that quotes a value, with words that look like keys masked. Only its first line is kept if the value has
/// swallowed the lines below it.
pub fn without_secrets(message: &str) -> String {
    let message = match message.split_once('\n') {
        Some((line, rest)) => {
            format!("{line} …{}", rest.find('`').and_then(|at| rest.get(at..)).unwrap_or("`"))
        }
        None => message.to_owned(),
    };
    hidden(&message, random_words(&message))
}

fn hidden(text: &str, places: Vec<Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        if let Some(secret) = bytes.get_mut(place) {
            secret.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
    }
    // Only whole characters were masked, so the text is still UTF-8.
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

    /// Masks texts that contain a configuration which was not checked.
    fn texts(&mut self, node: &Node, looked_at: &[&Range<usize>]) {
        match &node.value {
            Value::Text(text) => {
                let holds = secret_names().any(|name| has_key(text, name));
                if holds && !looked_at.iter().any(|span| node.span.contains(&span.start)) {
                    self.places.push(node.span.clone());
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.texts(item, looked_at)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.texts(&entry.node, looked_at)),
            _ => {}
        }
    }

    /// Masks text that could not be parsed. Each line keeps its key and its punctuation, which is what needs
    /// correcting.
    fn unread(&mut self, text: &str, range: &Range<usize>) {
        let mut at = range.start;
        for line in text.get(range.clone()).unwrap_or_default().split_inclusive('\n') {
            let key = key_length(line);
            let value = line.get(key..).unwrap_or_default().char_indices();
            let words = value.filter(|(_, c)| !c.is_whitespace() && !PUNCTUATION.contains(*c));
            self.places.extend(words.map(|(index, c)| at + key + index..at + key + index + c.len_utf8()));
            at += line.len();
        }
    }
}

/// The characters of structure in YAML and JSON.
const PUNCTUATION: &str = "{}[],:\"'|>&%@`";

/// The length of the key that starts a line, including what precedes it.
fn key_length(line: &str) -> usize {
    let rest = line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '{' | '[' | ','));
    let bare = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let behind = bare.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@'));
    let is_key = behind.trim_start_matches(['"', '\'']).trim_start().starts_with(':');
    line.len() - if is_key { behind.len() } else { rest.len() }
}

/// Words that look like keys, anywhere in the text.
fn random_words(text: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(|c: char| !is_part(c)) {
        let end = at + word.trim_end_matches(|c: char| !is_part(c)).len();
        if looks_random(text.get(at..end).unwrap_or_default()) {
            found.push(at..end);
        }
        at += word.len();
    }
    found
}

/// Whether a key in lower case names a secret, or is a misspelling of one that does.
fn names_a_secret(key: &str) -> bool {
    // A longer name may have more wrong letters.
    let is_like = |name: &str| strsim::osa_distance(key, name) <= if name.len() > 8 { 3 } else { 2 };
    WORDS.iter().any(|word| key.contains(word)) || secret_names().any(is_like)
}

/// The names of the settings that are secrets.
fn secret_names() -> impl Iterator<Item = &'static str> {
    settings::all().filter(|setting| setting.is_secret).map(Setting::key)
}

/// Whether a text may contain this key. A common word must be in quotes, like a key in JSON.
fn has_key(text: &str, name: &str) -> bool {
    if name.contains('_') { text.contains(name) } else { text.contains(&format!("\"{name}\"")) }
}

/// Whether a word looks like a session key or client secret: nobody would write it by hand.
fn looks_random(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    // `ap-southeast-2_UFeMzbuJe`.
    let is_pool = word.split_once('_').is_some_and(|(region, _)| {
        region.contains('-') && !region.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    (word.len() >= if is_pool { 40 } else { 22 } && mixed)
        || (word.len() >= 40 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit))
}

/// Whether a text is exactly one variable, which isn't a secret.
fn is_reference(text: &str) -> bool {
    matches!(references(text).as_slice(), [(_, range)] if range.len() == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_told_from_what_does_not() {
        for secret in [
            "MDEyMzQ1Njc4OWFiY2RlZg==",
            "MDEyMzQ1Nj-4OWFiY2RlZjAx",
            "1e6m3k0v7n8p2q4r5s9t1u2v3w4x5y6z7a8b9c0d1e2f3g4h5j",
        ] {
            assert!(looks_random(secret), "{secret}");
        }
        for word in [
            "2jvuq8gkhfoh7u4fdfihiditj5",
            "COGNITO_US_EAST_1_CLIENT_SECRET",
            "envoy_cognito",
            "ap-southeast-2_UFeMzbuJe",
            "cognito-idp.us-east-1.amazonaws.com",
        ] {
            assert!(!looks_random(word), "{word}");
        }
    }

    #[test]
    fn what_is_quoted_of_a_value_has_no_key_in_it_and_one_line() {
        assert_eq!(
            without_secrets("`x MDEyMzQ1Njc4OWFiY2RlZg==` is bad"),
            "`x ************************` is bad"
        );
        assert_eq!(without_secrets("`x\n secret: y` is bad"), "`x …` is bad");
    }

    #[test]
    fn of_what_was_not_read_keys_and_punctuation_are_left() {
        let text = "a: b\n  - \"c_d\": [ e-f, \"g\" ]\n  h é: i\n{ x: y";
        let mut masks = Masks { places: Vec::new() };
        masks.unread(text, &(0..text.len()));
        let shown = "a: *\n  - \"c_d\": [ ***, \"*\" ]\n  * **: *\n{ x: *";
        assert_eq!(hidden(text, masks.places), shown);
    }

    #[test]
    fn keys_of_secrets_are_known_by_what_they_were_meant_to_be() {
        for key in ["client_secret", "client_sret", "clientsecret", "keys", "kes", "api_password"] {
            assert!(names_a_secret(key), "{key}");
        }
        for key in ["client_id", "domain", "scopes", "idp", "name", "type"] {
            assert!(!names_a_secret(key), "{key}");
        }
    }
}
