//! The content of a file: configurations of the filter, and anything else that matters to them.

use std::ops::Range;

use crate::documents::finding::Finding;
use crate::documents::tree::Node;
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::Scope;

/// What contains a configuration and passes it to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: the configuration alone.
    Plugin,
    /// Part of Envoy's own configuration.
    Envoy,
    /// Istio's `WasmPlugin`.
    WasmPlugin,
    /// Istio's `TrafficExtension`, since Istio 1.30.
    TrafficExtension,
    /// Envoy Gateway's `EnvoyExtensionPolicy`.
    EnvoyExtensionPolicy,
}

impl Kind {
    /// Its name, in reports for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin configuration",
            Self::Envoy => "Envoy configuration",
            Self::WasmPlugin => "Istio WasmPlugin",
            Self::TrafficExtension => "Istio TrafficExtension",
            Self::EnvoyExtensionPolicy => "Envoy Gateway EnvoyExtensionPolicy",
        }
    }
}

/// A configuration of the filter.
#[derive(Debug)]
pub struct Plugin {
    /// What contains it.
    pub kind: Kind,
    /// Its path in the document; empty if it is the whole document.
    pub path: String,
    /// Where it starts.
    pub span: Range<usize>,
    /// The configuration; `None` if it couldn't be read, which is then a finding.
    pub configuration: Option<Node>,
    /// Where its variables are looked up.
    pub scope: Scope,
    /// The number of its document in the file.
    pub document: usize,
}

/// A cluster of Envoy.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its path in the document.
    pub path: String,
    /// The whole cluster.
    pub node: Node,
    /// The number of its document in the file.
    pub document: usize,
    /// Whose rules apply to reading it.
    pub rules: Rules,
}

/// What was found in a file.
#[derive(Default)]
pub struct Contents {
    /// Configurations of the filter.
    pub plugins: Vec<Plugin>,
    /// Clusters.
    pub clusters: Vec<Cluster>,
    /// Hosts that an Istio `ServiceEntry` registers.
    pub service_entries: Vec<String>,
    /// The documents that are a complete bootstrap, and whether each of them gets more clusters at runtime.
    pub bootstraps: Vec<(usize, bool)>,
    /// The bootstraps without the node's id and cluster, which Envoy needs to get secrets by SDS.
    pub unnamed: Vec<usize>,
    /// Domains of virtual hosts, by document.
    pub domains: Vec<(usize, String)>,
    /// Names of the HTTP filters that are this filter.
    pub filters: Vec<String>,
    /// Names of the HTTP filters that a route disables, each with the finding to report if it is this filter.
    pub switched_off: Vec<(String, Finding)>,
    /// Ranges that are in no tree although they are valid. Nothing is known about secrets there.
    pub ignored: Vec<Range<usize>>,
    /// Findings so far.
    pub findings: Vec<Finding>,
    /// Modules of an `EnvoyProxy` that Envoy downloads, by name, each with the finding to report if it is this filter.
    pub downloaded: Vec<(String, Finding)>,
    /// The names by which policies use modules of an `EnvoyProxy` that are this filter.
    pub modules: Vec<String>,
    /// The number of other wasm filters and dynamic modules, which are skipped.
    pub strangers: usize,
    /// The number of the document that is being read.
    pub document: usize,
    /// The file's text with its secrets masked, to show lines from.
    pub shown: String,
}
