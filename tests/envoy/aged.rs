//! Sessions that are made older, in a browser and in a header.

use std::time::Duration;

use rig::Browser;
use serde_json::Value;

use crate::world::SESSION_KEY;

#[path = "../shared/aged.rs"]
mod shared;

pub use shared::{Counter, OVER};
use shared::{IDENTITY, aged};

/// At this age, a session with Cognito's default hour still has valid tokens, but they are due for a refresh.
pub const DUE: Duration = Duration::from_secs(3_400);

/// A `cookie` header whose session is older by this time.
pub fn aged_header(config: &Value, host: &str, cookies: &str, by: Duration) -> String {
    let cookies = cookies.split("; ").map(|cookie| match cookie.split_once('=') {
        Some((IDENTITY, value)) => format!("{IDENTITY}={}", aged(config, SESSION_KEY, host, value, by)),
        _ => cookie.to_owned(),
    });
    cookies.collect::<Vec<_>>().join("; ")
}

/// The same in a browser.
pub fn age(config: &Value, host: &str, browser: &mut Browser, by: Duration) {
    let origin = format!("https://{host}");
    let identity = browser.cookie(&origin, IDENTITY).expect("a session").value;
    browser.set_cookie_raw(&origin, IDENTITY, &aged(config, SESSION_KEY, host, &identity, by));
}
