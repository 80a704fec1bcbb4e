//! What is denied although it is valid: sessions that people have signed out of, and what the deny list names.

use std::time::Duration;

use crate::config::Config;
use crate::crypto::secret::hex;
use crate::http::{Callout, CalloutResult};
use crate::oidc::jwt::Claims;
use crate::session::{Session, SessionId};
use crate::shared::id_table::Id;
use crate::shared::revocations::{Kind, Revocable, Revocations};
use crate::shared::signed_out::{Recorded, SignedOutSessions};
use crate::shared::store::SharedData;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::{Metric, REVOCATIONS_AGE_S, Telemetry};
use crate::time::UnixTime;

/// After this time, all workers have read what one has added to the list of sign-outs.
const ALL_HAVE_READ: Duration = Duration::from_secs(10);

/// Why something valid is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The person has signed out of the session.
    SignedOut,
    /// The deny list names it.
    Revoked,
}

/// One worker's knowledge of what is denied.
pub struct Denials {
    signed_out: SignedOutSessions,
    revocations: Option<Revocations>,
    /// The number of sign-outs at this worker.
    signed_out_here: u64,
    age_noted_at: UnixTime,
}

/// Differs after each change of what is denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenialsVersion([u64; 3]);

impl Denials {
    /// What the workers of this Envoy know already.
    pub fn new(config: &Config, now: UnixTime, shared: &dyn SharedData) -> Self {
        let revocations = config.revocations.as_ref();
        Self {
            signed_out: SignedOutSessions::new(now, shared),
            revocations: revocations.map(|settings| Revocations::new(settings, now, shared)),
            signed_out_here: 0,
            age_noted_at: UnixTime::default(),
        }
    }

    /// The version of what is denied.
    pub fn version(&self) -> DenialsVersion {
        let list = self.revocations.as_ref().map_or(0, Revocations::version);
        DenialsVersion([self.signed_out_here, self.signed_out.version(), list])
    }

    /// Time has passed: reads what other workers have learned.
    pub fn handle_timeout(&mut self, now: UnixTime, shared: &dyn SharedData, telemetry: &mut Telemetry) {
        self.read_new(now, shared);
        if let Some(revocations) = &self.revocations
            && now.secs() != self.age_noted_at.secs()
        {
            self.age_noted_at = now;
            telemetry.record(Metric::Gauge(REVOCATIONS_AGE_S, revocations.age(now).as_secs()));
        }
    }

    /// Reads what other workers have learned.
    pub fn read_new(&mut self, now: UnixTime, shared: &dyn SharedData) {
        self.signed_out.read_new(now, shared);
        if let Some(list) = &mut self.revocations {
            list.read_new(shared);
        }
    }

    /// Whether a session was signed out.
    pub fn is_signed_out(&self, id: SessionId, now: UnixTime) -> bool {
        self.signed_out.contains(id, now)
    }

    /// Why a valid session is denied; `None` if it isn't. `names` is [`Denials::names_of`] that session.
    pub fn of_session(&self, session: &Session, names: &Revocable, now: UnixTime) -> Option<Denial> {
        if self.is_signed_out(session.id, now) {
            return Some(Denial::SignedOut);
        }
        self.is_listed(names).then_some(Denial::Revoked)
    }

    /// Whether the deny list names a session or token.
    pub fn is_listed(&self, names: &Revocable) -> bool {
        self.revocations.as_ref().is_some_and(|list| list.contains(names))
    }

    /// What the deny list could name of a session.
    pub fn names_of(&self, session: &Session) -> Revocable {
        if self.revocations.is_none() {
            return Revocable::default();
        }
        let identity = &session.identity;
        Revocable {
            since: session.signed_in_at,
            ids: [
                Kind::Subject.id(&identity.subject),
                id_of(Kind::Username, identity.username.as_deref()),
                Kind::Session.id(&hex(&session.id)),
                Id::default(),
            ],
        }
    }

    /// What the deny list could name of a verified token, which counts as issued at `since`.
    pub fn names_of_token(&self, claims: &Claims, since: UnixTime) -> Revocable {
        if self.revocations.is_none() {
            return Revocable::default();
        }
        let text = |name: &str| claims.text(name);
        let username = text("cognito:username").or_else(|| text("username"));
        Revocable {
            since: UnixTime::from_secs(since.secs()),
            ids: [
                Kind::Subject.id(claims.subject()),
                id_of(Kind::Username, username.as_deref()),
                id_of(Kind::TokenId, text("jti").as_deref()),
                id_of(Kind::TokenId, text("origin_jti").as_deref()),
            ],
        }
    }

    /// Whether requests should wait for the first deny list.
    pub fn are_awaited(&self, now: UnixTime) -> bool {
        self.revocations.as_ref().is_some_and(|list| list.is_awaited(now))
    }

    /// The call that fetches the deny list, if this worker must make it now.
    pub fn poll_fetch(&mut self, now: UnixTime, shared: &dyn SharedData) -> Option<Callout> {
        self.revocations.as_mut()?.poll_fetch(now, shared)
    }

    /// Handles the response to that call.
    pub fn handle_response(
        &mut self,
        result: &CalloutResult,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) {
        if let Some(list) = &mut self.revocations {
            list.handle_response(result, now, shared, telemetry);
        }
    }

    /// Denies a session that its person has signed out of, until it has reached its maximum age: its refresh token may
    /// work until then. `false` if it was already denied.
    pub fn sign_out(
        &mut self,
        (id, signed_in_at): (SessionId, UnixTime),
        config: &Config,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) -> bool {
        self.record(id, signed_in_at.plus(config.lifetime), now, shared, telemetry)
    }

    /// Closes the streams of a session at all workers: Cognito has refused to refresh it, and its tokens have expired. Its
    /// cookies aren't denied: another Envoy may have refreshed it before.
    pub fn end_streams(
        &mut self,
        session: SessionId,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) {
        self.record(streams_of(session), now.plus(ALL_HAVE_READ), now, shared, telemetry);
    }

    /// Whether [`Self::end_streams`] has just ended the streams of a session.
    pub fn are_streams_over(&self, session: SessionId, now: UnixTime) -> bool {
        self.signed_out.contains(streams_of(session), now)
    }

    /// Adds an id to the list of sign-outs. `false` if it was there.
    fn record(
        &mut self,
        id: Id,
        until: UnixTime,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) -> bool {
        let recorded = self.signed_out.add(id, until, now, shared);
        match recorded {
            Recorded::Before | Recorded::Shared { dropped: 0 } => {}
            Recorded::Shared { dropped } => telemetry.emit(
                Event::counted(Level::Warn, Counter::SignOutListFull).with("dropped", dropped.to_string()).with(
                    "hint",
                    "the oldest sign-outs are forgotten; a shorter `session.lifetime` keeps the list shorter",
                ),
            ),
            Recorded::HereOnly => telemetry.emit(Event::new(Level::Warn, "sign_out.not_shared").with(
                "hint",
                "the host has stored no shared data, so other workers still accept the cookies",
            )),
        }
        let is_new = recorded != Recorded::Before;
        self.signed_out_here += u64::from(is_new);
        is_new
    }
}

/// The id that stands for the streams of a session in the list of sign-outs.
fn streams_of(session: SessionId) -> Id {
    session.map(|byte| !byte)
}

fn id_of(kind: Kind, name: Option<&str>) -> Id {
    name.map_or(Id::default(), |name| kind.id(name))
}
