//! What each engine can do with a page, and what it takes and returns.

use std::fmt::Debug;

use serde_json::{Value, json};

/// A cookie as the browser holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    /// With a leading dot if it is also sent to subdomains.
    pub domain: String,
    pub path: String,
    pub secure: bool,
    pub http_only: bool,
    /// `Lax`, `Strict` or `None`; empty if it has none.
    pub same_site: String,
}

impl Cookie {
    /// The cookies of a list, with the names of WebDriver and of the DevTools protocol.
    pub(crate) fn read_all(list: &Value) -> Vec<Self> {
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
        let read = |cookie: &Value| Self {
            name: text(cookie, "name"),
            value: text(cookie, "value"),
            domain: text(cookie, "domain"),
            path: text(cookie, "path"),
            secure: cookie["secure"] == true,
            http_only: cookie["httpOnly"] == true,
            same_site: text(cookie, "sameSite"),
        };
        list.as_array().into_iter().flatten().map(read).collect()
    }
}

/// A key with a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Tab,
    Enter,
}

impl Key {
    /// The character that stands for it in WebDriver.
    pub(crate) fn in_webdriver(self) -> char {
        match self {
            Self::Tab => '\u{e004}',
            Self::Enter => '\u{e007}',
        }
    }
}

/// WebDriver's actions for typing these characters.
pub(crate) fn strokes(text: &str) -> Value {
    let strokes: Vec<Value> = (text.chars())
        .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
        .collect();
    json!([{ "type": "key", "id": "keyboard", "actions": strokes }])
}

/// How the page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub mobile: bool,
    pub dark: bool,
}

/// A page in a tab or in a frame. Errors are texts for the message of a failed test.
pub(crate) trait Page: Debug + Send {
    /// Begins to load an address.
    fn open(&mut self, url: &str) -> Result<(), String>;
    fn back(&mut self) -> Result<(), String>;
    fn reload(&mut self) -> Result<(), String>;
    fn bring_to_front(&mut self) -> Result<(), String>;

    /// A number that only later events exceed.
    fn moment(&mut self) -> Result<usize, String>;
    /// Waits until a page has been loaded since `moment`.
    fn arrived(&mut self, moment: usize) -> Result<(), String>;

    /// The value of an expression, or of its promise.
    fn evaluate(&mut self, expression: &str) -> Result<Value, String>;
    /// Runs statements, which may lead to another page.
    fn run(&mut self, statements: &str) -> Result<(), String>;

    fn click(&mut self, selector: &str) -> Result<(), String>;
    fn type_text(&mut self, text: &str) -> Result<(), String>;
    fn press(&mut self, key: Key) -> Result<(), String>;

    fn cookies(&mut self, url: &str) -> Result<Vec<Cookie>, String>;
    fn set_cookie(&mut self, url: &str, cookie: &Cookie) -> Result<(), String>;
    fn delete_cookie(&mut self, url: &str, name: &str) -> Result<(), String>;
    fn block_third_party_cookies(&mut self) -> Result<(), String>;

    /// `false` if this engine can't.
    fn show_on(&mut self, screen: Screen) -> Result<bool, String>;
    /// As PNG in base64.
    fn screenshot(&mut self) -> Result<Value, String>;

    /// The status of the page's response.
    fn status(&mut self) -> Result<u64, String> {
        let status = "performance.getEntriesByType('navigation')[0].responseStatus";
        Ok(self.evaluate(status)?.as_u64().unwrap_or_default())
    }
    /// The addresses of the main frame, including redirects, oldest first.
    fn trail(&self) -> Vec<String>;
    /// What the browser complains about.
    fn complaints(&self) -> Vec<String>;
    /// Requests that failed.
    fn failures(&self) -> Vec<String>;
    /// Whether a frame got a response with this status from this address, sooner or later.
    fn answered(&mut self, url: &str, status: u64) -> bool;
    /// Whether the browser refuses to show a page of this origin in a frame, after this moment, sooner or later.
    fn refuses_to_frame(&mut self, moment: usize, origin: &str) -> bool;
}

/// An expression for the middle of the first element that a CSS selector names, after scrolling to it.
pub(crate) fn middle(selector: &str) -> String {
    format!(
        "(() => {{ const element = document.querySelector({}); element.scrollIntoView(); \
         const box = element.getBoundingClientRect(); \
         return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
        json!(selector)
    )
}

/// Marks the page that is shown, for engines whose protocol doesn't say reliably that another one has come.
pub(crate) fn mark(moment: usize) -> String {
    format!("window.__moment = {moment}")
}

/// Whether another page than the marked one is there. A page that the back button brings back from memory has an earlier mark.
pub(crate) fn left(moment: usize) -> String {
    format!("window.__moment !== {moment} && ({COMPLETE})")
}

/// Whether the page is loaded. Firefox's own error pages never say that they are.
pub(crate) const COMPLETE: &str =
    "document.readyState === 'complete' || document.documentURI.startsWith('about:neterror?')";
