//! The origin that a browser sees: scheme and authority.

use std::borrow::Cow;

use crate::hostname::lower_case;
use crate::http::Request;

/// An origin (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    secure: bool,
    authority: Cow<'a, str>,
    /// How much of the authority is the host.
    host: usize,
}

impl<'a> Origin<'a> {
    /// The origin of a request: `public_url` where the operator gave one, else what the request says.
    /// The scheme is what Envoy's connection manager vouches for in `x-forwarded-proto`. `None` where
    /// the authority is missing or is none.
    pub fn of(request: &'a Request, public_url: Option<&'a Origin<'_>>) -> Option<Self> {
        if let Some(Origin { secure, authority, host }) = public_url {
            return Some(Self { secure: *secure, authority: Cow::Borrowed(authority), host: *host });
        }
        let authority = request.text(":authority")?;
        let ok = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        };
        if authority.is_empty() || authority.len() > 255 || !authority.bytes().all(ok) {
            return None;
        }
        let scheme = request.text("x-forwarded-proto").or_else(|| request.text(":scheme")).unwrap_or("http");
        let secure = scheme.eq_ignore_ascii_case("https");
        // Browsers leave the scheme's own port out of an origin, and Cognito compares letter for letter.
        let own_port = if secure { ":443" } else { ":80" };
        let authority = authority.strip_suffix(own_port).unwrap_or(authority);
        Some(Self::new(secure, lower_case(authority)))
    }

    /// From a serialized origin (`https://app.example.com`).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        Some(Self::new(scheme == "https", Cow::Owned(authority.to_owned())))
    }

    fn new(secure: bool, authority: Cow<'a, str>) -> Self {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.len(),
            _ => authority.len(),
        };
        Self { secure, authority, host }
    }

    /// Whether the browser speaks https.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The origin as a URL without a path.
    pub fn url(&self) -> String {
        format!("{}{}", if self.secure { "https://" } else { "http://" }, self.authority)
    }

    /// The same place over https; a port 80 that was spelt out would be the wrong one there.
    pub fn https_url(&self) -> String {
        format!("https://{}", self.authority.strip_suffix(":80").unwrap_or(&self.authority))
    }

    /// The host without its port: what cookies belong to.
    pub fn host(&self) -> &str {
        self.authority.get(..self.host).unwrap_or(&self.authority)
    }
}
