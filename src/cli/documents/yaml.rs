//! YAML with the place of each value, and with the type that the reader of the file gives it: no reader takes an
//! unquoted `yes` or `12` for text.

mod builder;
mod places;
mod scalars;
mod yaml_cpp;

use saphyr_parser::Parser;

use crate::documents::tree::Trouble;
use crate::documents::yaml::builder::{Builder, End};
pub use crate::documents::yaml::builder::{Documents, Reader};
use crate::documents::yaml::places::Places;

/// How often a text may be changed to make more of it readable, and the maximum length of such a text.
const MAX_RELAXED: (usize, usize) = (200, 1_000_000);

/// Reads a stream of documents.
pub fn parse(text: &str, reader: Reader) -> Documents {
    let (mut documents, mut end) = attempt(text, text, reader);
    let mut relaxed: Option<String> = None;
    for _ in 0..MAX_RELAXED.0 {
        let Some(End { message, at, flow }) = end.as_ref().filter(|_| text.len() < MAX_RELAXED.1) else {
            break;
        };
        relaxed = yaml_cpp::relaxed(relaxed.as_deref().unwrap_or(text), message, *at, *flow);
        let Some(relaxed) = &relaxed else { break };
        (documents, end) = attempt(text, relaxed, reader);
    }
    if let Some(End { message, at, .. }) = end {
        let read = documents.nodes.last().map_or(0, |node| node.span.end);
        documents.troubles.push(Trouble { message, span: at..at, unread: read..text.len() });
        documents.cut_short = true;
    }
    documents
}

/// Reads as far as possible. `relaxed` is the text with white space and comments changed.
fn attempt(text: &str, relaxed: &str, reader: Reader) -> (Documents, Option<End>) {
    let mut builder = Builder::new(Places::new(text), reader);
    let mut parser = Parser::new_from_str(relaxed);
    while let Some(event) = parser.next_event() {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(builder.end_of_reading(&error)),
        };
        if let Err(end) = outcome {
            return (builder.documents, Some(end));
        }
    }
    (builder.documents, None)
}

#[cfg(test)]
mod tests;
