//! URLs in settings.

use std::error::Error;
use std::fmt;

use url::{Host, ParseError, Url};

use crate::config::reader::Section;
use crate::http::origin::Origin;

/// Why a text isn't a valid URL for a setting. The message is for the operator and never shows a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlError {
    text: String,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It has no scheme, or isn't a URL with a host.
    NoScheme,
    /// It isn't a URL (WHATWG URL Standard).
    Invalid(ParseError),
    /// It contains a user name or a password.
    HasPassword,
    /// It has no host, or has a fragment.
    NotAnAddress,
    /// Its scheme is neither `https` nor `http`.
    OtherScheme,
    /// It is `http`, but its host isn't the local machine.
    NotSecure,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.fault {
            Fault::HasPassword => {
                return f.write_str("a URL with a user or a password in it is not accepted");
            }
            Fault::Invalid(error) => return write!(f, "`{}` is not a valid URL: {error}", self.text),
            Fault::NoScheme => "is not a valid URL: https:// is missing (http:// for localhost)",
            Fault::NotAnAddress => "must have a host and no fragment",
            Fault::OtherScheme => "is not an https URL",
            Fault::NotSecure => "is http, which is only allowed for localhost",
        };
        write!(f, "`{}` {words}", self.text)
    }
}

impl Error for UrlError {}

/// Reads `public_url` at the root of the document.
pub(crate) fn read_public_url(root: &Section<'_>) -> Option<Origin<'static>> {
    let text = root.text("public_url")?;
    let url = match parse_url(&text) {
        Ok(url) => url,
        Err(error) => {
            root.fault("public_url", error.to_string());
            return None;
        }
    };
    if url.path() != "/" || url.query().is_some() || url.host_str().is_some_and(|host| host.contains('*')) {
        root.fault("public_url", "must be only scheme and host, such as https://app.example.com");
    }
    Origin::parse(&url.origin().ascii_serialization())
}

/// Reads a URL that the filter calls or sends a browser to: `https`, or `http` on the local machine.
///
/// # Errors
/// If it isn't such a URL.
pub(crate) fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = parse_any_url(text)?;
    if url.scheme() == "https" || is_loopback(&url) {
        Ok(url)
    } else {
        Err(UrlError { text: text.to_owned(), fault: Fault::NotSecure })
    }
}

/// Reads a URL that nobody is sent to: `https` or `http`, with any host.
///
/// # Errors
/// If it isn't such a URL.
pub(crate) fn parse_any_url(text: &str) -> Result<Url, UrlError> {
    parse(text).map_err(|fault| UrlError { text: text.to_owned(), fault })
}

fn parse(text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => Fault::NoScheme,
        error => Fault::Invalid(error),
    })?;
    if url.cannot_be_a_base() {
        // `localhost:8080` is a URL whose scheme is `localhost`.
        Err(Fault::NoScheme)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(Fault::HasPassword)
    } else if url.host_str().unwrap_or_default().is_empty() || url.fragment().is_some() {
        Err(Fault::NotAnAddress)
    } else if !matches!(url.scheme(), "https" | "http") {
        Err(Fault::OtherScheme)
    } else {
        Ok(url)
    }
}

/// Whether the host of a URL is the local machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
