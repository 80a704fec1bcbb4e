//! The patterns of rules: `*` and `**` match segments, everything else matches itself.

use std::error::Error;
use std::fmt;

use crate::http::path::escapes::has_escape;

/// A path pattern. `*` matches one segment, `**` any number of segments, and everything else matches itself,
/// byte for byte. It matches whole segments of the whole path. `/admin/**` also matches `/admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This text, unescaped.
    Literal(String),
    /// Any one segment.
    One,
    /// Any number of segments.
    Any,
}

/// What is wrong with a pattern. The message for the operator continues after the pattern's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It doesn't begin with a slash.
    NotAbsolute,
    /// It contains a query, a fragment or a control character.
    NotAPath,
    /// It contains an empty segment.
    EmptySegment,
    /// It contains a segment `.` or `..`.
    DotSegment,
    /// A `*` is only part of a segment.
    PartOfSegment,
    /// A segment contains escapes or parameters.
    Encoded,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "must begin with a slash",
            Self::NotAPath => "must be only a path, without query and fragment",
            Self::EmptySegment => "has an empty segment, which no path has",
            Self::DotSegment => "has a dot segment, which no path has",
            Self::PartOfSegment => "has a `*` within a segment; `*` and `**` match whole segments",
            Self::Encoded => {
                "can match nothing: paths are matched decoded and without parameters; write it decoded"
            }
        })
    }
}

impl Error for PatternError {}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If no path could match it, or it isn't a path.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(path) = text.strip_prefix('/') else { return Err(PatternError::NotAbsolute) };
        if text.contains(['?', '#']) || text.chars().any(char::is_control) {
            return Err(PatternError::NotAPath);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = Vec::new();
        for segment in path.split('/') {
            segments.push(match segment {
                "" if path.is_empty() => break,
                "" => return Err(PatternError::EmptySegment),
                "." | ".." => return Err(PatternError::DotSegment),
                "*" => Segment::One,
                "**" => Segment::Any,
                name if name.contains('*') => {
                    return Err(PatternError::PartOfSegment);
                }
                name if name.contains([';', '\\']) || has_escape(name.as_bytes()) => {
                    return Err(PatternError::Encoded);
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

/// The segments of a path, canonical or in the client's spelling.
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
        let fault = |text: &str| Pattern::parse(text).unwrap_err();
        assert_eq!(fault("admin"), PatternError::NotAbsolute);
        assert_eq!(fault("/a?b"), PatternError::NotAPath);
        assert_eq!(fault("/x/*.css"), PatternError::PartOfSegment);
        assert_eq!(fault("/x/a%20b"), PatternError::Encoded);
    }
}
