//! What Envoy makes of the filter: where it stands among the others, and what happens to requests when it fails.

use crate::tool::finding::{Finding, Severity};
use crate::tool::tree::{Node, Value};
use envoy_cognito::config::reader::path_of;

/// The list of HTTP filters that something stands in, and its place there.
#[derive(Clone, Copy)]
pub struct Chain<'n> {
    /// The list.
    pub filters: &'n Node,
    /// The place.
    pub place: usize,
    /// Whether it is all that a connection manager has, not an excerpt.
    pub is_whole: bool,
}

/// Whether the filter can do its work where it stands.
pub fn check_chain(Chain { filters, place, is_whole }: Chain<'_>, path: &str, findings: &mut Vec<Finding>) {
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

/// What happens to requests when the VM fails. By some versions of Envoy they pass unjudged, if it says so.
pub fn check_failure_policy(node: &Node, path: &str, findings: &mut Vec<Finding>) {
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
