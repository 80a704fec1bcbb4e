//! Paths: the canonical form of a request's path, and the patterns of rules.
//!
//! Upstreams read `/a/../b`, `//b`, `/%62` or `/b;x=1` differently. Rules are matched against one canonical
//! reading. If the client spelt the path differently, they are also matched against that spelling and
//! everything else that a server could read. All of them must let the request pass (see [`crate::rules`]).
//!
//! A path consists of bytes. Bytes that aren't UTF-8 (`/caf%E9`), and a `%` that starts no escape, match no
//! literal text of a pattern.

mod escapes;
mod pattern;
mod readings;

#[cfg(test)]
pub(crate) use crate::http::path::escapes::escaped;
pub use crate::http::path::escapes::{decode, unescaped};
pub use crate::http::path::pattern::{Pattern, PatternError, Segment, segments};
pub use crate::http::path::readings::Reading;

use crate::http::path::escapes::{has_escape, has_stray};

/// The path of a request, with all its readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    /// In the client's spelling, without the query and without one trailing slash.
    raw: &'a [u8],
    /// The canonical form, if it differs from `raw`.
    canonical: Option<Vec<u8>>,
    /// The other readings. Few paths have any.
    others: Vec<Reading>,
}

/// Why a request target has no canonical path. Such a request is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// It is empty or doesn't start with a slash (`CONNECT host:443`, `OPTIONS *`).
    NotAbsolute,
    /// An over-long form of an ASCII character (`%c0%ae` for `.`), even if escaped several times.
    Overlong,
    /// A control character, plain or escaped, even several times.
    ControlCharacter,
    /// A `#`, which clients never send in a path.
    Fragment,
    /// More readings than any ordinary path has.
    Ambiguous,
}

impl BadPath {
    /// A short name for logs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::Overlong => "path_overlong",
            Self::ControlCharacter => "path_control_character",
            Self::Fragment => "path_fragment",
            Self::Ambiguous => "path_ambiguous",
        }
    }
}

impl<'a> RequestPath<'a> {
    /// Reads a request target (`:path`), up to the first `?`.
    ///
    /// # Errors
    /// If no reliable decision is possible about the path that a server could read.
    pub fn parse(target: &'a [u8]) -> Result<Self, BadPath> {
        let path = target.get(..memchr::memchr(b'?', target).unwrap_or(target.len())).unwrap_or_default();
        if path.first() != Some(&b'/') {
            return Err(BadPath::NotAbsolute);
        }
        let raw = without_last_slash(path);
        if is_plain(raw) {
            return Ok(Self { raw, canonical: None, others: Vec::new() });
        }
        if path.contains(&b'#') {
            return Err(BadPath::Fragment);
        }
        readings::refuse(raw)?;
        let decoded = decode(raw, |_| true);
        readings::refuse(&decoded)?;
        let canonical = canonical(&decoded);
        let mut others = Vec::new();
        if !is_settled(raw, &decoded, &canonical) {
            others = readings::of(path)?;
            others.iter_mut().for_each(|reading| {
                reading.path.truncate(without_last_slash(&reading.path).len());
            });
            let spelt = raw.contains(&b'%');
            let is = |reading: &Reading, path: &[u8], as_spelt| {
                reading.path == path && reading.as_spelt == as_spelt
            };
            others.retain(|reading| !is(reading, &canonical, false) && !is(reading, raw, spelt));
        }
        Ok(Self { canonical: (canonical != raw).then_some(canonical), raw, others })
    }

    /// The canonical path: decoded once, with dot segments resolved, slashes merged and parameters cut off, and
    /// without a trailing slash.
    pub fn canonical(&self) -> &[u8] {
        self.canonical.as_deref().unwrap_or(self.raw)
    }

    /// The client's spelling, if it differs from the canonical path by more than a trailing slash.
    pub fn other_spelling(&self) -> Option<&[u8]> {
        self.canonical.is_some().then_some(self.raw)
    }

    /// What servers could read other than the canonical path and the client's spelling.
    pub fn other_readings(&self) -> &[Reading] {
        &self.others
    }
}

/// Whether a path is certainly in its canonical form, as nearly all are.
fn is_plain(path: &[u8]) -> bool {
    let plain = |byte: &u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'%' | b'\\' | b';' | b'#');
    path.iter().all(plain)
        && (path.len() == 1 || !path.ends_with(b"/"))
        && !path.windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.']))
}

/// Whether the path only contains escapes that all servers read alike. Then it has only two readings.
fn is_settled(raw: &[u8], decoded: &[u8], canonical: &[u8]) -> bool {
    decoded == canonical && std::str::from_utf8(decoded).is_ok() && !has_escape(decoded) && !has_stray(raw)
}

fn without_last_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").filter(|shorter| !shorter.is_empty()).unwrap_or(path)
}

fn canonical(decoded: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        // In Java servers, `;x=1` is a parameter of its segment: they read `/..;x/admin` as `/../admin`.
        match segment.split(|byte| *byte == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    readings::joined(&segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_has_one_canonical_form() {
        let check = |target: &str, canonical: &str| {
            let path = RequestPath::parse(target.as_bytes()).expect(target);
            assert_eq!(path.canonical(), canonical.as_bytes(), "{target}");
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
        let check = |target: &[u8], why| {
            let what = target.get(..40).unwrap_or(target).escape_ascii();
            assert_eq!(RequestPath::parse(target).err(), Some(why), "{what}");
        };
        for target in [&b""[..], b"*", b"example.com:443", b"?x", b"admin"] {
            check(target, NotAbsolute);
        }
        for target in [
            &b"/%c0%ae"[..],
            b"/%C1%9C",
            b"/%e0%80%ae",
            b"/%e0%81%81",
            b"/%f0%80%80%af",
            b"/%f0%80%81%9c",
            b"/%f8%80%80%80%ae",
            b"/%fc%80%80%80%80%ae",
            b"/%25c0%25ae",
            b"/%c0%25ae",
            b"/%2525c0%ae",
            b"/%25%630%%61e",
            b"/\xc0\xae",
            b"/x\xe0\x80\xaf",
            b"/\xc0%ae",
            b"/r%E9sum%E9/%c0%af",
        ] {
            check(target, Overlong);
        }
        for target in [
            &b"/%00"[..],
            b"/a%0d%0ab",
            b"/%7f",
            b"/a\tb",
            b"/%09/evil",
            b"/%c2%80",
            b"/%2500",
            b"/%257f",
            b"/%25c2%2585",
            b"/%25250a",
            b"/%%30%30",
            b"/%u0000",
            b"/%E9%00",
        ] {
            check(target, ControlCharacter);
        }
        check(b"/a#b", Fragment);
        check(b"/%#", Fragment);
        for many in ["/a;b\\c//%61".repeat(30_000), format!("/%{}2f", "25".repeat(20_000))] {
            check(many.as_bytes(), Ambiguous);
        }
    }

    /// All readings of a path except the canonical one, sorted.
    fn others(target: &str) -> Vec<String> {
        let path = RequestPath::parse(target.as_bytes()).expect(target);
        let spelt = path.other_spelling().into_iter();
        let others = spelt.chain(path.other_readings().iter().map(|reading| reading.path.as_slice()));
        let mut others: Vec<String> = others.map(|path| path.escape_ascii().to_string()).collect();
        others.sort();
        others.dedup();
        others
    }

    #[test]
    fn what_is_decoded_again_is_one_reading_more() {
        let check = |target: &str, canonical: &str, expected: &[&str]| {
            let path = RequestPath::parse(target.as_bytes()).expect(target);
            assert_eq!(path.canonical(), canonical.as_bytes(), "{target}");
            assert_eq!(others(target), expected, "{target}");
        };
        check("/feature%252Flogin", "/feature%2Flogin", &["/feature%252Flogin", "/feature/login"]);
        check("/a%252Eb", "/a%2Eb", &["/a%252Eb", "/a.b"]);
        check("/a%255Cb", "/a%5Cb", &["/a%255Cb", "/a/b", "/a\\\\b"]);
        check("/%2561dmin", "/%61dmin", &["/%2561dmin", "/admin"]);
        check("/a%25252Fb", "/a%252Fb", &["/a%25252Fb", "/a%2Fb", "/a/b"]);
        check(
            "/a%%32%65b",
            "/a%2eb",
            &["/a%%32%65b", "/a%2eb", "/a%32%65b", "/a.b", "/a2eb", "/a\\xff%32%65b", "/a\\xff2eb"],
        );
        check("/100%25", "/100%", &["/100%25"]);
        check("/a%20b", "/a b", &["/a%20b"]);
        check("/a%2fb", "/a/b", &["/a%2fb"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_and_may_be_left_out() {
        let check = |target: &[u8], canonical: &[u8]| {
            let path = RequestPath::parse(target).unwrap();
            assert_eq!(path.canonical(), canonical, "{}", target.escape_ascii());
        };
        check(b"/r%E9sum%E9.pdf", b"/r\xe9sum\xe9.pdf");
        check(b"/r\xe9sum\xe9.pdf", b"/r\xe9sum\xe9.pdf");
        check(b"/%83%65%83%58%83%67", b"/\x83e\x83X\x83g");
        check(b"/%85/%ed%a0%80/%ff/%e0%9f%bf", b"/\x85/\xed\xa0\x80/\xff/\xe0\x9f\xbf");
        check(b"/%E9/../admin", b"/admin");
        check(b"/sale/50%", b"/sale/50%");
        check(b"/%zz/%2", b"/%zz/%2");
        assert!(others("/ad%E9min").contains(&"/admin".to_owned()));
        assert!(others("/ad%min").contains(&"/admin".to_owned()));
        assert!(others("/%E9/admin").contains(&"/admin".to_owned()));
        assert!(others("/x/.%E9./admin").contains(&"/admin".to_owned()));
        assert!(others("/x/%u002e%u002e/admin").contains(&"/admin".to_owned()));
        // In Shift-JIS, this backslash is the second byte of a character.
        assert!(others("/x/a%83%5Cb\\..\\..\\admin").contains(&"/admin".to_owned()));
    }

    #[test]
    fn another_spelling_is_told_apart_from_a_trailing_slash() {
        let other = |target: &str| {
            let path = RequestPath::parse(target.as_bytes()).unwrap();
            path.other_spelling().map(|spelt| String::from_utf8(spelt.to_vec()).unwrap())
        };
        for same in ["/", "//", "/admin", "/admin/", "/admin?x=%61"] {
            assert_eq!(other(same), None, "{same}");
        }
        assert_eq!(other("//admin").as_deref(), Some("//admin"));
        assert_eq!(other("/admin//").as_deref(), Some("/admin/"));
        assert_eq!(other("/%61dmin").as_deref(), Some("/%61dmin"));
    }
}
