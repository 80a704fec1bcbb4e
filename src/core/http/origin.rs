//! The origin that a browser sees: scheme and authority.

use std::borrow::Cow;

use crate::http::Request;
use crate::http::host::lower_case;

/// A web origin (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    secure: bool,
    authority: Cow<'a, str>,
    /// The length of the host within the authority, in bytes.
    host: usize,
}

impl<'a> Origin<'a> {
    /// The origin of a request: `public_url` if set, otherwise from the request. The scheme comes from
    /// `x-forwarded-proto`, which Envoy's connection manager validates; each proxy appends a value or a line, so the
    /// first value is the browser's. Any value except `https` means plain http. `None` if the authority is missing or
    /// malformed.
    pub fn of(request: Request<'a>, public_url: Option<&'a Origin<'_>>) -> Option<Self> {
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
        let scheme = request.first_of("x-forwarded-proto").or_else(|| request.values(":scheme").next());
        let secure = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        // Browsers omit the scheme's default port, and Cognito compares exactly.
        let own_port = if secure { ":443" } else { ":80" };
        let authority = authority.strip_suffix(own_port).unwrap_or(authority);
        Some(Self::new(secure, lower_case(authority)))
    }

    /// The host that the browser sent to the first proxy, if a proxy says so in `X-Forwarded-Host`.
    pub fn forwarded(request: Request<'a>) -> Option<Self> {
        let authority = std::str::from_utf8(request.first_of("x-forwarded-host")?).ok()?;
        Some(Self::new(true, lower_case(authority)))
    }

    /// Parses a serialized origin (`https://app.example.com`). `None` if it has no scheme.
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

    /// Whether the browser uses https.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The origin as a URL without a path.
    pub fn url(&self) -> String {
        format!("{}{}", if self.secure { "https://" } else { "http://" }, self.authority)
    }

    /// The same origin as an https URL, without a port 80, which would be wrong there.
    pub fn https_url(&self) -> String {
        format!("https://{}", self.authority.strip_suffix(":80").unwrap_or(&self.authority))
    }

    /// The host without its port. Cookies belong to this host.
    pub fn host(&self) -> &str {
        self.authority.get(..self.host).unwrap_or(&self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Header;

    fn url(scheme: &str, forwarded: &[&[u8]]) -> String {
        let mut headers =
            vec![Header::new(":authority", b"a.com"), Header::new(":scheme", scheme.as_bytes())];
        headers.extend(forwarded.iter().map(|line| Header::new("x-forwarded-proto", line)));
        Origin::of(Request::new(&headers), None).unwrap().url()
    }

    #[test]
    fn of_several_schemes_the_first_is_the_browsers() {
        let secure: [&[&[u8]]; 8] = [
            &[b"https"],
            &[b"HTTPS"],
            &[b"https,https"],
            &[b"https, http"],
            &[b" https ,\thttp,https"],
            &[b"https", b"http"],
            &[b", ,https"],
            &[b"", b"https", b"\xff"],
        ];
        for lines in secure {
            assert_eq!(url("http", lines), "https://a.com", "{lines:?}");
        }
        let plain: [&[&[u8]]; 12] = [
            &[b"http"],
            &[b"http,https"],
            &[b"http", b"https"],
            &[b",http", b"https"],
            &[b"httpss"],
            &[b"https;https"],
            &[b"https http"],
            &[b"\"https\""],
            &[b"https/1"],
            &[b"on", b"https"],
            &[b"\xff,https"],
            &[b"https\xff"],
        ];
        for lines in plain {
            assert_eq!(url("https", lines), "http://a.com", "{lines:?}");
        }
    }

    #[test]
    fn where_no_proxy_says_so_it_is_the_requests_own() {
        let silent: [&[&[u8]]; 4] = [&[], &[b""], &[b" , "], &[b"", b","]];
        for lines in silent {
            assert_eq!(url("https", lines), "https://a.com", "{lines:?}");
            assert_eq!(url("http", lines), "http://a.com", "{lines:?}");
        }
    }

    #[test]
    fn of_several_hosts_the_first_is_the_browsers() {
        let host = |lines: &[&[u8]]| {
            let headers: Vec<_> = lines.iter().map(|line| Header::new("x-forwarded-host", line)).collect();
            Origin::forwarded(Request::new(&headers)).map(|origin| origin.host().to_owned())
        };
        assert_eq!(host(&[b"App.example.com:8443, inner"]).as_deref(), Some("app.example.com"));
        assert_eq!(host(&[b" ,", b"a.com", b"b.com"]).as_deref(), Some("a.com"));
        assert_eq!((host(&[]), host(&[b"\xff, a.com"])), (None, None));
    }
}
