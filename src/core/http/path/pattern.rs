//! The patterns that rules are written in: `*` and `**` stand for segments, everything else for itself.

use std::error::Error;
use std::fmt;

use crate::http::path::escapes::has_escape;

/// A path pattern: `*` is one segment, `**` any number of them, everything else is itself, byte for
/// byte. It matches whole segments of the whole path, and `/admin/**` covers `/admin` too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Itself, as it reads.
    Literal(String),
    /// Any one segment.
    One,
    /// Any number of segments.
    Any,
}

/// Why a text is no pattern. Its words are for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It doesn't begin with a slash.
    NotAbsolute(String),
    /// It has a query, a fragment or a control character.
    NotAPath(String),
    /// It has an empty segment.
    EmptySegment(String),
    /// It has a segment `.` or `..`.
    DotSegment(String),
    /// A `*` is only a part of a segment.
    PartOfSegment {
        /// The whole text.
        pattern: String,
        /// The segment.
        segment: String,
    },
    /// A segment is written in escapes or with parameters.
    Encoded {
        /// The whole text.
        pattern: String,
        /// The segment.
        segment: String,
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute(text) => write!(f, "`{text}` must begin with a slash"),
            Self::NotAPath(text) => write!(f, "`{text}` must be a path alone: no query, no fragment"),
            Self::EmptySegment(text) => write!(f, "`{text}` has an empty segment, which no path has"),
            Self::DotSegment(text) => write!(f, "`{text}` has a dot segment, which no path has"),
            Self::PartOfSegment { pattern, segment } => {
                write!(f, "`{pattern}`: `*` and `**` stand for whole segments, not within `{segment}`")
            }
            Self::Encoded { pattern, segment } => write!(
                f,
                "`{pattern}`: paths are matched decoded and without parameters, so nothing matches `{segment}`; write it decoded"
            ),
        }
    }
}

impl Error for PatternError {}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When no path could match it, or it is no path.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let whole = || text.to_owned();
        let Some(path) = text.strip_prefix('/') else { return Err(PatternError::NotAbsolute(whole())) };
        if text.contains(['?', '#']) || text.chars().any(char::is_control) {
            return Err(PatternError::NotAPath(whole()));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = Vec::new();
        for segment in path.split('/') {
            segments.push(match segment {
                "" if path.is_empty() => break,
                "" => return Err(PatternError::EmptySegment(whole())),
                "." | ".." => return Err(PatternError::DotSegment(whole())),
                "*" => Segment::One,
                "**" => Segment::Any,
                name if name.contains('*') => {
                    return Err(PatternError::PartOfSegment { pattern: whole(), segment: name.to_owned() });
                }
                name if name.contains([';', '\\']) || has_escape(name.as_bytes()) => {
                    return Err(PatternError::Encoded { pattern: whole(), segment: name.to_owned() });
                }
                name => Segment::Literal(name.to_owned()),
            });
        }
        Ok(Self { segments })
    }

    /// Its segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// The segments of a path, canonical or as a client spelt it.
pub fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.split(|byte| *byte == b'/').take(if path.is_empty() { 0 } else { usize::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_cannot_match_are_refused() {
        for bad in [
            "", "admin", "/a//b", "/a/../b", "/*.css", "/a?b", "/a#b", "/***", "/a\nb", "/a%20b", "/a;b",
            "/a\\b",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        let words = |text: &str| Pattern::parse(text).unwrap_err().to_string();
        assert_eq!(words("admin"), "`admin` must begin with a slash");
        assert_eq!(words("/a?b"), "`/a?b` must be a path alone: no query, no fragment");
        assert!(words("/x/*.css").contains("not within `*.css`"));
        assert!(words("/x/a%20b").contains("nothing matches `a%20b`"));
    }
}
