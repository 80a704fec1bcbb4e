//! A tab: what a person does in it, and what is visible from outside.

mod record;

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rig::eventually;
use serde_json::{Value, json};

use crate::devtools::{Conversation, PATIENCE};

/// The events to record.
const DOMAINS: [&str; 5] = ["Page", "Runtime", "Network", "Log", "Audits"];

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
    /// Empty if it has none.
    pub same_site: String,
}

/// A key with a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Tab,
    Enter,
}

/// How the page is shown.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    pub mobile: bool,
    pub dark: bool,
}

/// An open tab.
#[derive(Debug)]
pub struct Tab {
    devtools: Conversation,
}

impl Tab {
    #[track_caller]
    pub(crate) fn new(devtools: Conversation) -> Self {
        let mut tab = Self { devtools };
        for domain in DOMAINS {
            tab.command(&format!("{domain}.enable"), &json!({}));
        }
        // This tab behaves as if it were in front, even if it isn't.
        tab.command("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
        tab
    }

    /// Sends a DevTools command.
    #[track_caller]
    pub fn command(&mut self, method: &str, params: &Value) -> Value {
        match self.devtools.call(method, params) {
            Ok(answer) => answer,
            Err(error) => panic!("{error}\n{}", self.describe()),
        }
    }

    /// Opens an address and waits for the page that it leads to.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.follow(|tab| {
            let answer = tab.command("Page.navigate", &json!({ "url": url, "transitionType": "typed" }));
            assert_eq!(answer["errorText"], Value::Null, "{url}\n{}", tab.describe());
        });
    }

    /// Performs an action that leads to another page, and waits for that page.
    #[track_caller]
    pub fn follow(&mut self, act: impl FnOnce(&mut Self)) {
        let before = self.devtools.events().len();
        act(self);
        let arrived = self.devtools.event(before, |event| {
            event.method == "Page.frameNavigated" && event.params["frame"]["parentId"].is_null()
        });
        if let Err(error) = arrived {
            panic!("no page came: {error}\n{}", self.describe());
        }
        self.until("document.readyState === 'complete'");
    }

    /// The back button.
    #[track_caller]
    pub fn back(&mut self) {
        let history = self.command("Page.getNavigationHistory", &json!({}));
        let before = history["currentIndex"].as_u64().and_then(|index| index.checked_sub(1));
        let before = before.and_then(|index| usize::try_from(index).ok()).expect("somewhere to go back to");
        let id = history["entries"][before]["id"].clone();
        self.follow(|tab| drop(tab.command("Page.navigateToHistoryEntry", &json!({ "entryId": id }))));
    }

    /// Brings this tab to the front of its window.
    #[track_caller]
    pub fn bring_to_front(&mut self) {
        self.command("Page.bringToFront", &json!({}));
    }

    #[track_caller]
    pub fn reload(&mut self) {
        self.follow(|tab| drop(tab.command("Page.reload", &json!({}))));
    }

    /// Evaluates an expression in the page, and waits for the promise if it is one.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        match self.try_eval(expression) {
            Ok(value) => value,
            Err(error) => panic!("{expression}: {error}\n{}", self.describe()),
        }
    }

    fn try_eval(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.devtools.call("Runtime.evaluate", &params)?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            details => Err(details["exception"]["description"].as_str().unwrap_or("exception").to_owned()),
        }
    }

    /// Waits until an expression is true in the page that is shown at that time.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        // Between two pages, there is no page that could evaluate it.
        let met = eventually(PATIENCE, || self.try_eval(expression).ok()?.as_bool()?.then_some(()));
        assert!(met.is_some(), "never: {expression}\n{}", self.describe());
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
        let status = "performance.getEntriesByType('navigation')[0].responseStatus";
        self.eval(status).as_u64().unwrap_or_default()
    }

    #[track_caller]
    pub fn string(&mut self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks in the middle of the first element that a CSS selector names.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let middle = format!(
            "(() => {{ const element = document.querySelector({}); element.scrollIntoView(); \
             const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        );
        let at = self.eval(&middle);
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", &params);
        }
    }

    /// Types into the focused element.
    #[track_caller]
    pub fn type_text(&mut self, text: &str) {
        self.command("Input.insertText", &json!({ "text": text }));
    }

    #[track_caller]
    pub fn press(&mut self, key: Key) {
        let (name, code, text) = match key {
            Key::Tab => ("Tab", 9, ""),
            Key::Enter => ("Enter", 13, "\r"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({
                "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text,
            });
            self.command("Input.dispatchKeyEvent", &params);
        }
    }

    /// The cookies that the browser would send to this address from the site itself.
    #[track_caller]
    pub fn cookies(&mut self, url: &str) -> Vec<Cookie> {
        let answer = self.command("Network.getCookies", &json!({ "urls": [url] }));
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
        let cookies = answer["cookies"].as_array().cloned().unwrap_or_default();
        let mut cookies: Vec<Cookie> = (cookies.iter())
            .map(|cookie| Cookie {
                name: text(cookie, "name"),
                value: text(cookie, "value"),
                domain: text(cookie, "domain"),
                path: text(cookie, "path"),
                secure: cookie["secure"] == true,
                http_only: cookie["httpOnly"] == true,
                same_site: text(cookie, "sameSite"),
            })
            .collect();
        cookies.sort_by(|one, other| one.name.cmp(&other.name));
        cookies
    }

    /// Replaces the cookie of that name.
    #[track_caller]
    pub fn set_cookie(&mut self, url: &str, cookie: &Cookie) {
        let params = json!({
            "url": url, "name": cookie.name, "value": cookie.value, "path": cookie.path,
            "secure": cookie.secure, "httpOnly": cookie.http_only, "sameSite": cookie.same_site,
        });
        self.command("Network.setCookie", &params);
    }

    /// Shows the page on another screen.
    #[track_caller]
    pub fn show_on(&mut self, screen: Screen) {
        let params = json!({
            "width": screen.width, "height": screen.height, "mobile": screen.mobile,
            "deviceScaleFactor": if screen.mobile { 2 } else { 1 },
        });
        self.command("Emulation.setDeviceMetricsOverride", &params);
        let scheme = if screen.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Writes what the screen shows to a PNG file.
    #[track_caller]
    pub fn screenshot(&mut self, file: &Path) {
        let answer = self.command("Page.captureScreenshot", &json!({ "format": "png" }));
        let png = STANDARD.decode(answer["data"].as_str().unwrap_or_default()).expect("base64");
        fs::write(file, png).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
