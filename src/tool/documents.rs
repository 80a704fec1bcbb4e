//! The documents of a file, each read as what it is.

use crate::tool::contents::{Contents, Kind, Plugin, is_ours, looks_like_ours};
use crate::tool::embedded::Places;
use crate::tool::envoy;
use crate::tool::finding::Finding;
use crate::tool::kubernetes;
use crate::tool::masks::masked;
use crate::tool::source::Source;
use crate::tool::tree::{Node, Trouble};
use crate::tool::variables::Scope;
use crate::tool::yaml::Reader;
use crate::tool::{json, yaml};

/// Reads a file.
pub fn read(source: &Source) -> Contents {
    let mut contents = Contents::default();
    let documents = parse(source, &mut contents.findings);
    for (number, node) in documents.iter().enumerate() {
        contents.document = number;
        take(&mut contents, node, "", &source.text);
    }
    contents.shown = masked(source, &documents, &contents);
    contents
}

/// Takes a document, or one within a list of them.
fn take(contents: &mut Contents, node: &Node, path: &str, file: &str) {
    if node.text_of("apiVersion").is_some() && node.text_of("kind").is_some() {
        for (inner, path) in kubernetes::take(contents, node, path, file) {
            match inner.text() {
                Some(text) => take_text(contents, inner, text, &path, file),
                None => take(contents, inner, &path, file),
            }
        }
    } else if envoy::is_piece(node) && !is_ours(node) {
        envoy::take(contents, node, path, file);
    } else if looks_like_ours(node) {
        contents.plugins.push(Plugin {
            kind: Kind::Plugin,
            path: path.to_owned(),
            span: node.span.clone(),
            configuration: Some(node.clone()),
            scope: Scope::Process,
            document: contents.document,
        });
    }
}

/// Takes a text that is a file of its own, as a ConfigMap has them.
fn take_text(contents: &mut Contents, node: &Node, text: &str, path: &str, file: &str) {
    if !["user_pool_id", "wasm", "load_assignment"].iter().any(|word| text.contains(word)) {
        return;
    }
    let places = Places::new(file, &node.span, text);
    let moved = |at: usize| places.of(at);
    let documents = yaml::parse(text, Reader::Envoy);
    // Of a text that is no YAML at all, only the filter's own settings tell that it was meant to be.
    if text.contains("user_pool_id") {
        let troubles = documents.troubles.into_iter();
        contents.findings.extend(troubles.map(|trouble| Finding::trouble(path, trouble.moved(&moved))));
    }
    for inner in documents.nodes {
        take(contents, &inner.moved(&moved), path, file);
    }
}

/// The documents of a file. What can't be read is noted.
fn parse(source: &Source, findings: &mut Vec<Finding>) -> Vec<Node> {
    let (nodes, troubles) = parse_text(&source.text, Format::of(source));
    findings.extend(troubles.into_iter().map(|trouble| {
        let line = source.text.get(source.line_of(trouble.span.start)).unwrap_or_default();
        let is_template = line.contains("{{");
        let finding = Finding::trouble("", trouble);
        if is_template { finding.help(TEMPLATE) } else { finding }
    }));
    nodes
}

const TEMPLATE: &str =
    "check what the template makes, not the template: `helm template … | envoy-cognito check -`";

/// What a file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
    Unknown,
}

impl Format {
    fn of(source: &Source) -> Self {
        match source.name.rsplit('.').next() {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ => Self::Unknown,
        }
    }
}

fn parse_text(text: &str, format: Format) -> (Vec<Node>, Vec<Trouble>) {
    if format == Format::Json || text.trim_start().starts_with(['{', '[']) {
        let mut troubles = Vec::new();
        match json::parse(text, &mut troubles) {
            Ok(node) => return (vec![node], troubles),
            // What begins with a brace may still be YAML.
            Err(_) if format == Format::Yaml => {}
            Err(_) if format == Format::Unknown && !yaml::parse(text, Reader::Envoy).cut_short => {}
            Err(trouble) => return (Vec::new(), vec![trouble]),
        }
    }
    let mut documents = yaml::parse(text, Reader::Envoy);
    if documents.nodes.iter().any(|node| node.get("apiVersion").is_some()) {
        // Kubernetes reads YAML in another way, and no Envoy ever sees such a file.
        documents = yaml::parse(text, Reader::Kubernetes);
    }
    (documents.nodes, documents.troubles)
}
