//! Cookies (RFC 6265bis): parses `cookie` headers, removes the filter's cookies from them, and writes `Set-Cookie`.
//!
//! This module doesn't know the purpose of a cookie. Names and values are arbitrary bytes from the client.

/// The maximum size of a cookie in browsers, in bytes: name, value and attributes together.
pub const MAX_COOKIE: usize = 4096;

/// The cookies of one request, from all of its `cookie` headers: HTTP/1.1 clients may send several.
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    pieces: Pieces<'a>,
    headers: usize,
}

/// How many texts need no allocation.
const FEW: usize = 8;

/// The texts between semicolons, in order. Most requests have only a few. (A `SmallVec` would be invariant in `'a`.)
#[derive(Clone, Debug, Default)]
struct Pieces<'a> {
    few: [Piece<'a>; FEW],
    count: usize,
    /// All of them, if they are more than a few.
    many: Vec<Piece<'a>>,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, piece: Piece<'a>) {
        if let Some(place) = self.few.get_mut(self.count) {
            *place = piece;
            self.count += 1;
            return;
        }
        if self.many.is_empty() {
            self.many.reserve(4 * FEW);
            self.many.extend_from_slice(&self.few);
        }
        self.many.push(piece);
    }

    fn all(&self) -> &[Piece<'a>] {
        if self.many.is_empty() { self.few.get(..self.count).unwrap_or_default() } else { &self.many }
    }
}

/// The text between two semicolons.
#[derive(Clone, Copy, Debug, Default)]
struct Piece<'a> {
    /// The complete text, unchanged.
    whole: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
    /// The index of its `cookie` header.
    header: usize,
    /// Whether it is a cookie: a text without `=` isn't one.
    is_pair: bool,
}

impl<'a> Cookies<'a> {
    /// Parses `cookie` headers. A text without `=` isn't a cookie.
    pub fn parse(headers: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut cookies = Self { pieces: Pieces::default(), headers: 0 };
        for header in headers {
            cookies.read(header);
            cookies.headers += 1;
        }
        cookies
    }

    fn read(&mut self, header: &'a [u8]) {
        let mut rest = Some(header);
        while let Some(bytes) = rest {
            let end = memchr::memchr(b';', bytes);
            rest = end.and_then(|end| bytes.get(end + 1..));
            let whole = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let equals = memchr::memchr(b'=', whole);
            let (name, value) = whole.split_at_checked(equals.unwrap_or(0)).unwrap_or_default();
            self.pieces.push(Piece {
                whole,
                name: name.trim_ascii(),
                value: value.get(1..).unwrap_or_default().trim_ascii(),
                header: self.headers,
                is_pair: equals.is_some(),
            });
        }
    }

    /// Every value of the cookie of that name: a browser sends one, but a client may send many.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.pairs().filter(move |piece| piece.name == name.as_bytes()).map(|piece| piece.value)
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.pairs().map(|piece| (piece.name, piece.value))
    }

    fn pairs(&self) -> impl Iterator<Item = &Piece<'a>> {
        self.pieces.all().iter().filter(|piece| piece.is_pair)
    }

    /// The number of `cookie` headers.
    pub const fn headers(&self) -> usize {
        self.headers
    }

    /// The `cookie` headers without the cookies that `ours` selects. All other bytes stay unchanged; a header may
    /// become empty. `None` if `ours` selects nothing.
    pub fn without<'s>(
        &'s self,
        ours: impl Fn(&[u8]) -> bool + 's,
    ) -> Option<impl Iterator<Item = Vec<u8>> + 's> {
        let is_ours = move |piece: &Piece<'_>| piece.is_pair && ours(piece.name);
        let found = self.pieces.all().iter().any(&is_ours);
        let left = move |header: &[Piece<'_>]| {
            let mut pieces = header.iter().filter(|piece| !is_ours(piece));
            let Some(first) = pieces.next() else { return Vec::new() };
            // More than needed, but in one piece.
            let mut left = Vec::with_capacity(header.iter().map(|piece| piece.whole.len() + 1).sum());
            left.extend_from_slice(first.whole.trim_ascii_start());
            for piece in pieces {
                left.push(b';');
                left.extend_from_slice(piece.whole);
            }
            left
        };
        found.then(|| self.pieces.all().chunk_by(|one, next| one.header == next.header).map(left))
    }
}

/// The name of the cookie that a `Set-Cookie` line sets (RFC 6265bis, section 5.6), without leading white space and
/// `=`: a browser may send a cookie without a name as its value alone, which then reads like a cookie of that name.
pub fn set_name(line: &[u8]) -> &[u8] {
    let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let from = pair.iter().position(|byte| *byte != b'=' && !byte.is_ascii_whitespace());
    let pair = pair.get(from.unwrap_or(pair.len())..).unwrap_or_default();
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// The `SameSite` attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent on same-site requests and on navigations from elsewhere.
    Lax,
    /// Sent on same-site requests only.
    Strict,
    /// Always sent; browsers require `Secure` with it.
    None,
}

/// The attributes that all cookies of one configuration share.
#[derive(Clone, Debug)]
pub struct CookieAttributes {
    /// `Domain`: shares the cookie with subdomains.
    pub domain: Option<String>,
    /// `Secure`.
    pub secure: bool,
    /// `Partitioned` (CHIPS): in a frame of another site, the browser keeps a separate cookie for that site. Browsers
    /// require `Secure` with it.
    pub partitioned: bool,
}

impl CookieAttributes {
    /// A `Set-Cookie` value that sets a cookie for `max_age` seconds.
    pub fn set(&self, name: &str, value: &str, max_age: u64, same_site: SameSite) -> String {
        let domain = self.domain.as_deref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        let same_site = match same_site {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        };
        let partitioned = if self.partitioned { "; Partitioned" } else { "" };
        format!(
            "{name}={value}; Path=/; Max-Age={max_age}{domain}; HttpOnly{secure}; SameSite={same_site}{partitioned}"
        )
    }

    /// A `Set-Cookie` value that deletes a cookie. Browsers only accept it with the attributes that the cookie was
    /// set with, and with a valid `SameSite`.
    pub fn delete(&self, name: &str, same_site: SameSite) -> String {
        self.set(name, "", 0, same_site)
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
            let cookies = cookies(&[header]);
            let left = cookies.without(|name| name.starts_with(b"our")).map(Iterator::collect::<Vec<_>>);
            assert_eq!(left, expected.map(|expected| vec![expected.as_bytes().to_vec()]), "{header}");
        };
        check("a=1; b=2", None);
        check("ours=1", Some(""));
        check("ours=1; a=1", Some("a=1"));
        check("a=1; ours=1", Some("a=1"));
        check("a=1; ours=1; b=\"x y\",z", Some("a=1; b=\"x y\",z"));
        check("a=1;ours=2;b=2;ours.1=x", Some("a=1;b=2"));
        check("a=ours=1", None);
        check("  a=1;  ours=1;  b=2  ", Some("a=1;  b=2  "));
        check("ours=1; junk;; a=1", Some("junk;; a=1"));
        let several = cookies(&["a=1; ours=1", "ours=2", "", " b=2"]);
        let left: Vec<_> = several.without(|name| name == b"ours").unwrap().collect();
        assert_eq!(left, ["a=1", "", "", "b=2"].map(str::as_bytes));
    }

    #[test]
    fn a_set_cookie_line_sets_the_cookie_that_a_browser_would_send() {
        let check = |line: &str, name: &str| assert_eq!(set_name(line.as_bytes()), name.as_bytes(), "{line}");
        check("a=1; Path=/", "a");
        check(" \ta = 1=2 ;b=3", "a");
        check("a", "a");
        check("=a=1", "a");
        check(" = =a=1", "a");
        check("; a=1", "");
        check("", "");
        check("\u{e9}=1", "\u{e9}");
    }

    #[test]
    fn deleting_has_the_attributes_of_setting() {
        let host = CookieAttributes { domain: None, secure: true, partitioned: false };
        assert_eq!(
            host.set("__Host-a", "v", 60, SameSite::Strict),
            "__Host-a=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"
        );
        let domain =
            CookieAttributes { domain: Some("example.com".into()), secure: true, partitioned: false };
        assert_eq!(
            domain.delete("__Secure-a", SameSite::Lax),
            "__Secure-a=; Path=/; Max-Age=0; Domain=example.com; HttpOnly; Secure; SameSite=Lax"
        );
        let embedded = CookieAttributes { domain: None, secure: true, partitioned: true };
        assert_eq!(
            embedded.delete("__Host-a", SameSite::None),
            "__Host-a=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned"
        );
    }
}
