//! Paths: the canonical form of a request's path, and the patterns that rules are written in.
//!
//! Upstreams differ in how they read `/a/../b`, `//b`, `/%62` or `/b;x=1`. Rules are matched against
//! one canonical reading and, where the client spelt the path differently, against that spelling
//! and whatever lies between too; all must let the request pass (see [`crate::rules`]).

mod readings;

use crate::path::readings::Reading;

/// The path of a request, read in every way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    /// As the client spelt it, without the query and without one trailing slash.
    raw: &'a str,
    /// The canonical form, where it differs from `raw`.
    canonical: Option<String>,
    /// What servers read that take some of the steps between the two. Few paths have any.
    between: Vec<Reading>,
}

/// Why a request target has no canonical path. Such a request is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// Empty, or it doesn't begin with a slash (`CONNECT host:443`, `OPTIONS *`).
    NotAbsolute,
    /// A `%` without two hexadecimal digits behind it, or escapes that aren't UTF-8, which is how
    /// over-long spellings of `.` and `/` (`%c0%ae`) arrive.
    BadEscape,
    /// A control character, spelt out or escaped.
    ControlCharacter,
    /// A `#`, which no client sends in a path.
    Fragment,
    /// An escape of `.`, `/`, `\`, `;` or a control character is left after decoding once (`%252e`).
    DoubleEscape,
    /// Very long, and with more readings than any path has that wasn't made to have them.
    Ambiguous,
}

impl BadPath {
    /// A short name for logs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::BadEscape => "path_bad_escape",
            Self::ControlCharacter => "path_control_character",
            Self::Fragment => "path_fragment",
            Self::DoubleEscape => "path_double_escape",
            Self::Ambiguous => "path_ambiguous",
        }
    }
}

impl<'a> RequestPath<'a> {
    /// Reads a request target (`:path`): what comes before the first `?`.
    ///
    /// # Errors
    /// Where it has no canonical form that every upstream could agree on.
    pub fn parse(target: &'a [u8]) -> Result<Self, BadPath> {
        let path = target.get(..memchr::memchr(b'?', target).unwrap_or(target.len())).unwrap_or_default();
        if path.first() != Some(&b'/') {
            return Err(BadPath::NotAbsolute);
        }
        if path.contains(&b'#') {
            return Err(BadPath::Fragment);
        }
        let spelt = std::str::from_utf8(path).map_err(|_| BadPath::BadEscape)?;
        let raw = match spelt.strip_suffix('/') {
            Some("") | None => spelt,
            Some(shorter) => shorter,
        };
        if is_plain(raw) {
            return Ok(Self { raw, canonical: None, between: Vec::new() });
        }
        let canonical = canonical(spelt)?;
        let between = readings::between(raw, &canonical).ok_or(BadPath::Ambiguous)?;
        Ok(Self { canonical: (canonical != raw).then_some(canonical), raw, between })
    }

    /// The canonical path: decoded once, dot segments resolved, slashes merged, parameters cut off,
    /// no trailing slash.
    pub fn canonical(&self) -> &str {
        self.canonical.as_deref().unwrap_or(self.raw)
    }

    /// The client's spelling, where it differs from the canonical one by more than a trailing slash.
    pub fn other_spelling(&self) -> Option<&str> {
        self.canonical.is_some().then_some(self.raw)
    }

    /// Every reading but the canonical one, the client's spelling first; and whether it is undecoded.
    pub fn other_readings(&self) -> impl Iterator<Item = (&str, bool)> {
        let between = self.between.iter().map(|reading| (reading.path.as_str(), reading.as_spelt));
        self.other_spelling().map(|spelt| (spelt, true)).into_iter().chain(between)
    }
}

/// Whether a path is its own canonical form for sure, which nearly every one is.
fn is_plain(path: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'%' | b'\\' | b';');
    path.as_bytes().iter().all(plain)
        && (path.len() == 1 || !path.ends_with('/'))
        && !path.as_bytes().windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.']))
}

fn canonical(path: &str) -> Result<String, BadPath> {
    let decoded = percent_decode_once(path)?;
    if decoded.chars().any(char::is_control) {
        return Err(BadPath::ControlCharacter);
    }
    if has_dangerous_escape(decoded.as_bytes()) {
        return Err(BadPath::DoubleEscape);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        // `;x=1` is a parameter of its segment to Java servers: `/..;x/admin` climbs there.
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    Ok(format!("/{}", segments.join("/")))
}

fn percent_decode_once(path: &str) -> Result<String, BadPath> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte == b'%' {
            let high = rest.next().and_then(|digit| hex_digit(*digit));
            let low = rest.next().and_then(|digit| hex_digit(*digit));
            let (Some(high), Some(low)) = (high, low) else { return Err(BadPath::BadEscape) };
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| BadPath::BadEscape)
}

/// The segments of a path, canonical or as a client spelt it.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').take(if path.is_empty() { 0 } else { usize::MAX })
}

/// What a segment in a browser's own escapes reads as. `None` for any other spelling: whoever escapes what
/// needs no escape has something in mind.
pub fn unescaped(segment: &str) -> Option<String> {
    let text = segment.contains('%').then(|| percent_decode_once(segment).ok()).flatten()?;
    (escaped(&text) == segment).then_some(text)
}

/// Whether there is an escape of any character.
fn has_escape(text: &[u8]) -> bool {
    text.windows(3).any(
        |three| matches!(three, [b'%', high, low] if hex_digit(*high).is_some() && hex_digit(*low).is_some()),
    )
}

/// A path segment in the escapes that browsers put into URLs (WHATWG URL, path percent-encode set), and
/// with `%` itself escaped.
fn escaped(segment: &str) -> String {
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'}' | b'%' => {
                escaped.push_str(&format!("%{byte:02X}"));
            }
            0x21..=0x7e => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Whether an upstream that decodes twice would find a dot, a slash, a backslash, a semicolon or a control
/// character that we didn't see.
fn has_dangerous_escape(decoded: &[u8]) -> bool {
    decoded.windows(3).any(|three| match three {
        [b'%', high, low] => match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => {
                matches!(high << 4 | low, b'.' | b'/' | b'\\' | b';' | 0..=0x1f | 0x7f)
            }
            _ => false,
        },
        _ => false,
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

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

/// Matching one pattern by itself. Requests are matched by [`crate::rules`], which looks at all patterns at
/// once; this is what its tests hold it to.
#[cfg(test)]
impl Pattern {
    /// Whether the pattern covers a canonical path.
    pub fn matches(&self, path: &str) -> bool {
        self.covers(path, |text, found| text == found)
    }

    /// Whether the pattern covers a path as a client spelt it: letter for letter, or in the escapes that
    /// a browser uses for want of another spelling.
    pub fn matches_spelling(&self, path: &str) -> bool {
        self.covers(path, |text, found| text == found || escaped(text) == found)
    }

    fn covers(&self, path: &str, is: impl Fn(&str, &str) -> bool) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let names: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
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
    fn every_spelling_of_a_path_has_one_canonical_form() {
        let check = |target: &str, canonical: &str| {
            let path = RequestPath::parse(target.as_bytes()).expect(target);
            assert_eq!(path.canonical(), canonical, "{target}");
        };
        check("/", "/");
        check("/?a=/../b", "/");
        check("/admin", "/admin");
        check("/admin/", "/admin");
        for spelling in [
            "//admin",
            "///admin//",
            "/x/../admin",
            "/%61dmin",
            "/admin;x",
            "/admin;x=1/",
            "/./admin",
            "/\\admin",
            "/%2fadmin",
            "/%5cadmin",
            "/x/%2e%2e/admin",
            "/x/.%2e/admin",
            "/x/..;/admin",
            "/x/..\\admin",
            "/;/admin",
            "/../../admin",
            "/admin/.",
            "/admin/x/..",
            "/x/..%2fadmin",
        ] {
            check(spelling, "/admin");
        }
        check("/caf%C3%A9", "/café");
        check("/a%20b", "/a b");
        check("/100%25", "/100%");
    }

    #[test]
    fn what_cannot_be_decided_is_refused() {
        use BadPath::*;
        let check = |target: &[u8], why| assert_eq!(RequestPath::parse(target), Err(why), "{target:?}");
        for target in [&b""[..], b"*", b"example.com:443", b"?x", b"admin"] {
            check(target, NotAbsolute);
        }
        for target in [&b"/%"[..], b"/%6", b"/%zz", b"/%u002e", b"/%c0%ae", b"/%ff", b"/\xff"] {
            check(target, BadEscape);
        }
        for target in [&b"/%00"[..], b"/a%0d%0ab", b"/%7f", b"/a\tb", b"/%09/evil", b"/%c2%80"] {
            check(target, ControlCharacter);
        }
        check(b"/a#b", Fragment);
        for target in
            [&b"/%252e%252e/admin"[..], b"/..%253b/admin", b"/%252fadmin", b"/%255c", b"/%2500", b"/%252E"]
        {
            check(target, DoubleEscape);
        }
        let many = "/a;b\\c//%61".repeat(30_000);
        check(many.as_bytes(), Ambiguous);
        assert!(RequestPath::parse(b"/%2541").is_ok(), "%41 is harmless to decode again");
    }

    #[test]
    fn another_spelling_is_told_apart_from_a_trailing_slash() {
        let other = |target: &str| {
            let path = RequestPath::parse(target.as_bytes()).unwrap();
            path.other_spelling().map(str::to_owned)
        };
        for same in ["/", "//", "/admin", "/admin/", "/admin?x=%61"] {
            assert_eq!(other(same), None, "{same}");
        }
        assert_eq!(other("//admin").as_deref(), Some("//admin"));
        assert_eq!(other("/admin//").as_deref(), Some("/admin/"));
        assert_eq!(other("/%61dmin").as_deref(), Some("/%61dmin"));
    }

    #[test]
    fn patterns_match_whole_segments() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let parsed = Pattern::parse(pattern).expect(pattern);
            for path in yes {
                assert!(parsed.matches(path), "{pattern} should match {path}");
            }
            for path in no {
                assert!(!parsed.matches(path), "{pattern} should not match {path}");
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
            spelt.matches_spelling("/a%20b/caf%C3%A9/100%25") && spelt.matches_spelling("/a b/café/100%")
        );
        assert!(!spelt.matches_spelling("/a%20%62/caf%C3%A9/100%25"));
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
