//! The configuration as it was written, as a tree.

use std::error::Error;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A value of the document.
#[derive(Clone, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub enum Node {
    /// `null`, which counts as absent.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number. A protobuf `Struct` only has doubles.
    Number(f64),
    /// Text that may contain `${NAME}`.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order of the document.
    Map(Vec<(String, Node)>),
    /// Text with a reference that couldn't be resolved. That error is already reported, so this value gets no
    /// other.
    Unresolved,
}

impl Node {
    /// The type of the value, for error messages.
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

/// Why a document can't be read, in words for the operator. It is plain text for every document format: keeping
/// the `serde_json` error would make the filter a kilobyte larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError(String);

impl DocumentError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DocumentError {}

/// The message alone.
impl From<DocumentError> for String {
    fn from(error: DocumentError) -> Self {
        error.0
    }
}

/// Reads a JSON document.
///
/// # Errors
/// If there is none, or it isn't JSON.
pub fn parse(json: &[u8]) -> Result<Node, DocumentError> {
    if json.is_empty() {
        return Err(DocumentError::new("there is none: give the filter a `configuration`"));
    }
    serde_json::from_slice(json).map_err(|error| DocumentError(format!("not JSON: {error}")))
}

/// Reads JSON. A duplicate key in an object is an error, because it is unclear which value was meant.
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
                        return Err(A::Error::custom(format!("`{key}` is set twice")));
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
    fn json_is_read_as_it_is_written() {
        assert_eq!(parse(br#" {"list":[1,null],"text":"x"} "#).unwrap(), tree());
    }

    #[test]
    fn a_document_that_cannot_be_read_says_why() {
        let check = |bytes: &[u8], needle: &str| {
            let error = parse(bytes).unwrap_err().to_string();
            assert!(error.contains(needle), "{error}");
        };
        check(b"", "there is none");
        check(b"{\"a\":1,}", "not JSON");
        check(br#"{"a":{"b":1,"b":2}}"#, "`b` is set twice");
        check(b"\xff\xff", "not JSON");
        check(&[b'{'; 4000], "not JSON");
    }
}
