//! The filter as a dynamic module: which of Envoy's filters it is, and how Envoy is told to load it.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::Finding;
use crate::documents::tree::{Entry, Node};
use crate::envoy::fields;
use crate::envoy::messages::DYNAMIC_MODULE_FILTER;
use crate::envoy::typed_reading::Rules;

/// The namespace of the metrics in the documentation, which is the wasm filter's.
const NAMESPACE: &str = "wasmcustom";

/// What happens to requests if Envoy can't download the module.
pub const FAILS_OPEN: &str =
    "if Envoy can't download the module, it leaves the filter out, and every request passes unchecked";

/// Whether it is a `DynamicModuleFilter`, or one of a route.
pub fn is_filter(node: &Node) -> bool {
    match node.text_of("@type") {
        Some(kind) => {
            kind.ends_with(".DynamicModuleFilter") || kind.ends_with(".DynamicModuleFilterPerRoute")
        }
        // In a `TypedStruct`, the type is elsewhere.
        None => {
            node.get("dynamic_module_config").is_some()
                && ["filter_config", "filter_name"].iter().any(|key| node.get(key).is_some())
        }
    }
}

/// Whether names and addresses identify this filter, whatever its configuration looks like.
pub fn names_cognito(node: &Node) -> bool {
    let config = node.get("dynamic_module_config");
    let module = config.and_then(|config| config.get("module"));
    let texts = [
        node.text_of("filter_name"),
        config.and_then(|config| config.text_of("name")),
        module.and_then(|module| module.at(&["local", "filename"])?.text()),
        module.and_then(|module| module.at(&["remote", "http_uri", "uri"])?.text()),
    ];
    texts.into_iter().flatten().any(is_our_name)
}

/// Whether a name or an address is this filter's.
pub fn is_our_name(text: &str) -> bool {
    text.to_ascii_lowercase().replace('-', "_").contains("envoy_cognito")
}

/// Checks everything around the filter's own configuration.
pub fn check(node: &Node, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    fields::check(&DYNAMIC_MODULE_FILTER, node, path, rules, findings);
    if let Some(entry) = node.entry("terminal_filter").filter(|entry| rules.is_true(&entry.node)) {
        let message = "the filter doesn't forward requests itself, so a router must follow it";
        let finding = Finding::fault(path_of(path, &entry.key), entry.span.clone(), message);
        findings.push(finding.help("remove it"));
    }
    let Some(entry) = node.entry("dynamic_module_config") else {
        let message = "is missing: it names the module's file";
        findings.push(Finding::fault(path_of(path, "dynamic_module_config"), start(node), message));
        return;
    };
    let path = path_of(path, &entry.key);
    check_source(&entry.node, &path, rules, findings);
    check_namespace(entry, &path, findings);
}

/// Checks where Envoy gets the module from.
fn check_source(config: &Node, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    let module = config.get("module");
    if module.is_none() && config.text_of("name").is_none_or(str::is_empty) {
        let message = "has neither a `name` nor a `module`, so Envoy finds no file";
        let help = "set `name: envoy_cognito-<version>` for `libenvoy_cognito-<version>.so` in ENVOY_DYNAMIC_MODULES_SEARCH_PATH";
        findings.push(Finding::fault(path, start(config), message).help(help));
    }
    let waits = config.get("nack_on_cache_miss").is_some_and(|node| rules.is_true(node));
    if let Some(remote) = module.and_then(|module| module.entry("remote")).filter(|_| !waits) {
        let path = path_of(&path_of(path, "module"), &remote.key);
        let help = "use a local file; or, where the listener comes from a control plane, set `nack_on_cache_miss: true`, so that Envoy refuses the listener until it has the module";
        findings.push(Finding::fault(path, remote.span.clone(), FAILS_OPEN).help(help));
    }
}

/// Checks how the metrics are called.
fn check_namespace(config: &Entry, path: &str, findings: &mut Vec<Finding>) {
    let set = config.node.entry("metrics_namespace");
    let (span, message) = match set.map(|entry| (entry, entry.node.text())) {
        Some((_, Some(NAMESPACE))) => return,
        Some((entry, Some(name))) if !name.is_empty() => {
            (entry.node.span.clone(), format!("metrics are called `{name}.envoy_cognito.…`"))
        }
        // Already an error.
        Some((_, None)) => return,
        _ => (config.span.clone(), "metrics are called `dynamicmodulescustom.envoy_cognito.…`".to_owned()),
    };
    let message = format!("{message} in /stats; in the documentation, `{NAMESPACE}.envoy_cognito.…`");
    let finding = Finding::warning(path_of(path, "metrics_namespace"), span, message);
    findings.push(finding.help(format!("set `metrics_namespace: {NAMESPACE}`")));
}

const fn start(node: &Node) -> std::ops::Range<usize> {
    node.span.start..node.span.start
}
