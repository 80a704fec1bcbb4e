//! The address to return to after sign-in: always on this host, and always exactly as it was requested.

use url::Url;

use crate::config::Paths;
use crate::http::path::{RequestPath, decode};

/// A path with query on this host, safe as a `Location`. Only [`ReturnTo::parse`] creates one from input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The start page, for requests whose own address can't be used.
    pub fn start_page() -> Self {
        Self("/".to_owned())
    }

    /// Parses a request target, or the value of `return=`. `None` if a browser could read it as another host, if it
    /// isn't a path, or if it would start or end a session again.
    ///
    /// Spaces and bytes beyond ASCII are percent-encoded, which doesn't change the URL.
    pub fn parse(target: &[u8], paths: &Paths) -> Option<Self> {
        let path_end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
        let (path, _) = target.split_at_checked(path_end)?;
        // `//host` and `/\host` are URLs of another host. A backslash isn't allowed anywhere in the path: browsers
        // treat it as a slash.
        if path.first() != Some(&b'/') || path.get(1) == Some(&b'/') || path.contains(&b'\\') {
            return None;
        }
        let mut text = String::with_capacity(target.len());
        for byte in target {
            match byte {
                0..=0x1f | 0x7f => return None,
                0x21..=0x7e => text.push(char::from(*byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
        let canonical = RequestPath::parse(path).ok()?;
        let followed = followed(&text)?;
        let own = [&paths.sign_in, &paths.sign_out, &paths.callback, &paths.signed_out];
        let asks_for = |own: &str| {
            own.as_bytes() == canonical.canonical() || own.as_bytes() == path || own == followed.path()
        };
        if own.iter().any(|own| own.as_str() != "/" && asks_for(own)) {
            return None;
        }
        Some(Self(text))
    }

    /// Parses the value of `return=` in a query, as bytes: it need not be UTF-8.
    pub fn of_query(query: &[u8], paths: &Paths) -> Option<Self> {
        let value = query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"return="))?;
        let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        Self::parse(&decode(&spaced, |_| true), paths)
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same address if it has at most `max` bytes; otherwise without its query; otherwise the start page.
    pub fn no_longer_than(&self, max: usize) -> Self {
        let shorter = [self.clone(), self.path_only()].into_iter().find(|target| target.0.len() <= max);
        shorter.unwrap_or_else(Self::start_page)
    }

    /// The path alone, for use when the whole address is too long.
    pub fn path_only(&self) -> Self {
        let path = self.0.split(['?', '#']).next().unwrap_or("/");
        Self(path.to_owned())
    }
}

/// The URL that a browser would open for a target, according to the WHATWG URL parser. `None` if it isn't on this
/// host. This is a second defence, against spellings that the checks above don't know.
fn followed(target: &str) -> Option<Url> {
    let base = Url::parse("https://here.invalid/").ok()?;
    let url = base.join(target).ok()?;
    (url.origin() == base.origin() && !url.path().starts_with("//")).then_some(url)
}
