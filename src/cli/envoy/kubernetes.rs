//! Kubernetes manifests: Istio's `WasmPlugin`, Envoy Gateway's resources, and resources that contain Envoy's own
//! configuration. Other kinds are skipped.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::{Finding, Severity};
use crate::documents::recognition::looks_like_ours;
use crate::documents::tree::Node;
use crate::envoy::contents::{Contents, Kind, Plugin};
use crate::envoy::crds::WASM_PLUGIN;
use crate::envoy::fields;
use crate::envoy::filters;
use crate::envoy::gateway;
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::{Handed, Origin, Scope};

/// Reads a manifest. Returns the documents within it, and the texts that may be documents, with their paths.
pub fn take<'n>(contents: &mut Contents, node: &'n Node, path: &str, file: &str) -> Vec<(&'n Node, String)> {
    let spec_path = path_of(path, "spec");
    let spec = node.get("spec");
    match (node.text_of("kind").unwrap_or_default(), spec) {
        ("WasmPlugin", Some(spec)) => wasm_plugin(contents, node, spec, &spec_path),
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

fn wasm_plugin(contents: &mut Contents, node: &Node, spec: &Node, path: &str) {
    let configuration = spec.get("pluginConfig");
    let named = [
        spec.text_of("url"),
        spec.text_of("pluginName"),
        node.at(&["metadata", "name"]).and_then(Node::text),
    ];
    let is_named = named.into_iter().flatten().any(|text| text.replace('_', "-").contains("envoy-cognito"));
    if !is_named && !configuration.is_some_and(looks_like_ours) {
        contents.strangers += 1;
        return;
    }
    let place = path_of(path, "pluginConfig");
    if configuration.is_none() {
        let message = "is missing: the filter needs a configuration";
        contents.findings.push(Finding::fault(&place, spec.span.clone(), message));
    }
    fields::check(&WASM_PLUGIN, spec, path, Rules::ApiServer, &mut contents.findings);
    check_wasm_plugin(spec, path, &mut contents.findings);
    let scope = Scope::Vm(vm_environment(spec, path, &mut contents.findings));
    contents.plugins.push(Plugin {
        kind: Kind::WasmPlugin,
        path: place,
        span: configuration.unwrap_or(spec).span.clone(),
        configuration: configuration.cloned(),
        scope,
        document: contents.document,
    });
}

/// Checks how Istio is told to run the filter.
fn check_wasm_plugin(spec: &Node, path: &str, findings: &mut Vec<Finding>) {
    if let Some(entry) = spec.entry("failStrategy") {
        let path = path_of(path, "failStrategy");
        match entry.node.text() {
            Some("FAIL_OPEN") => {
                let message = "FAIL_OPEN lets every request through unchecked when the filter fails";
                let help = "remove it: FAIL_CLOSE is Istio's default";
                findings.push(Finding::fault(path, entry.node.span.clone(), message).help(help));
            }
            Some("FAIL_CLOSE" | "FAIL_RELOAD") => {}
            _ => findings.push(Finding::fault(
                path,
                entry.node.span.clone(),
                "is not one of FAIL_CLOSE, FAIL_OPEN, FAIL_RELOAD",
            )),
        }
    }
    let help = "set `phase: AUTHN`, so that people are signed in before authorization policies and other filters see the request";
    match (spec.entry("phase"), spec.entry("phase").and_then(|entry| entry.node.text())) {
        (_, Some("AUTHN")) => {}
        (Some(entry), Some("AUTHZ" | "STATS" | "UNSPECIFIED_PHASE")) => {
            let message = "other filters see the request before the person is authenticated";
            findings
                .push(Finding::warning(path_of(path, "phase"), entry.node.span.clone(), message).help(help));
        }
        (Some(entry), _) => {
            let message = "is not one of AUTHN, AUTHZ, STATS";
            findings
                .push(Finding::fault(path_of(path, "phase"), entry.node.span.clone(), message).help(help));
        }
        (None, _) => {
            let message = "is missing; the filter then runs as one of the last, after authorization policies";
            findings.push(
                Finding::warning(path_of(path, "phase"), spec.span.start..spec.span.start, message)
                    .help(help),
            );
        }
    }
    if let Some(entry) = spec
        .entry("type")
        .filter(|entry| !matches!(entry.node.text(), Some("HTTP" | "UNSPECIFIED_PLUGIN_TYPE")))
    {
        findings.push(Finding::fault(
            path_of(path, "type"),
            entry.node.span.clone(),
            "the filter is an HTTP filter; remove the `type`",
        ));
    }
}

/// The variables that `vmConfig.env` passes to the VM. The types of the fields are already checked.
fn vm_environment(spec: &Node, path: &str, findings: &mut Vec<Finding>) -> Handed {
    let mut variables: Vec<(String, Origin)> = Vec::new();
    let list = spec.at(&["vmConfig", "env"]).map(Node::items).unwrap_or_default();
    for (index, item) in list.iter().enumerate() {
        let path = path_of(path, &format!("vmConfig.env[{index}]"));
        let mut say = |severity, message: String| {
            findings.push(Finding::new(severity, &path, item.span.clone(), message));
        };
        let Some(name) = item.text_of("name").filter(|name| !name.is_empty()) else {
            say(Severity::Fault, "has no `name`".to_owned());
            continue;
        };
        if variables.iter().any(|(known, _)| known == name) {
            say(Severity::Fault, format!("`{name}` is listed twice"));
        }
        let origin = match (item.text_of("valueFrom"), item.get("value")) {
            (Some("HOST"), Some(_)) => {
                let message =
                    format!("`{name}` has both a `value` and `valueFrom: HOST`, which Istio refuses");
                say(Severity::Fault, message);
                Origin::Host
            }
            (Some("HOST"), None) => Origin::Host,
            (Some("INLINE") | None, value) => {
                if value.is_none() {
                    let message = format!("`{name}` is empty: add `valueFrom: HOST` or a `value`");
                    say(Severity::Warning, message);
                }
                Origin::Literal(value.and_then(Node::text).unwrap_or_default().to_owned())
            }
            (Some(other), _) => {
                say(Severity::Fault, format!("`valueFrom: {other}` is neither INLINE nor HOST"));
                Origin::Host
            }
        };
        variables.push((name.to_owned(), origin));
    }
    Handed { variables, list: "vmConfig.env" }
}
