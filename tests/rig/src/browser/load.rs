//! What a browser loads, and who initiates it.

/// A page, or a resource of a page. Use [`Load::typed`] for the address bar or a bookmark, [`Load::link`] for a link
/// on a page, [`Load::form`] and [`Load::fetch`].
#[derive(Debug, Clone)]
pub struct Load {
    pub method: String,
    pub url: String,
    /// The initiating page; `None` if the user did it.
    pub initiator: Option<String>,
    pub mode: Mode,
    /// Sent besides the browser's own.
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
    /// Whether to follow redirects, and pages that redirect by themselves.
    pub follow: bool,
}

/// `Sec-Fetch-Mode`, and what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A page for the window: a document.
    Navigate,
    /// A script's `fetch()`.
    Cors,
    /// An image, a style sheet.
    NoCors,
}

#[derive(Debug, Clone)]
pub struct Body {
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Load {
    #[must_use]
    pub fn typed(url: &str) -> Self {
        Self {
            method: "GET".into(),
            url: url.into(),
            initiator: None,
            mode: Mode::Navigate,
            headers: Vec::new(),
            body: None,
            follow: true,
        }
    }

    /// A click on a link of the page `from`.
    #[must_use]
    pub fn link(from: &str, url: &str) -> Self {
        Self { initiator: Some(from.into()), ..Self::typed(url) }
    }

    /// A form of the page `from`; fields of a `GET` form become the query.
    #[must_use]
    pub fn form(from: &str, method: &str, url: &str, fields: &[(&str, &str)]) -> Self {
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut load = Self { method: method.to_ascii_uppercase(), ..Self::link(from, url) };
        if load.method == "GET" {
            let base = url.split(['?', '#']).next().unwrap_or_default();
            load.url = format!("{base}?{encoded}");
        } else {
            let content_type = "application/x-www-form-urlencoded".into();
            load.body = Some(Body { content_type, bytes: encoded.into_bytes() });
        }
        load
    }

    /// `fetch(url)` by a script of the page `from`. Redirects are not followed: the test sees them.
    #[must_use]
    pub fn fetch(from: &str, url: &str) -> Self {
        Self { mode: Mode::Cors, follow: false, ..Self::link(from, url) }
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Body { content_type: content_type.to_owned(), bytes: bytes.into() });
        self
    }

    /// Stops at the first response.
    #[must_use]
    pub fn one_step(mut self) -> Self {
        self.follow = false;
        self
    }
}
