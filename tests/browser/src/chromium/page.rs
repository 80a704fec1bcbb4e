//! A tab or a frame in Chromium.

use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::page::{Cookie, Key, Page, Screen};

/// The events to record.
const DOMAINS: [&str; 5] = ["Page", "Runtime", "Network", "Log", "Audits"];

/// A target of the DevTools protocol.
#[derive(Debug)]
pub(crate) struct ChromiumPage {
    pub(super) devtools: Conversation,
}

impl ChromiumPage {
    pub(crate) fn new(devtools: Conversation) -> Result<Self, String> {
        let mut page = Self { devtools };
        for domain in DOMAINS {
            page.command(&format!("{domain}.enable"), &json!({}))?;
        }
        // This tab behaves as if it were in front, even if it isn't.
        page.command("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }))?;
        Ok(page)
    }

    fn command(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.devtools.call(method, params)
    }
}

impl Page for ChromiumPage {
    fn open(&mut self, url: &str) -> Result<(), String> {
        let answer = self.command("Page.navigate", &json!({ "url": url, "transitionType": "typed" }))?;
        answer["errorText"].as_str().map_or(Ok(()), |error| Err(error.to_owned()))
    }

    fn back(&mut self) -> Result<(), String> {
        let history = self.command("Page.getNavigationHistory", &json!({}))?;
        let before = history["currentIndex"].as_u64().and_then(|index| index.checked_sub(1));
        let before = before.and_then(|index| usize::try_from(index).ok()).ok_or("nowhere to go back to")?;
        let id = history["entries"][before]["id"].clone();
        self.command("Page.navigateToHistoryEntry", &json!({ "entryId": id })).map(drop)
    }

    fn reload(&mut self) -> Result<(), String> {
        self.command("Page.reload", &json!({})).map(drop)
    }

    fn bring_to_front(&mut self) -> Result<(), String> {
        self.command("Page.bringToFront", &json!({})).map(drop)
    }

    fn moment(&mut self) -> Result<usize, String> {
        Ok(self.devtools.events().len())
    }

    fn arrived(&mut self, moment: usize) -> Result<(), String> {
        let arrived = self.devtools.event(moment, |event| {
            event.method == "Page.frameNavigated" && event.params["frame"]["parentId"].is_null()
        });
        arrived.map(drop)
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.command("Runtime.evaluate", &params)?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            details => Err(details["exception"]["description"].as_str().unwrap_or("exception").to_owned()),
        }
    }

    fn run(&mut self, statements: &str) -> Result<(), String> {
        self.evaluate(statements).map(drop)
    }

    fn click(&mut self, selector: &str) -> Result<(), String> {
        let at = self.evaluate(&crate::page::middle(selector))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", &params)?;
        }
        Ok(())
    }

    fn type_text(&mut self, text: &str) -> Result<(), String> {
        self.command("Input.insertText", &json!({ "text": text })).map(drop)
    }

    fn press(&mut self, key: Key) -> Result<(), String> {
        let (name, code, text) = match key {
            Key::Tab => ("Tab", 9, ""),
            Key::Enter => ("Enter", 13, "\r"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({
                "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text,
            });
            self.command("Input.dispatchKeyEvent", &params)?;
        }
        Ok(())
    }

    fn cookies(&mut self, url: &str) -> Result<Vec<Cookie>, String> {
        let answer = self.command("Network.getCookies", &json!({ "urls": [url] }))?;
        Ok(Cookie::read_all(&answer["cookies"]))
    }

    fn set_cookie(&mut self, url: &str, cookie: &Cookie) -> Result<(), String> {
        let params = json!({
            "url": url, "name": cookie.name, "value": cookie.value, "path": cookie.path,
            "secure": cookie.secure, "httpOnly": cookie.http_only, "sameSite": cookie.same_site,
        });
        self.command("Network.setCookie", &params).map(drop)
    }

    fn delete_cookie(&mut self, url: &str, name: &str) -> Result<(), String> {
        self.command("Network.deleteCookies", &json!({ "name": name, "url": url })).map(drop)
    }

    fn block_third_party_cookies(&mut self) -> Result<(), String> {
        let restricted = json!({ "enableThirdPartyCookieRestriction": true });
        self.command("Network.setCookieControls", &restricted).map(drop)
    }

    fn show_on(&mut self, screen: Screen) -> Result<bool, String> {
        let params = json!({
            "width": screen.width, "height": screen.height, "mobile": screen.mobile,
            "deviceScaleFactor": if screen.mobile { 2 } else { 1 },
        });
        self.command("Emulation.setDeviceMetricsOverride", &params)?;
        let scheme = if screen.dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": features }))?;
        Ok(true)
    }

    fn screenshot(&mut self) -> Result<Value, String> {
        Ok(self.command("Page.captureScreenshot", &json!({ "format": "png" }))?["data"].take())
    }

    fn trail(&self) -> Vec<String> {
        self.addresses()
    }

    fn complaints(&self) -> Vec<String> {
        self.logged()
    }

    fn failures(&self) -> Vec<String> {
        self.devtools.events().iter().filter_map(super::record::failure).collect()
    }

    fn answered(&mut self, url: &str, status: u64) -> bool {
        self.awaits(0, "Network.responseReceived", |received| {
            received["response"]["url"] == url && received["response"]["status"] == status
        })
    }

    fn refuses_to_frame(&mut self, moment: usize, origin: &str) -> bool {
        let said = self.awaits(moment, "Log.entryAdded", |logged| {
            let text = logged["entry"]["text"].as_str().unwrap_or_default();
            text.contains(origin) && text.contains("frame-ancestors 'none'")
        });
        said && self.awaits(moment, "Network.loadingFailed", |failed| {
            failed["type"] == "Document" && failed["errorText"] == "net::ERR_BLOCKED_BY_RESPONSE"
        })
    }
}
