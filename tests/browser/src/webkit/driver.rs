//! One driver with one session: WebDriver's commands over HTTP.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rig::{RawRequest, Scratch, Supervised, eventually, free_port, send};
use serde_json::{Value, json};

use crate::conversation::PATIENCE;

/// The key of an element's id (WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

#[derive(Debug)]
pub(super) struct Driver {
    process: Supervised,
    addr: SocketAddr,
    session: String,
    /// The window to which commands go, and whether they go to its first frame.
    current: (String, bool),
    _scratch: Scratch,
}

impl Driver {
    /// # Panics
    /// If there is no browser, or no session.
    pub(super) fn start(program: &Path, display: &str, proxy: SocketAddr) -> Self {
        let scratch = Scratch::new().expect("a folder for temporary files");
        let port = free_port();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let arguments = [OsString::from(format!("--port={port}"))];
        let home = scratch.path().display().to_string();
        let homes = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"];
        let mut env: Vec<_> = homes.map(|name| (name.to_owned(), home.clone())).to_vec();
        // Nothing of a desktop: no accessibility bus, no settings of a person, no other display.
        for (name, value) in [
            ("DISPLAY", display),
            ("GDK_BACKEND", "x11"),
            ("GSETTINGS_BACKEND", "memory"),
            ("NO_AT_BRIDGE", "1"),
        ] {
            env.push((name.to_owned(), value.to_owned()));
        }
        let mut process = Supervised::start(program, &arguments, &env, &scratch)
            .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()));
        let browser = json!({
            "binary": mini_browser(program),
            "args": ["--automation", format!("--proxy=http://{proxy}")],
        });
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true, "pageLoadStrategy": "none", "webkitgtk:browserOptions": browser,
        }}});
        let session = eventually(PATIENCE, || match call(addr, "POST", "/session", &capabilities) {
            Ok(session) => Some(session["sessionId"].as_str().unwrap_or_default().to_owned()),
            Err(_) => {
                process.ended().map(|status| panic!("the driver ended ({status}): {}", process.printed()))
            }
        });
        let session = session.unwrap_or_else(|| panic!("no session: {}", process.printed()));
        let mut driver = Self { process, addr, session, current: Default::default(), _scratch: scratch };
        driver.post("/timeouts", &json!({ "script": 60_000 })).expect("timeouts");
        driver
    }

    pub(super) fn get(&mut self, path: &str) -> Result<Value, String> {
        self.call("GET", path, &Value::Null)
    }

    pub(super) fn post(&mut self, path: &str, parameters: &Value) -> Result<Value, String> {
        self.call("POST", path, parameters)
    }

    pub(super) fn delete(&mut self, path: &str) -> Result<Value, String> {
        self.call("DELETE", path, &Value::Null)
    }

    fn call(&mut self, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
        let answer = call(self.addr, method, &format!("/session/{}{path}", self.session), parameters);
        answer.map_err(|error| match self.process.ended() {
            Some(status) => format!("the driver ended ({status}): {}", self.process.printed()),
            None => format!("{path}: {error}"),
        })
    }

    /// Opens a window, which commands go to from now on. Its name.
    pub(super) fn new_window(&mut self) -> Result<String, String> {
        let window = self.post("/window/new", &json!({ "type": "window" }))?;
        let window = window["handle"].as_str().unwrap_or_default().to_owned();
        self.switch(&window, false)?;
        Ok(window)
    }

    /// Has commands go to a window, or to the first frame of its page.
    pub(super) fn switch(&mut self, window: &str, in_frame: bool) -> Result<(), String> {
        if self.current != (window.to_owned(), in_frame) {
            self.current = Default::default();
            self.post("/window", &json!({ "handle": window }))?;
            self.post("/frame", &json!({ "id": in_frame.then_some(0) }))?;
            self.current = (window.to_owned(), in_frame);
        }
        Ok(())
    }

    /// The path of the first element that a CSS selector names.
    pub(super) fn element(&mut self, selector: &str) -> Result<String, String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }))?;
        Ok(format!("/element/{}", found[ELEMENT].as_str().unwrap_or_default()))
    }
}

impl Drop for Driver {
    /// The driver ends its browser with the session.
    fn drop(&mut self) {
        let _ = self.delete("");
    }
}

fn call(addr: SocketAddr, method: &str, path: &str, parameters: &Value) -> Result<Value, String> {
    let body = if parameters.is_null() { String::new() } else { parameters.to_string() };
    let request = RawRequest::post(path, body).method(method).timeout(PATIENCE);
    let response = send(addr, &request).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_str(&response.text()).map_err(|error| error.to_string())?;
    match response.status {
        200 => Ok(answer["value"].take()),
        _ => Err(format!("{} ({})", answer["value"]["message"], answer["value"]["error"])),
    }
}

/// The browser that belongs to the driver: Debian and Fedora install it in a folder of the library's.
fn mini_browser(driver: &Path) -> PathBuf {
    let prefix = driver.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
    let libraries = ["lib", "lib64", "libexec"].map(|folder| prefix.join(folder));
    let inside = |folder: &PathBuf| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let nested =
        libraries.iter().flat_map(inside).flat_map(|folder| [inside(&folder), vec![folder]].concat());
    let mut browsers = nested.map(|folder| folder.join("MiniBrowser"));
    let found = browsers.find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no MiniBrowser below {}", prefix.display()))
}
