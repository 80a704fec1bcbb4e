//! Node-RED, with the WebSocket of its editor.

use rig::Browser;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ADMIN, ORIGIN, Site};
use crate::socket::{open, says};
use crate::story::{Seen, Story};

pub fn run() {
    let section = section("Node-RED");
    let place = Place::new();
    let settings = place.write("settings.js", section.app);
    let (folder, port) = (place.folder(), place.port.to_string());
    let red = installed("npm/node_modules/node-red/red.js").display().to_string();
    let arguments =
        [&red, "--userDir", &folder, "--settings", &settings, "--port", &port, "-D", "uiHost=127.0.0.1"];
    let app = place.start(&installed("npm/node"), &arguments);
    let site = Site::new(app, &section.filter);
    Story { start: "/", forged: vec![("X-Node-Red-User", "jsmith *")], look }.run(&site);

    let mut browser = site.browser();
    site.sign_in(&mut browser, ADMIN, "/");
    let mut socket = open(site.addr, &browser, "/comms", &[]).expect("a WebSocket");
    assert!(says(&mut socket, "\"hb\""), "the heartbeat, for a user who may read");
    assert_eq!(
        open(site.addr, &site.browser(), "/comms", &[("x-node-red-user", "jsmith *")]).err(),
        Some(401)
    );
}

fn look(browser: &mut Browser) -> Seen {
    let settings = browser.fetch(&format!("{ORIGIN}/settings")).json();
    let user = &settings["user"];
    (user["username"].as_str().unwrap_or_default().to_owned(), user["permissions"] == "*")
}
