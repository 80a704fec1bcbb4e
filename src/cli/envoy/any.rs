//! The filter's configuration in a `google.protobuf.Any`: a `Struct`, a `StringValue` or a `BytesValue`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use envoy_cognito_core::config::reader::path_of;

use crate::documents::embedded::Places;
use crate::documents::finding::Finding;
use crate::documents::json;
use crate::documents::tree::Node;

/// The configuration in an `Any`, and its path.
pub fn configuration(
    any: &Node,
    path: &str,
    file: &str,
    findings: &mut Vec<Finding>,
) -> (Option<Node>, String) {
    let inner = path_of(path, "value");
    let value = any.get("value");
    let kind = any.text_of("@type").unwrap_or_default();
    let read = match kind.rsplit('/').next().unwrap_or_default() {
        "google.protobuf.Struct" => {
            if value.is_none() {
                let message = "has no `value`, which must contain the settings";
                findings.push(Finding::fault(path, any.span.clone(), message));
            }
            value.cloned()
        }
        "google.protobuf.StringValue" => {
            if let Some((node, text)) = value.and_then(|value| Some((value, value.text()?))) {
                embedded_json(node, text, file, findings, &inner)
            } else {
                let span = value.unwrap_or(any).span.clone();
                let message = "must be a text that contains JSON; for YAML, use a google.protobuf.Struct";
                findings.push(Finding::fault(&inner, span, message));
                None
            }
        }
        "google.protobuf.BytesValue" => {
            if let Some((node, text)) = value.and_then(|value| Some((value, bytes(value)?))) {
                // The decoded bytes have no places of their own in the file.
                embedded_json(node, &text, file, findings, &inner)
                    .map(|tree| tree.moved(&|_| node.span.start))
            } else {
                findings.push(Finding::fault(&inner, any.span.clone(), "must be base64-encoded JSON"));
                None
            }
        }
        "" => {
            let message = "has no `@type`, which Envoy requires";
            let help = "add `\"@type\": type.googleapis.com/google.protobuf.Struct`, and put the settings below `value`";
            findings.push(Finding::fault(path, any.span.clone(), message).help(help));
            match value.filter(|value| value.is_map()) {
                Some(value) => Some(value.clone()),
                None => return (Some(any.clone()), path.to_owned()),
            }
        }
        other => {
            let message =
                format!("is a {other}, which the filter doesn't read; use a google.protobuf.Struct");
            findings.push(Finding::fault(path, any.span.clone(), message));
            None
        }
    };
    (read, inner)
}

/// The text in a `BytesValue`: base64 in either alphabet, padded or not, as in protobuf's JSON.
fn bytes(value: &Node) -> Option<String> {
    let plain = value.text()?.trim_end_matches('=').replace('-', "+").replace('_', "/");
    String::from_utf8(STANDARD_NO_PAD.decode(plain).ok()?).ok()
}

/// A configuration in a text that is JSON.
///
/// # Errors
/// If it isn't JSON; the finding is at its place in the file.
fn embedded_json(
    node: &Node,
    text: &str,
    file: &str,
    findings: &mut Vec<Finding>,
    path: &str,
) -> Option<Node> {
    let places = Places::new(file, &node.span, text);
    let moved = |at: usize| places.of(at);
    let mut troubles = Vec::new();
    let parsed = json::parse(text, &mut troubles);
    findings.extend(troubles.into_iter().map(|trouble| Finding::trouble(path, trouble.moved(&moved))));
    match parsed {
        Ok(node) => Some(node.moved(&moved)),
        Err(trouble) => {
            let finding = Finding::trouble(path, trouble.moved(&moved));
            let is_yaml = !text.trim_start().starts_with(['{', '[']);
            findings.push(if is_yaml {
                finding.help("for YAML, use a google.protobuf.Struct")
            } else {
                finding
            });
            None
        }
    }
}
