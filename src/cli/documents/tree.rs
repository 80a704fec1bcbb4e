//! A document as a tree, in which every value knows its place in the file.

use std::ops::Range;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Its byte range in the file.
    pub span: Range<usize>,
}

/// A value. The reader of the file determines its type.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in the order of the document.
    Map(Vec<Entry>),
}

/// One key and value of an object.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The place of the key.
    pub span: Range<usize>,
    /// The value.
    pub node: Node,
}

/// A place in a file, and what is wrong there.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Range<usize>,
    /// The text that is in no tree because of it.
    pub unread: Range<usize>,
}

impl Trouble {
    /// Maps every place in it with `map`.
    pub fn moved(self, map: &dyn Fn(usize) -> usize) -> Self {
        Self { message: self.message, span: around(&self.span, map), unread: around(&self.unread, map) }
    }
}

fn around(span: &Range<usize>, map: &dyn Fn(usize) -> usize) -> Range<usize> {
    map(span.start)..map(span.end).max(map(span.start))
}

impl Node {
    /// The value of a key, in either spelling of protobuf's JSON.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, `like_this` or `likeThis`. Null counts as absent.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let other = camel_case(key);
        self.entries().iter().find(|entry| {
            (entry.key == key || entry.key == other) && !matches!(entry.node.value, Value::Null)
        })
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of an object; empty for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; empty for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text at a key.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether it is an object.
    pub const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Maps every place in the tree with `map`.
    pub fn moved(self, map: &dyn Fn(usize) -> usize) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.moved(map)).collect()),
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|Entry { key, span, node }| Entry {
                        key,
                        span: around(&span, map),
                        node: node.moved(map),
                    })
                    .collect(),
            ),
            other => other,
        };
        Self { value, span: around(&self.span, map) }
    }
}

/// `host_env_keys` as `hostEnvKeys`.
pub fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// As JSON, for the filter's core.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|entry| map.serialize_entry(&entry.key, &entry.node))?;
                map.end()
            }
        }
    }
}
