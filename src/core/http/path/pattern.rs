//! The patterns that rules are written in: `*` and `**` stand for segments, everything else for itself.

#[cfg(test)]
use crate::http::path::escapes::escaped;
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

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// With a sentence for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("`{text}` must begin with a slash"));
        };
        if text.contains(['?', '#']) || text.chars().any(char::is_control) {
            return Err(format!("`{text}` must be a path alone: no query, no fragment"));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = Vec::new();
        for segment in path.split('/') {
            segments.push(match segment {
                "" if path.is_empty() => break,
                "" => return Err(format!("`{text}` has an empty segment, which no path has")),
                "." | ".." => return Err(format!("`{text}` has a dot segment, which no path has")),
                "*" => Segment::One,
                "**" => Segment::Any,
                name if name.contains('*') => {
                    return Err(format!(
                        "`{text}`: `*` and `**` stand for whole segments, not within `{name}`"
                    ));
                }
                name if name.contains([';', '\\']) || has_escape(name.as_bytes()) => {
                    return Err(format!(
                        "`{text}`: paths are matched decoded and without parameters, so nothing matches `{name}`; write it as it reads"
                    ));
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

/// Matching one pattern by itself. Requests are matched by [`crate::rules`], which looks at all patterns at
/// once; this is what its tests hold it to.
#[cfg(test)]
impl Pattern {
    /// Whether the pattern covers a canonical path.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.covers(path, |text, found| text.as_bytes() == found)
    }

    /// Whether the pattern covers a path as a client spelt it: letter for letter, or in the escapes that
    /// a browser uses for want of another spelling.
    pub fn matches_spelling(&self, path: &[u8]) -> bool {
        self.covers(path, |text, found| text.as_bytes() == found || escaped(text.as_bytes()) == found)
    }

    fn covers(&self, path: &[u8], is: impl Fn(&str, &[u8]) -> bool) -> bool {
        let names: Vec<&[u8]> = segments(path).collect();
        // The usual wildcard walk: on a mismatch go back to the last `**` and let it take one segment
        // more. Linear but for that, whatever the pattern.
        let (mut at, mut name) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let advanced = match (self.segments.get(at), names.get(name)) {
                (None, None) => return true,
                (Some(Segment::Any), _) => {
                    retry = Some((at, name));
                    at += 1;
                    continue;
                }
                (Some(Segment::One), Some(found)) => !found.is_empty(),
                (Some(Segment::Literal(text)), Some(found)) => is(text, found),
                _ => false,
            };
            if advanced {
                at += 1;
                name += 1;
            } else if let Some((any, taken)) = retry.filter(|(_, taken)| *taken < names.len()) {
                retry = Some((any, taken + 1));
                at = any + 1;
                name = taken + 1;
            } else {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let parsed = Pattern::parse(pattern).expect(pattern);
            for path in yes {
                assert!(parsed.matches(path.as_bytes()), "{pattern} should match {path}");
            }
            for path in no {
                assert!(!parsed.matches(path.as_bytes()), "{pattern} should not match {path}");
            }
        };
        check("/", &["/"], &["/a"]);
        check("/admin", &["/admin"], &["/administrator", "/admin.json", "/admin/x", "/Admin", "/"]);
        check("/admin/", &["/admin"], &["/admin/x"]);
        check("/admin/**", &["/admin", "/admin/x", "/admin/x/y"], &["/administrator", "/"]);
        check("/reports/*", &["/reports/1"], &["/reports", "/reports/1/2", "/reports/"]);
        check("/**", &["/", "/a", "/a/b"], &[]);
        check("/a/**/z", &["/a/z", "/a/b/z", "/a/z/z", "/a/b/c/z"], &["/a", "/a/b", "/a/z/b"]);
        check("/**/x/**/y", &["/x/y", "/a/x/b/y", "/x/x/y/y"], &["/y/x", "/x"]);
        check("/v1.0", &["/v1.0"], &["/v1x0"]);
        check("/a b", &["/a b"], &["/a%20b"]);
        let spelt = Pattern::parse("/a b/café/100%").unwrap();
        assert!(
            spelt.matches_spelling(b"/a%20b/caf%C3%A9/100%25")
                && spelt.matches_spelling("/a b/café/100%".as_bytes())
        );
        assert!(!spelt.matches_spelling(b"/a%20%62/caf%C3%A9/100%25"));
    }

    #[test]
    fn patterns_that_cannot_match_are_refused() {
        for bad in [
            "", "admin", "/a//b", "/a/../b", "/*.css", "/a?b", "/a#b", "/***", "/a\nb", "/a%20b", "/a;b",
            "/a\\b",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
