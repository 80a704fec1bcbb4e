//! HTTP messages as values: what the host read, what it is to change, answer or call.

use std::time::Duration;

/// A request as the host read it: pseudo-headers first, names in lower case, values as raw bytes,
/// because anything above 0x7F may stand in them.
#[derive(Clone, Debug, Default)]
pub struct Request {
    headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// A request of these headers (`:method`, `:path`, `:authority`, `:scheme` among them).
    pub const fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    /// Every value of a header, in order. A header that a client sends twice has two.
    pub fn values<'s, 'n>(&'s self, name: &'n str) -> impl Iterator<Item = &'s [u8]> + use<'s, 'n> {
        self.headers.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_slice())
    }

    /// The header's value as text, where the request carries it exactly once and in UTF-8. What
    /// comes twice or garbled is no value: a decision must not hang on which copy somebody reads.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    /// Whether the request carries the header at all.
    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The names of all headers, in order, as often as they come.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// The method; empty where there is none, which no rule and no path of ours allows.
    pub fn method(&self) -> &str {
        self.text(":method").unwrap_or_default()
    }

    /// The request target: path and query as the client spelt them.
    pub fn target(&self) -> &[u8] {
        self.values(":path").next().unwrap_or_default()
    }

    /// The query, without its `?`; empty where there is none.
    pub fn query(&self) -> &[u8] {
        let target = self.target();
        match target.iter().position(|byte| *byte == b'?') {
            Some(at) => target.get(at + 1..).unwrap_or_default(),
            None => &[],
        }
    }
}

/// The parameters of a query or form (`application/x-www-form-urlencoded`), decoded.
pub fn parse_query(query: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query).into_owned().collect()
}

/// Parameters as a query or form.
pub fn format_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// How a request is changed before it goes upstream: first `remove`, then `set`. A name in `set` that
/// the request has already is in `remove` as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestEdits {
    /// Names as the request has them; all copies go.
    pub remove: Vec<String>,
    /// Names and values; a name may come more than once.
    pub set: Vec<(String, Vec<u8>)>,
}

/// An answer that the filter makes itself.
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
    /// An answer without a body. Nothing the filter says may be stored by a cache: it is about one
    /// person, or about one moment.
    pub fn new(status: u16) -> Self {
        Self { status, headers: vec![("cache-control", "no-store".to_owned())], body: String::new() }
    }

    /// `302` to a URL or path. The caller vouches for where it leads.
    pub fn redirect(location: String) -> Self {
        Self::new(302).with("location", location)
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let mut response = Self::new(status).with("content-type", "application/json".to_owned());
        response.headers.push(("x-content-type-options", "nosniff".to_owned()));
        response.body = body.to_string();
        response
    }

    /// The same answer with one header more. Control characters are left out of the value, so that
    /// nothing can add a header of its own.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        let value =
            if value.chars().any(char::is_control) { value.replace(char::is_control, "") } else { value };
        self.headers.push((name, value));
        self
    }

    /// The same answer with `Set-Cookie` headers.
    #[must_use]
    pub fn with_cookies(self, cookies: impl IntoIterator<Item = String>) -> Self {
        cookies.into_iter().fold(self, |response, cookie| response.with("set-cookie", cookie))
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

/// A URL that the filter calls or sends browsers to, taken apart as HTTP needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL.
    pub url: String,
    /// `https`, or `http` for a loopback host.
    pub scheme: String,
    /// Host and, where it isn't the scheme's own, port.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Endpoint {
    /// An endpoint from a URL that the configuration has checked.
    pub fn new(url: &url::Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Self { url: url.as_str().to_owned(), scheme: url.scheme().to_owned(), authority, target }
    }
}

/// An HTTP call for the host to dispatch through one of Envoy's clusters.
#[derive(Clone, Debug)]
pub struct Callout {
    /// The name of the cluster.
    pub cluster: String,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where to.
    pub endpoint: Endpoint,
    /// Headers beside the pseudo-headers.
    pub headers: Vec<(&'static str, crate::secret::Secret<String>)>,
    /// The body of a `POST`.
    pub body: crate::secret::Secret<Vec<u8>>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// The answer to a [`Callout`].
#[derive(Clone, Debug)]
pub struct CalloutResponse {
    /// The status code.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer to a [`Callout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// Envoy has no cluster of that name, or wouldn't take the call.
    NotDispatched,
    /// It didn't come in time.
    TimedOut,
    /// It broke off before its end.
    Broken,
    /// The body is longer than [`MAX_CALLOUT_BODY`].
    TooLarge,
}

/// What came of a [`Callout`].
pub type CalloutResult = Result<CalloutResponse, CalloutError>;

/// The longest body of a callout's answer that is read, in bytes. Cognito's largest tokens come to
/// some 50 KB; a body of megabytes is a mistake or an attack.
pub const MAX_CALLOUT_BODY: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_comes_twice_has_no_single_text() {
        let headers =
            [("accept", "a"), ("accept", "b"), ("origin", "o")].map(|(n, v)| (n.to_owned(), v.into()));
        let request = Request::new(headers.to_vec());
        assert_eq!(request.text("accept"), None);
        assert_eq!(request.text("origin"), Some("o"));
        assert_eq!(request.values("accept").count(), 2);
    }

    #[test]
    fn an_answer_never_smuggles_a_header() {
        let response = Response::redirect("/a\r\nset-cookie: x=y".to_owned());
        assert_eq!(response.header("location"), Some("/aset-cookie: x=y"));
    }

    #[test]
    fn an_endpoint_keeps_port_and_query() {
        let url = url::Url::parse("http://127.0.0.1:9/oauth2/token?x=1").unwrap();
        let endpoint = Endpoint::new(&url);
        assert_eq!(endpoint.authority, "127.0.0.1:9");
        assert_eq!(endpoint.target, "/oauth2/token?x=1");
    }
}
