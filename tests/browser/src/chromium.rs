//! Chromium, through the DevTools protocol: the process, and the profiles in it.

mod page;
mod record;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rig::{Scratch, Supervised, eventually};
use serde_json::{Value, json};

use crate::conversation::{Conversation, PATIENCE};
use crate::process::{Process, Tabs};
use crate::tab::Tab;
use page::ChromiumPage;

/// Options that make it quiet and independent of the machine: it asks, downloads and sends nothing by itself.
const FLAGS: [&str; 19] = [
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-proxy-server",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-service-autorun",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    // Tabs in the background are as fast as the one in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
];

/// A running Chromium. It ends with this value, and with the process of the test in any case.
#[derive(Debug)]
pub(crate) struct Chromium {
    process: Mutex<Supervised>,
    devtools: SocketAddr,
    conversation: Mutex<Conversation>,
    _scratch: Scratch,
}

impl Chromium {
    /// Starts it. `hosts` maps host names to addresses; other names don't resolve. Only certificates with this key
    /// are trusted (see [`Certificate`](crate::Certificate)).
    ///
    /// # Panics
    /// If it doesn't start.
    pub(crate) fn start(program: &Path, hosts: &[(String, SocketAddr)], spki: &str) -> Self {
        let scratch = Scratch::new().expect("a folder for temporary files");
        let mut process = Supervised::start(program, &arguments(hosts, spki, &scratch), &[], &scratch)
            .unwrap_or_else(|error| panic!("{} could not be started: {error}", program.display()));
        let endpoint = eventually(PATIENCE, || {
            let printed = process.printed();
            let line = printed.lines().find_map(|line| line.strip_prefix("DevTools listening on ws://"));
            // Only a complete line contains the complete path.
            line.filter(|_| printed.ends_with('\n')).map(str::to_owned).or_else(|| {
                process.ended().map(|status| panic!("Chromium ended ({status}):\n{}", process.printed()))
            })
        });
        let endpoint = endpoint.unwrap_or_else(|| panic!("Chromium isn't ready:\n{}", process.printed()));
        let (devtools, path) = endpoint.split_once('/').expect("an address and a path");
        let devtools = devtools.parse().expect("an address");
        let conversation = Conversation::open(devtools, &format!("/{path}")).expect("DevTools");
        Self {
            process: Mutex::new(process),
            devtools,
            conversation: Mutex::new(conversation),
            _scratch: scratch,
        }
    }

    #[track_caller]
    fn call(&self, method: &str, params: &Value) -> Value {
        let mut conversation = self.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        conversation.call(method, params).unwrap_or_else(|error| {
            let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
            panic!("{error}\n{}", process.printed())
        })
    }
}

impl Process for Chromium {
    fn profile(&self) -> Box<dyn Tabs + '_> {
        let created = self.call("Target.createBrowserContext", &json!({}));
        Box::new(Profile { chromium: self, id: text(&created["browserContextId"]) })
    }
}

fn arguments(hosts: &[(String, SocketAddr)], spki: &str, scratch: &Scratch) -> Vec<OsString> {
    let mut rules: Vec<String> = hosts.iter().map(|(host, addr)| format!("MAP {host} {addr}")).collect();
    rules.push("MAP * ~NOTFOUND".to_owned());
    let mut profile = OsString::from("--user-data-dir=");
    profile.push(scratch.path());
    let mut arguments: Vec<OsString> = FLAGS.map(OsString::from).to_vec();
    arguments.push(profile);
    arguments.push(format!("--ignore-certificate-errors-spki-list={spki}").into());
    arguments.push(format!("--host-resolver-rules={}", rules.join(",")).into());
    if is_root(scratch) {
        // Chromium's sandbox doesn't work for root, the usual user in a container.
        arguments.push("--no-sandbox".into());
    }
    arguments
}

/// The owner of files that this process makes.
fn is_root(scratch: &Scratch) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(scratch.path()).is_ok_and(|folder| folder.uid() == 0)
}

/// A browser context.
#[derive(Debug)]
struct Profile<'a> {
    chromium: &'a Chromium,
    id: String,
}

impl Profile<'_> {
    fn attached_to(&self, target: &str) -> Tab {
        let path = format!("/devtools/page/{target}");
        let conversation = Conversation::open(self.chromium.devtools, &path).expect("a tab or a frame");
        Tab::new(ChromiumPage::new(conversation).expect("a tab or a frame"))
    }
}

impl Tabs for Profile<'_> {
    fn tab(&self) -> Tab {
        let params = json!({ "url": "about:blank", "browserContextId": self.id });
        let target = text(&self.chromium.call("Target.createTarget", &params)["targetId"]);
        self.attached_to(&target)
    }

    fn frame(&self) -> Tab {
        let frame = eventually(PATIENCE, || {
            let targets = self.chromium.call("Target.getTargets", &json!({}));
            let targets = targets["targetInfos"].as_array().cloned().unwrap_or_default();
            let ours = |target: &&Value| target["type"] == "iframe" && target["browserContextId"] == *self.id;
            targets.iter().find(ours).map(|target| text(&target["targetId"]))
        });
        self.attached_to(&frame.expect("a frame of another site"))
    }

    fn grant_storage_access(&self, origin: &str, embedder: &str) {
        let params = json!({
            "permission": { "name": "storage-access" }, "setting": "granted",
            "origin": embedder, "embeddedOrigin": origin, "browserContextId": self.id,
        });
        self.chromium.call("Browser.setPermission", &params);
    }
}

impl Drop for Profile<'_> {
    fn drop(&mut self) {
        let mut conversation = self.chromium.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = conversation.call("Target.disposeBrowserContext", &json!({ "browserContextId": self.id }));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
