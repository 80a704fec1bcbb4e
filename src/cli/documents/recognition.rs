//! Recognises a document by its keys.

use crate::documents::tree::Node;
use crate::settings::{self, Mark};

/// The top-level keys of a piece of Envoy's configuration. It has at least one of them.
const TOP: [&str; 19] = [
    "static_resources",
    "dynamic_resources",
    "admin",
    "resources",
    "listeners",
    "filter_chains",
    "http_filters",
    "typed_config",
    "@type",
    "vm_config",
    "dynamic_module_config",
    "config",
    "configuration",
    "load_assignment",
    "node",
    "route_config",
    "filters",
    "config_discovery",
    "layered_runtime",
];

/// The keys of a complete Envoy file: a bootstrap, or resources that Envoy reads from a file.
const WHOLE: [&str; 4] = ["static_resources", "dynamic_resources", "resources", "admin"];

/// Whether a document is a piece of Envoy's configuration.
pub fn is_envoy_piece(node: &Node) -> bool {
    let is_list_of_clusters =
        node.get("clusters").is_some_and(|clusters| clusters.items().iter().any(Node::is_map));
    // A list of filters or resources.
    let is_list = node.items().iter().any(Node::is_map);
    is_list || is_list_of_clusters || TOP.iter().any(|key| node.get(key).is_some())
}

/// Whether a document is a complete file that Envoy reads by itself.
pub fn is_envoy_file(node: &Node) -> bool {
    WHOLE.iter().any(|key| node.get(key).is_some())
}

/// Whether an object is a configuration of the filter, even an invalid one.
pub fn looks_like_ours(node: &Node) -> bool {
    let near = |key: &str| marks(Mark::Likely).any(|known| strsim::osa_distance(known, key) <= 1);
    node.is_map() && node.entries().iter().any(|entry| near(&entry.key))
}

/// Whether an object can only be a configuration of the filter.
pub fn is_ours(node: &Node) -> bool {
    marks(Mark::Certain).any(|key| node.get(key).is_some())
}

/// The settings with at least this mark.
fn marks(least: Mark) -> impl Iterator<Item = &'static str> {
    settings::all().filter(move |setting| setting.mark >= least).map(|setting| setting.path)
}

/// Whether a document is a Kubernetes manifest.
pub fn is_for_kubernetes(node: &Node) -> bool {
    node.get("apiVersion").is_some()
}
