//! Kubernetes manifests: Istio's and Envoy Gateway's resources, and resources that contain Envoy's own configuration.
//! Other kinds are skipped.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::tree::Node;
use crate::envoy::contents::Contents;
use crate::envoy::filters;
use crate::envoy::gateway;
use crate::envoy::istio;
use crate::envoy::typed_reading::Rules;

/// Reads a manifest. Returns the documents within it, and the texts that may be documents, with their paths.
pub fn take<'n>(contents: &mut Contents, node: &'n Node, path: &str, file: &str) -> Vec<(&'n Node, String)> {
    let spec_path = path_of(path, "spec");
    let spec = node.get("spec");
    match (node.text_of("kind").unwrap_or_default(), spec) {
        ("WasmPlugin", Some(spec)) => istio::wasm_plugin(contents, node, spec, &spec_path),
        ("TrafficExtension", Some(spec)) => istio::traffic_extension(contents, node, spec, &spec_path),
        ("EnvoyExtensionPolicy", Some(spec)) => gateway::extension_policy(contents, spec, &spec_path),
        // Patches that add filters and clusters to Envoy's own configuration.
        (kind @ ("EnvoyFilter" | "EnvoyPatchPolicy" | "EnvoyProxy"), Some(spec)) => {
            let rules = if kind == "EnvoyFilter" { Rules::Istio } else { Rules::Gateway };
            filters::take(contents, spec, &spec_path, file, rules);
            if kind == "EnvoyProxy" {
                gateway::proxy(contents, spec, &spec_path);
            }
            // An EnvoyProxy may contain a bootstrap as text.
            if let Some(value) = spec.at(&["bootstrap", "value"]) {
                return vec![(value, path_of(&spec_path, "bootstrap.value"))];
            }
        }
        ("ServiceEntry", Some(spec)) => {
            let hosts = spec.get("hosts").map(Node::items).unwrap_or_default();
            contents.service_entries.extend(hosts.iter().filter_map(Node::text).map(str::to_owned));
        }
        ("ConfigMap", _) => return files(node, "data", path),
        ("Secret", _) => return files(node, "stringData", path),
        (kind, _) if kind.ends_with("List") => {
            let items = node.get("items").map(Node::items).unwrap_or_default().iter().enumerate();
            return items.map(|(index, item)| (item, path_of(path, &format!("items[{index}]")))).collect();
        }
        _ => {}
    }
    Vec::new()
}

/// The files in a ConfigMap or Secret.
fn files<'n>(node: &'n Node, key: &str, path: &str) -> Vec<(&'n Node, String)> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (&entry.node, path_of(&path_of(path, key), &entry.key))).collect()
}
