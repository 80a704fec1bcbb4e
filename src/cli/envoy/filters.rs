//! Envoy's own configuration: its wasm filters and dynamic modules, what they are configured with, and the clusters.

use std::ops::Range;

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::Finding;
use crate::documents::recognition::looks_like_ours;
use crate::documents::tree::{Entry, Node, Value};
use crate::envoy::any;
use crate::envoy::contents::{Cluster, Contents, Kind, Plugin};
use crate::envoy::fields;
use crate::envoy::messages::PLUGIN_CONFIG;
use crate::envoy::modules;
use crate::envoy::placement::{Chain, check_chain, check_failure_policy, check_pauses, keeps_forms};
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::{Handed, Origin, Scope};

/// The field that names the environment variables that Envoy passes to the VM.
pub const HOST_ENV_KEYS: &str = "vm_config.environment_variables.host_env_keys";

/// Reads a piece of Envoy's configuration.
pub fn take(contents: &mut Contents, node: &Node, path: &str, file: &str, rules: Rules) {
    if node.get("static_resources").is_some() || node.get("dynamic_resources").is_some() {
        let dynamic = node.get("dynamic_resources");
        let more = dynamic.is_some_and(|dynamic| dynamic.get("cds_config").is_some());
        contents.bootstraps.push((contents.document, more));
        let has = |name: &str| {
            let text = node.get("node").and_then(|envoy| envoy.text_of(name));
            text.is_some_and(|text| !text.is_empty())
        };
        if !has("id") || !has("cluster") {
            contents.unnamed.push(contents.document);
        }
    }
    Walk { contents: &mut *contents, file, rules }.node(node, path, None);
    let is_ours = |filter: &String| contents.filters.contains(filter);
    let of_ours =
        std::mem::take(&mut contents.switched_off).into_iter().filter(|(filter, _)| is_ours(filter));
    contents.findings.extend(of_ours.map(|(_, finding)| finding));
}

/// A walk through a piece of Envoy's configuration.
struct Walk<'c> {
    contents: &'c mut Contents,
    file: &'c str,
    rules: Rules,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, path: &str, chain: Option<Chain<'_>>) {
        if is_plugin(node) {
            self.plugin(node, path, chain);
            return;
        }
        if modules::is_filter(node) {
            self.module(node, path, chain);
            return;
        }
        if let Some(name) = node.text_of("name").filter(|_| is_cluster(node)) {
            self.contents.clusters.push(Cluster {
                name: name.to_owned(),
                path: path.to_owned(),
                node: node.clone(),
                document: self.contents.document,
                rules: self.rules,
            });
        }
        for (place, item) in node.items().iter().enumerate() {
            self.node(item, &format!("{path}[{place}]"), chain);
        }
        for entry in node.entries() {
            self.entry(node, entry, &path_of(path, &entry.key), chain);
        }
    }

    fn entry(&mut self, node: &Node, entry: &Entry, path: &str, chain: Option<Chain<'_>>) {
        match entry.key.as_str() {
            "http_filters" | "httpFilters" => self.filters(node, &entry.node, path),
            "domains" => {
                let domains = self.rules.items(&entry.node).into_iter().filter_map(Node::text);
                let document = self.contents.document;
                self.contents.domains.extend(domains.map(|domain| (document, domain.to_owned())));
            }
            "extension_config" | "extensionConfig" => self.behind_a_matcher(entry, path, chain),
            "typed_per_filter_config" | "typedPerFilterConfig" => self.of_a_route(&entry.node, path, chain),
            // Envoy itself converts this `Struct` to a message, whoever passed it on.
            "value" if node.text_of("@type").is_some_and(|kind| kind.ends_with(".TypedStruct")) => {
                let rules = std::mem::take(&mut self.rules);
                self.node(&entry.node, path, chain);
                self.rules = rules;
            }
            _ => self.node(&entry.node, path, chain),
        }
    }

    /// The HTTP filters of a connection manager.
    fn filters(&mut self, manager: &Node, list: &Node, path: &str) {
        let is_whole = manager.text_of("@type").is_some_and(|kind| kind.ends_with(".HttpConnectionManager"));
        let filters = self.rules.items(list);
        for (place, item) in filters.iter().enumerate() {
            let chain = Chain { filters: &filters, place, is_whole };
            self.node(item, &format!("{path}[{place}]"), Some(chain));
        }
    }

    /// A filter that a matcher applies to some requests only.
    fn behind_a_matcher(&mut self, entry: &Entry, path: &str, chain: Option<Chain<'_>>) {
        let before = self.contents.plugins.len();
        self.node(&entry.node, path, chain);
        if self.contents.plugins.len() > before {
            let message = "a matcher decides which requests go through the filter: all others reach the app unchecked, even with forged identity headers";
            let help =
                "put the filter directly into `http_filters`, and distinguish requests with its `rules`";
            self.contents.findings.push(Finding::warning(path, entry.span.clone(), message).help(help));
        }
    }

    /// The settings of a route or virtual host for filters, by filter name.
    fn of_a_route(&mut self, filters: &Node, path: &str, chain: Option<Chain<'_>>) {
        for entry in filters.entries() {
            let path = path_of(path, &entry.key);
            let before = self.contents.plugins.len();
            self.node(&entry.node, &path, chain);
            if let Some(plugin) = self.contents.plugins.get(before) {
                let message = match plugin.scope {
                    Scope::Envoy => {
                        "the filter has no configuration of a single route, so Envoy refuses this"
                    }
                    _ => "Envoy doesn't support a wasm filter for a single route",
                };
                let help = "put the filter into `http_filters`, and distinguish routes with its `rules`";
                self.contents.findings.push(Finding::fault(&path, entry.span.clone(), message).help(help));
            }
            if let Some(disabled) =
                entry.node.entry("disabled").filter(|entry| self.rules.is_true(&entry.node))
            {
                let message = "requests don't go through the filter here: they reach the app unchecked, even with forged identity headers";
                let help = "keep the filter enabled, and add a rule with `allow: everyone`";
                let finding = Finding::warning(path_of(&path, "disabled"), disabled.span.clone(), message);
                self.contents.switched_off.push((entry.key.clone(), finding.help(help)));
            }
        }
    }

    /// A wasm filter.
    fn plugin(&mut self, node: &Node, path: &str, chain: Option<Chain<'_>>) {
        let mut findings = Vec::new();
        let named = names_cognito(node);
        let Some(configured) = self.configured(node, "configuration", path, named, &mut findings) else {
            return;
        };
        fields::check(&PLUGIN_CONFIG, node, path, self.rules, &mut findings);
        let scope = Scope::Vm(environment(node, path, self.rules, &mut findings));
        check_failure_policy(node, path, self.rules, &mut findings);
        let keeps_forms = configured.configuration.as_ref().and_then(keeps_forms);
        check_pauses(node, path, self.rules, keeps_forms, &mut findings);
        self.found(configured, scope, path, chain, findings);
    }

    /// A dynamic module.
    fn module(&mut self, node: &Node, path: &str, chain: Option<Chain<'_>>) {
        let mut findings = Vec::new();
        let named = modules::names_cognito(node);
        let Some(configured) = self.configured(node, "filter_config", path, named, &mut findings) else {
            return;
        };
        modules::check(node, path, self.rules, &mut findings);
        self.found(configured, Scope::Envoy, path, chain, findings);
    }

    /// The configuration that a filter has at a key. `None` if it is another filter, which is counted.
    fn configured(
        &mut self,
        node: &Node,
        key: &str,
        path: &str,
        is_named: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Configured> {
        let place = path_of(path, key);
        let given = node.get(key);
        let (configuration, inner) = match given {
            Some(given) => any::configuration(given, &place, self.file, findings),
            None => (None, place.clone()),
        };
        let looks = configuration.as_ref().is_some_and(looks_like_ours);
        let is_text = given
            .is_some_and(|given| given.text_of("value").is_some_and(|text| text.contains("user_pool_id")));
        if !is_named && !looks && !is_text {
            self.contents.strangers += 1;
            return None;
        }
        if given.is_none() {
            let message = "is missing: the filter needs a configuration";
            findings.push(Finding::fault(&place, node.span.clone(), message));
        }
        let span = configuration.as_ref().or(given).unwrap_or(node).span.clone();
        Some(Configured { configuration, path: inner, span })
    }

    /// Takes the filter, and checks its place among the others.
    fn found(
        &mut self,
        configured: Configured,
        scope: Scope,
        path: &str,
        chain: Option<Chain<'_>>,
        mut findings: Vec<Finding>,
    ) {
        if let Some(chain) = chain {
            check_chain(chain, path, self.rules, &mut findings);
            let own = chain.filters.get(chain.place);
            self.contents.filters.extend(own.and_then(|own| own.text_of("name")).map(str::to_owned));
        }
        self.contents.findings.append(&mut findings);
        let Configured { configuration, path, span } = configured;
        let document = self.contents.document;
        let kind = Kind::Envoy;
        self.contents.plugins.push(Plugin { kind, path, span, configuration, scope, document });
    }
}

/// A configuration of the filter within Envoy's.
struct Configured {
    configuration: Option<Node>,
    path: String,
    span: Range<usize>,
}

fn is_cluster(node: &Node) -> bool {
    [
        "load_assignment",
        "connect_timeout",
        "cluster_type",
        "eds_cluster_config",
        "lb_policy",
        "dns_lookup_family",
    ]
    .iter()
    .any(|key| node.get(key).is_some())
}

/// Whether it is a `PluginConfig`: the code for a VM, and its configuration.
fn is_plugin(node: &Node) -> bool {
    let typed = node.get("configuration").and_then(|configuration| configuration.text_of("@type"));
    node.get("vm_config").is_some() || typed.is_some_and(|kind| kind.contains("google.protobuf."))
}

/// Whether names and addresses identify this filter, whatever its configuration looks like.
fn names_cognito(node: &Node) -> bool {
    let vm = node.get("vm_config");
    let code = vm.and_then(|vm| vm.get("code"));
    let texts = [
        node.text_of("name"),
        node.text_of("root_id"),
        vm.and_then(|vm| vm.text_of("vm_id")),
        code.and_then(|code| code.at(&["local", "filename"])?.text()),
        code.and_then(|code| code.at(&["remote", "http_uri", "uri"])?.text()),
    ];
    texts.into_iter().flatten().any(|text| {
        let text = text.to_ascii_lowercase().replace('-', "_");
        text.contains("envoy_cognito")
    })
}

/// The environment that the VM gets. The types of the fields are already checked.
fn environment(node: &Node, path: &str, rules: Rules, findings: &mut Vec<Finding>) -> Handed {
    let mut variables: Vec<(String, Origin)> = Vec::new();
    let given = node.at(&["vm_config", "environment_variables"]);
    let keys = given.and_then(|given| given.get("host_env_keys")).map(|keys| rules.items(keys));
    for (index, key) in keys.unwrap_or_default().into_iter().enumerate() {
        let Some(name) = key.text() else { continue };
        if variables.iter().any(|(known, _)| known == name) {
            let path = path_of(path, &format!("{HOST_ENV_KEYS}[{index}]"));
            findings.push(Finding::fault(path, key.span.clone(), "is listed twice, which Envoy refuses"));
        }
        variables.push((name.to_owned(), Origin::Host));
    }
    for entry in given.and_then(|given| given.get("key_values")).map(Node::entries).unwrap_or_default() {
        if variables.iter().any(|(known, _)| *known == entry.key) {
            let path = path_of(path, &format!("vm_config.environment_variables.key_values.{}", entry.key));
            findings.push(Finding::fault(
                path,
                entry.span.clone(),
                "is also in `host_env_keys`, and Envoy refuses a variable that is in both",
            ));
        }
        let value = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null => String::new(),
            Value::List(_) | Value::Map(_) => continue,
        };
        variables.push((entry.key.clone(), Origin::Literal(value)));
    }
    Handed { variables, list: HOST_ENV_KEYS }
}
