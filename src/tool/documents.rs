//! What a file holds: which documents, and where in them a configuration of the filter.

use std::ops::Range;

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

/// What hands a configuration to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is the configuration alone.
    Plugin,
    /// A piece of Envoy's own configuration.
    Envoy,
    /// Istio's `WasmPlugin`.
    WasmPlugin,
    /// Envoy Gateway's `EnvoyExtensionPolicy`.
    EnvoyExtensionPolicy,
}

impl Kind {
    /// Its name for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin configuration",
            Self::Envoy => "Envoy configuration",
            Self::WasmPlugin => "Istio WasmPlugin",
            Self::EnvoyExtensionPolicy => "Envoy Gateway EnvoyExtensionPolicy",
        }
    }
}

/// A configuration of the filter.
#[derive(Debug)]
pub struct Plugin {
    /// What hands it to the filter.
    pub kind: Kind,
    /// Its path in the document; empty where it is the document.
    pub path: String,
    /// Where it begins.
    pub span: Range<usize>,
    /// The configuration; `None` where there is none that could be read, which is a finding then.
    pub configuration: Option<Node>,
    /// Where its variables are looked up.
    pub scope: Scope,
    /// The number of its document in the file.
    pub document: usize,
}

/// A cluster of Envoy's.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its path in the document.
    pub path: String,
    /// All of it.
    pub node: Node,
    /// The number of its document in the file.
    pub document: usize,
}

/// What was found in a file.
#[derive(Default)]
pub struct Contents {
    /// Configurations of the filter.
    pub plugins: Vec<Plugin>,
    /// Clusters.
    pub clusters: Vec<Cluster>,
    /// Hosts that an Istio `ServiceEntry` makes known.
    pub service_entries: Vec<String>,
    /// The documents that are a whole bootstrap, and whether each gets more clusters while it runs.
    pub bootstraps: Vec<(usize, bool)>,
    /// Domains of virtual hosts, by document.
    pub domains: Vec<(usize, String)>,
    /// What was found wrong on the way.
    pub findings: Vec<Finding>,
    /// Other wasm filters, which are passed over.
    pub strangers: usize,
    /// The document that is being read.
    pub document: usize,
    /// The file's text without the secrets in it, to show lines of.
    pub shown: String,
}

impl Contents {
    /// Reads a file.
    pub fn of(source: &Source) -> Self {
        let mut contents = Self::default();
        let documents = read(source, &mut contents.findings);
        let is_whole = contents.findings.is_empty();
        for (number, node) in documents.iter().enumerate() {
            contents.document = number;
            contents.take(node, "", &source.text);
        }
        contents.shown = masked(source, &documents, &contents, is_whole);
        contents
    }

    /// Takes a document, or an object within a list of them.
    pub fn take(&mut self, node: &Node, path: &str, file: &str) {
        if node.text_of("apiVersion").is_some() && node.text_of("kind").is_some() {
            kubernetes::take(self, node, path, file);
        } else if envoy::is_piece(node) {
            envoy::take(self, node, path, file);
        } else if looks_like_ours(node) {
            self.plugins.push(Plugin {
                kind: Kind::Plugin,
                path: path.to_owned(),
                span: node.span.clone(),
                configuration: Some(node.clone()),
                scope: Scope::Process,
                document: self.document,
            });
        }
    }

    /// Takes a text that is a document of its own, such as a file within a ConfigMap.
    pub fn take_text(&mut self, node: &Node, path: &str, file: &str) {
        let Some(text) = node.text() else { return };
        if !["user_pool_id", "wasm"].iter().any(|word| text.contains(word)) {
            return;
        }
        let places = Places::new(file, &node.span, text);
        for inner in yaml::parse(text, Reader::Envoy).nodes {
            self.take(&inner.moved(&|at| places.of(at)), path, file);
        }
    }
}

/// The documents of a file. What can't be read is noted.
fn read(source: &Source, findings: &mut Vec<Finding>) -> Vec<Node> {
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

/// The settings that tell a configuration of the filter from anything else.
const OUR_SETTINGS: [&str; 12] = [
    "user_pool_id",
    "client_id",
    "client_secret",
    "domain",
    "pools",
    "session",
    "scopes",
    "rules",
    "roles",
    "bearer",
    "public_url",
    "authorize_params",
];

/// Whether an object is a configuration of the filter, be it with faults.
pub fn looks_like_ours(node: &Node) -> bool {
    let near = |key: &str| OUR_SETTINGS.iter().any(|known| strsim::osa_distance(known, key) <= 1);
    node.is_map() && node.entries().iter().any(|entry| near(&entry.key))
}

/// A configuration that stands in a text as JSON.
///
/// # Errors
/// Where it doesn't; said at its place in the file.
pub fn embedded_json(
    node: &Node,
    text: &str,
    file: &str,
    findings: &mut Vec<Finding>,
    path: &str,
) -> Option<Node> {
    let places = Places::new(file, &node.span, text);
    let moved = |span: Range<usize>| places.of(span.start)..places.of(span.end).max(places.of(span.start));
    let mut troubles = Vec::new();
    let parsed = json::parse(text, &mut troubles);
    let (parsed, trouble) = match parsed {
        Ok(parsed) => (Some(parsed.moved(&|at| places.of(at))), None),
        Err(trouble) => (None, Some(trouble)),
    };
    for trouble in troubles.into_iter().chain(trouble) {
        findings.push(Finding::fault(path, moved(trouble.span), trouble.message));
    }
    parsed
}
