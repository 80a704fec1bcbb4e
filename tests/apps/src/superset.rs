//! Apache Superset with gunicorn.

use rig::Browser;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ORIGIN, Site};
use crate::story::{Seen, Story};

pub fn run() {
    let section = section("Apache Superset");
    let place = Place::new();
    let folder = place.folder();
    let own = format!(
        "{}\nSECRET_KEY = 'of-this-test-only-0123456789-0123456789'\nTALISMAN_ENABLED = False\n\
         SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder}/superset.db'\nSESSION_COOKIE_SECURE = True\n",
        section.app
    );
    let file = place.write("superset_config.py", &own);
    let place = place.env("SUPERSET_CONFIG_PATH", &file).env("FLASK_APP", "superset.app:create_app()");
    let superset = installed("superset/bin/superset");
    place.prepare(&superset, &["db", "upgrade"]);
    place.prepare(&superset, &["init"]);
    let bind = format!("127.0.0.1:{}", place.port);
    let arguments = ["superset.app:create_app()", "--bind", &bind, "--timeout", "120"];
    let app = place.start(&installed("superset/bin/gunicorn"), &arguments);
    let site = Site::new(app, &section.filter);
    let forged = vec![("X-Auth-User", "jsmith"), ("X-Superset-Role", "Admin")];
    Story { start: "/login/", forged, look }.run(&site);
}

fn look(browser: &mut Browser) -> Seen {
    // The page where a browser without Superset's session ends up.
    browser.step(&format!("{ORIGIN}/login/"));
    let answer = browser.fetch(&format!("{ORIGIN}/api/v1/me/roles/"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let me = answer.json();
    let is_admin = me["result"]["roles"].as_object().is_some_and(|roles| roles.contains_key("Admin"));
    (me["result"]["username"].as_str().unwrap_or_default().to_owned(), is_admin)
}
