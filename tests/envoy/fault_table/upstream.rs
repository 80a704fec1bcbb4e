//! The app is down. Sessions belong to the filter, and continue.

use std::net::{SocketAddr, TcpListener};

use sample_app::SampleApp;
use serde_json::json;

use super::stage::{Seen, Stage, answer};
use crate::own::{ORIGIN, Own};

/// Stops the app. Returns its address.
fn without_app(own: &mut Own) -> SocketAddr {
    std::mem::replace(&mut own.app, SampleApp::start().expect("another app")).addr()
}

/// Nobody lost a session, and new cookies were added to Envoy's own response.
fn check(stage: &mut Stage, before: &str) {
    assert!(stage.signed_in.cookie(ORIGIN, "__Host-auth").is_some());
    let refreshed = stage.over.cookie(ORIGIN, "__Host-auth").expect("a session");
    assert_ne!(refreshed.value, before, "the refresh isn't lost with the app's answer");
    stage.assert_unharmed();
}

pub fn refusing() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let before = stage.over.cookie(ORIGIN, "__Host-auth").expect("a session").value;
    let place = without_app(&mut stage.own);
    let seen = stage.seen();
    check(&mut stage, &before);
    let _app = SampleApp::start_at(place).expect("an app in its place");
    let url = stage.own.url("/json");
    let back = rig::eventually(rig::PATIENCE, || (answer(&stage.over.fetch(&url)) == "served").then_some(()));
    assert!(back.is_some(), "the app is back");
    stage.check_recovery();
    seen
}

pub fn resetting() -> Seen {
    let mut stage = Stage::set(json!({}), 2);
    let before = stage.over.cookie(ORIGIN, "__Host-auth").expect("a session").value;
    let place = without_app(&mut stage.own);
    let listener = TcpListener::bind(place).expect("the app's place");
    std::thread::spawn(move || {
        // Closing a connection with unread input resets it. This thread ends with the process.
        for stream in listener.incoming().flatten() {
            let _ = stream.peek(&mut [0]);
        }
    });
    let seen = stage.seen();
    check(&mut stage, &before);
    seen
}
