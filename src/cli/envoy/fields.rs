//! Compares the fields of a document with the messages that they belong to: finds wrong types and unknown fields.

use std::ops::Range;

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::Finding;
use crate::documents::tree::{Entry, Node, Value, camel_case};
use crate::envoy::messages::{Kind, Message};
use crate::envoy::typed_reading::Rules;

/// Reports what in `node` doesn't fit `message`.
pub fn check(message: &Message, node: &Node, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    Reader { rules, findings }.message(message, node, path);
}

struct Reader<'f> {
    rules: Rules,
    findings: &'f mut Vec<Finding>,
}

impl Reader<'_> {
    fn message(&mut self, message: &Message, node: &Node, path: &str) {
        if matches!(node.value, Value::Null) {
            return;
        }
        if !node.is_map() {
            self.refuse(node, path, OBJECT);
            return;
        }
        for entry in node.entries().iter().filter(|entry| entry.key != "@type") {
            let path = path_of(path, &entry.key);
            let field =
                message.fields.iter().find(|(name, _)| entry.key == *name || entry.key == camel_case(name));
            match field {
                Some((name, kind)) => {
                    self.spelt_once(node, name, entry, &path);
                    self.field(kind, &entry.node, &path);
                }
                None if message.is_whole => self.unknown(message, entry, &path),
                None => {}
            }
        }
    }

    fn field(&mut self, kind: &Kind, node: &Node, path: &str) {
        if matches!(node.value, Value::Null) {
            return;
        }
        match kind {
            Kind::Text => self.text(node, path),
            Kind::Texts => self.texts(node, path),
            Kind::TextMap | Kind::Object if !node.is_map() => self.refuse(node, path, OBJECT),
            Kind::TextMap => {
                for entry in node.entries() {
                    self.item(&entry.node, &path_of(path, &entry.key));
                }
            }
            Kind::Bool if self.rules.boolean(node).is_none() => self.refuse(node, path, BOOLEAN),
            Kind::WrappedBool if self.rules.wrapped_boolean(node).is_none() => {
                self.refuse(node, path, BOOLEAN);
            }
            Kind::Unsigned => self.unsigned(node, path),
            Kind::Duration if !node.text().is_some_and(is_duration) => {
                self.refuse(node, path, "a duration is needed, in seconds: `2s`, `0.5s`");
            }
            Kind::Message(message) => self.message(message, node, path),
            Kind::Messages(_) if self.wants_a_list(node) => self.refuse(node, path, LIST),
            Kind::Messages(message) => {
                for (index, item) in self.rules.items(node).into_iter().enumerate() {
                    self.message(message, item, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn unsigned(&mut self, node: &Node, path: &str) {
        match (self.rules.unsigned(node), node.text()) {
            (None, _) => self.refuse(node, path, "a whole number is needed"),
            (Some(number), Some(text)) if text.contains(|c: char| !c.is_ascii_digit() && c != '+') => {
                let message = format!("Envoy 1.36 refuses this; write {number}");
                self.findings.push(Finding::warning(path, node.span.clone(), message));
            }
            _ => {}
        }
    }

    fn texts(&mut self, node: &Node, path: &str) {
        if self.wants_a_list(node) {
            self.refuse(node, path, LIST);
        }
        for (index, item) in self.rules.items(node).into_iter().enumerate() {
            self.item(item, &format!("{path}[{index}]"));
        }
    }

    /// One text of a list. Only Envoy reads a missing value as an empty text.
    fn item(&mut self, node: &Node, path: &str) {
        if !matches!(node.value, Value::Null) || self.rules != Rules::Envoy {
            self.text(node, path);
        }
    }

    /// Whether a list is needed, but the value isn't one. Envoy itself accepts that.
    fn wants_a_list(&self, node: &Node) -> bool {
        self.rules != Rules::Envoy && !matches!(node.value, Value::List(_))
    }

    fn text(&mut self, node: &Node, path: &str) {
        let (what, help) = match &node.value {
            Value::Text(_) => return,
            Value::Number(_) => ("a number", Some("put it in quotes")),
            Value::Bool(_) => ("true or false", Some("put it in quotes")),
            Value::List(_) => ("a list", None),
            Value::Map(_) => ("an object", None),
            Value::Null => ("nothing", None),
        };
        let finding = Finding::fault(path, node.span.clone(), format!("{what} where text is needed"));
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn refuse(&mut self, node: &Node, path: &str, message: &str) {
        self.findings.push(Finding::fault(path, head(node), message));
    }

    /// Reports a field that is written in both spellings: it is undefined which one counts.
    fn spelt_once(&mut self, node: &Node, name: &str, entry: &Entry, path: &str) {
        let is_there = |key: &str| {
            node.entries().iter().any(|entry| entry.key == key && !matches!(entry.node.value, Value::Null))
        };
        let camel = camel_case(name);
        if entry.key == camel && camel != name && is_there(name) && is_there(&camel) {
            let message = format!("is the same field as `{name}`, which is also set");
            self.findings.push(Finding::fault(path, entry.span.clone(), message));
        }
    }

    fn unknown(&mut self, message: &Message, entry: &Entry, path: &str) {
        let known = message.fields.iter().map(|(name, _)| *name);
        let near = known
            .map(|name| (strsim::osa_distance(name, &entry.key), name))
            .filter(|(distance, name)| *distance <= 3.min(name.len() / 3))
            .min();
        let guess = near.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
        let what = format!("{} has no such field{guess}", message.name);
        let span = entry.span.clone();
        self.findings.push(match self.rules {
            Rules::Envoy | Rules::Gateway => Finding::fault(path, span, what),
            Rules::Istio => Finding::warning(path, span, format!("Istio ignores it: {what}")),
            Rules::ApiServer => Finding::warning(
                path,
                span,
                format!("kubectl refuses it, and other clients ignore it: {what}"),
            ),
        });
    }
}

const OBJECT: &str = "an object is needed";
const LIST: &str = "a list is needed";
const BOOLEAN: &str = "true or false is needed";

/// The range to show for a value; for a block of several lines, only its start.
fn head(node: &Node) -> Range<usize> {
    match node.value {
        Value::List(_) | Value::Map(_) => node.span.start..node.span.start,
        _ => node.span.clone(),
    }
}

/// Whether protobuf reads a text as a duration: seconds, with at most nine decimal places.
fn is_duration(text: &str) -> bool {
    let Some(seconds) = text.strip_suffix('s') else { return false };
    let seconds = seconds.strip_prefix('-').unwrap_or(seconds);
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && fraction.len() <= 9
}
