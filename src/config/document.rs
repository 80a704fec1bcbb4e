//! The configuration as it was written: JSON text, or the protobuf bytes of a
//! `google.protobuf.Struct` (Envoy passes those on as they are), as one tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::protobuf::{Fields, Value};

/// How deep a document may nest. The configuration's own depth is four.
const MAX_DEPTH: usize = 32;

/// A value of the document.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub enum Node {
    /// `null`, which is as good as absent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number; a Struct knows doubles only.
    Number(f64),
    /// Text, with `${NAME}` still in it.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order it was written in.
    Map(Vec<(String, Node)>),
    /// Text with a reference that couldn't be resolved. The fault is noted; nothing more is to be
    /// said of this value.
    Unresolved,
}

impl Node {
    /// What kind of value this is, for a fault's text.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) | Self::Unresolved => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// Reads a document in either form.
///
/// # Errors
/// With a sentence that says what is wrong, and where.
pub fn parse(bytes: &[u8]) -> Result<Node, String> {
    if bytes.is_empty() {
        return Err("there is none: give the filter a `configuration`".to_owned());
    }
    // A Struct's bytes are never JSON: they begin with a field's tag and length. The reverse holds too,
    // but an error in JSON must be reported as such, so what looks like text is taken for JSON.
    match serde_json::from_slice(bytes) {
        Ok(node) => Ok(node),
        Err(json) if looks_like_text(bytes) => Err(format!("not JSON: {json}")),
        Err(_) => read_struct(bytes, 0).ok_or_else(|| "neither JSON nor a google.protobuf.Struct".to_owned()),
    }
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let text = |c: char| !c.is_control() || c.is_ascii_whitespace();
    let first = bytes.trim_ascii_start().first();
    first == Some(&b'{') && std::str::from_utf8(bytes).is_ok_and(|all| all.chars().all(text))
}

/// `Struct`: entries of `map<string, Value> fields = 1`.
fn read_struct(message: &[u8], depth: usize) -> Option<Node> {
    let mut entries: Vec<(String, Node)> = Vec::new();
    for field in Fields::new(message) {
        let (1, Value::Bytes(entry)) = field? else { return None };
        let (mut key, mut node) = (String::new(), Node::Null);
        for field in Fields::new(entry) {
            match field? {
                (1, Value::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
                (2, Value::Bytes(value)) => node = read_value(value, depth + 1)?,
                _ => return None,
            }
        }
        entries.push((key, node));
    }
    Some(Node::Map(entries))
}

/// `Value`: one of null, number, string, bool, struct and list.
fn read_value(message: &[u8], depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut node = Node::Null;
    for field in Fields::new(message) {
        node = match field? {
            (1, Value::Varint(_)) => Node::Null,
            (2, Value::Fixed64(bits)) => Node::Number(f64::from_bits(bits)),
            (3, Value::Bytes(text)) => Node::Text(String::from_utf8(text.to_vec()).ok()?),
            (4, Value::Varint(flag)) => Node::Bool(flag != 0),
            (5, Value::Bytes(tree)) => read_struct(tree, depth)?,
            (6, Value::Bytes(list)) => read_list(list, depth)?,
            _ => return None,
        };
    }
    Some(node)
}

/// `ListValue`: `repeated Value values = 1`.
fn read_list(message: &[u8], depth: usize) -> Option<Node> {
    let item = |field: Option<(u64, Value<'_>)>| match field? {
        (1, Value::Bytes(value)) => read_value(value, depth + 1),
        _ => None,
    };
    Fields::new(message).map(item).collect::<Option<Vec<Node>>>().map(Node::List)
}

/// JSON, but a key that comes twice in one object is an error: which of the two was meant?
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tree;
        impl<'de> Visitor<'de> for Tree {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
                Ok(Node::Bool(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
                Ok(Node::Number(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
                Ok(Node::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
                Ok(Node::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut nodes = Vec::new();
                while let Some(node) = list.next_element()? {
                    nodes.push(node);
                }
                Ok(Node::List(nodes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
                let mut nodes: Vec<(String, Node)> = Vec::new();
                while let Some((key, node)) = object.next_entry::<String, Node>()? {
                    if nodes.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("`{key}` comes twice")));
                    }
                    nodes.push((key, node));
                }
                Ok(Node::Map(nodes))
            }
        }
        deserializer.deserialize_any(Tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Node {
        Node::Map(vec![
            ("list".to_owned(), Node::List(vec![Node::Number(1.0), Node::Null])),
            ("text".to_owned(), Node::Text("x".to_owned())),
        ])
    }

    #[test]
    fn json_and_struct_are_the_same_tree() {
        assert_eq!(parse(br#" {"list":[1,null],"text":"x"} "#).unwrap(), tree());
        // What Envoy sends for the same document, byte for byte.
        let bytes = b"\x0a\x1d\x0a\x04list\x12\x152\x13\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0?\
                      \x0a\x02\x08\x00\x0a\x02\x08\x00\x0a\x0b\x0a\x04text\x12\x03\x1a\x01x";
        let Node::Map(fields) = parse(bytes).unwrap() else { panic!("not a map") };
        assert_eq!(fields.len(), 2);
        assert_eq!(fields[1], ("text".to_owned(), Node::Text("x".to_owned())));
    }

    #[test]
    fn a_document_that_cannot_be_read_says_why() {
        let check = |bytes: &[u8], needle: &str| {
            let error = parse(bytes).unwrap_err();
            assert!(error.contains(needle), "{error}");
        };
        check(b"", "there is none");
        check(b"{\"a\":1,}", "not JSON");
        check(br#"{"a":{"b":1,"b":2}}"#, "`b` comes twice");
        check(b"\xff\xff", "neither JSON nor");
        check(&[b'{'; 4000], "not JSON");
    }
}
