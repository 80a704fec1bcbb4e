//! The documents of a file, each read as what it is.

use crate::tool::contents::{Contents, Kind, Plugin, is_ours, looks_like_ours};
use crate::tool::embedded::Places;
use crate::tool::envoy;
use crate::tool::finding::Finding;
use crate::tool::kubernetes;
use crate::tool::masks::masked;
use crate::tool::source::Source;
use crate::tool::tree::Node;
use crate::tool::variables::Scope;
use crate::tool::yaml::Reader;
use crate::tool::{json, yaml};

/// Reads a file.
pub fn read(source: &Source) -> Contents {
    let mut contents = Contents::default();
    let documents = parse(source, &mut contents.findings);
    let is_whole = contents.findings.is_empty();
    for (number, node) in documents.iter().enumerate() {
        contents.document = number;
        take(&mut contents, node, "", &source.text);
    }
    contents.shown = masked(source, &documents, &contents, is_whole);
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
    for inner in yaml::parse(text, Reader::Envoy).nodes {
        take(contents, &inner.moved(&|at| places.of(at)), path, file);
    }
}

/// The documents of a file. What can't be read is noted.
fn parse(source: &Source, findings: &mut Vec<Finding>) -> Vec<Node> {
    let text = source.text.as_str();
    let is_json = source.name.ends_with(".json");
    let mut troubles = Vec::new();
    let mut nodes = Vec::new();
    if is_json || text.trim_start().starts_with(['{', '[']) {
        match json::parse(text, &mut troubles) {
            Ok(node) => nodes.push(node),
            // What begins with a brace may still be YAML.
            Err(_) if !is_json && !yaml::parse(text, Reader::Envoy).cut_short => {}
            Err(trouble) => troubles.push(trouble),
        }
    }
    if nodes.is_empty() && troubles.is_empty() {
        let mut documents = yaml::parse(text, Reader::Envoy);
        if documents.nodes.iter().any(|node| node.get("apiVersion").is_some()) {
            // Kubernetes reads YAML in another way, and no Envoy ever sees such a file.
            documents = yaml::parse(text, Reader::Kubernetes);
        }
        troubles = documents.troubles;
        nodes = documents.nodes;
    }
    findings.extend(troubles.into_iter().map(|trouble| Finding::fault("", trouble.span, trouble.message)));
    nodes
}
