//! Sessions that look older than they are. Tests can't change Envoy's clock, but they have the key, so they can change
//! the times in a session's cookie. So no test waits for tokens to expire, or must finish before they do.

use std::time::Duration;

use envoy_cognito_core::config::Config;
use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::session::{CookieStore, Session};
use envoy_cognito_core::time::UnixTime;
use serde_json::Value;

/// The identity cookie of a site whose configuration names none.
pub const IDENTITY: &str = "__Host-auth";

/// How old a session with Cognito's usual hour is whose tokens are over.
pub const OVER: Duration = Duration::from_secs(3_605);

/// Random enough to make sessions with.
pub struct Counter(pub u64);

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in out {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 33) as u8;
        }
        Ok(())
    }
}

/// An identity cookie's value as if the session had begun, and been refreshed and seen, that much earlier. `config` is
/// the filter's configuration, whose variables hold `session_key`; `host` is the site's.
pub fn aged(config: &Value, session_key: &str, host: &str, identity: &str, by: Duration) -> String {
    let config = Config::parse(config.to_string().as_bytes(), &|_| Some(session_key.to_owned()));
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
