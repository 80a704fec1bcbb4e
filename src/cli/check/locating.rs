//! Where in the file a setting stands that the filter's core finds fault with.

use std::collections::HashMap;
use std::ops::Range;

use envoy_cognito_core::config::reader::path_of;

use crate::documents::tree::{Node, Value};

/// The places of all settings of a configuration, by the path that the core names them by.
pub struct Index {
    places: HashMap<String, Place>,
}

/// A setting's key, where it has one, and its value.
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Index {
    /// The places of everything below `root`.
    pub fn new(root: &Node) -> Self {
        let mut index = Self { places: HashMap::new() };
        index.add(String::new(), None, root);
        index
    }

    fn add(&mut self, path: String, key: Option<Range<usize>>, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    self.add(path_of(&path, &entry.key), Some(entry.span.clone()), &entry.node);
                }
            }
            Value::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.add(format!("{path}[{number}]"), None, item);
                }
            }
            _ => {}
        }
        self.places.insert(path, Place { key, value: node.span.clone() });
    }

    /// Where a fault of the setting at `path` is shown: at its value; at its key where the key is what is wrong, or
    /// where the value is a block of many lines. What isn't there is shown at what it is missing from.
    pub fn find(&self, path: &str, about_key: bool) -> Range<usize> {
        let mut at = path;
        loop {
            if let Some(place) = self.places.get(at) {
                let is_missing = at != path;
                return match &place.key {
                    Some(key) if about_key || is_missing => key.clone(),
                    _ => place.value.clone(),
                };
            }
            let Some(cut) = at.rfind(['.', '[']) else { break };
            at = at.get(..cut).unwrap_or_default();
        }
        self.places.get("").map_or(0..0, |root| root.value.start..root.value.start)
    }
}
