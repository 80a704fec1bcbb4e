//! Maps a setting's path to its place in the file.

use std::collections::HashMap;
use std::ops::Range;

use envoy_cognito_core::config::reader::path_of;

use crate::documents::tree::{Node, Value};

/// The places of all settings of a configuration, by the paths that the core uses.
pub struct Index {
    places: HashMap<String, Place>,
}

/// A setting's key, if it has one, and its value.
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Index {
    /// Collects the places of everything below `root`.
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

    /// Where to show an error in the setting at `path`: at its value, or at its key if the key is wrong. A missing
    /// setting is shown at the section that lacks it.
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
