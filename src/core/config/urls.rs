//! URLs in settings.

use std::error::Error;
use std::fmt;

use url::{Host, ParseError, Url};

use crate::config::reader::Section;
use crate::http::origin::Origin;

/// Why a text is no URL that a setting may have. Its words are for the operator, and never show a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlError {
    /// It has no scheme, or it is no URL with a host.
    NoScheme(String),
    /// It isn't a URL (WHATWG URL Standard).
    Invalid(String, ParseError),
    /// It has a user or a password in it.
    HasPassword,
    /// It has no host, or it has a fragment.
    NotAnAddress(String),
    /// Its scheme, the second text, is neither `https` nor `http`.
    OtherScheme(String, String),
    /// It is `http`, and its host isn't the machine itself.
    NotSecure(String),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme(text) => {
                write!(f, "`{text}` is not a valid URL: https:// is missing (http:// for localhost)")
            }
            Self::Invalid(text, error) => write!(f, "`{text}` is not a valid URL: {error}"),
            Self::HasPassword => f.write_str("a URL with a user or a password in it is not accepted"),
            Self::NotAnAddress(text) => write!(f, "`{text}` must have a host and no fragment"),
            Self::OtherScheme(text, scheme) => write!(f, "`{text}`: https is needed, not {scheme}"),
            Self::NotSecure(text) => write!(f, "`{text}` is http; only localhost may be"),
        }
    }
}

impl Error for UrlError {}

/// Reads `public_url` of the document's root.
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
        root.fault("public_url", "must be scheme and host alone, as in https://app.example.com");
    }
    Origin::parse(&url.origin().ascii_serialization())
}

/// A URL that a browser or the filter may be sent to: `https`, or `http` on the machine itself.
///
/// # Errors
/// When it isn't such a URL.
pub(crate) fn parse_url(text: &str) -> Result<Url, UrlError> {
    match parse_any_url(text)? {
        url if url.scheme() == "https" || is_loopback(&url) => Ok(url),
        _ => Err(UrlError::NotSecure(text.to_owned())),
    }
}

/// A URL that nobody is sent to: `https` or `http`, of any host.
///
/// # Errors
/// When it isn't such a URL.
pub(crate) fn parse_any_url(text: &str) -> Result<Url, UrlError> {
    let no_scheme = || UrlError::NoScheme(text.to_owned());
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => no_scheme(),
        error => UrlError::Invalid(text.to_owned(), error),
    })?;
    // `localhost:8080` is a URL whose scheme is `localhost`.
    if url.cannot_be_a_base() {
        return Err(no_scheme());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::HasPassword);
    }
    if url.host_str().unwrap_or_default().is_empty() || url.fragment().is_some() {
        return Err(UrlError::NotAnAddress(text.to_owned()));
    }
    match url.scheme() {
        "https" | "http" => Ok(url),
        other => Err(UrlError::OtherScheme(text.to_owned(), other.to_owned())),
    }
}

/// Whether a URL leads to the machine itself.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
