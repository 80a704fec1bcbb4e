//! What a file holds: configurations of the filter, and what else of it matters to them.

use std::ops::Range;

use crate::documents::finding::Finding;
use crate::documents::tree::Node;
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::Scope;

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
    /// Who reads it.
    pub rules: Rules,
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
    /// Names of HTTP filters that are this one.
    pub filters: Vec<String>,
    /// Names of HTTP filters that a route switches off, and what is to be said if it is this one.
    pub switched_off: Vec<(String, Finding)>,
    /// What is in no tree though nothing is wrong with it, so that nobody knows what is a secret there.
    pub ignored: Vec<Range<usize>>,
    /// What was found wrong on the way.
    pub findings: Vec<Finding>,
    /// Other wasm filters, which are passed over.
    pub strangers: usize,
    /// The document that is being read.
    pub document: usize,
    /// The file's text without the secrets in it, to show lines of.
    pub shown: String,
}
