//! Firefox, through WebDriver BiDi: the process, and the profiles in it.
//!
//! It has one connection for everything, so that its stories run one after the other.

mod page;
mod record;
mod value;

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rig::{Scratch, Supervised, eventually};
use serde_json::{Value, json};

use crate::conversation::{Conversation, PATIENCE};
use crate::process::{Process, Tabs};
use crate::proxy;
use crate::tab::Tab;
use page::FirefoxPage;

/// The settings of each run, without the proxy's port.
const SETTINGS: &str = include_str!("firefox/user.js");

/// The events to record.
const EVENTS: [&str; 5] = [
    "browsingContext.navigationCommitted",
    "log.entryAdded",
    "network.beforeRequestSent",
    "network.fetchError",
    "network.responseCompleted",
];

/// A running Firefox. It ends with this value, and with the process of the test in any case.
#[derive(Debug)]
pub(crate) struct Firefox {
    process: Mutex<Supervised>,
    bidi: Bidi,
    _scratch: Scratch,
}

/// The connection, and the browser's own window, whose scripts may change settings.
#[derive(Debug, Clone)]
struct Bidi {
    conversation: Arc<Mutex<Conversation>>,
    window: String,
}

impl Bidi {
    fn call(&self, method: &str, params: &Value) -> Result<Value, String> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner).call(method, params)
    }

    /// Runs a script with the browser's own rights.
    fn privileged(&self, script: &str) -> Result<Value, String> {
        value::evaluated(&self.call("script.evaluate", &value::script(script, &self.window))?)
    }
}

impl Firefox {
    /// Starts it. `hosts` maps host names to addresses; other names don't resolve.
    pub(crate) fn start(program: &Path, hosts: &[(String, SocketAddr)]) -> Self {
        let scratch = Scratch::new().expect("a folder for temporary files");
        let port = proxy::start(hosts).port();
        let ports =
            ["http", "ssl"].map(|kind| format!("user_pref(\"network.proxy.{kind}_port\", {port});\n"));
        let profile = scratch.path().join("profile");
        fs::create_dir(&profile).expect("a folder for the profile");
        fs::write(profile.join("user.js"), format!("{SETTINGS}{}", ports.concat())).expect("user.js");
        let mut arguments: Vec<OsString> =
            ["--headless", "--no-remote", "--remote-allow-system-access", "--remote-debugging-port=0"]
                .map(OsString::from)
                .to_vec();
        arguments.extend(["--profile".into(), profile.into(), "about:blank".into()]);
        let home = scratch.path().display().to_string();
        let env = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"].map(|name| (name.to_owned(), home.clone()));
        let mut process = Supervised::start(program, &arguments, &env, &scratch)
            .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()));
        let addr = listening(&mut process);
        let conversation = Conversation::open(addr, "/session").expect("WebDriver BiDi");
        let mut bidi = Bidi { conversation: Arc::new(Mutex::new(conversation)), window: String::new() };
        let begin = |bidi: &mut Bidi| {
            let accepting = json!({ "capabilities": { "alwaysMatch": { "acceptInsecureCerts": true } } });
            bidi.call("session.new", &accepting)?;
            let events = json!({ "events": EVENTS });
            bidi.call("session.subscribe", &events)?;
            let tree = bidi.call("browsingContext.getTree", &json!({ "moz:scope": "chrome" }))?;
            bidi.window = text(&tree["contexts"][0]["context"]);
            Ok::<_, String>(())
        };
        begin(&mut bidi).unwrap_or_else(|error| panic!("{error}\n{}", process.printed()));
        Self { process: Mutex::new(process), bidi, _scratch: scratch }
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        self.bidi.call(method, params).unwrap_or_else(|error| {
            let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
            panic!("{error}\n{}", process.printed())
        })
    }
}

fn listening(process: &mut Supervised) -> SocketAddr {
    let addr = eventually(PATIENCE, || {
        let printed = process.printed();
        let line = printed.lines().find_map(|line| line.strip_prefix("WebDriver BiDi listening on ws://"));
        // Only a complete line contains the complete address.
        line.filter(|_| printed.ends_with('\n')).map(str::to_owned).or_else(|| {
            process.ended().map(|status| panic!("Firefox ended ({status}):\n{}", process.printed()))
        })
    });
    let addr = addr.unwrap_or_else(|| panic!("Firefox isn't ready:\n{}", process.printed()));
    addr.trim().parse().expect("an address")
}

impl Process for Firefox {
    fn profile(&self) -> Box<dyn Tabs + '_> {
        let created = self.call("browser.createUserContext", &json!({}));
        Box::new(Profile { firefox: self, id: text(&created["userContext"]) })
    }
}

/// A user context, which people know as a container.
#[derive(Debug)]
struct Profile<'a> {
    firefox: &'a Firefox,
    id: String,
}

impl Profile<'_> {
    fn page(&self, context: String) -> Tab {
        Tab::new(FirefoxPage::new(self.firefox.bidi.clone(), context, self.id.clone()))
    }
}

impl Tabs for Profile<'_> {
    fn tab(&self) -> Tab {
        let created =
            self.firefox.call("browsingContext.create", &json!({ "type": "tab", "userContext": self.id }));
        self.page(text(&created["context"]))
    }

    fn frame(&self) -> Tab {
        let frame = eventually(PATIENCE, || {
            let tree = self.firefox.call("browsingContext.getTree", &json!({}));
            let contexts = tree["contexts"].as_array().cloned().unwrap_or_default();
            let ours = contexts.iter().filter(|context| context["userContext"] == *self.id);
            let mut frames = ours.filter_map(|context| context["children"][0]["context"].as_str());
            frames.next().map(str::to_owned)
        });
        self.page(frame.expect("a frame of another site"))
    }

    fn grant_storage_access(&self, origin: &str, embedder: &str) {
        // BiDi has no such permission yet.
        let script = format!(
            "(() => {{ const {{ UserContextManager }} = \
             ChromeUtils.importESModule('chrome://remote/content/shared/UserContextManager.sys.mjs'); \
             const userContextId = UserContextManager.getInternalIdById({}); \
             const page = Services.scriptSecurityManager.createContentPrincipal(\
             Services.io.newURI({}), {{ userContextId }}); \
             const site = Services.eTLD.getSite(Services.io.newURI({})); \
             Services.perms.addFromPrincipal(page, '3rdPartyFrameStorage^' + site, Services.perms.ALLOW_ACTION); \
             return site; }})()",
            json!(self.id),
            json!(embedder),
            json!(origin)
        );
        self.firefox.bidi.privileged(&script).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Profile<'_> {
    fn drop(&mut self) {
        let _ = self.firefox.bidi.call("browser.removeUserContext", &json!({ "userContext": self.id }));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
