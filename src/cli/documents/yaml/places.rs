//! Places in a text, for the parser's.

use saphyr_parser::Span;

/// Bytes for the characters that the parser counts.
#[derive(Default)]
pub struct Places<'t> {
    /// The text.
    pub text: &'t str,
    bytes: Vec<usize>,
}

impl<'t> Places<'t> {
    /// The places of a text.
    pub fn new(text: &'t str) -> Self {
        Self { text, bytes: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect() }
    }

    /// What an event spans, without the white space that may end it.
    pub fn range(&self, span: Span) -> (usize, usize) {
        let (start, end) = (self.of(span.start.index()), self.of(span.end.index()));
        let text = self.text.get(start..end).unwrap_or_default();
        (start, start + text.trim_end().len())
    }

    /// How far from the beginning of its line a byte stands.
    pub fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The byte for a character.
    pub fn of(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}
