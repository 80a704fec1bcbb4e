//! Cookies: reading what browsers send, taking ours out, writing `Set-Cookie` (RFC 6265bis).
//!
//! Nothing here knows what a cookie is for; names and values are bytes that any client may have made up.

/// What a browser stores of one cookie at most, name, value and attributes together, in bytes.
pub const MAX_COOKIE: usize = 4096;

/// The cookies of one request, from all of its `cookie` headers: HTTP/1.1 clients may send several.
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    pairs: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Cookies<'a> {
    /// Reads `cookie` headers. What has no `=` is no cookie.
    pub fn parse(headers: impl Iterator<Item = &'a [u8]>) -> Self {
        // Most requests carry a handful.
        let mut pairs = Vec::with_capacity(8);
        for header in headers {
            pairs.extend(split_header(header).filter_map(split_pair));
        }
        Self { pairs }
    }

    /// Every value of the cookie of that name: a browser sends one, but a client may send many.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.pairs.iter().filter(move |(found, _)| *found == name.as_bytes()).map(|(_, value)| *value)
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.pairs.iter().copied()
    }
}

/// What stands between the semicolons of a header.
fn split_header(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let header = rest?;
        let end = memchr::memchr(b';', header);
        rest = end.and_then(|end| header.get(end + 1..));
        header.get(..end.unwrap_or(header.len()))
    })
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    let (name, value) = pair.split_at_checked(at)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// A `cookie` header without the cookies that `ours` names; every other byte stays as it was.
/// `None` where there was nothing to take out.
pub fn without(header: &[u8], ours: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let is_ours = |pair: &[u8]| split_pair(pair).is_some_and(|(name, _)| ours(name));
    let mut left: Option<Vec<u8>> = None;
    let (mut found, mut first) = (false, true);
    for pair in split_header(header) {
        if is_ours(pair) {
            found = true;
            continue;
        }
        let left = left.get_or_insert_default();
        if !first {
            left.push(b';');
        }
        left.extend_from_slice(pair);
        first = false;
    }
    found.then(|| left.unwrap_or_default().trim_ascii_start().to_vec())
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on same-site requests and on navigations from elsewhere.
    Lax,
    /// Sent on same-site requests only.
    Strict,
    /// Sent always; browsers want `Secure` with it.
    None,
}

/// The attributes that all cookies of one configuration share.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// `Domain`, to share the cookie over subdomains.
    pub domain: Option<String>,
    /// `Secure`.
    pub secure: bool,
}

impl Attributes {
    /// A `Set-Cookie` value that keeps a cookie for `max_age` seconds.
    pub fn set(&self, name: &str, value: &str, max_age: u64, same_site: SameSite) -> String {
        let domain = self.domain.as_deref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        let same_site = match same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        };
        format!("{name}={value}; Path=/; Max-Age={max_age}{domain}; HttpOnly{secure}; SameSite={same_site}")
    }

    /// A `Set-Cookie` value that deletes a cookie. Browsers obey it only if it has the attributes
    /// that the cookie was set with.
    pub fn delete(&self, name: &str) -> String {
        self.set(name, "", 0, SameSite::Lax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies<'a>(headers: &[&'a str]) -> Cookies<'a> {
        Cookies::parse(headers.iter().map(|header| header.as_bytes()))
    }

    #[test]
    fn all_cookie_headers_are_read() {
        let cookies = cookies(&["a=1; b=2", "c=3;d=x=y;; e = 5 ;junk"]);
        let one = |name| cookies.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(one("a").as_deref(), Some("1"));
        assert_eq!(one("b").as_deref(), Some("2"));
        assert_eq!(one("c").as_deref(), Some("3"));
        assert_eq!(one("d").as_deref(), Some("x=y"));
        assert_eq!(one("e").as_deref(), Some("5"));
        assert_eq!(one("junk"), None);
        assert_eq!(cookies.iter().count(), 5);
    }

    #[test]
    fn ours_are_taken_out_and_the_rest_stays_byte_for_byte() {
        let check = |header: &str, expected: Option<&str>| {
            let left = without(header.as_bytes(), |name| name.starts_with(b"our"));
            assert_eq!(left.as_deref(), expected.map(str::as_bytes), "{header}");
        };
        check("a=1; b=2", None);
        check("ours=1", Some(""));
        check("ours=1; a=1", Some("a=1"));
        check("a=1; ours=1", Some("a=1"));
        check("a=1; ours=1; b=\"x y\",z", Some("a=1; b=\"x y\",z"));
        check("a=1;ours=2;b=2;ours.1=x", Some("a=1;b=2"));
        check("a=ours=1", None);
        check("  a=1;  ours=1;  b=2  ", Some("a=1;  b=2  "));
    }

    #[test]
    fn deleting_has_the_attributes_of_setting() {
        let host = Attributes { domain: None, secure: true };
        assert_eq!(
            host.set("__Host-a", "v", 60, SameSite::Strict),
            "__Host-a=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"
        );
        let domain = Attributes { domain: Some("example.com".into()), secure: true };
        assert_eq!(
            domain.delete("__Secure-a"),
            "__Secure-a=; Path=/; Max-Age=0; Domain=example.com; HttpOnly; Secure; SameSite=Lax"
        );
    }
}
