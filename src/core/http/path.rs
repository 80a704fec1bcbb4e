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
mod tests;
