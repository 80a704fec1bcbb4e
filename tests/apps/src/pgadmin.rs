//! pgAdmin 4, in server mode.

use rig::Browser;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{IMPOSTOR, ORIGIN, SECRET, Site};
use crate::story::{Seen, Story};

pub fn run() {
    let section = section("pgAdmin 4");
    let place = Place::new().env("PGADMIN_SECRET", SECRET).env("PGADMIN_SETUP_EMAIL", "setup@example.com");
    let place = place.env("PGADMIN_SETUP_PASSWORD", "setup-password");
    let (folder, port) = (place.folder(), place.port);
    let own = format!(
        "{}\nDATA_DIR = '{folder}'\nLOG_FILE = '{folder}/log'\nSQLITE_PATH = '{folder}/db'\n\
         SESSION_DB_PATH = '{folder}/sessions'\nSTORAGE_DIR = '{folder}/storage'\nSERVER_MODE = True\n\
         DEFAULT_SERVER_PORT = {port}\nUPGRADE_CHECK_ENABLED = False\n",
        section.app
    );
    place.write("config_local.py", &own);
    let app = place.start(&installed("pgadmin/bin/pgadmin4"), &[]);
    let site = Site::new(app, &section.filter);
    let forged = vec![("X-Auth-Email", "jsmith@example.com"), ("X-Pgadmin-Webserver-Secret", SECRET)];
    Story { start: "/login", forged, look }.run(&site);
    // pgAdmin knows people by their address.
    let visit = site.sign_in(&mut site.browser(), IMPOSTOR, "/login");
    assert_eq!(visit.status(), 403, "{visit}");
    // The secret is what pgAdmin asks for: without it, the header alone says nothing.
    let mut around = site.around();
    around.headers = vec![("X-Auth-Email".to_owned(), "jsmith@example.com".to_owned())];
    assert_eq!(look(&mut around), (String::new(), false));
}

/// pgAdmin has no roles from headers: John Smith is the administrator of this story by his name.
fn look(browser: &mut Browser) -> Seen {
    browser.navigate(&format!("{ORIGIN}/browser/"));
    let script = browser.fetch(&format!("{ORIGIN}/browser/js/utils.js")).text();
    let is = |name: &str| script.contains(&format!("username: '{name}@example.com'"));
    let name = ["jsmith", "mroe"].into_iter().find(|name| is(name)).unwrap_or_default();
    (name.to_owned(), name == "jsmith")
}
