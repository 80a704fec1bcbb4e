//! A tab or a frame in WebKit.

use std::sync::{Arc, Mutex, PoisonError};

use rig::eventually;
use serde_json::{Value, json};

use super::driver::Driver;
use super::requests::{COOKIES, Requests};
use crate::conversation::PATIENCE;
use crate::page::{Cookie, Key, Page, Screen, left, mark, strokes};

/// A window of the driver's session, or its first frame.
#[derive(Debug)]
pub(crate) struct WebKitPage {
    driver: Arc<Mutex<Driver>>,
    window: String,
    in_frame: bool,
    requests: Requests,
    /// The number of navigations before this tab.
    since: usize,
    marks: usize,
}

impl WebKitPage {
    pub(super) fn new(
        driver: Arc<Mutex<Driver>>,
        window: String,
        in_frame: bool,
        requests: Requests,
    ) -> Self {
        let since = requests.navigations("document").len();
        Self { driver, window, in_frame, requests, since, marks: 0 }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Driver) -> Result<T, String>) -> Result<T, String> {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        driver.switch(&self.window, self.in_frame)?;
        act(&mut driver)
    }

    fn post(&self, path: &str, parameters: &Value) -> Result<Value, String> {
        self.with(|driver| driver.post(path, parameters))
    }

    /// The driver only has the cookies of the page that is shown, so this shows a page of their host that changes nothing, in
    /// a window of its own.
    fn at<T>(&self, url: &str, act: impl FnOnce(&mut Driver) -> Result<T, String>) -> Result<T, String> {
        let origin: Vec<&str> = url.split('/').take(3).collect();
        let page = format!("{}{COOKIES}", origin.join("/"));
        let there = format!("return location.href === {} && document.readyState === 'complete'", json!(page));
        self.with(|driver| {
            let window = driver.new_window()?;
            driver.post("/url", &json!({ "url": page }))?;
            let shown = eventually(PATIENCE, || {
                let answer = driver.post("/execute/sync", &json!({ "script": there, "args": [] }));
                (answer.ok()? == true).then_some(())
            });
            let result = shown.ok_or_else(|| format!("{page} isn't shown")).and_then(|()| act(driver));
            driver.switch(&window, false)?;
            driver.delete("/window")?;
            driver.switch(&self.window, self.in_frame)?;
            result
        })
    }
}

impl Page for WebKitPage {
    fn open(&mut self, url: &str) -> Result<(), String> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    fn back(&mut self) -> Result<(), String> {
        self.post("/back", &json!({})).map(drop)
    }

    fn reload(&mut self) -> Result<(), String> {
        self.post("/refresh", &json!({})).map(drop)
    }

    /// Switching to a window does this.
    fn bring_to_front(&mut self) -> Result<(), String> {
        self.with(|_| Ok(()))
    }

    fn moment(&mut self) -> Result<usize, String> {
        self.marks += 1;
        // The page may be one that can't be marked, such as the first one.
        let _ = self.evaluate(&mark(self.marks));
        Ok(self.marks)
    }

    fn arrived(&mut self, moment: usize) -> Result<(), String> {
        let arrived = eventually(PATIENCE, || (self.evaluate(&left(moment)).ok()? == true).then_some(()));
        arrived.ok_or_else(|| "the page stayed".to_owned())
    }

    fn evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let script = format!(
            "const done = arguments[0]; (async () => ({expression}))()\
             .then(value => done({{ value }}), error => done({{ error: String(error) }}))"
        );
        let mut answer = self.post("/execute/async", &json!({ "script": script, "args": [] }))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["value"].take()),
        }
    }

    fn run(&mut self, statements: &str) -> Result<(), String> {
        self.post("/execute/sync", &json!({ "script": statements, "args": [] })).map(drop)
    }

    fn click(&mut self, selector: &str) -> Result<(), String> {
        self.with(|driver| {
            let element = driver.element(selector)?;
            driver.post(&format!("{element}/click"), &json!({})).map(drop)
        })
    }

    fn type_text(&mut self, text: &str) -> Result<(), String> {
        self.post("/actions", &json!({ "actions": strokes(text) })).map(drop)
    }

    fn press(&mut self, key: Key) -> Result<(), String> {
        self.type_text(&key.in_webdriver().to_string())
    }

    fn cookies(&mut self, url: &str) -> Result<Vec<Cookie>, String> {
        self.at(url, |driver| driver.get("/cookie")).map(|cookies| Cookie::read_all(&cookies))
    }

    fn set_cookie(&mut self, url: &str, cookie: &Cookie) -> Result<(), String> {
        let cookie = json!({
            "name": cookie.name, "value": cookie.value, "path": cookie.path, "secure": cookie.secure,
            "httpOnly": cookie.http_only, "sameSite": cookie.same_site,
        });
        self.at(url, |driver| driver.post("/cookie", &json!({ "cookie": cookie })).map(drop))
    }

    fn delete_cookie(&mut self, url: &str, name: &str) -> Result<(), String> {
        self.at(url, |driver| driver.delete(&format!("/cookie/{name}")).map(drop))
    }

    /// It has always blocked them by itself.
    fn block_third_party_cookies(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Its windows are as wide as the browser's buttons need, and its colour scheme is the desktop's.
    fn show_on(&mut self, screen: Screen) -> Result<bool, String> {
        if screen.mobile || screen.dark {
            return Ok(false);
        }
        let size = json!({ "width": screen.width, "height": screen.height });
        self.post("/window/rect", &size).map(|_| true)
    }

    fn screenshot(&mut self) -> Result<Value, String> {
        self.with(|driver| driver.get("/screenshot"))
    }

    fn status(&mut self) -> Result<u64, String> {
        let url = self.evaluate("location.href")?;
        let url = url.as_str().unwrap_or_default();
        self.requests.status(url).ok_or_else(|| format!("{url} was never requested"))
    }

    fn trail(&self) -> Vec<String> {
        let navigations = self.requests.navigations("document").into_iter();
        navigations.skip(self.since).map(|(_, url)| url).collect()
    }

    fn complaints(&self) -> Vec<String> {
        Vec::new()
    }

    fn failures(&self) -> Vec<String> {
        Vec::new()
    }

    fn answered(&mut self, url: &str, status: u64) -> bool {
        let wanted = (status, url.to_owned());
        eventually(PATIENCE, || self.requests.navigations("iframe").contains(&wanted).then_some(())).is_some()
    }

    /// A frame that isn't shown is empty. (A frame that is shown has text: see the stories.)
    fn refuses_to_frame(&mut self, _moment: usize, origin: &str) -> bool {
        let asked = eventually(PATIENCE, || {
            let frames = self.requests.navigations("iframe").into_iter();
            frames.rev().find(|(_, url)| url.starts_with(&format!("{origin}/")))
        });
        let last = self.evaluate("document.querySelectorAll('iframe').length - 1");
        let empty = last.and_then(|last| {
            self.with(|driver| {
                driver.post("/frame", &json!({ "id": last }))?;
                let text =
                    json!({ "script": "return document.body ? document.body.innerText : ''", "args": [] });
                let text = driver.post("/execute/sync", &text);
                driver.post("/frame", &json!({ "id": null }))?;
                text
            })
        });
        asked.is_some() && empty.as_ref().is_ok_and(|text| text == "")
    }
}
