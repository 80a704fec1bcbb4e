//! Sessions and pending sign-ins, which the browser keeps in sealed cookies.

mod error;
mod kinds;
mod names;
mod parts;
mod pending;
pub mod return_to;
mod store;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cognito::identity::Identity;
use crate::config::Config;
use crate::http::Request;
use crate::http::cookie::Cookies;
use crate::time::UnixTime;

pub use error::StoreError;
pub use pending::{FlowId, PendingSignIn};
pub use store::CookieStore;

/// How many cookies of the same name are tried. Browsers send one; thousands must not cost more time.
pub const MAX_COPIES: usize = 4;

/// Connects the identity cookie and the token cookies of one sign-in.
pub type SessionId = [u8; 16];

/// A session, as stored in the identity cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Connects the identity cookie and the token cookies.
    pub id: SessionId,
    /// When the person signed in.
    pub signed_in_at: UnixTime,
    /// When the tokens were last issued, in whole seconds. Strictly increases with each refresh, so that the session
    /// before a refresh differs from the one after it.
    pub renewed_at: UnixTime,
    /// When the first of the tokens expires.
    pub expires_at: UnixTime,
    /// When the person was last seen, accurate to a tenth of `session.idle`.
    pub seen_at: UnixTime,
    /// The person's identity.
    pub identity: Arc<Identity>,
}

/// The state of a session's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Valid.
    Fresh,
    /// Valid, but they should be refreshed now.
    Due,
    /// Expired. The session needs new ones.
    Expired,
}

impl Session {
    /// When the person must sign in again, even if the tokens are refreshed until then.
    pub fn ends_at(&self, config: &Config) -> UnixTime {
        self.signed_in_at.plus(config.lifetime)
    }

    /// Whether the session is valid at `now`. Its tokens may need a refresh: see [`Session::freshness`].
    pub fn lasts(&self, config: &Config, now: UnixTime) -> bool {
        let idle = config.idle.is_some_and(|idle| now.since(self.seen_at) >= idle);
        now < self.ends_at(config) && !idle
    }

    /// The state of its tokens. A refresh is due `session.refresh_early` before they expire, but not before three
    /// quarters of their lifetime. For some sessions it is due a little later, so that people who signed in together
    /// don't refresh together. It is also due when the tokens reach the age `session.recheck`.
    pub fn freshness(&self, config: &Config, now: UnixTime) -> Freshness {
        if now >= self.expires_at {
            return Freshness::Expired;
        }
        if config.recheck.is_some_and(|age| now.since(self.renewed_at) >= age) {
            return Freshness::Due;
        }
        let life = self.expires_at.since(self.renewed_at);
        let early = config.refresh_early.min(life / 4);
        let spread = early / 4 * u32::from(self.id.first().copied().unwrap_or(0)) / 255;
        let left = self.expires_at.since(now);
        if left <= early.saturating_sub(spread) { Freshness::Due } else { Freshness::Fresh }
    }

    /// Orders the sessions of one browser: the latest is used. The three times are compared in this order.
    pub const fn lateness(&self) -> (UnixTime, UnixTime, UnixTime) {
        (self.signed_in_at, self.renewed_at, self.seen_at)
    }

    /// Whether the browser should get a new cookie that records that the person was seen now.
    pub fn needs_touch(&self, config: &Config, now: UnixTime) -> bool {
        config.idle.is_some_and(|idle| now.since(self.seen_at) >= idle / 10)
    }
}

/// The cookies of a request.
pub fn cookies_of(request: Request<'_>) -> Cookies<'_> {
    Cookies::parse(request.values("cookie"))
}
