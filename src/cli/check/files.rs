//! Reads each document of a file according to its kind.

use crate::check::masks::masked;
use crate::documents::embedded::Places;
use crate::documents::finding::{Finding, Severity};
use crate::documents::parsing::{self, Format, Parsed};
use crate::documents::recognition::{is_envoy_file, is_envoy_piece, is_ours, looks_like_ours};
use crate::documents::source::Source;
use crate::documents::tree::{Node, Value};
use crate::envoy::contents::{Contents, Kind, Plugin};
use crate::envoy::filters;
use crate::envoy::kubernetes;
use crate::envoy::typed_reading::Rules;
use crate::envoy::variables::Scope;

/// Reads a file.
pub fn read(source: &Source) -> Contents {
    let mut contents = Contents::default();
    let parsed = parsing::parse(&source.text, Format::of(&source.name));
    let documents = parsed.nodes.clone();
    if source.has_mark && parsed.is_json && documents.iter().any(is_envoy_file) {
        let message = "it starts with a byte order mark, which Envoy refuses in JSON";
        contents.findings.push(Finding::fault("", 0..0, message));
    }
    take_all(&mut contents, parsed, "", &source.text, None);
    for finding in &mut contents.findings {
        let line = source.text.get(source.line_of(finding.span.start)).unwrap_or_default();
        if finding.unread.is_some() && line.contains("{{") {
            finding.help = Some(TEMPLATE.to_owned());
        }
    }
    contents.shown = masked(source, &documents, &contents);
    contents
}

const TEMPLATE: &str =
    "check the output of the template, not the template itself: `helm template … | envoy-cognito check -`";

/// Reads the documents of a file, or of a text that is a file of its own in the document `outer`.
fn take_all(contents: &mut Contents, parsed: Parsed, path: &str, file: &str, outer: Option<usize>) {
    for trouble in parsed.troubles {
        let finding = Finding::trouble(path, trouble);
        contents.findings.push(match parsed.help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
    let is_envoys = parsed.nodes.iter().any(|node| is_envoy_file(node) && !is_ours(node));
    let at = parsed.nodes.first().map_or(0, |node| node.span.start);
    let about_name = |severity, message| Finding::new(severity, path, at..at, message);
    let misnamed = parsed.misnamed.map(|message| about_name(Severity::Fault, message));
    let note = parsed.note.map(|message| about_name(Severity::Note, message));
    contents.findings.extend(misnamed.into_iter().chain(note).filter(|_| is_envoys));
    contents.ignored.extend(parsed.ignored);
    if let Some(rest) = parsed.rest {
        let finding = Finding::warning(path, rest.start..rest.start, UNREAD).help(JOIN);
        contents.findings.push(Finding { unread: Some(rest), ..finding });
    }
    for (number, node) in parsed.nodes.iter().enumerate() {
        contents.document = outer.unwrap_or(number);
        if number > 0 && is_envoys && !parsed.is_for_kubernetes {
            left_unread(contents, &parsed.nodes, number, path, file);
        } else {
            take(contents, node, path, file);
        }
    }
}

/// Reports that Envoy doesn't read a document. This is an error if the document contains the filter.
fn left_unread(contents: &mut Contents, documents: &[Node], number: usize, path: &str, file: &str) {
    let (Some(first), Some(node)) = (documents.first(), documents.get(number)) else { return };
    if matches!(node.value, Value::Null) {
        return;
    }
    let at = node.span.start..node.span.start;
    if !first.is_map() {
        let message =
            "Envoy reads only the first document of a file; here it is empty, so Envoy refuses the file";
        let finding = Finding::fault(path, at, message);
        contents.findings.push(finding.help("remove the `---` above it"));
        return;
    }
    let mut aside = Contents::default();
    take(&mut aside, node, path, file);
    let severity = if !aside.plugins.is_empty() && contents.plugins.is_empty() {
        Severity::Fault
    } else {
        Severity::Warning
    };
    let finding = Finding::new(severity, path, at, UNREAD).help(JOIN);
    // In an embedded text, nothing else masks the secrets.
    contents.findings.push(Finding { unread: Some(node.span.clone()), ..finding });
}

const UNREAD: &str = "Envoy reads only the first document of a file, and ignores this one";
const JOIN: &str = "merge the documents into one, or put them into separate files";

/// Reads a document, or an item of a list of documents.
fn take(contents: &mut Contents, node: &Node, path: &str, file: &str) {
    if node.text_of("apiVersion").is_some() && node.text_of("kind").is_some() {
        for (inner, path) in kubernetes::take(contents, node, path, file) {
            match inner.text() {
                Some(text) => take_text(contents, inner, text, &path, file),
                None => take(contents, inner, &path, file),
            }
        }
    } else if is_envoy_piece(node) && !is_ours(node) {
        filters::take(contents, node, path, file, Rules::Envoy);
    } else if looks_like_ours(node) {
        contents.plugins.push(Plugin {
            kind: Kind::Plugin,
            path: path.to_owned(),
            span: node.span.clone(),
            configuration: Some(node.clone()),
            scope: Scope::Process,
            document: contents.document,
        });
    }
}

/// Reads a text that is a file of its own, as in a ConfigMap.
fn take_text(contents: &mut Contents, node: &Node, text: &str, path: &str, file: &str) {
    if !["user_pool_id", "wasm", "dynamic_module", "load_assignment"].iter().any(|word| text.contains(word)) {
        return;
    }
    let places = Places::new(file, &node.span, text);
    let moved = |at: usize| places.of(at);
    let mut parsed = parsing::parse(text, Format::of_key(path));
    // If the text isn't YAML at all, only the filter's own settings show that it should be.
    if !text.contains("user_pool_id") {
        parsed.troubles.clear();
    }
    let document = contents.document;
    take_all(contents, parsed.moved(&moved), path, file, Some(document));
}
