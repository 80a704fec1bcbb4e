//! What is denied although it is valid: sessions that people have signed out of.

use crate::config::Config;
use crate::session::{Session, SessionId};
use crate::shared::signed_out::{Recorded, SignedOutSessions};
use crate::shared::store::SharedData;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::Telemetry;
use crate::time::UnixTime;

/// Why something valid is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The person has signed out of the session.
    SignedOut,
}

/// One worker's knowledge of what is denied.
pub struct Denials {
    signed_out: SignedOutSessions,
}

impl Denials {
    /// What the workers of this Envoy know already.
    pub fn new(now: UnixTime, shared: &dyn SharedData) -> Self {
        Self { signed_out: SignedOutSessions::new(now, shared) }
    }

    /// Time has passed: reads what other workers have learned.
    pub fn handle_timeout(&mut self, now: UnixTime, shared: &dyn SharedData) {
        self.signed_out.read_new(now, shared);
    }

    /// Why a valid session is denied; `None` if it isn't.
    pub fn of_session(&self, session: &Session, now: UnixTime) -> Option<Denial> {
        self.signed_out.contains(session.id, now).then_some(Denial::SignedOut)
    }

    /// Denies a session that its person has signed out of, until it has reached its maximum age: its refresh token may
    /// work until then.
    pub fn sign_out(
        &mut self,
        (id, signed_in_at): (SessionId, UnixTime),
        config: &Config,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) {
        match self.signed_out.add(id, signed_in_at.plus(config.lifetime), now, shared) {
            Recorded::Before | Recorded::Shared { dropped: 0 } => {}
            Recorded::Shared { dropped } => telemetry.emit(
                Event::counted(Level::Warn, Counter::SignOutListFull)
                    .with("dropped", dropped.to_string())
                    .with("hint", "the oldest sign-outs are forgotten; a shorter `session.lifetime` keeps the list shorter"),
            ),
            Recorded::HereOnly => telemetry.emit(
                Event::new(Level::Warn, "sign_out.not_shared")
                    .with("hint", "the host has stored no shared data, so other workers still accept the cookies"),
            ),
        }
    }
}
