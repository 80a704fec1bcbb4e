//! Istio's `WasmPlugin`, and `TrafficExtension`, which supersedes it since Istio 1.30.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::{Finding, Severity};
use crate::documents::recognition::looks_like_ours;
use crate::documents::tree::Node;
use crate::envoy::contents::{Contents, Kind, Plugin};
use crate::envoy::crds::{TRAFFIC_EXTENSION, WASM_PLUGIN};
use crate::envoy::fields;
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::{Handed, Origin, Scope};

/// Reads a `WasmPlugin`: everything is in its `spec`.
pub fn wasm_plugin(contents: &mut Contents, node: &Node, spec: &Node, path: &str) {
    if !is_ours(node, spec) {
        contents.strangers += 1;
        return;
    }
    fields::check(&WASM_PLUGIN, spec, path, Rules::ApiServer, &mut contents.findings);
    check_place(spec, path, "UNSPECIFIED_PHASE", &mut contents.findings);
    take(contents, Kind::WasmPlugin, spec, path);
}

/// Reads a `TrafficExtension`: its `spec` says where it applies, and `spec.wasm` what the filter is.
pub fn traffic_extension(contents: &mut Contents, node: &Node, spec: &Node, path: &str) {
    let wasm = spec.get("wasm");
    // A copy of a WasmPlugin that has still everything in `spec`.
    let is_misplaced = wasm.is_none() && (spec.get("pluginConfig").is_some() || spec.get("url").is_some());
    if wasm.is_none() && !is_misplaced || !is_ours(node, wasm.unwrap_or(spec)) {
        contents.strangers += usize::from(wasm.is_some());
        return;
    }
    if is_misplaced {
        let message = "is missing: Istio reads the fields of a wasm filter only below `wasm`";
        let finding = Finding::fault(path_of(path, "wasm"), spec.span.start..spec.span.start, message);
        contents.findings.push(finding.help(
            "move `url`, `failStrategy`, `vmConfig`, `pluginConfig` and what belongs to them below `wasm`",
        ));
    } else {
        fields::check(&TRAFFIC_EXTENSION, spec, path, Rules::ApiServer, &mut contents.findings);
    }
    if let Some(entry) = spec.entry("lua").filter(|_| wasm.is_some()) {
        let message = "Istio refuses `lua` beside `wasm`";
        contents.findings.push(Finding::fault(path_of(path, "lua"), entry.span.clone(), message));
    }
    check_place(spec, path, "UNSPECIFIED", &mut contents.findings);
    let own = wasm.map_or(path.to_owned(), |_| path_of(path, "wasm"));
    take(contents, Kind::TrafficExtension, wasm.unwrap_or(spec), &own);
}

/// Whether the object's name, its URL or its configuration say that it is this filter.
fn is_ours(node: &Node, wasm: &Node) -> bool {
    let named = [
        wasm.text_of("url"),
        wasm.text_of("pluginName"),
        node.at(&["metadata", "name"]).and_then(Node::text),
    ];
    named.into_iter().flatten().any(|text| text.replace('_', "-").contains("envoy-cognito"))
        || wasm.get("pluginConfig").is_some_and(looks_like_ours)
}

/// Reads the fields of the wasm filter, which both kinds have.
fn take(contents: &mut Contents, kind: Kind, wasm: &Node, path: &str) {
    let configuration = wasm.get("pluginConfig");
    let place = path_of(path, "pluginConfig");
    if configuration.is_none() {
        let message = "is missing: the filter needs a configuration";
        contents.findings.push(Finding::fault(&place, wasm.span.clone(), message));
    }
    check_filter(wasm, path, &mut contents.findings);
    let scope = Scope::Vm(vm_environment(wasm, path, &mut contents.findings));
    contents.plugins.push(Plugin {
        kind,
        path: place,
        span: configuration.unwrap_or(wasm).span.clone(),
        configuration: configuration.cloned(),
        scope,
        document: contents.document,
    });
}

/// Checks the filter's phase, and that Istio accepts what it applies to. `unset` is the kind's name for no phase.
fn check_place(spec: &Node, path: &str, unset: &str, findings: &mut Vec<Finding>) {
    let help = "set `phase: AUTHN`, so that people are signed in before authorization policies and other filters see the request";
    let entry = spec.entry("phase");
    let (span, severity, message) = match (entry, entry.and_then(|entry| entry.node.text())) {
        (_, Some("AUTHN")) => (0..0, None, ""),
        (Some(entry), Some(phase)) if phase == unset || matches!(phase, "AUTHZ" | "STATS") => {
            let message = "other filters see the request before the person is authenticated";
            (entry.node.span.clone(), Some(Severity::Warning), message)
        }
        (Some(entry), _) => {
            (entry.node.span.clone(), Some(Severity::Fault), "is not one of AUTHN, AUTHZ, STATS")
        }
        (None, _) => {
            let message = "is missing; the filter then runs as one of the last, after authorization policies";
            (spec.span.start..spec.span.start, Some(Severity::Warning), message)
        }
    };
    let phase = severity.map(|severity| Finding::new(severity, path_of(path, "phase"), span, message));
    findings.extend(phase.map(|finding| finding.help(help)));
    let targets = ["targetRef", "targetRefs"].into_iter().find_map(|key| spec.entry(key));
    if let Some(entry) = targets.filter(|_| spec.get("selector").is_some()) {
        let message = "Istio refuses it beside `selector`";
        findings.push(Finding::fault(path_of(path, &entry.key), entry.span.clone(), message));
    }
}

/// Checks how Istio is told to run the filter.
fn check_filter(wasm: &Node, path: &str, findings: &mut Vec<Finding>) {
    if let Some(entry) = wasm.entry("failStrategy") {
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
    if let Some(entry) = wasm
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
fn vm_environment(wasm: &Node, path: &str, findings: &mut Vec<Finding>) -> Handed {
    let mut variables: Vec<(String, Origin)> = Vec::new();
    let list = wasm.at(&["vmConfig", "env"]).map(Node::items).unwrap_or_default();
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
