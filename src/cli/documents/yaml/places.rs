//! Converts the parser's positions to places in the text.

use saphyr_parser::Span;

/// Converts the parser's character positions to byte positions.
#[derive(Default)]
pub struct Places<'t> {
    /// The text.
    pub text: &'t str,
    bytes: Vec<usize>,
}

impl<'t> Places<'t> {
    /// The converter for a text.
    pub fn new(text: &'t str) -> Self {
        Self { text, bytes: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    /// The range of an event, without trailing white space.
    pub fn range(&self, span: Span) -> (usize, usize) {
        let (start, end) = (self.of(span.start.index()), self.of(span.end.index()));
        let text = self.text.get(start..end).unwrap_or_default();
        (start, start + text.trim_end().len())
    }

    /// The column of a byte: its distance from the start of the line.
    pub fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The byte position of a character.
    pub fn of(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}
