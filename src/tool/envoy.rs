//! Envoy's own configuration: the wasm filters in it, what they are handed, and the clusters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::tool::contents::{Cluster, Contents, Kind, Plugin, embedded_json, looks_like_ours};
use crate::tool::finding::{Finding, Severity};
use crate::tool::tree::{Node, Value};
use crate::tool::variables::{Handed, Origin, Scope};
use envoy_cognito::config::reader::path_of;

/// Where a variable is named that the VM shall have.
pub const HOST_ENV_KEYS: &str = "vm_config.environment_variables.host_env_keys";

/// What a piece of Envoy's configuration has at its top, one of them at least.
const TOP: [&str; 18] = [
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
    "config",
    "configuration",
    "load_assignment",
    "node",
    "route_config",
    "filters",
    "config_discovery",
    "layered_runtime",
];

/// Whether a document is a piece of Envoy's configuration.
pub fn is_piece(node: &Node) -> bool {
    let is_list_of_clusters = node.get("clusters").is_some_and(|clusters| !clusters.items().is_empty());
    // A list of filters, or of resources.
    let is_list = node.items().iter().any(Node::is_map);
    is_list || is_list_of_clusters || TOP.iter().any(|key| node.get(key).is_some())
}

/// The list of HTTP filters that something stands in, and its place there.
#[derive(Clone, Copy)]
struct Chain<'n> {
    filters: &'n Node,
    place: usize,
    /// Whether it is all that a connection manager has, not an excerpt.
    is_whole: bool,
}

/// Takes a piece of Envoy's configuration.
pub fn take(contents: &mut Contents, node: &Node, path: &str, file: &str) {
    if node.get("static_resources").is_some() || node.get("dynamic_resources").is_some() {
        let dynamic = node.get("dynamic_resources");
        let more = dynamic.is_some_and(|dynamic| dynamic.get("cds_config").is_some());
        contents.bootstraps.push((contents.document, more));
    }
    walk(contents, node, path, file, None);
    let is_ours = |filter: &String| contents.filters.contains(filter);
    let of_ours =
        std::mem::take(&mut contents.switched_off).into_iter().filter(|(filter, _)| is_ours(filter));
    contents.findings.extend(of_ours.map(|(_, finding)| finding));
}

fn walk(contents: &mut Contents, node: &Node, path: &str, file: &str, chain: Option<Chain<'_>>) {
    if is_plugin(node) {
        plugin(contents, node, path, file, chain);
        return;
    }
    if let Some(name) = node.text_of("name").filter(|_| is_cluster(node)) {
        let (name, path) = (name.to_owned(), path.to_owned());
        contents.clusters.push(Cluster { name, path, node: node.clone(), document: contents.document });
    }
    for (place, item) in node.items().iter().enumerate() {
        walk(contents, item, &format!("{path}[{place}]"), file, chain);
    }
    for entry in node.entries() {
        let path = path_of(path, &entry.key);
        match entry.key.as_str() {
            "http_filters" | "httpFilters" => {
                let is_whole =
                    node.text_of("@type").is_some_and(|kind| kind.ends_with(".HttpConnectionManager"));
                for (place, item) in entry.node.items().iter().enumerate() {
                    let chain = Chain { filters: &entry.node, place, is_whole };
                    walk(contents, item, &format!("{path}[{place}]"), file, Some(chain));
                }
            }
            "domains" => contents.domains.extend(
                entry
                    .node
                    .items()
                    .iter()
                    .filter_map(Node::text)
                    .map(|domain| (contents.document, domain.to_owned())),
            ),
            "typed_per_filter_config" | "typedPerFilterConfig" => {
                of_a_route(contents, &entry.node, &path, file, chain);
            }
            _ => walk(contents, &entry.node, &path, file, chain),
        }
    }
}

/// What a route, or a virtual host, sets for filters by their names.
fn of_a_route(contents: &mut Contents, filters: &Node, path: &str, file: &str, chain: Option<Chain<'_>>) {
    for entry in filters.entries() {
        let path = path_of(path, &entry.key);
        let before = contents.plugins.len();
        walk(contents, &entry.node, &path, file, chain);
        if contents.plugins.len() > before {
            let message = "Envoy takes no wasm filter for a route alone";
            let help = "put the filter in `http_filters`, and tell routes apart by its `rules`";
            contents.findings.push(Finding::fault(&path, entry.span.clone(), message).help(help));
        }
        if let Some(disabled) = entry.node.entry("disabled").filter(|entry| entry.node.is_true()) {
            let message = "no request goes through the filter here: everybody gets in, with whatever identity headers they make up";
            let help = "leave it on, and let everybody in by a rule with `allow: everyone`";
            let finding = Finding::warning(path_of(&path, "disabled"), disabled.span.clone(), message);
            contents.switched_off.push((entry.key.clone(), finding.help(help)));
        }
    }
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

/// Whether it is a `PluginConfig`: what runs in a VM, and how it is configured.
fn is_plugin(node: &Node) -> bool {
    let typed = node.get("configuration").and_then(|configuration| configuration.text_of("@type"));
    node.get("vm_config").is_some() || typed.is_some_and(|kind| kind.contains("google.protobuf."))
}

fn plugin(contents: &mut Contents, node: &Node, path: &str, file: &str, chain: Option<Chain<'_>>) {
    let mut findings = Vec::new();
    let place = path_of(path, "configuration");
    let given = node.get("configuration");
    let (configuration, inner) = match given {
        Some(given) => configuration(given, &place, file, &mut findings),
        None => (None, place.clone()),
    };
    let named = names_cognito(node);
    let looks = configuration.as_ref().is_some_and(looks_like_ours);
    let is_text =
        given.is_some_and(|given| given.text_of("value").is_some_and(|text| text.contains("user_pool_id")));
    if !named && !looks && !is_text {
        contents.strangers += 1;
        return;
    }
    if given.is_none() {
        findings.push(Finding::fault(
            &place,
            node.span.clone(),
            "there is none: give the filter a `configuration`",
        ));
    }
    let scope = Scope::Vm(environment(node, path, &mut findings));
    check_failure_policy(node, path, &mut findings);
    if let Some(chain) = chain {
        check_chain(chain, path, &mut findings);
        let own = chain.filters.items().get(chain.place);
        contents.filters.extend(own.and_then(|own| own.text_of("name")).map(str::to_owned));
    }
    let span = configuration.as_ref().or(given).unwrap_or(node).span.clone();
    contents.findings.append(&mut findings);
    contents.plugins.push(Plugin {
        kind: Kind::Envoy,
        path: inner,
        span,
        configuration,
        scope,
        document: contents.document,
    });
}

/// Whether names and addresses say that this is the filter, whatever its configuration looks like.
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

/// The configuration in an `Any`, and its path.
fn configuration(any: &Node, path: &str, file: &str, findings: &mut Vec<Finding>) -> (Option<Node>, String) {
    let kind = any.text_of("@type").unwrap_or_default();
    let value = any.get("value");
    let inner = path_of(path, "value");
    match kind.rsplit('/').next().unwrap_or_default() {
        "google.protobuf.Struct" => {
            let Some(value) = value else {
                findings.push(Finding::fault(
                    path,
                    any.span.clone(),
                    "has no `value`: the settings stand below it",
                ));
                return (None, inner);
            };
            (Some(value.clone()), inner)
        }
        "google.protobuf.StringValue" => {
            let Some((node, text)) = value.and_then(|value| Some((value, value.text()?))) else {
                let span = value.unwrap_or(any).span.clone();
                findings.push(Finding::fault(
                    &inner,
                    span,
                    "must be text that is JSON; for YAML take a google.protobuf.Struct",
                ));
                return (None, inner);
            };
            (embedded_json(node, text, file, findings, &inner), inner)
        }
        "google.protobuf.BytesValue" => {
            // Protobuf's JSON takes either alphabet, padded or not.
            let plain = |text: &str| text.trim_end_matches('=').replace('-', "+").replace('_', "/");
            let bytes = value.and_then(|value| STANDARD_NO_PAD.decode(plain(value.text()?)).ok());
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            let (Some(node), Some(text)) = (value, text) else {
                findings.push(Finding::fault(&inner, any.span.clone(), "must be base64 of JSON"));
                return (None, inner);
            };
            (
                embedded_json(node, &text, file, findings, &inner)
                    .map(|tree| tree.moved(&|_| node.span.start)),
                inner,
            )
        }
        "" => {
            let message = "has no `@type`; Envoy wants to know what it is";
            let help = "write `\"@type\": type.googleapis.com/google.protobuf.Struct`, and the settings below `value`";
            findings.push(Finding::fault(path, any.span.clone(), message).help(help));
            match value.filter(|value| value.is_map()) {
                Some(value) => (Some(value.clone()), inner),
                None => (Some(any.clone()), path.to_owned()),
            }
        }
        other => {
            let message =
                format!("is a {other}, which the filter doesn't read; take a google.protobuf.Struct");
            findings.push(Finding::fault(path, any.span.clone(), message));
            (None, inner)
        }
    }
}

/// What the VM is handed of the environment.
fn environment(node: &Node, path: &str, findings: &mut Vec<Finding>) -> Handed {
    let mut variables: Vec<(String, Origin)> = Vec::new();
    let given = node.at(&["vm_config", "environment_variables"]);
    let keys = given.and_then(|given| given.get("host_env_keys"));
    for key in keys.map(Node::items).unwrap_or_default() {
        variables.extend(key.text().map(|name| (name.to_owned(), Origin::Host)));
    }
    for entry in given.and_then(|given| given.get("key_values")).map(Node::entries).unwrap_or_default() {
        if variables.iter().any(|(known, _)| *known == entry.key) {
            let path = path_of(path, &format!("vm_config.environment_variables.key_values.{}", entry.key));
            findings.push(Finding::fault(
                path,
                entry.span.clone(),
                "is among `host_env_keys` too; Envoy wants it in one place",
            ));
        }
        let value = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        variables.push((entry.key.clone(), Origin::Literal(value)));
    }
    Handed { variables, list: HOST_ENV_KEYS }
}

/// What happens to requests when the VM fails. By some versions of Envoy they pass unjudged, if it says so.
fn check_failure_policy(node: &Node, path: &str, findings: &mut Vec<Finding>) {
    let help = "write `failure_policy: FAIL_RELOAD`: 503 while a failed VM is replaced, and no request goes past the filter";
    if let Some(entry) = node.entry("fail_open").filter(|entry| entry.node.is_true()) {
        let message = "lets every request through unjudged when the filter fails";
        findings.push(Finding::fault(path_of(path, &entry.key), entry.span.clone(), message).help(help));
        return;
    }
    let Some(entry) = node.entry("failure_policy") else {
        let message = "is missing; what Envoy does when the filter fails then depends on its version";
        let name = node.entry("name").map_or(node.span.clone(), |entry| entry.span.clone());
        findings.push(Finding::warning(path_of(path, "failure_policy"), name, message).help(help));
        return;
    };
    let (path, span) = (path_of(path, &entry.key), entry.node.span.clone());
    // Envoy takes numbers and lower case too.
    let policy = match &entry.node.value {
        Value::Text(text) => text.to_ascii_uppercase(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    match policy.as_str() {
        "FAIL_RELOAD" | "1" => {}
        "FAIL_OPEN" | "3" => {
            let message = "FAIL_OPEN lets every request through unjudged when the filter fails";
            findings.push(Finding::fault(path, span, message).help(help));
        }
        "FAIL_CLOSED" | "2" | "UNSPECIFIED" | "0" => {
            let message = "after one crash every request gets 503 until Envoy is restarted";
            findings.push(Finding::warning(path, span, message).help(help));
        }
        _ => findings.push(Finding::fault(path, span, "is none of Envoy's failure policies").help(help)),
    }
}

/// Whether the filter can do its work where it stands.
fn check_chain(Chain { filters, place, is_whole }: Chain<'_>, path: &str, findings: &mut Vec<Finding>) {
    let is_router = |filter: &Node| {
        let kind = filter.get("typed_config").and_then(|config| config.text_of("@type")).unwrap_or_default();
        kind.ends_with(".router.v3.Router") || filter.text_of("name") == Some("envoy.filters.http.router")
    };
    let Some(own) = filters.items().get(place) else { return };
    let own_path = path.rsplit_once("].").map_or(path.to_owned(), |(start, _)| format!("{start}]"));
    if let Some(entry) = own.entry("disabled").filter(|entry| entry.node.is_true()) {
        let message = "the filter is off unless a route turns it on: other routes are open to everybody";
        findings.push(Finding::warning(path_of(&own_path, "disabled"), entry.span.clone(), message));
    }
    match filters.items().iter().position(is_router) {
        Some(router) if router < place => {
            let message = "the router stands before the filter, so no request ever reaches it";
            findings.push(
                Finding::fault(own_path, own.span.start..own.span.start, message)
                    .help("move the filter in front of `envoy.filters.http.router`"),
            );
        }
        Some(_) => {}
        None => {
            let message = "no router follows the filter; Envoy wants `envoy.filters.http.router` at the end of `http_filters`";
            // Only a filter that ends requests may be the last, which this one isn't and another may be.
            let is_last = is_whole && place + 1 == filters.items().len();
            let severity = if is_last { Severity::Fault } else { Severity::Warning };
            findings.push(Finding::new(severity, own_path, own.span.start..own.span.start, message));
        }
    }
}
