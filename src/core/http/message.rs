//! HTTP messages as values: requests that the host read, changes to requests, and responses of the filter.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

/// A request as the host read it: pseudo-headers first, names in lower case. Values are raw bytes, because they may
/// contain bytes above 0x7F.
///
/// The host lends the headers where it has them, for as long as it takes to decide: nothing is copied. Only a request
/// that must wait is copied, into an [`OwnedRequest`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    headers: &'a [Header<'a>],
}

/// One header of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name. A host refuses a request with a name that isn't ASCII: the filter couldn't name that header to remove
    /// it.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Header<'a> {
    /// A header of that name.
    pub const fn new(name: &'a str, value: &'a [u8]) -> Self {
        Self { name: name.as_bytes(), value }
    }

    #[inline(always)]
    fn is_named(&self, name: &[u8]) -> bool {
        // Most names have another length.
        self.name.len() == name.len() && self.name == name
    }
}

impl<'a> Request<'a> {
    /// A request with these headers (`:method`, `:path`, `:authority`, `:scheme` among them).
    pub const fn new(headers: &'a [Header<'a>]) -> Self {
        Self { headers }
    }

    /// Every value of a header, in order. A header that a client sends twice has two values.
    pub fn values<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = move |header: &&Header<'_>| header.is_named(name.as_bytes());
        self.headers.iter().filter(named).map(|header| header.value)
    }

    /// The header's value as text, if the request has it exactly once and in UTF-8. A repeated or garbled header
    /// counts as absent: a decision must not depend on which copy a server reads.
    pub fn text(self, name: &str) -> Option<&'a str> {
        let mut found = None;
        // A loop is faster than `values` here: few headers have the length of the name.
        for header in self.headers {
            if header.is_named(name.as_bytes()) && found.replace(header).is_some() {
                return None;
            }
        }
        std::str::from_utf8(found?.value).ok()
    }

    /// The first value of a list header (RFC 9110, section 5.6.1), on one line or several, without the surrounding
    /// white space. Empty values are skipped.
    pub fn first_of(self, name: &str) -> Option<&'a [u8]> {
        for line in self.values(name) {
            for value in line.split(|byte| *byte == b',') {
                let value = value.trim_ascii();
                if !value.is_empty() {
                    return Some(value);
                }
            }
        }
        None
    }

    /// Whether any line of a header contains `word`, in any case.
    #[inline(never)]
    pub fn mentions(self, name: &str, word: &[u8]) -> bool {
        self.values(name).any(|line| line.windows(word.len()).any(|found| found.eq_ignore_ascii_case(word)))
    }

    /// The total size of all header names and values, in bytes.
    pub fn size(self) -> usize {
        self.headers.iter().map(|header| header.name.len() + header.value.len()).sum()
    }

    /// Whether the request has the header.
    pub fn has(self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// All headers, in order.
    pub fn headers(self) -> impl Iterator<Item = &'a Header<'a>> {
        self.headers.iter()
    }

    /// The names of all headers, in order, including repeated ones.
    pub fn names(self) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().map(|header| header.name)
    }

    /// The method. Empty if there is none; no rule and no path of the filter allows an empty method.
    pub fn method(self) -> &'a str {
        self.text(":method").unwrap_or_default()
    }

    /// The request target (RFC 9112, section 3.2): path and query as the client spelled them.
    pub fn target(self) -> &'a [u8] {
        self.values(":path").next().unwrap_or_default()
    }

    /// The request target as text that can follow the host in a URL: bytes that a URL can't contain are
    /// percent-encoded.
    pub fn target_as_text(self) -> String {
        escaped(self.target())
    }

    /// The query, without its `?`; empty if there is none.
    pub fn query(self) -> &'a [u8] {
        let target = self.target();
        match memchr::memchr(b'?', target) {
            Some(at) => target.get(at + 1..).unwrap_or_default(),
            None => &[],
        }
    }
}

/// A copy of a request that waits: all names and values in one buffer.
pub struct OwnedRequest {
    bytes: Vec<u8>,
    /// The lengths of each name and value.
    lengths: Vec<(usize, usize)>,
}

impl OwnedRequest {
    /// A copy of a request.
    pub fn of(request: Request<'_>) -> Self {
        let mut bytes = Vec::with_capacity(request.size());
        for header in request.headers {
            bytes.extend_from_slice(header.name);
            bytes.extend_from_slice(header.value);
        }
        let lengths = request.headers.iter().map(|header| (header.name.len(), header.value.len()));
        Self { bytes, lengths: lengths.collect() }
    }

    /// Its headers, for [`Request::new`].
    pub fn headers(&self) -> Vec<Header<'_>> {
        let mut rest = self.bytes.as_slice();
        let mut take = |length: usize| {
            let (taken, after) = rest.split_at_checked(length).unwrap_or_default();
            rest = after;
            taken
        };
        self.lengths.iter().map(|(name, value)| Header { name: take(*name), value: take(*value) }).collect()
    }
}

/// Percent-encodes the bytes that a URL can't contain. The result is an equivalent URL.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0x21..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The parameters of a query or form (`application/x-www-form-urlencoded`), decoded.
pub fn parse_query(query: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// Whether a query has a parameter of that name.
pub fn has_parameter(query: &[u8], name: &str) -> bool {
    url::form_urlencoded::parse(query).any(|(found, _)| found == name)
}

/// Encodes parameters as a query or form (`application/x-www-form-urlencoded`).
pub fn format_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Headers that many requests share.
pub type SharedHeaders = Arc<Vec<(String, Vec<u8>)>>;

/// The changes to a request before it goes upstream, applied in this order. Most requests only lose their `cookie`
/// header and get an identity: that needs no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestEdits {
    /// Headers to remove, spelled as in the request. All copies are removed.
    pub remove: SmallVec<[Cow<'static, str>; 1]>,
    /// A new value for a header that the request has exactly once.
    pub replace: Option<(&'static str, Vec<u8>)>,
    /// Headers to add. A name may be repeated; a name that the request already has is also in `remove`.
    pub add: Vec<(String, Vec<u8>)>,
    /// More headers to add: the identity.
    pub identity: Option<SharedHeaders>,
}

impl RequestEdits {
    /// All headers that are added.
    pub fn added(&self) -> impl Iterator<Item = &(String, Vec<u8>)> {
        self.add.iter().chain(self.identity.iter().flat_map(|headers| headers.iter()))
    }

    /// All headers that are added or replaced. Only tests use it.
    pub fn set(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let replaced = self.replace.iter().map(|(name, value)| (*name, value.as_slice()));
        replaced.chain(self.added().map(|(name, value)| (name.as_str(), value.as_slice())))
    }
}

/// A response that the filter makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values without control characters.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// A response without a body. It has `cache-control: no-store`: every response of the filter is about one person
    /// or one moment.
    pub fn new(status: u16) -> Self {
        Self { status, headers: vec![("cache-control", "no-store".to_owned())], body: String::new() }
    }

    /// A `302` to a URL or path. The caller must ensure that the target is safe.
    pub fn redirect(location: String) -> Self {
        Self::new(302).with("location", location)
    }

    /// A response with a JSON body.
    pub fn json(status: u16, body: String) -> Self {
        let mut response = Self::new(status).with("content-type", "application/json".to_owned());
        response.headers.push(("x-content-type-options", "nosniff".to_owned()));
        response.body = body;
        response
    }

    /// Adds a header. Control characters are removed from the value, so that it can't inject another header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        // Most values are printable ASCII, which is quicker to see than that no character is a control character.
        let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let value = if is_plain { value } else { value.replace(char::is_control, "") };
        self.headers.push((name, value));
        self
    }

    /// Adds `Set-Cookie` headers.
    #[must_use]
    pub fn with_cookies(self, cookies: impl IntoIterator<Item = String>) -> Self {
        cookies.into_iter().fold(self, |response, cookie| response.with("set-cookie", cookie))
    }

    /// The first value of a header. Only tests use it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_comes_twice_has_no_single_text() {
        let headers = [("accept", "a"), ("accept", "b"), ("origin", "o")];
        let headers = headers.map(|(name, value)| Header::new(name, value.as_bytes()));
        let request = Request::new(&headers);
        assert_eq!(request.text("accept"), None);
        assert_eq!(request.text("origin"), Some("o"));
        assert_eq!(request.values("accept").count(), 2);
    }

    #[test]
    fn of_a_list_in_several_lines_the_first_value_counts_that_is_one() {
        let lines: [&[u8]; 4] = [b" , ,", b"https , http", b"", b"\xff,\twss"];
        let headers = lines.map(|line| Header::new("x", line));
        let request = Request::new(&headers);
        assert_eq!((request.first_of("x"), request.first_of("y")), (Some(&b"https"[..]), None));
        assert!(request.mentions("x", b"HTTPS") && request.mentions("x", b"wss"));
        assert!(!request.mentions("x", b"ftp") && !request.mentions("y", b"https"));
    }

    #[test]
    fn a_copy_has_the_same_headers_in_the_same_order() {
        let headers: [(&str, &[u8]); 5] =
            [(":path", b"/a"), ("cookie", b"a=\xff\0"), ("", b""), ("x", b""), ("cookie", b"b")];
        let headers = headers.map(|(name, value)| Header::new(name, value));
        let copy = OwnedRequest::of(Request::new(&headers));
        assert_eq!(copy.headers(), headers);
        assert_eq!(Request::new(&copy.headers()).size(), 25);
        assert!(OwnedRequest::of(Request::default()).headers().is_empty());
    }

    #[test]
    fn an_answer_never_smuggles_a_header() {
        let response = Response::redirect("/a\r\nset-cookie: x=y".to_owned());
        assert_eq!(response.header("location"), Some("/aset-cookie: x=y"));
    }
}
