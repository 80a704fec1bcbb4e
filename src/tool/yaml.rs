//! YAML with the place of each value, and with the kind that whoever reads the file gives it: an unquoted
//! `yes` or `12` is text to nobody.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::tool::json::push;
use crate::tool::tree::{Entry, Node, Trouble, Value};

/// How deep a document may nest, so that a made-up one doesn't exhaust the stack.
const MAX_DEPTH: usize = 200;

/// How many values aliases may repeat: a few lines of them could fill any memory.
const MAX_REPEATED: usize = 1_000_000;

/// The documents of a stream, up to where it can't be read any further.
#[derive(Default)]
pub struct Documents {
    /// Those that could be read.
    pub nodes: Vec<Node>,
    /// What is wrong in them: keys that come twice, and where reading came to an end.
    pub troubles: Vec<Trouble>,
    /// Whether reading came to an end before the text did.
    pub cut_short: bool,
}

/// Who reads the file in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// Envoy, by yaml-cpp.
    #[default]
    Envoy,
    /// Kubernetes, by Go's YAML 1.1.
    Kubernetes,
}

/// Reads a stream of documents.
pub fn parse(text: &str, reader: Reader) -> Documents {
    let mut builder = Builder { places: Places::new(text), reader, ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(builder.end_of_reading(&error)),
        };
        if let Err(End { message, at }) = outcome {
            let read = builder.documents.nodes.last().map_or(0, |node| node.span.end);
            builder.documents.troubles.push(Trouble { message, span: at..at, unread: read..text.len() });
            builder.documents.cut_short = true;
            break;
        }
    }
    builder.documents
}

/// Bytes for the characters that the parser counts.
#[derive(Default)]
struct Places<'t> {
    text: &'t str,
    bytes: Vec<usize>,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, bytes: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    /// What an event spans, without the white space that may end it.
    fn range(&self, span: Span) -> (usize, usize) {
        let (start, end) = (self.of(span.start.index()), self.of(span.end.index()));
        let text = self.text.get(start..end).unwrap_or_default();
        (start, start + text.trim_end().len())
    }

    fn of(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}

/// Why and where reading can't go on.
struct End {
    message: String,
    at: usize,
}

/// A list or an object that isn't finished.
struct Open {
    start: usize,
    anchor: usize,
    nodes: Vec<Node>,
    is_map: bool,
}

#[derive(Default)]
struct Builder<'t> {
    places: Places<'t>,
    reader: Reader,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    repeated: usize,
    documents: Documents,
}

impl Builder<'_> {
    fn end_of_reading(&self, error: &ScanError) -> End {
        End { message: format!("not YAML: {}", error.info()), at: self.places.of(error.marker().index()) }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), End> {
        let (start, end) = self.places.range(span);
        match event {
            Event::SequenceStart(anchor, _) => self.begin(start, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(start, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(end),
            Event::Scalar(text, style, anchor, tag) => {
                // To Envoy a key is text, whatever else it could be.
                let is_key = self.open.last().is_some_and(|open| open.is_map && open.nodes.len() % 2 == 0);
                let value = match self.reader {
                    Reader::Envoy if is_key => Value::Text(text.into_owned()),
                    reader => scalar(&text, style, tag.as_deref(), reader),
                };
                self.add(Node { value, span: start..end }, anchor, false)
            }
            Event::Alias(anchor) => {
                // An alias before its anchor is an error of the parser's already.
                let node = self.anchors.get(&anchor).cloned();
                self.add(node.unwrap_or(Node { value: Value::Null, span: start..end }), 0, true)
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, is_map: bool) -> Result<(), End> {
        if self.open.len() >= MAX_DEPTH {
            return Err(End { message: "nests too deep".to_owned(), at: start });
        }
        self.open.push(Open { start, anchor, nodes: Vec::new(), is_map });
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), End> {
        let Some(Open { start, anchor, nodes, is_map }) = self.open.pop() else { return Ok(()) };
        let value = if is_map { self.map(nodes) } else { Value::List(nodes) };
        // A block ends where the next thing begins, which may be lines further on.
        self.add(Node { value, span: start..end }, anchor, false)
    }

    /// Keys and values, one after the other, as pairs.
    fn map(&mut self, nodes: Vec<Node>) -> Value {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        let mut nodes = nodes.into_iter();
        while let (Some(key), Some(node)) = (nodes.next(), nodes.next()) {
            let text = match &key.value {
                Value::Text(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Null => String::new(),
                Value::List(_) | Value::Map(_) => {
                    let message = "a key that is no text".to_owned();
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

    fn add(&mut self, node: Node, anchor: usize, is_alias: bool) -> Result<(), End> {
        if is_alias {
            self.repeated += count(&node);
        }
        if self.repeated > MAX_REPEATED {
            return Err(End { message: "aliases make too much of it".to_owned(), at: node.span.start });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.nodes.push(node),
            None => self.documents.nodes.push(node),
        }
        Ok(())
    }
}

/// How many values a tree has.
fn count(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.node)).sum(),
        _ => 0,
    };
    1 + below
}

/// What `<<` brings in: the pairs of an object, or of several, that aren't there already.
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

/// The value of a scalar.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, reader: Reader) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || (is_text && reader == Reader::Kubernetes) {
        return Value::Text(text.to_owned());
    }
    match text {
        // With a tag, nothing is a text that is empty.
        "" if tag.is_some() => return Value::Text(String::new()),
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        "y" | "Y" if reader == Reader::Envoy => return Value::Bool(true),
        "n" | "N" if reader == Reader::Envoy => return Value::Bool(false),
        _ => {}
    }
    match (integer(text), reader) {
        // Beyond 32 bits Envoy makes a text of it, so as not to lose digits.
        (Some(number), Reader::Envoy) if i32::try_from(number).is_err() => Value::Text(number.to_string()),
        (Some(number), _) => Value::Number(number as f64),
        (None, Reader::Kubernetes) if looks_like_a_fraction(text) => {
            text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Number)
        }
        // A fraction is text to Envoy.
        (None, _) => Value::Text(text.to_owned()),
    }
}

/// A whole number: decimal, hexadecimal (`0x1f`), or octal with a nought in front.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

fn looks_like_a_fraction(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, reader: Reader) -> Node {
        let Documents { mut nodes, troubles, cut_short } = parse(text, reader);
        assert!(troubles.is_empty() && !cut_short, "{troubles:?}");
        nodes.remove(0)
    }

    #[track_caller]
    fn check(text: &str, envoy: &str, kubernetes: &str) {
        let json = |reader| serde_json::to_string(&one(text, reader)).unwrap();
        assert_eq!(json(Reader::Envoy), envoy);
        assert_eq!(json(Reader::Kubernetes), kubernetes);
    }

    // What a real Envoy makes of these, see `envoy_reads_yaml_like_the_command` of tests/tool.
    #[test]
    fn scalars_are_what_their_reader_makes_of_them() {
        check(
            "[on, y, N, tRue, \"yes\"]",
            "[true,true,false,\"tRue\",\"yes\"]",
            "[true,\"y\",\"N\",\"tRue\",\"yes\"]",
        );
        check("[12, +5, 0x1f, 010, 08]", "[12.0,5.0,31.0,8.0,\"08\"]", "[12.0,5.0,31.0,8.0,8.0]");
        check("[12345678901, 1.5, 1e3]", "[\"12345678901\",\"1.5\",\"1e3\"]", "[12345678901.0,1.5,1000.0]");
        check("[~, null, '', !!str 13]", "[null,null,\"\",13.0]", "[null,null,\"\",\"13\"]");
        check("a: !!str\n", "{\"a\":\"\"}", "{\"a\":\"\"}");
        check("a:\n", "{\"a\":null}", "{\"a\":null}");
    }

    #[test]
    fn merge_keys_are_for_kubernetes_alone() {
        let text = "a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  y: 3\n";
        check(
            text,
            r#"{"a":{"x":1.0,"y":2.0},"b":{"<<":{"x":1.0,"y":2.0},"y":3.0}}"#,
            r#"{"a":{"x":1.0,"y":2.0},"b":{"y":3.0,"x":1.0}}"#,
        );
    }

    #[test]
    fn what_is_wrong_is_found_and_what_stands_before_it_kept() {
        let documents = parse("a: 1\na: 2\n---\nb: {\n", Reader::Envoy);
        assert_eq!(documents.nodes.len(), 1);
        assert!(documents.cut_short);
        assert_eq!(documents.troubles[0].message, "`a` comes twice in one object");
        assert!(documents.troubles[1].message.starts_with("not YAML: "));
        assert!(parse(&"[".repeat(5000), Reader::Envoy).cut_short);
    }

    #[test]
    fn aliases_that_blow_up_are_given_up_on() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
        }
        assert!(parse(&text, Reader::Envoy).cut_short);
        // What is written out may be as long as it likes.
        assert!(!parse(&format!("[{}]", "x,".repeat(MAX_REPEATED + 1)), Reader::Envoy).cut_short);
    }
}
