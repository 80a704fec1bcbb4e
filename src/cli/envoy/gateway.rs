//! Envoy Gateway's resources: the filters of an `EnvoyExtensionPolicy`, and the dynamic modules of an `EnvoyProxy`.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::Finding;
use crate::documents::recognition::looks_like_ours;
use crate::documents::tree::{Entry, Node};
use crate::envoy::contents::{Contents, Kind, Plugin};
use crate::envoy::crds::{DYNAMIC_MODULE_EXTENSION, WASM_EXTENSION};
use crate::envoy::fields;
use crate::envoy::messages::Message;
use crate::envoy::modules::{FAILS_OPEN, is_our_name};
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::{Handed, Origin, Scope};

/// Reads the filters of an `EnvoyExtensionPolicy`.
pub fn extension_policy(contents: &mut Contents, spec: &Node, path: &str) {
    for (filter, path) in listed(spec, "wasm", path) {
        let code = filter.get("code");
        let named = [
            filter.text_of("name"),
            code.and_then(|code| code.at(&["image", "url"])?.text()),
            code.and_then(|code| code.at(&["http", "url"])?.text()),
        ];
        if !is_ours(contents, filter, &named) {
            continue;
        }
        read(contents, filter, &path, &WASM_EXTENSION, |filter| {
            let keys = filter.at(&["env", "hostKeys"]).map(Node::items).unwrap_or_default();
            let variables =
                keys.iter().filter_map(Node::text).map(|name| (name.to_owned(), Origin::Host)).collect();
            Scope::Vm(Handed { variables, list: "env.hostKeys" })
        });
        let message = "lets every request through unchecked when the filter fails";
        refuse_true(contents, filter, &path, "failOpen", message);
    }
    for (filter, path) in listed(spec, "dynamicModule", path) {
        let name = filter.text_of("name");
        if !is_ours(contents, filter, &[name, filter.text_of("filterName")]) {
            continue;
        }
        contents.modules.extend(name.map(str::to_owned));
        read(contents, filter, &path, &DYNAMIC_MODULE_EXTENSION, |_| Scope::Envoy);
        let message = "the filter doesn't forward requests itself, so a backend must follow it";
        refuse_true(contents, filter, &path, "terminalFilter", message);
    }
}

/// Reads the dynamic modules of an `EnvoyProxy`.
pub fn proxy(contents: &mut Contents, spec: &Node, path: &str) {
    for (module, path) in listed(spec, "dynamicModules", path) {
        let Some(source) = module.get("source") else { continue };
        let Some(remote) = source.entry("remote") else { continue };
        let name = module.text_of("name").unwrap_or_default();
        // Envoy Gateway has no setting like Envoy's `nack_on_cache_miss`.
        let finding = Finding::fault(path_of(&path, "source.remote"), remote.span.clone(), FAILS_OPEN);
        let finding = finding.help(
            "use `type: Local`, and bring the file into the Envoys' pods: see envoy/envoy-gateway/README.md",
        );
        if [Some(name), remote.node.text_of("url")].into_iter().flatten().any(is_our_name) {
            contents.findings.push(finding);
        } else {
            contents.downloaded.push((name.to_owned(), finding));
        }
    }
}

/// The items of a list in the `spec`, with their paths.
fn listed<'n>(spec: &'n Node, key: &str, path: &str) -> Vec<(&'n Node, String)> {
    let items = spec.get(key).map(Node::items).unwrap_or_default().iter().enumerate();
    items.map(|(index, item)| (item, path_of(path, &format!("{key}[{index}]")))).collect()
}

/// Whether a filter is this one. Others are counted.
fn is_ours(contents: &mut Contents, filter: &Node, names: &[Option<&str>]) -> bool {
    let is_ours = names.iter().flatten().any(|name| is_our_name(name))
        || filter.get("config").is_some_and(looks_like_ours);
    if !is_ours {
        contents.strangers += 1;
    }
    is_ours
}

/// Takes a filter of a policy.
fn read(
    contents: &mut Contents,
    filter: &Node,
    path: &str,
    message: &Message,
    scope: impl FnOnce(&Node) -> Scope,
) {
    let configuration = filter.get("config");
    let place = path_of(path, "config");
    if configuration.is_none() {
        let message = "is missing: the filter needs a configuration";
        contents.findings.push(Finding::fault(&place, filter.span.clone(), message));
    }
    fields::check(message, filter, path, Rules::ApiServer, &mut contents.findings);
    contents.plugins.push(Plugin {
        kind: Kind::EnvoyExtensionPolicy,
        path: place,
        span: configuration.unwrap_or(filter).span.clone(),
        configuration: configuration.cloned(),
        scope: scope(filter),
        document: contents.document,
    });
}

/// Reports a field that must not be true.
fn refuse_true(contents: &mut Contents, filter: &Node, path: &str, key: &str, message: &str) {
    let is_true = |entry: &&Entry| Rules::ApiServer.is_true(&entry.node);
    if let Some(entry) = filter.entry(key).filter(is_true) {
        let finding = Finding::fault(path_of(path, key), entry.node.span.clone(), message);
        contents.findings.push(finding.help("remove it"));
    }
}
