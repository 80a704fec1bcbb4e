//! Chooses the parser for a text by its name and content. Envoy itself only looks at the name.

use std::ops::Range;

use crate::documents::recognition::{is_envoy_file, is_envoy_piece, is_for_kubernetes};
use crate::documents::tree::{Node, Trouble};
use crate::documents::yaml::{Documents, Reader};
use crate::documents::{json, yaml};

/// The format of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.yaml` or `.yml`.
    Yaml,
    /// `.json`.
    Json,
    /// Any other name, which Envoy reads as JSON.
    Other,
    /// `.pb` or `.pb_text`, which Envoy reads as protobuf's own formats.
    Protobuf,
    /// No name, or a name that isn't the one Envoy will see.
    Unnamed,
}

impl Format {
    /// The format of a file, by its name. Envoy ignores upper and lower case.
    pub fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
        match () {
            () if name == "<stdin>" => Self::Unnamed,
            () if ends(&[".yaml", ".yml"]) => Self::Yaml,
            () if ends(&[".json"]) => Self::Json,
            () if ends(&[".pb", ".pb_text"]) => Self::Protobuf,
            () => Self::Other,
        }
    }

    /// The format of a text in a ConfigMap, by its key. Other keys may become files with any name.
    pub fn of_key(key: &str) -> Self {
        match Self::of(key) {
            known @ (Self::Yaml | Self::Json) => known,
            _ => Self::Unnamed,
        }
    }
}

/// The result of parsing.
#[derive(Default)]
pub struct Parsed {
    /// Its documents.
    pub nodes: Vec<Node>,
    /// What is wrong with the syntax.
    pub troubles: Vec<Trouble>,
    /// How to correct that, if it isn't obvious.
    pub help: Option<&'static str>,
    /// Whether it was read as JSON.
    pub is_json: bool,
    /// Whether it is for Kubernetes, which reads all its documents.
    pub is_for_kubernetes: bool,
    /// What is wrong with its name, if it is an Envoy file.
    pub misnamed: Option<&'static str>,
    /// A note if an Envoy file has another format than its name says.
    pub note: Option<&'static str>,
    /// The ranges that Envoy ignores.
    pub ignored: Vec<Range<usize>>,
    /// Unreadable text after Envoy's document, which Envoy ignores.
    pub rest: Option<Range<usize>>,
}

impl Parsed {
    /// Maps every place in it with `map`.
    pub fn moved(self, map: &dyn Fn(usize) -> usize) -> Self {
        let nodes = self.nodes.into_iter().map(|node| node.moved(map)).collect();
        let troubles = self.troubles.into_iter().map(|trouble| trouble.moved(map)).collect();
        let moved = |range: Range<usize>| map(range.start)..map(range.end);
        let ignored = self.ignored.into_iter().map(moved).collect();
        Self { nodes, troubles, ignored, rest: self.rest.map(moved), ..self }
    }
}

/// Parses a text.
pub fn parse(text: &str, format: Format) -> Parsed {
    match format {
        Format::Yaml => {
            let is_json = text.trim_start().starts_with('{');
            Parsed { note: is_json.then_some(BY_NAME), ..parse_yaml(text) }
        }
        Format::Json => parse_json(text).unwrap_or_else(|trouble| {
            let help = parse_yaml(text).nodes.iter().any(is_envoy_piece).then_some(NAME);
            Parsed { troubles: vec![trouble], help, is_json: true, ..Parsed::default() }
        }),
        Format::Protobuf => {
            let message = "by its name, this file is in one of protobuf's own formats, which this command can't read; Envoy needs `.yaml` or `.yml` for YAML, and `.json` for JSON";
            let trouble = Trouble { message: message.to_owned(), span: 0..0, unread: 0..text.len() };
            Parsed { troubles: vec![trouble], ..Parsed::default() }
        }
        Format::Other | Format::Unnamed => parse_either(text, format),
    }
}

const BY_NAME: &str = "it contains JSON, but is read as YAML, because Envoy goes by the file's name";
const NAME: &str = "Envoy reads YAML only from a file whose name ends in `.yaml` or `.yml`";

/// Parses a text whose format isn't known by its name. Even a text that starts with a brace may be YAML.
fn parse_either(text: &str, format: Format) -> Parsed {
    let begins_as_json = text.trim_start().starts_with(['{', '[']);
    let json = if begins_as_json { parse_json(text).map_err(Some) } else { Err(None) };
    let trouble = match json {
        Ok(parsed) => return parsed,
        Err(trouble) => trouble,
    };
    let mut parsed = parse_yaml(text);
    match trouble {
        Some(trouble) if parsed.nodes.is_empty() => {
            Parsed { troubles: vec![trouble], is_json: true, ..Parsed::default() }
        }
        _ => {
            let is_misnamed = format == Format::Other && !parsed.is_for_kubernetes;
            parsed.misnamed = is_misnamed.then_some(MISNAMED);
            parsed
        }
    }
}

const MISNAMED: &str = "it contains YAML, but Envoy reads it as JSON because of its name, and refuses it: the name must end in `.yaml` or `.yml`";

/// One JSON document. If it is Envoy's own configuration, it need not be strict.
fn parse_json(text: &str) -> Result<Parsed, Trouble> {
    let mut troubles = Vec::new();
    let node = json::parse(text, &mut troubles).or_else(|trouble| {
        troubles.clear();
        let lenient = json::parse_leniently(text, &mut troubles);
        lenient.ok().filter(is_envoy_file).ok_or(trouble)
    })?;
    let is_for_kubernetes = is_for_kubernetes(&node);
    Ok(Parsed { nodes: vec![node], troubles, is_json: true, is_for_kubernetes, ..Parsed::default() })
}

/// The documents of a YAML text.
fn parse_yaml(text: &str) -> Parsed {
    let mut documents = yaml::parse(text, Reader::Envoy);
    // Kubernetes reads YAML differently, and Envoy never reads such a file.
    let is_for_kubernetes = documents.nodes.iter().any(is_for_kubernetes);
    if is_for_kubernetes {
        documents = yaml::parse(text, Reader::Kubernetes);
    }
    let Documents { nodes, mut troubles, ignored, .. } = documents;
    let mut rest = None;
    if let Some(first) = nodes.first().filter(|first| is_envoy_file(first) && !is_for_kubernetes) {
        let end = end_of_document(text, first.span.end);
        // Errors in a part that nobody reads don't count.
        let (read, unread): (Vec<Trouble>, Vec<Trouble>) =
            troubles.into_iter().partition(|trouble| trouble.span.start < end);
        troubles = read;
        rest = (!unread.is_empty() && nodes.len() == 1).then_some(end..text.len());
    }
    Parsed { nodes, troubles, is_for_kubernetes, ignored, rest, ..Parsed::default() }
}

/// The end of a document whose last value ends at `end`.
fn end_of_document(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let is_end = |line: &str| {
        let behind = ["---", "..."].iter().find_map(|mark| line.strip_prefix(mark));
        behind.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut at = end;
    for line in rest.split_inclusive('\n') {
        if is_end(line) {
            return at;
        }
        at += line.len();
    }
    text.len() + 1
}
