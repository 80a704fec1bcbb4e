//! A tab: what a person does in it, and what is visible from outside.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::eventually;
use serde_json::{Value, json};

use crate::conversation::PATIENCE;
use crate::page::{COMPLETE, Cookie, Key, Page, Screen};

/// An open tab, or a frame.
#[derive(Debug)]
pub struct Tab(Box<dyn Page>);

impl Tab {
    pub(crate) fn new(page: impl Page + 'static) -> Self {
        Self(Box::new(page))
    }

    #[track_caller]
    fn must<T>(&mut self, what: &str, result: Result<T, String>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => panic!("{what}: {error}\n{}", self.describe()),
        }
    }

    /// Opens an address and waits for the page that it leads to.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.follow(|tab| {
            let opened = tab.0.open(url);
            tab.must(url, opened);
        });
    }

    /// Performs an action that leads to another page, and waits for that page.
    #[track_caller]
    pub fn follow(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.moment();
        act(self);
        let arrived = self.0.arrived(before);
        self.must("no page came", arrived);
        self.until(COMPLETE);
    }

    /// The back button.
    #[track_caller]
    pub fn back(&mut self) {
        self.follow(|tab| {
            let back = tab.0.back();
            tab.must("back", back);
        });
    }

    /// Brings this tab to the front of its window.
    #[track_caller]
    pub fn bring_to_front(&mut self) {
        let done = self.0.bring_to_front();
        self.must("to the front", done);
    }

    #[track_caller]
    pub fn reload(&mut self) {
        self.follow(|tab| {
            let reloaded = tab.0.reload();
            tab.must("reload", reloaded);
        });
    }

    /// Evaluates an expression in the page, and waits for the promise if it is one.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let value = self.0.evaluate(expression);
        self.must(expression, value)
    }

    /// Runs statements in the page, which may lead to another page.
    #[track_caller]
    pub fn run(&mut self, statements: &str) {
        let done = self.0.run(statements);
        self.must(statements, done);
    }

    /// Waits until an expression is true in the page that is shown at that time.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        // Between two pages, there is no page that could evaluate it.
        let met = eventually(PATIENCE, || self.0.evaluate(expression).ok()?.as_bool()?.then_some(()));
        if met.is_none() {
            let shown = "[location.href, document.title, document.body?.innerText].join(' | ')";
            let shown = self.0.evaluate(shown);
            panic!("never: {expression}\nshown: {shown:?}\n{}", self.describe());
        }
    }

    /// Waits until a page with exactly this address is there.
    #[track_caller]
    pub fn arrives_at(&mut self, url: &str) {
        self.until(&format!("location.href === {} && document.readyState === 'complete'", json!(url)));
    }

    /// The address bar.
    #[track_caller]
    pub fn url(&mut self) -> String {
        self.string("location.href")
    }

    #[track_caller]
    pub fn title(&mut self) -> String {
        self.string("document.title")
    }

    /// The visible text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.string("document.body.innerText")
    }

    /// The page's HTTP status.
    #[track_caller]
    pub fn status(&mut self) -> u64 {
        let status = self.0.status();
        self.must("status", status)
    }

    #[track_caller]
    pub fn string(&mut self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks in the middle of the first element that a CSS selector names.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let clicked = self.0.click(selector);
        self.must(selector, clicked);
    }

    /// Types into the focused element.
    #[track_caller]
    pub fn type_text(&mut self, text: &str) {
        let typed = self.0.type_text(text);
        self.must(text, typed);
    }

    #[track_caller]
    pub fn press(&mut self, key: Key) {
        let pressed = self.0.press(key);
        self.must("key", pressed);
    }

    /// The cookies that the browser would send to this address from the site itself.
    #[track_caller]
    pub fn cookies(&mut self, url: &str) -> Vec<Cookie> {
        let cookies = self.0.cookies(url);
        let mut cookies = self.must("cookies", cookies);
        cookies.sort_by(|one, other| one.name.cmp(&other.name));
        cookies
    }

    /// Replaces the cookie of that name.
    #[track_caller]
    pub fn set_cookie(&mut self, url: &str, cookie: &Cookie) {
        let done = self.0.set_cookie(url, cookie);
        self.must(&cookie.name, done);
    }

    #[track_caller]
    pub fn delete_cookie(&mut self, url: &str, name: &str) {
        let done = self.0.delete_cookie(url, name);
        self.must(name, done);
    }

    /// From here on the browser blocks third-party cookies, or already does.
    #[track_caller]
    pub fn block_third_party_cookies(&mut self) {
        let done = self.0.block_third_party_cookies();
        self.must("third-party cookies", done);
    }

    /// Shows the page on another screen; `false` if this engine can't.
    #[track_caller]
    pub fn show_on(&mut self, screen: Screen) -> bool {
        let shown = self.0.show_on(screen);
        self.must("screen", shown)
    }

    /// Writes what the screen shows to a PNG file.
    #[track_caller]
    pub fn screenshot(&mut self, file: &Path) {
        let shot = self.0.screenshot();
        let shot = self.must("screenshot", shot);
        let png = STANDARD.decode(shot.as_str().unwrap_or_default()).expect("base64");
        fs::write(file, png).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The addresses of the tab's main frame, including redirects, oldest first.
    #[must_use]
    pub fn trail(&self) -> Vec<String> {
        self.0.trail()
    }

    /// Errors and warnings that the browser has for the page's author: of scripts, violated policies, refused cookies. How much
    /// of it can be read differs from engine to engine; in WebKit it is nothing.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.0.complaints()
    }

    /// A number that only later events exceed.
    #[track_caller]
    pub fn moment(&mut self) -> usize {
        let moment = self.0.moment();
        self.must("moment", moment)
    }

    /// Whether a frame of this page got a response with this status from this address, sooner or later.
    #[must_use]
    pub fn answered(&mut self, url: &str, status: u64) -> bool {
        self.0.answered(url, status)
    }

    /// Whether the browser refuses to show a page of this origin in this page's newest frame, after this moment, sooner or
    /// later.
    #[must_use]
    pub fn refuses_to_frame(&mut self, moment: usize, origin: &str) -> bool {
        self.0.refuses_to_frame(moment, origin)
    }

    /// The tab's address and the way to it, for messages of failed tests.
    #[must_use]
    pub fn describe(&self) -> String {
        [self.trail(), self.0.failures(), self.complaints()].concat().join("\n")
    }
}
