//! HTTP calls as values: the calls for the host to make, and their results.

use std::time::Duration;

use crate::crypto::secret::Secret;

/// A URL that the filter calls or redirects browsers to, split into the parts that HTTP needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL.
    pub url: String,
    /// `https`, or `http` for a loopback host.
    pub scheme: String,
    /// The host, and the port unless it is the scheme's default.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Endpoint {
    /// An endpoint from a URL that the configuration has validated.
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
    /// The URL.
    pub endpoint: Endpoint,
    /// Headers other than the pseudo-headers.
    pub headers: Vec<(&'static str, Secret<String>)>,
    /// The body of a `POST`.
    pub body: Secret<Vec<u8>>,
    /// How long to wait for the response.
    pub timeout: Duration,
    /// The maximum size of the response's body, in bytes. A longer one is [`CalloutError::TooLarge`].
    pub max_body: usize,
}

impl Callout {
    /// A `GET` for JSON.
    pub fn get_json(cluster: &str, endpoint: Endpoint, timeout: Duration, max_body: usize) -> Self {
        let header = |value: &str| Secret::new(value.to_owned());
        Self {
            cluster: cluster.to_owned(),
            method: "GET",
            endpoint,
            headers: vec![("accept", header("application/json")), ("accept-encoding", header("identity"))],
            body: Secret::new(Vec::new()),
            timeout,
            max_body,
        }
    }

    /// All headers of the request, pseudo-headers first.
    pub fn all_headers(&self) -> Vec<(&str, &str)> {
        let endpoint = &self.endpoint;
        let mut headers = vec![
            (":method", self.method),
            (":scheme", endpoint.scheme.as_str()),
            (":authority", endpoint.authority.as_str()),
            (":path", endpoint.target.as_str()),
        ];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.expose().as_str())));
        headers
    }
}

/// The response to a [`Callout`].
#[derive(Clone, Debug)]
pub struct CalloutResponse {
    /// The status code.
    pub status: u16,
    /// The complete body.
    pub body: Vec<u8>,
    /// The header `etag` (RFC 9110, section 8.8.3).
    pub etag: Option<Vec<u8>>,
}

/// Why a [`Callout`] has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// Envoy has no cluster of that name, or refused the call.
    NotDispatched,
    /// The response didn't arrive within the timeout.
    TimedOut,
    /// The connection was closed before the end of the response.
    Broken,
    /// The body is longer than [`Callout::max_body`].
    TooLarge,
}

/// The result of a [`Callout`].
pub type CalloutResult = Result<CalloutResponse, CalloutError>;

/// The maximum size of a response from Cognito, in bytes. Its largest tokens have some 50 KB; a body of megabytes is a
/// mistake or an attack.
pub const MAX_CALLOUT_BODY: usize = 256 * 1024;

/// The maximum size of any response, in bytes: that of a deny list with some 100,000 entries. A host needn't read more.
pub const MAX_ANY_CALLOUT_BODY: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_port_and_query() {
        let url = url::Url::parse("http://127.0.0.1:9/oauth2/token?x=1").unwrap();
        let endpoint = Endpoint::new(&url);
        assert_eq!(endpoint.authority, "127.0.0.1:9");
        assert_eq!(endpoint.target, "/oauth2/token?x=1");
    }
}
