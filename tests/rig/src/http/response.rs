//! An unmodified response, with functions to read it in tests.

use super::SetCookie;

/// A whole response. The names of its headers are as the server wrote them, their values raw bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name (in any case), if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers_named(name).first()?).ok()
    }

    /// All headers of that name, in order.
    #[must_use]
    pub fn headers_named(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.header("location")
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it isn't.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body of this {} is not JSON ({error}): {}", self.status, self.text()),
        }
    }

    /// The cookies that this response sets, in order; a line that isn't a cookie is left out.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<SetCookie> {
        self.headers_named("set-cookie")
            .into_iter()
            .filter_map(|line| SetCookie::parse(&String::from_utf8_lossy(line)))
            .collect()
    }

    /// The cookie of that name that this response sets.
    #[must_use]
    pub fn set_cookie(&self, name: &str) -> Option<SetCookie> {
        self.set_cookies().into_iter().find(|cookie| cookie.name == name)
    }
}

/// As text, for the messages of tests that fail.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "HTTP {}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", value.escape_ascii())?;
        }
        write!(f, "\n{}", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_headers_in_any_case_and_in_order() {
        let headers = vec![
            ("X-A".to_owned(), b"1".to_vec()),
            ("Set-Cookie".to_owned(), b"a=b; Path=/".to_vec()),
            ("x-a".to_owned(), b"\xff".to_vec()),
            ("set-cookie".to_owned(), b"c=d; Secure".to_vec()),
        ];
        let response = Response { status: 200, headers, body: b"{\"a\":1}".to_vec() };
        assert_eq!(response.header("x-A"), Some("1"));
        assert_eq!(response.headers_named("X-a"), [&b"1"[..], b"\xff"]);
        assert_eq!(response.json()["a"], 1);
        assert_eq!(response.set_cookies().len(), 2);
        assert!(response.set_cookie("c").unwrap().secure);
    }
}
