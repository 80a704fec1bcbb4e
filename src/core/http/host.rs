//! Host names in requests, and the host patterns of rules and pools.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use url::Host;

/// The host of an `:authority`, in the form in which it is compared: in lower case, without its port and a
/// trailing dot. `None` if it isn't a name or an address with at most one port. Servers interpret anything else
/// differently, and an odd spelling must not bypass the rules for a host.
pub fn of_authority(authority: &str) -> Option<Cow<'_, str>> {
    let host = without_port(authority)?;
    if host.starts_with('[') {
        return matches!(Host::parse(host), Ok(Host::Ipv6(_))).then(|| lower_case(host));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    is_name(name).then(|| lower_case(name))
}

/// An authority without its port. `None` if the port isn't valid.
fn without_port(authority: &str) -> Option<&str> {
    let Some(colon) = memchr::memrchr(b':', authority.as_bytes()) else { return Some(authority) };
    let (host, port) = authority.split_at_checked(colon)?;
    let digits = port.strip_prefix(':').unwrap_or(port);
    if digits.contains(']') {
        // The colon is part of an IPv6 address.
        return Some(authority);
    }
    (digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Whether it consists of labels with single dots between them. A hand-written loop, because it runs for every
/// request.
fn is_name(name: &str) -> bool {
    let mut in_label = false;
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => in_label = true,
            b'.' if in_label => in_label = false,
            _ => return false,
        }
    }
    in_label && name.len() <= 253
}

/// A host in lower case. It nearly always is already.
pub fn lower_case(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// A host, or all hosts below a domain: `app.example.com` or `*.example.com`. The `*` stands for one or more
/// labels, as in Envoy's own `domains`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    /// The host, or the domain with a leading dot.
    name: String,
    below: bool,
}

/// What is wrong with a pattern. The message for the operator continues after the pattern's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPatternError {
    /// A `*` isn't the whole first label.
    PartOfLabel,
    /// It is neither a host nor `*.` and a domain.
    NotAHost,
}

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PartOfLabel => "has a `*` that isn't the whole first label; write *.example.com",
            Self::NotAHost => "is not a valid host: write app.example.com or *.example.com, without a port",
        })
    }
}

impl Error for HostPatternError {}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is neither a host nor `*.` and a domain.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix('*') {
            Some(domain) if domain.starts_with('.') => (domain, true),
            Some(_) => return Err(HostPatternError::PartOfLabel),
            None => (lower.as_str(), false),
        };
        let address = if below { None } else { Host::parse(name).ok() };
        if let Some(address @ Host::Ipv6(_)) = address {
            // In the one spelling that browsers send.
            return Ok(Self { name: address.to_string(), below });
        }
        if is_name(name.strip_prefix('.').filter(|_| below).unwrap_or(name)) {
            Ok(Self { name: name.to_owned(), below })
        } else {
            Err(HostPatternError::NotAHost)
        }
    }

    /// Whether the pattern matches a host in the form of [`of_authority`].
    pub fn matches(&self, host: &str) -> bool {
        if self.below { host.ends_with(&self.name) } else { host == self.name }
    }

    /// Whether the pattern matches every host that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (_, false) => self.matches(&other.name),
            (true, true) => other.name.ends_with(&self.name),
            (false, true) => false,
        }
    }

    /// The labels of the host or domain, the last one first, and whether the pattern matches the hosts below
    /// it.
    pub fn labels(&self) -> (impl Iterator<Item = &str>, bool) {
        (labels(self.name.strip_prefix('.').unwrap_or(&self.name)), self.below)
    }
}

/// As configured, in lower case.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*" } else { "" }, self.name)
    }
}

/// The labels of a host, the last one first.
pub fn labels(host: &str) -> impl Iterator<Item = &str> {
    host.rsplit('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).expect(text)
    }

    #[test]
    fn a_host_has_many_spellings() {
        for spelling in [
            "app.example.com",
            "APP.Example.com",
            "app.example.com.",
            "app.example.com:8443",
            "app.example.com.:443",
        ] {
            assert_eq!(of_authority(spelling).as_deref(), Some("app.example.com"), "{spelling}");
        }
        assert_eq!(of_authority("[::1]:8080").as_deref(), Some("[::1]"));
        assert_eq!(of_authority("[::1]").as_deref(), Some("[::1]"));
    }

    #[test]
    fn what_servers_read_differently_is_no_host() {
        for odd in [
            "",
            ":80",
            ".",
            "a..b",
            ".a",
            "a..",
            "a.com:x",
            "a.com:80:80",
            "a.com:443.",
            "a.com:123456",
            "x@a.com",
            "a%2ecom",
            "a.com,",
            "a.com/",
            "a com",
            "[::1",
            "[x]",
            "::1",
            "a.com:80]",
            "é.com",
        ] {
            assert_eq!(of_authority(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_pattern_is_a_host_or_all_below_a_domain() {
        assert!(pattern("App.Example.com").matches("app.example.com"));
        assert!(!pattern("app.example.com").matches("x.app.example.com"));
        let below = pattern("*.example.com");
        // Empty labels don't name a host, but a request with such labels must not bypass a rule.
        for host in ["a.example.com", "a.b.example.com", ".example.com", "a..example.com"] {
            assert!(below.matches(host), "{host}");
        }
        for other in ["example.com", "evilexample.com", "example.com.evil", ""] {
            assert!(!below.matches(other), "{other}");
        }
        assert!(pattern("[::1]").matches("[::1]") && pattern("127.0.0.1").matches("127.0.0.1"));
        for bad in [
            "",
            "*",
            "*.",
            "*example.com",
            "a.*.com",
            "a..b",
            ".a",
            "https://a",
            "a:443",
            "a/b",
            "a b",
            "é",
            "[x]",
            "*.[::1]",
            "a.",
        ] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_means() {
        let covers = |one: &str, other: &str| pattern(one).covers(&pattern(other));
        assert!(covers("*.example.com", "a.example.com") && covers("*.example.com", "*.a.example.com"));
        assert!(covers("*.example.com", "*.example.com") && covers("a.com", "a.com"));
        assert!(!covers("*.example.com", "example.com") && !covers("a.example.com", "*.example.com"));
        assert!(!covers("*.a.example.com", "*.example.com"));
    }
}
