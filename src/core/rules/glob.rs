//! Texts in which `*` stands for any characters, also for none.

/// A text with any number of `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The pattern that is written like this.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of its `*`.
    pub fn stars(&self) -> usize {
        self.0.matches('*').count()
    }

    /// Whether it matches the whole text, byte for byte.
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(head) else { return false };
        let Some((between, tail)) = rest.rsplit_once('*') else { return text.ends_with(rest) };
        // The first place of each part leaves the most text for the parts behind it.
        for part in between.split('*') {
            let Some(at) = text.find(part) else { return false };
            text = text.get(at + part.len()..).unwrap_or_default();
        }
        text.ends_with(tail)
    }

    /// What its only `*` stands for in this text. `None` if it doesn't match, or has no `*` or several.
    pub fn captured<'t>(&self, text: &'t str) -> Option<&'t str> {
        let (head, tail) = self.0.split_once('*').filter(|(_, tail)| !tail.contains('*'))?;
        text.strip_prefix(head)?.strip_suffix(tail)
    }

    /// The text with `inserted` in the place of each `*`.
    pub fn filled(&self, inserted: &str) -> String {
        self.0.replace('*', inserted)
    }

    /// Whether it matches everything that `other` matches. Not always noticed if both have several `*`.
    pub fn covers(&self, other: &Self) -> bool {
        // A `*` of the other pattern is only matched by a `*` of this one, which matches anything.
        self.matches(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, too simple to be wrong.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| model(rest, &text[at..])),
            Some((byte, rest)) => {
                text.split_first().is_some_and(|(first, text)| first == byte && model(rest, text))
            }
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let texts = |letters: &[char], longest: u32| -> Vec<String> {
            let count = letters.len();
            (0..=longest)
                .flat_map(|len| {
                    (0..count.pow(len)).map(move |number| {
                        (0..len).map(|place| letters[number / count.pow(place) % count]).collect()
                    })
                })
                .collect()
        };
        let (mut matched, mut not) = (0, 0);
        for pattern in texts(&['a', 'b', '*'], 5) {
            let glob = Glob::new(pattern.clone());
            for text in texts(&['a', 'b'], 6) {
                let expected = model(pattern.as_bytes(), text.as_bytes());
                assert_eq!(glob.matches(&text), expected, "{pattern} {text}");
                if let Some(captured) = glob.captured(&text) {
                    assert_eq!(glob.filled(captured), text, "{pattern}");
                } else if glob.stars() == 1 {
                    assert!(!expected, "{pattern} {text}");
                }
                *(if expected { &mut matched } else { &mut not }) += 1;
            }
        }
        assert!(matched > 2_000 && not > 10_000, "{matched} {not}");
    }

    #[test]
    fn what_one_pattern_covers_the_other_matches_too() {
        let covers = |one: &str, other: &str| Glob::new(one.into()).covers(&Glob::new(other.into()));
        assert!(covers("*", "*") && covers("*", "") && covers("a*", "a*b") && covers("*@x", "*b@x"));
        assert!(!covers("a*b", "a*") && !covers("a", "*") && !covers("a*", "*a"));
    }
}
