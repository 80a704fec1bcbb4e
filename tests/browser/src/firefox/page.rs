//! A tab or a frame in Firefox.

use std::sync::PoisonError;

use rig::eventually;
use serde_json::{Value, json};

use super::{Bidi, text, value};
use crate::conversation::PATIENCE;
use crate::page::{Cookie, Key, Page, Screen, left, mark, middle, strokes};

/// A browsing context.
#[derive(Debug)]
pub(crate) struct FirefoxPage {
    pub(super) bidi: Bidi,
    pub(super) context: String,
    user_context: String,
    /// The number of events before this tab.
    pub(super) since: usize,
}

impl FirefoxPage {
    pub(super) fn new(bidi: Bidi, context: String, user_context: String) -> Self {
        let since = bidi.conversation.lock().unwrap_or_else(PoisonError::into_inner).events().len();
        Self { bidi, context, user_context, since }
    }

    fn call(&self, method: &str, mut params: Value) -> Result<Value, String> {
        params["context"] = json!(self.context);
        self.bidi.call(method, &params)
    }

    /// The cookies that are sent to a host when its pages aren't in a frame.
    fn partition(&self) -> Value {
        json!({ "type": "storageKey", "userContext": self.user_context })
    }
}

impl Page for FirefoxPage {
    fn open(&mut self, url: &str) -> Result<(), String> {
        self.call("browsingContext.navigate", json!({ "url": url, "wait": "none" })).map(drop)
    }

    fn back(&mut self) -> Result<(), String> {
        self.call("browsingContext.traverseHistory", json!({ "delta": -1 })).map(drop)
    }

    fn reload(&mut self) -> Result<(), String> {
        self.call("browsingContext.reload", json!({ "wait": "none" })).map(drop)
    }

    fn bring_to_front(&mut self) -> Result<(), String> {
        self.call("browsingContext.activate", json!({})).map(drop)
    }

    fn moment(&mut self) -> Result<usize, String> {
        let moment = self.bidi.conversation.lock().unwrap_or_else(PoisonError::into_inner).events().len();
        // The page may be one that can't be marked, such as the first one.
        let _ = self.evaluate(&mark(moment));
        Ok(moment)
    }

    fn arrived(&mut self, moment: usize) -> Result<(), String> {
        let arrived = eventually(PATIENCE, || (self.evaluate(&left(moment)).ok()? == true).then_some(()));
        arrived.ok_or_else(|| "the page stayed".to_owned())
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        value::evaluated(&self.bidi.call("script.evaluate", &value::script(expression, &self.context))?)
    }

    fn run(&mut self, statements: &str) -> Result<(), String> {
        self.evaluate(statements).map(drop)
    }

    fn click(&mut self, selector: &str) -> Result<(), String> {
        let at = self.evaluate(&middle(selector))?;
        let [x, y] = [&at[0], &at[1]].map(|at| at.as_f64().unwrap_or_default().round());
        let actions = json!([{ "type": "pointer", "id": "mouse", "actions": [
            { "type": "pointerMove", "x": x, "y": y },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]}]);
        self.call("input.performActions", json!({ "actions": actions })).map(drop)
    }

    fn type_text(&mut self, text: &str) -> Result<(), String> {
        self.call("input.performActions", json!({ "actions": strokes(text) })).map(drop)
    }

    fn press(&mut self, key: Key) -> Result<(), String> {
        self.type_text(&key.in_webdriver().to_string())
    }

    fn cookies(&mut self, url: &str) -> Result<Vec<Cookie>, String> {
        let host = url.split('/').nth(2).unwrap_or_default();
        let answer = self.bidi.call("storage.getCookies", &json!({ "partition": self.partition() }))?;
        let cookies = answer["cookies"].as_array().cloned().unwrap_or_default();
        let sent = |cookie: &&Value| match text(&cookie["domain"]).strip_prefix('.') {
            Some(domain) => host == domain || host.ends_with(&format!(".{domain}")),
            None => cookie["domain"] == *host,
        };
        let cookies = cookies.iter().filter(sent).map(|cookie| Cookie {
            name: text(&cookie["name"]),
            value: text(&cookie["value"]["value"]),
            domain: text(&cookie["domain"]),
            path: text(&cookie["path"]),
            secure: cookie["secure"] == true,
            http_only: cookie["httpOnly"] == true,
            same_site: match cookie["sameSite"].as_str() {
                Some("lax") => "Lax".to_owned(),
                Some("strict") => "Strict".to_owned(),
                Some("none") => "None".to_owned(),
                _ => String::new(),
            },
        });
        Ok(cookies.collect())
    }

    fn set_cookie(&mut self, url: &str, cookie: &Cookie) -> Result<(), String> {
        let host = url.split('/').nth(2).unwrap_or_default();
        let same_site = match cookie.same_site.as_str() {
            "" => "default".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        let cookie = json!({
            "name": cookie.name, "value": { "type": "string", "value": cookie.value }, "domain": host,
            "path": cookie.path, "secure": cookie.secure, "httpOnly": cookie.http_only, "sameSite": same_site,
        });
        let params = json!({ "cookie": cookie, "partition": self.partition() });
        self.bidi.call("storage.setCookie", &params).map(drop)
    }

    fn delete_cookie(&mut self, url: &str, name: &str) -> Result<(), String> {
        let host = url.split('/').nth(2).unwrap_or_default();
        let params = json!({ "filter": { "name": name, "domain": host }, "partition": self.partition() });
        self.bidi.call("storage.deleteCookies", &params).map(drop)
    }

    /// It has always partitioned them by itself (Total Cookie Protection).
    fn block_third_party_cookies(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn show_on(&mut self, screen: Screen) -> Result<bool, String> {
        let viewport = json!({ "width": screen.width, "height": screen.height });
        let ratio = if screen.mobile { 2 } else { 1 };
        let params = json!({ "viewport": viewport, "devicePixelRatio": ratio });
        self.call("browsingContext.setViewport", params)?;
        // BiDi has no colour schemes yet. 0 is dark, 1 light.
        let scheme = u8::from(!screen.dark);
        let setting = "layout.css.prefers-color-scheme.content-override";
        self.bidi.privileged(&format!("Services.prefs.setIntPref('{setting}', {scheme})"))?;
        let shown = format!("matchMedia('(prefers-color-scheme: dark)').matches === {}", screen.dark);
        let shown = eventually(PATIENCE, || (self.evaluate(&shown).ok()? == true).then_some(true));
        shown.ok_or_else(|| "the colour scheme doesn't change".to_owned())
    }

    fn screenshot(&mut self) -> Result<Value, String> {
        Ok(self.call("browsingContext.captureScreenshot", json!({}))?["data"].take())
    }

    fn trail(&self) -> Vec<String> {
        self.addresses()
    }

    fn complaints(&self) -> Vec<String> {
        self.logged()
    }

    fn failures(&self) -> Vec<String> {
        self.failed()
    }

    fn answered(&mut self, url: &str, status: u64) -> bool {
        self.awaits(self.since, |event| {
            event.method == "network.responseCompleted"
                && event.params["response"]["url"] == url
                && event.params["response"]["status"] == status
        })
    }

    fn refuses_to_frame(&mut self, moment: usize, origin: &str) -> bool {
        let said = self.awaits(moment, |event| {
            event.method == "log.entryAdded" && text(&event.params["text"]).contains("frame-ancestors 'none'")
        });
        let instead = format!("about:neterror?e=cspBlocked&u={}", origin.replace(':', "%3A"));
        said && self.awaits(moment, |event| {
            event.method == "browsingContext.navigationCommitted"
                && text(&event.params["url"]).starts_with(&instead)
        })
    }
}
