//! A file as it was read, and places in it.

use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

/// A file's name and text. Places in the text are byte ranges.
#[derive(Debug)]
pub struct Source {
    /// The name that the user gave; `<stdin>` for `-`.
    pub name: String,
    /// The whole text, without a byte order mark.
    pub text: String,
    /// Whether the file started with a byte order mark, which some editors add.
    pub has_mark: bool,
}

impl Source {
    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    /// A sentence that names the file, if it can't be read or isn't UTF-8.
    pub fn read(path: &Path) -> Result<Self, String> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
        let bytes = if is_stdin {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(path)
        };
        let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{name}: not UTF-8 text"))?;
        let stripped = text.strip_prefix('\u{feff}').map(str::to_owned);
        let has_mark = stripped.is_some();
        Ok(Self { name, text: stripped.unwrap_or(text), has_mark })
    }

    /// The line and the column of a byte, counted from 1. The column counts characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..floor(&self.text, at)).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The byte at a line and a column, both counted from 1.
    pub fn offset(text: &str, line: usize, column: usize) -> usize {
        let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default();
        start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    }

    /// The whole line that contains a byte.
    pub fn line_of(&self, at: usize) -> Range<usize> {
        let at = floor(&self.text, at);
        let (before, after) = self.text.split_at_checked(at).unwrap_or((&self.text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').map_or(self.text.len(), |newline| at + newline);
        // A line may have a Windows line ending.
        let line = self.text.get(start..end).unwrap_or_default();
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }
}

/// The start of the character that a byte belongs to.
pub fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns() {
        let source = Source { name: "x".into(), text: "a\né: b\n".into(), has_mark: false };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(6), (2, 4));
        assert_eq!(source.position(99), (3, 1));
        assert_eq!(Source::offset(&source.text, 2, 4), 6);
        assert_eq!(&source.text[source.line_of(6)], "é: b");
        let source = Source { name: "x".into(), text: "a\r\nb".into(), has_mark: false };
        assert_eq!(&source.text[source.line_of(0)], "a");
    }
}
