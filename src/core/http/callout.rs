//! HTTP calls as values: what the host is to call, and what came of it.

use std::time::Duration;

use crate::crypto::secret::Secret;

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
    pub headers: Vec<(&'static str, Secret<String>)>,
    /// The body of a `POST`.
    pub body: Secret<Vec<u8>>,
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
    fn an_endpoint_keeps_port_and_query() {
        let url = url::Url::parse("http://127.0.0.1:9/oauth2/token?x=1").unwrap();
        let endpoint = Endpoint::new(&url);
        assert_eq!(endpoint.authority, "127.0.0.1:9");
        assert_eq!(endpoint.target, "/oauth2/token?x=1");
    }
}
