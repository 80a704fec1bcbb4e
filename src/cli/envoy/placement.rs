//! How Envoy runs the filter: its place among the other filters, and what happens to requests if it fails.

use envoy_cognito_core::config::reader::path_of;

use crate::documents::finding::{Finding, Severity};
use crate::documents::tree::{Entry, Node, Value};
use crate::envoy::contents::{Kind, Plugin};
use crate::envoy::fields;
use crate::envoy::messages::{FAILURE_POLICIES, HTTP_FILTER};
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::Scope;

/// A list of HTTP filters, and a place in it.
#[derive(Clone, Copy)]
pub struct Chain<'n> {
    /// The list.
    pub filters: &'n [&'n Node],
    /// The place.
    pub place: usize,
    /// Whether the list is everything that a connection manager has, not an excerpt.
    pub is_whole: bool,
}

/// Checks whether the filter can work at its place in the list.
pub fn check_chain(
    Chain { filters, place, is_whole }: Chain<'_>,
    path: &str,
    rules: Rules,
    findings: &mut Vec<Finding>,
) {
    let is_router = |filter: &&Node| {
        let kind = filter.get("typed_config").and_then(|config| config.text_of("@type")).unwrap_or_default();
        kind.ends_with(".router.v3.Router") || filter.text_of("name") == Some("envoy.filters.http.router")
    };
    let Some(own) = filters.get(place) else { return };
    let own_path = path.rsplit_once("].").map_or(path.to_owned(), |(start, _)| format!("{start}]"));
    fields::check(&HTTP_FILTER, own, &own_path, rules, findings);
    if let Some(entry) = own.entry("disabled").filter(|entry| rules.is_true(&entry.node)) {
        let message =
            "the filter is disabled unless a route enables it: all other routes are open to everyone";
        findings.push(Finding::warning(path_of(&own_path, "disabled"), entry.span.clone(), message));
    }
    match filters.iter().position(is_router) {
        Some(router) if router < place => {
            let message = "the router comes before the filter, so no request reaches the filter";
            findings.push(
                Finding::fault(own_path, own.span.start..own.span.start, message)
                    .help("move the filter before `envoy.filters.http.router`"),
            );
        }
        Some(_) => {}
        None => {
            let message = "no router follows the filter; Envoy requires `envoy.filters.http.router` at the end of `http_filters`";
            // The last filter must be one that ends requests. This filter isn't, but another one may be.
            let is_last = is_whole && place + 1 == filters.len();
            let severity = if is_last { Severity::Fault } else { Severity::Warning };
            findings.push(Finding::new(severity, own_path, own.span.start..own.span.start, message));
        }
    }
}

/// Checks what happens to requests if the VM fails. With some settings and versions of Envoy, they pass unchecked.
pub fn check_failure_policy(node: &Node, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    let help = "set `failure_policy: FAIL_RELOAD`: requests get 503 while Envoy replaces a failed VM, and none bypasses the filter";
    if let Some(entry) = node.entry("fail_open").filter(|entry| rules.is_true(&entry.node)) {
        let message = "lets every request through unchecked when the filter fails";
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
    findings.extend(match rules.number_of(&entry.node, &FAILURE_POLICIES) {
        Some(1) => None,
        Some(3) => {
            let message = "FAIL_OPEN lets every request through unchecked when the filter fails";
            Some(Finding::fault(path, span, message).help(help))
        }
        Some(0 | 2) => {
            let message = "after one crash every request gets 503 until Envoy is restarted";
            Some(Finding::warning(path, span, message).help(help))
        }
        // Istio ignores a name that it doesn't know, as if the field were absent.
        None if rules == Rules::Istio && entry.node.text().is_some() => {
            let message = "is not a failure policy that Istio knows, so Istio ignores it";
            Some(Finding::warning(path, span, message).help(help))
        }
        _ => Some(Finding::fault(path, span, "is not one of Envoy's failure policies").help(help)),
    });
}

/// Checks whether a pause of the filter holds back only the headers. It must if the filter keeps forms, and only then.
pub fn check_pauses(
    node: &Node,
    path: &str,
    rules: Rules,
    keeps_forms: Option<&Entry>,
    findings: &mut Vec<Finding>,
) {
    let entry = node.entry("allow_on_headers_stop_iteration");
    let on = entry.filter(|entry| rules.wrapped_boolean(&entry.node) == Some(true));
    match (keeps_forms, on) {
        (None, Some(entry)) => {
            let message = "the filter needs it only with `pages.keep_form: true`; with it, earlier versions of the filter let requests with a body through before the decision";
            let help = "remove it; see `allow_on_headers_stop_iteration` in docs/security.md";
            findings
                .push(Finding::warning(path_of(path, &entry.key), entry.span.clone(), message).help(help));
        }
        (Some(setting), None) => {
            let message =
                "`pages.keep_form` has no effect: Envoy holds bodies back until the filter has decided";
            let help = "set `allow_on_headers_stop_iteration: true` beside `configuration`";
            let place = path_of(path, "allow_on_headers_stop_iteration");
            findings.push(Finding::warning(place, setting.span.clone(), message).help(help));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
}

/// The setting that keeps forms, if it is on.
pub fn keeps_forms(configuration: &Node) -> Option<&Entry> {
    let entry = configuration.get("pages")?.entry("keep_form")?;
    matches!(entry.node.value, Value::Bool(true)).then_some(entry)
}

/// Checks whether a wasm filter that a manifest configures can keep forms.
pub fn check_manifest(plugin: &Plugin) -> Option<Finding> {
    let is_manifest =
        matches!(plugin.kind, Kind::WasmPlugin | Kind::TrafficExtension | Kind::EnvoyExtensionPolicy);
    let is_wasm = is_manifest && matches!(plugin.scope, Scope::Vm(_));
    let setting = plugin.configuration.as_ref().and_then(keeps_forms).filter(|_| is_wasm)?;
    let message = format!(
        "has no effect: no field of {} has Envoy pass bodies to a wasm filter before it has decided",
        plugin.kind.name()
    );
    let help =
        "remove it, or use the native module or an EnvoyFilter with `allow_on_headers_stop_iteration: true`";
    let place = format!("{}.pages.keep_form", plugin.path);
    Some(Finding::warning(place, setting.span.clone(), message).help(help))
}
