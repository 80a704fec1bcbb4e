//! Text in a file: JSON in YAML, or YAML in a ConfigMap. A place in such a text is mapped to its place in the file,
//! however the text is quoted, folded or indented there.

use std::ops::Range;

/// For each byte of a text, its position in the file.
pub struct Places(Vec<usize>);

impl Places {
    /// Matches `text` with the place in `file` that it was read from. Quoting, folding and indentation change white
    /// space, so any runs of white space match each other. All other characters must match exactly.
    pub fn new(file: &str, span: &Range<usize>, text: &str) -> Self {
        let mut raw = Raw::new(file, span);
        let mut places = Vec::with_capacity(text.len() + 1);
        for character in text.chars() {
            let at = raw.find(character);
            places.extend(std::iter::repeat_n(at, character.len_utf8()));
        }
        places.push(raw.at.min(span.end));
        Self(places)
    }

    /// The position in the file of a byte of the text.
    pub fn of(&self, at: usize) -> usize {
        self.0.get(at).or(self.0.last()).copied().unwrap_or_default()
    }
}

/// The text as it is written in the file.
struct Raw<'f> {
    file: &'f str,
    at: usize,
    end: usize,
    /// The quote around it, which determines the escapes.
    quote: Option<char>,
}

impl<'f> Raw<'f> {
    fn new(file: &'f str, span: &Range<usize>) -> Self {
        let mut raw = Self { file, at: span.start, end: span.end, quote: None };
        // Skips an anchor or a tag before the text.
        while raw.peek().is_some_and(|c| matches!(c, '&' | '!')) {
            raw.skip(|c| !c.is_whitespace());
            raw.skip(char::is_whitespace);
        }
        raw.quote = raw.peek().filter(|c| matches!(c, '"' | '\''));
        raw.at += raw.quote.map_or(0, char::len_utf8);
        raw
    }

    fn rest(&self) -> &'f str {
        self.file.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// The position of a character of the text. Reading continues after it.
    fn find(&mut self, character: char) -> usize {
        if !character.is_whitespace() {
            self.skip(char::is_whitespace);
        }
        let at = self.at;
        if let Some(length) = self.escape() {
            self.at = (at + length).min(self.end);
        } else if character.is_whitespace() {
            self.skip(char::is_whitespace);
        } else if let Some(found) = self.peek() {
            self.at += found.len_utf8();
        }
        at
    }

    /// The length of the escape at the current position.
    fn escape(&self) -> Option<usize> {
        let rest = self.rest();
        match self.quote? {
            '\'' => rest.starts_with("''").then_some(2),
            _ => match rest.strip_prefix('\\')?.chars().next()? {
                // JSON writes a character above U+FFFF as two of these.
                'u' => {
                    let high = rest.get(2..4).is_some_and(|digits| {
                        matches!(digits.to_ascii_lowercase().as_str(), "d8" | "d9" | "da" | "db")
                    });
                    Some(if high { 12 } else { 6 })
                }
                'U' => Some(10),
                'x' => Some(4),
                other => Some(1 + other.len_utf8()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, start: &str, text: &str, needle: &str, expected: usize) {
        let from = file.find(start).unwrap();
        let places = Places::new(file, &(from..file.len()), text);
        assert_eq!(places.of(text.find(needle).unwrap()), expected, "{file}");
    }

    #[test]
    fn a_place_is_found_however_the_text_is_written() {
        let text = "{\n  \"a\": \"x\"\n}\n";
        check("v: |\n  {\n    \"a\": \"x\"\n  }\n", "{", text, "\"x\"", 18);
        check("v: '{ \"a\": \"it''s\", \"b\": 1 }'", "'", "{ \"a\": \"it's\", \"b\": 1 }", "\"b\"", 20);
        check(r#"{"v": "{\"a\": \"\u00e9\", \"b\": 1}"}"#, "\"{", "{\"a\": \"é\", \"b\": 1}", "\"b\"", 27);
        check("v: >\n  { \"a\":\n    1 }\n", "{", "{ \"a\":\n  1 }\n", "1", 18);
        check("v: &x \"a\\nb\"", "&", "a\nb", "b", 10);
    }
}
