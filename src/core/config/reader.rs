//! Reads a document section by section and collects all errors, so that an operator can correct them at once
//! instead of one per restart.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::config::document::Node;
use crate::time::parse_duration;

/// An error in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path: `session.keys[0]`; empty for the whole document.
    pub path: String,
    /// The message for the operator. Never contains the value of a secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl Error for ConfigError {}

/// All errors in a document.
#[derive(Debug, Default)]
pub struct ConfigErrors(RefCell<Vec<ConfigError>>);

impl ConfigErrors {
    /// Adds an error.
    pub fn add(&self, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(ConfigError { path: path.into(), message: message.into() });
    }

    /// The errors so far, in order.
    pub fn into_vec(self) -> Vec<ConfigError> {
        self.0.into_inner()
    }
}

/// One error per line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.borrow().iter().enumerate() {
            f.write_str(if number > 0 { "\n" } else { "" })?;
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

/// The path of a key. An empty key is shown as two quotes, because it would be invisible.
pub fn path_of(section: &str, key: &str) -> String {
    let key = if key.is_empty() { "\"\"" } else { key };
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// An object of the document. Each getter marks its key as known, and [`Section::finish`] reports the other
/// keys. An absent section reads as an empty one, so that each default is defined in one place.
pub struct Section<'n> {
    path: String,
    entries: Vec<(&'n str, &'n Node, Cell<bool>)>,
    /// Whether it is an object or absent.
    readable: bool,
    known: RefCell<Vec<&'static str>>,
    faults: &'n ConfigErrors,
}

impl<'n> Section<'n> {
    /// The section of `node`, whose path is `path`.
    pub fn new(path: String, node: Option<&'n Node>, faults: &'n ConfigErrors) -> Self {
        let entries = match node {
            Some(Node::Map(entries)) => {
                entries.iter().map(|(key, node)| (key.as_str(), node, Cell::new(false))).collect()
            }
            None | Some(Node::Null) => Vec::new(),
            Some(other) => {
                faults.add(path.as_str(), format!("{} where an object is needed", other.kind()));
                Vec::new()
            }
        };
        let readable = matches!(node, None | Some(Node::Null | Node::Map(_)));
        Self { path, entries, readable, known: RefCell::default(), faults }
    }

    /// The path of one of its keys.
    pub fn at(&self, key: &str) -> String {
        path_of(&self.path, key)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.readable
    }

    /// Adds an error about the whole section.
    pub fn fault_here(&self, message: impl Into<String>) {
        self.faults.add(self.path.as_str(), message);
    }

    /// Adds an error about one of its keys.
    pub fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.add(self.at(key), message);
    }

    /// Whether a list is present and not empty, valid or not.
    pub fn has_items(&self, key: &str) -> bool {
        self.entries.iter().any(|(found, node, _)| {
            *found == key
                && !matches!(node, Node::Null)
                && !matches!(node, Node::List(list) if list.is_empty())
        })
    }

    /// Whether a key is present, valid or not.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(found, node, _)| *found == key && **node != Node::Null)
    }

    fn node(&self, key: &'static str) -> Option<&'n Node> {
        self.known.borrow_mut().push(key);
        let (_, node, used) = self.entries.iter().find(|(found, ..)| *found == key)?;
        used.set(true);
        (!matches!(node, Node::Null)).then_some(*node)
    }

    fn read<T>(&self, key: &'static str, needed: &str, read: impl Fn(&Node) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = read(node);
        if value.is_none() && *node != Node::Unresolved {
            self.fault(key, format!("{} where {needed} is needed", node.kind()));
        }
        value
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<String> {
        self.read(key, "text", |node| match node {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A text that must be present and not empty. If it is absent, the message shows `example`.
    pub fn required_text(&self, key: &'static str, example: &str) -> String {
        match self.text(key) {
            Some(text) if text.trim().is_empty() => self.fault(key, "is empty"),
            Some(text) => return text,
            None if self.has(key) => {}
            None => self.fault(key, format!("is missing (for example {example})")),
        }
        String::new()
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str, default: bool) -> bool {
        let flag = self.read(key, "true or false", |node| match node {
            Node::Bool(flag) => Some(*flag),
            _ => None,
        });
        flag.unwrap_or(default)
    }

    /// A duration such as `12h` or `90s`.
    pub fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.optional_duration(key).unwrap_or(default)
    }

    /// An optional duration.
    pub fn optional_duration(&self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            self.fault(key, format!("`{text}` is not a valid duration; write 30s, 5m, 12h or 1h30m"));
        }
        duration
    }

    /// A list of texts, each with its index in the list; `None` if there is no list. An invalid item is left
    /// out, and is an error.
    pub fn texts(&self, key: &'static str) -> Option<Vec<(usize, String)>> {
        self.read_texts(key, "a list")
    }

    fn read_texts(&self, key: &'static str, needed: &str) -> Option<Vec<(usize, String)>> {
        let list = self.read(key, needed, |node| match node {
            Node::List(list) => Some(list.clone()),
            _ => None,
        })?;
        let text = |(index, node): (usize, Node)| match node {
            Node::Text(text) => Some((index, text)),
            Node::Unresolved => None,
            other => {
                self.fault(&format!("{key}[{index}]"), format!("{} where text is needed", other.kind()));
                None
            }
        };
        Some(list.into_iter().enumerate().filter_map(text).collect())
    }

    /// A text, which has no index, or a list of texts; empty if it is absent.
    pub fn text_or_texts(&self, key: &'static str) -> Vec<(Option<usize>, String)> {
        match self.node(key) {
            Some(Node::List(_)) => {
                let texts = self.texts(key).unwrap_or_default();
                texts.into_iter().map(|(index, text)| (Some(index), text)).collect()
            }
            _ => self.text(key).into_iter().map(|text| (None, text)).collect(),
        }
    }

    /// The members of an object with names that the operator chooses, each as it was written; `None` if it is absent.
    pub fn members(&self, key: &'static str) -> Option<Vec<(&'n str, &'n Node)>> {
        match self.node(key)? {
            Node::Map(members) => Some(members.iter().map(|(name, node)| (name.as_str(), node)).collect()),
            Node::Unresolved => Some(Vec::new()),
            other => {
                self.fault(key, format!("{} where an object is needed", other.kind()));
                None
            }
        }
    }

    /// The same without the indexes, if no single item can be invalid.
    pub fn plain_texts(&self, key: &'static str) -> Option<Vec<String>> {
        Some(self.texts(key)?.into_iter().map(|(_, text)| text).collect())
    }

    /// A list as in [`Section::texts`] with at least one item, or the word `any`, which gives an empty list.
    pub fn any_or_texts(&self, key: &'static str) -> Option<Vec<(usize, String)>> {
        if matches!(self.node(key), Some(Node::Text(text)) if text == "any") {
            return Some(Vec::new());
        }
        let texts = self.read_texts(key, "`any` or a list")?;
        if texts.is_empty() && !self.has_items(key) {
            self.fault(key, "is empty; write `any` if every value may pass");
            return None;
        }
        Some(texts)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return *choice;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.fault(key, format!("`{text}` is not one of {}", names.join(", ")));
        default
    }

    /// A section within this one; empty if it is absent.
    pub fn section(&self, key: &'static str) -> Section<'n> {
        Section::new(self.at(key), self.node(key), self.faults)
    }

    /// A list of sections.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'n>> {
        match self.node(key) {
            None => Vec::new(),
            Some(Node::List(list)) => list
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    Section::new(self.at(&format!("{key}[{index}]")), Some(node), self.faults)
                })
                .collect(),
            Some(other) => {
                self.fault(key, format!("{} where a list is needed", other.kind()));
                Vec::new()
            }
        }
    }

    /// An object of texts. The operator chooses the keys.
    pub fn text_map(&self, key: &'static str) -> Vec<(String, String)> {
        let section = self.section(key);
        let mut pairs = Vec::new();
        for (name, node, used) in &section.entries {
            used.set(true);
            match node {
                Node::Text(text) => pairs.push(((*name).to_owned(), text.clone())),
                Node::Null | Node::Unresolved => {}
                other => section.fault(name, format!("{} where text is needed", other.kind())),
            }
        }
        pairs
    }

    /// The names in an object of objects that aren't read here. The operator chooses the names.
    pub fn objects(&self, key: &'static str) -> Vec<&'n str> {
        let section = self.section(key);
        for (name, node, _) in &section.entries {
            if !matches!(node, Node::Map(_)) {
                section.fault(name, format!("{} where an object is needed", node.kind()));
            }
        }
        section.entries.iter().map(|(name, ..)| *name).collect()
    }

    /// Marks a key as known if its value is used elsewhere, or not at all. Returns whether the key is present.
    pub fn optional(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    /// Reports the unknown keys, each with the most similar known key.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for (key, _, used) in &self.entries {
            if used.get() {
                continue;
            }
            let nearest = known.iter().min_by_key(|known| strsim::osa_distance(known, key));
            let near = |known: &&&str| strsim::osa_distance(known, key) <= 2.max(key.len() / 3);
            let hint = nearest.filter(near).map(|known| format!("; did you mean `{known}`?"));
            self.fault(key, format!("unknown setting{}", hint.unwrap_or_default()));
        }
    }
}
