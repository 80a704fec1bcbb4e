//! What counts as a boolean, a number or a text when a document becomes an Envoy message or a Kubernetes object. Each
//! reader has its own rules.

use crate::documents::tree::{Node, Value};

/// Who reads a document. Each reader has its own rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// Envoy, with protobuf's JSON parser for C++: it accepts texts for booleans, names of enum values in any case,
    /// and a single item for a list.
    #[default]
    Envoy,
    /// Istio. It reads the patches of an `EnvoyFilter` with protobuf's JSON parser for Go, and ignores unknown
    /// fields.
    Istio,
    /// Envoy Gateway. It reads the patches of an `EnvoyPatchPolicy` with the same parser, and refuses unknown fields.
    Gateway,
    /// A Kubernetes API server, which validates an object against its schema.
    ApiServer,
}

/// The texts that protobuf's parser for C++ reads as `true`, in any case.
const TRUE: [&str; 5] = ["true", "t", "yes", "y", "1"];
/// The texts that it reads as `false`.
const FALSE: [&str; 5] = ["false", "f", "no", "n", "0"];

impl Rules {
    /// The boolean that a value is read as. `None` if it is refused.
    pub fn boolean(self, node: &Node) -> Option<bool> {
        let is_one_of =
            |texts: &[&str], text: &str| texts.iter().any(|known| known.eq_ignore_ascii_case(text));
        match &node.value {
            Value::Bool(flag) => Some(*flag),
            Value::Text(text) if self == Self::Envoy && is_one_of(&TRUE, text) => Some(true),
            Value::Text(text) if self == Self::Envoy && is_one_of(&FALSE, text) => Some(false),
            _ => None,
        }
    }

    /// The boolean that a `google.protobuf.BoolValue` is read as. Envoy also reads it as a message:
    /// `{ value: true }`.
    pub fn wrapped_boolean(self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Map(entries) if self == Self::Envoy => match entries.as_slice() {
                [] => Some(false),
                [entry] if entry.key == "value" && matches!(entry.node.value, Value::Null) => Some(false),
                [entry] if entry.key == "value" => self.boolean(&entry.node),
                _ => None,
            },
            _ => self.boolean(node),
        }
    }

    /// Whether a value is read as `true`.
    pub fn is_true(self, node: &Node) -> bool {
        self.boolean(node) == Some(true)
    }

    /// The number of an enum value, which is written as its name or its number. `None` if it is neither.
    pub fn number_of(self, node: &Node, names: &[(&str, i32)]) -> Option<i32> {
        let number_where =
            |is: &dyn Fn(&str) -> bool| names.iter().find(|(name, _)| is(name)).map(|(_, number)| *number);
        match (&node.value, self) {
            (Value::Number(number), Self::Envoy | Self::Istio | Self::Gateway) => whole(*number),
            (Value::Text(text), Self::Envoy) => {
                number_where(&|name| name.eq_ignore_ascii_case(text)).or_else(|| text.trim().parse().ok())
            }
            (Value::Text(text), _) => number_where(&|name| name == text),
            _ => None,
        }
    }

    /// A `uint32`, which may be written as text. `None` if it is refused.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    pub fn unsigned(self, node: &Node) -> Option<u32> {
        let number = match &node.value {
            Value::Number(number) => *number,
            Value::Text(text) if self != Self::ApiServer => match text.strip_prefix("0x") {
                Some(digits) => f64::from(u32::from_str_radix(digits, 16).ok()?),
                None if text.starts_with(|c: char| c.is_ascii_digit() || c == '+') => text.parse().ok()?,
                None => return None,
            },
            _ => return None,
        };
        let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        is_whole.then_some(number as u32)
    }

    /// The items of a repeated field. Envoy reads a value that isn't a list as a list of one, and flattens nested
    /// lists.
    pub fn items(self, node: &Node) -> Vec<&Node> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) if self == Self::Envoy => {
                items.iter().flat_map(|item| self.items(item)).collect()
            }
            Value::List(items) => items.iter().collect(),
            _ if self == Self::Envoy => vec![node],
            _ => Vec::new(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i32> {
    let is_whole = number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    is_whole.then_some(number as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node { value: Value::Text(text.to_owned()), span: 0..0 }
    }

    #[test]
    fn only_envoy_takes_texts_for_booleans() {
        for (word, flag) in
            [("true", true), ("Yes", true), ("1", true), ("T", true), ("no", false), ("0", false)]
        {
            assert_eq!(Rules::Envoy.boolean(&text(word)), Some(flag), "{word}");
            assert_eq!(Rules::Istio.boolean(&text(word)), None, "{word}");
        }
        for word in ["on", "off", "", " true", "true ", "1.0"] {
            assert_eq!(Rules::Envoy.boolean(&text(word)), None, "{word}");
        }
    }

    #[test]
    fn enums_are_named_or_numbered() {
        let names = [("FAIL_RELOAD", 1)];
        for word in ["FAIL_RELOAD", "fail_reload", "1", " 1"] {
            assert_eq!(Rules::Envoy.number_of(&text(word), &names), Some(1), "{word}");
        }
        for word in ["fail-reload", "1.0", "", "0x1"] {
            assert_eq!(Rules::Envoy.number_of(&text(word), &names), None, "{word}");
        }
        assert_eq!(Rules::Istio.number_of(&text("FAIL_RELOAD"), &names), Some(1));
        assert_eq!(Rules::Istio.number_of(&text("fail_reload"), &names), None);
        let number = Node { value: Value::Number(1.0), span: 0..0 };
        assert_eq!(Rules::Istio.number_of(&number, &names), Some(1));
        assert_eq!(Rules::ApiServer.number_of(&number, &names), None);
    }
}
