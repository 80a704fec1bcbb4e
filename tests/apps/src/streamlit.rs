//! Streamlit: a page is drawn over a WebSocket.

use tungstenite::Message;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ADMIN, MEMBER, STRANGER, Site};
use crate::socket::{open, says};

/// `BackMsg { rerun_script: {} }`: what the page sends first.
const RUN: [u8; 2] = [0x5a, 0];
const STREAM: &str = "/_stcore/stream";
const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "streamlit");
const FORGED: [(&str, &str); 5] = [
    PROTOCOL,
    ("X-Auth-User", ADMIN),
    ("X_Auth_User", ADMIN),
    ("X-Auth-Roles", "authp/admin"),
    ("X_Auth_Roles", "authp/admin"),
];

pub fn run() {
    let section = section("Streamlit");
    let place = Place::new();
    // The last line shows that the script ran to its end.
    let script = place.write("page.py", &format!("{}\nst.write('The end')\n", section.app));
    let port = place.port.to_string();
    let arguments = [
        "run",
        &script,
        "--server.port",
        &port,
        "--server.address",
        "127.0.0.1",
        "--server.headless",
        "true",
        "--browser.gatherUsageStats",
        "false",
        "--browser.serverAddress",
        "app.example.test",
    ];
    let app = place.start(&installed("streamlit/bin/streamlit"), &arguments);
    let site = Site::new(app, &section.filter);
    for (person, headers, is_admin) in
        [(ADMIN, &[PROTOCOL][..], true), (MEMBER, &[PROTOCOL], false), (MEMBER, &FORGED, false)]
    {
        let mut browser = site.browser();
        assert_eq!(site.sign_in(&mut browser, person, "/").status(), 200);
        let mut page = open(site.addr, &browser, STREAM, headers).expect("a WebSocket");
        check(&mut page, person, is_admin);
    }
    assert_eq!(open(site.addr, &site.browser(), STREAM, &FORGED).err(), Some(401));
    let mut browser = site.browser();
    assert_eq!(site.sign_in(&mut browser, STRANGER, "/").status(), 403);
    assert_eq!(open(site.addr, &browser, STREAM, &[PROTOCOL]).err(), Some(403));
    let mut around = open(site.app.addr, &site.browser(), STREAM, &FORGED).expect("a WebSocket");
    check(&mut around, ADMIN, true);
}

fn check(page: &mut tungstenite::WebSocket<std::net::TcpStream>, person: &str, is_admin: bool) {
    page.send(Message::binary(RUN.to_vec())).expect("sent");
    assert!(says(page, &format!("Signed in as {person}")));
    assert!(says(page, if is_admin { "You may change settings" } else { "The end" }));
}
