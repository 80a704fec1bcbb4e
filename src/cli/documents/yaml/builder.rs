//! Builds trees from the events of the YAML parser.

mod refusals;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, ScalarStyle, ScanError, Span, Tag};

use crate::documents::json::push;
use crate::documents::tree::{Entry, Node, Trouble, Value};
use crate::documents::yaml::places::Places;
use crate::documents::yaml::scalars::{envoys_key, envoys_scalar, kubernetes_scalar, whole};
use crate::documents::yaml::yaml_cpp;

/// The maximum nesting depth, so that a malicious document can't exhaust the stack.
const MAX_DEPTH: usize = 200;

/// How many values aliases may repeat in total: a few lines of aliases could fill any memory.
pub const MAX_REPEATED: usize = 1_000_000;

/// The documents of a stream, up to the point where it can't be read.
#[derive(Default)]
pub struct Documents {
    /// The documents that could be read.
    pub nodes: Vec<Node>,
    /// What is wrong in them: duplicate keys, and the place where reading stopped.
    pub troubles: Vec<Trouble>,
    /// The ranges that Envoy ignores, which are therefore in no tree.
    pub ignored: Vec<Range<usize>>,
    /// Whether reading stopped before the end of the text.
    pub cut_short: bool,
}

/// The software that will read the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// Envoy, with yaml-cpp.
    #[default]
    Envoy,
    /// Kubernetes, with Go's YAML 1.1.
    Kubernetes,
}

impl Reader {
    /// Its name in messages.
    const fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy",
            Self::Kubernetes => "kubectl",
        }
    }
}

/// Why and where reading stopped.
pub struct End {
    pub message: String,
    pub at: usize,
    /// The position of the outermost open bracket.
    pub flow: Option<usize>,
}

/// A list or an object that isn't complete yet.
struct Open {
    start: usize,
    anchor: usize,
    items: Vec<Item>,
    is_map: bool,
    /// Whether it is in brackets or braces.
    is_flow: bool,
    is_ignored: bool,
}

/// An element of a list or an object.
#[derive(Clone)]
struct Item {
    node: Node,
    /// Whether it is tagged `!ignore`. Envoy leaves out a key with this tag, and its value.
    is_ignored: bool,
}

/// Builds trees from the parser's events.
#[derive(Default)]
pub struct Builder<'t> {
    places: Places<'t>,
    reader: Reader,
    open: Vec<Open>,
    anchors: HashMap<usize, Item>,
    repeated: usize,
    /// Where the last event ended.
    last: usize,
    pub documents: Documents,
}

impl<'t> Builder<'t> {
    /// A builder for the text of `places`.
    pub fn new(places: Places<'t>, reader: Reader) -> Self {
        Self { places, reader, ..Self::default() }
    }

    pub fn end_of_reading(&self, error: &ScanError) -> End {
        let at = self.places.of(error.marker().index());
        let flow = self.open.iter().find(|open| open.is_flow).map(|open| open.start);
        let flow = flow.or_else(|| yaml_cpp::flow_between(self.places.text, self.last..at));
        End { message: format!("not YAML: {}", error.info()), at, flow }
    }

    pub fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), End> {
        let (start, end) = self.places.range(span);
        self.last = start;
        match event {
            Event::SequenceStart(anchor, tag) => self.begin(start, anchor, false, tag.as_deref()),
            Event::MappingStart(anchor, tag) => self.begin(start, anchor, true, tag.as_deref()),
            Event::SequenceEnd | Event::MappingEnd => self.end(end),
            Event::Scalar(text, style, anchor, tag) => {
                self.last = end;
                let tag = tag.as_deref();
                let text = self.without_invented_end(text, style, end);
                self.check_scalar(start..end, style);
                let value = match self.reader {
                    Reader::Envoy if self.is_at_key() => Value::Text(envoys_key(&text, style, tag)),
                    Reader::Envoy => envoys_scalar(&text, style, tag),
                    Reader::Kubernetes => kubernetes_scalar(&text, style, tag),
                };
                let is_ignored = self.is_ignored(tag);
                self.add(Item { node: Node { value, span: start..end }, is_ignored }, anchor, false)
            }
            Event::Alias(anchor) => {
                // The parser already reports an alias before its anchor.
                let item = self.anchors.get(&anchor).cloned().unwrap_or_else(|| {
                    self.refuse(start, "an alias inside the value that it repeats".to_owned());
                    Item { node: Node { value: Value::Null, span: start..end }, is_ignored: false }
                });
                self.add(item, 0, true)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    /// Block text as it is written: if the file ends without a line break, the parser adds one to the text.
    fn without_invented_end<'e>(&self, text: Cow<'e, str>, style: ScalarStyle, end: usize) -> Cow<'e, str> {
        let of_lines = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let source = self.places.text;
        let is_last = of_lines && end == source.len() && !source.ends_with(['\n', '\r']);
        match text.strip_suffix('\n') {
            Some(text) if is_last => Cow::Owned(text.to_owned()),
            _ => text,
        }
    }

    fn is_ignored(&self, tag: Option<&Tag>) -> bool {
        self.reader == Reader::Envoy && tag.is_some_and(|tag| whole(tag) == "!ignore")
    }

    /// Whether the next element is a key.
    fn is_at_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_map && open.items.len() % 2 == 0)
    }

    fn begin(&mut self, start: usize, anchor: usize, is_map: bool, tag: Option<&Tag>) -> Result<(), End> {
        if self.open.len() >= MAX_DEPTH {
            return Err(End { message: "is nested too deeply".to_owned(), at: start, flow: None });
        }
        let text = self.places.text;
        let is_flow = text.get(start..).is_some_and(|rest| rest.starts_with(['[', '{']))
            // A block starts at its first key, which may itself be in braces.
            && (is_map == text.get(start..).is_some_and(|rest| rest.starts_with('{')));
        let is_outermost = is_flow && !self.open.iter().any(|open| open.is_flow);
        if is_outermost {
            self.check_commas(start);
        }
        let is_ignored = self.is_ignored(tag);
        self.open.push(Open { start, anchor, items: Vec::new(), is_map, is_flow, is_ignored });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), End> {
        let Some(Open { start, anchor, items, is_map, is_ignored, .. }) = self.open.pop() else {
            return Ok(());
        };
        self.last = end;
        let value = if is_map {
            self.map(items)
        } else {
            Value::List(items.into_iter().map(|item| item.node).collect())
        };
        // A block ends where the next element starts, which may be several lines below.
        self.add(Item { node: Node { value, span: start..end }, is_ignored }, anchor, false)
    }

    /// Pairs up alternating keys and values.
    fn map(&mut self, items: Vec<Item>) -> Value {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        let mut items = items.into_iter();
        while let (Some(Item { node: key, is_ignored }), Some(Item { node, .. })) =
            (items.next(), items.next())
        {
            if is_ignored {
                self.documents.ignored.push(node.span);
                continue;
            }
            let text = match &key.value {
                Value::Text(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Null => String::new(),
                Value::List(_) | Value::Map(_) => {
                    let message = "a key that isn't text".to_owned();
                    let unread = key.span.start..node.span.end;
                    self.documents.troubles.push(Trouble { message, span: key.span, unread });
                    continue;
                }
            };
            if text == "<<" && self.reader == Reader::Kubernetes {
                merged.push(node);
                continue;
            }
            let entry = Entry { key: text, span: key.span, node };
            push(&mut entries, entry, &mut self.documents.troubles);
        }
        merged.into_iter().for_each(|node| merge(&mut entries, node));
        Value::Map(entries)
    }

    fn add(&mut self, item: Item, anchor: usize, is_alias: bool) -> Result<(), End> {
        if is_alias {
            self.repeated += count(&item.node);
        }
        if self.repeated > MAX_REPEATED {
            let message = "aliases repeat too many values".to_owned();
            return Err(End { message, at: item.node.span.start, flow: None });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, item.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(item),
            None => self.documents.nodes.push(item.node),
        }
        Ok(())
    }
}

/// The number of values in a tree.
fn count(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.node)).sum(),
        _ => 0,
    };
    1 + below
}

/// Applies `<<`: adds the pairs of one or more objects, except for keys that already exist.
fn merge(entries: &mut Vec<Entry>, node: Node) {
    let (own, several) = match node.value {
        Value::Map(own) => (own, Vec::new()),
        Value::List(several) => (Vec::new(), several),
        _ => return,
    };
    for entry in own {
        if !entries.iter().any(|known| known.key == entry.key) {
            entries.push(entry);
        }
    }
    several.into_iter().for_each(|node| merge(entries, node));
}
