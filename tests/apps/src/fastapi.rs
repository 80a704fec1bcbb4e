//! FastAPI with uvicorn.

use rig::Browser;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ORIGIN, Site};
use crate::story::{Seen, Story};

pub fn run() {
    let section = section("FastAPI");
    let place = Place::new();
    place.write("main.py", section.app);
    let (folder, port) = (place.folder(), place.port.to_string());
    let arguments = ["main:app", "--app-dir", &folder, "--port", &port];
    let app = place.start(&installed("web/bin/uvicorn"), &arguments);
    let site = Site::new(app, &section.filter);
    let forged = vec![("X-Auth-User", "jsmith"), ("X-Auth-Roles", "authp/admin")];
    Story { start: "/", forged, look }.run(&site);
}

fn look(browser: &mut Browser) -> Seen {
    let person = browser.fetch(&format!("{ORIGIN}/")).json();
    let settings = browser.fetch(&format!("{ORIGIN}/settings"));
    assert!([200, 403].contains(&settings.status), "{settings:?}");
    (person["name"].as_str().unwrap_or_default().to_owned(), settings.status == 200)
}
