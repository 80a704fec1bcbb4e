//! Sessions that are older than they are. Envoy's clock can't be moved; the times that a session's cookie holds can, by
//! whoever has the key. So no test waits for tokens to expire, and none has to be done before they do.

use std::time::Duration;

use envoy_cognito::config::Config;
use envoy_cognito::session::{CookieStore, Session};
use envoy_cognito::time::UnixTime;
use rig::Browser;
use serde_json::Value;

use crate::sealed::Counter;
use crate::world::SESSION_KEY;

/// The identity cookie of a site whose configuration names none.
const IDENTITY: &str = "__Host-auth";

/// How old a session with Cognito's usual hour is whose tokens are over.
pub const OVER: Duration = Duration::from_secs(3_605);
/// The same whose tokens are good, and due to be replaced.
pub const DUE: Duration = Duration::from_secs(3_400);

/// An identity cookie's value as if the session had begun, and been refreshed and seen, that much earlier. `config` is
/// the filter's configuration, `host` the site's.
pub fn aged(config: &Value, host: &str, identity: &str, by: Duration) -> String {
    let config = Config::parse(config.to_string().as_bytes(), &|_| Some(SESSION_KEY.to_owned()));
    let config = config.expect("a configuration");
    let store = CookieStore::new(&config, &config.pools[0], host);
    let session = store.open_session(identity.as_bytes()).expect("a session's cookie");
    let earlier = |time: UnixTime| {
        UnixTime::from_millis(time.millis() - u64::try_from(by.as_millis()).expect("a time"))
    };
    let session = Session {
        signed_in_at: earlier(session.signed_in_at),
        renewed_at: earlier(session.renewed_at),
        expires_at: earlier(session.expires_at),
        seen_at: earlier(session.seen_at),
        ..session
    };
    store.seal(IDENTITY, &session, &mut Counter(session.seen_at.millis())).expect("sealed")
}

/// The same for the whole of a `cookie` header.
pub fn aged_header(config: &Value, host: &str, cookies: &str, by: Duration) -> String {
    let cookies = cookies.split("; ").map(|cookie| match cookie.split_once('=') {
        Some((IDENTITY, value)) => format!("{IDENTITY}={}", aged(config, host, value, by)),
        _ => cookie.to_owned(),
    });
    cookies.collect::<Vec<_>>().join("; ")
}

/// The same in a browser.
pub fn age(config: &Value, host: &str, browser: &mut Browser, by: Duration) {
    let origin = format!("https://{host}");
    let identity = browser.cookie(&origin, IDENTITY).expect("a session").value;
    browser.set_cookie_raw(&origin, IDENTITY, &aged(config, host, &identity, by));
}
