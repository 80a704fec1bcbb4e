//! One worker's sessions: the session of each request, the requests that wait for a refresh, and the cookies of each
//! response. `refresh.rs` decides when to refresh tokens, [`Session::freshness`](crate::session::Session::freshness)
//! when they are due.

mod backoff;
mod parked;
mod presented;
mod refresh;

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::crypto::secret::hex;
use crate::decision::{HostEnv, RefreshId, ResponseEdits, Retry, StreamId};
use crate::flow::context::{Person, RequestContext};
use crate::flow::new_tokens::VerifyContext;
use crate::flow::refresh::Refresh;
use crate::http::CalloutResult;
use crate::http::cookie::Cookies;
use crate::session::{Freshness, Session, SessionId};
use crate::shared::refreshes::RefreshState;
use crate::shared::store::SharedData;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::Telemetry;
use crate::time::UnixTime;
use crate::worker::callouts::Callouts;
use crate::worker::denials::{Denial, Denials};
use crate::worker::session_cache::{CachedSession, SessionCache, SessionLookup};
use crate::worker::sessions::parked::ParkedRequests;
use crate::worker::sessions::presented::PresentedSession;
use crate::worker::sessions::refresh::Refreshes;

pub use refresh::RefreshPolicy;

/// The result of resolving a request's session.
pub enum SessionResolution {
    /// The request continues, with a person or without one. Without one, the edits delete the cookies of a session
    /// that is denied; they are for responses of the filter.
    Go(Option<Arc<Person>>, ResponseEdits),
    /// The request waits for this refresh of a session of this pool.
    Wait(Arc<Pool>, RefreshId),
    /// The session's tokens have expired and can't be refreshed now. The response carries these `Set-Cookie` values.
    Unavailable(Vec<String>),
}

/// One worker's sessions.
pub struct Sessions {
    cache: SessionCache,
    refreshes: Refreshes,
    parked: ParkedRequests,
}

impl Sessions {
    /// No sessions yet, for `pools` pools. `scope` separates the shared data of different configurations.
    pub fn new(scope: &str, pools: usize, shared: &dyn SharedData) -> Self {
        Self {
            cache: SessionCache::new(pools),
            refreshes: Refreshes::new(scope, pools, shared),
            parked: ParkedRequests::default(),
        }
    }

    /// Forgets the cached sessions, and uses the shared data of another configuration from now on.
    pub fn replace_config(&mut self, scope: &str, pools: usize, shared: &dyn SharedData) {
        self.cache = SessionCache::new(pools);
        self.refreshes.replace_scope(scope, shared);
    }

    /// Finds the session of a request. Starts a refresh of its tokens if they are due and `policy` allows it.
    pub fn resolve(
        &mut self,
        ctx: &RequestContext<'_>,
        policy: RefreshPolicy,
        denials: &mut Denials,
        calls: &mut Callouts,
        telemetry: &mut Telemetry,
        env: &mut HostEnv<'_>,
    ) -> SessionResolution {
        let mut found = self.cache.find(ctx, denials);
        if let SessionLookup::Found(cached) = &found
            && (cached.session.freshness(ctx.config, ctx.now) != Freshness::Fresh
                || policy.lacks_claims(cached))
        {
            // No refresh of a session begins that was signed out at another worker a moment ago.
            denials.read_new(ctx.now, env.shared);
            found = self.cache.find(ctx, denials);
        }
        let cached = match found {
            SessionLookup::Found(cached) => cached,
            SessionLookup::NoCookie => return SessionResolution::Go(None, ResponseEdits::default()),
            SessionLookup::NotOpened => {
                telemetry.count(Counter::SessionNotOpened);
                return SessionResolution::Go(None, ResponseEdits::default());
            }
            SessionLookup::Denied(session, reason) => {
                telemetry.emit(denied_event(ctx, &session, reason));
                let cookies = ctx.delete_other_sessions(None);
                return SessionResolution::Go(None, ResponseEdits { cookies, watch: None });
            }
            SessionLookup::Ended => {
                telemetry.count(Counter::SessionExpired);
                return SessionResolution::Go(None, ResponseEdits::default());
            }
        };
        let resolution = match cached.session.freshness(ctx.config, ctx.now) {
            Freshness::Fresh if !policy.lacks_claims(&cached) => use_fresh(ctx, cached, env),
            _ => self.resolve_due(ctx, cached, policy, denials, (calls, telemetry), env),
        };
        match &resolution {
            SessionResolution::Go(Some(_), _) => telemetry.count(Counter::SessionAccepted),
            SessionResolution::Go(None, _) => telemetry.count(Counter::SessionExpired),
            // The request is counted when it is decided again.
            SessionResolution::Wait(..) | SessionResolution::Unavailable(_) => {}
        }
        resolution
    }

    /// Resolves a session whose tokens are due or have expired. If another request has refreshed them and this
    /// browser doesn't have the new cookies yet, the new cookies are used instead of the request's own.
    fn resolve_due(
        &mut self,
        ctx: &RequestContext<'_>,
        cached: CachedSession,
        policy: RefreshPolicy,
        denials: &Denials,
        (calls, telemetry): (&mut Callouts, &mut Telemetry),
        env: &HostEnv<'_>,
    ) -> SessionResolution {
        let known = self.refreshes.find(RefreshId::of(&cached.session), ctx.now, env.shared);
        let store = ctx.store(&cached.person.pool);
        let refreshed = match &known {
            RefreshState::Done { cookies, .. } => {
                cookies.iter().find_map(|set| store.session_in(set, ctx.now))
            }
            _ => None,
        };
        let (Some(refreshed), RefreshState::Done { cookies, retry_at }) = (refreshed, &known) else {
            let presented = PresentedSession { cached, cookies: &ctx.cookies };
            return self.resolve_by_state(ctx, presented, known, policy, calls, env);
        };
        telemetry.count(Counter::RefreshShared);
        let pairs = cookies.iter().filter_map(|set| set.as_bytes().split(|byte| *byte == b';').next());
        let jar = Cookies::parse(pairs.collect::<Vec<_>>().into_iter());
        let cached = CachedSession::new(refreshed, &cached.person.pool, ctx.config, denials);
        let presented = PresentedSession { cached, cookies: &jar };
        // The record just read contains the time from which its result may be refreshed again.
        let known = if ctx.now < *retry_at { RefreshState::Paused } else { RefreshState::None };
        let mut resolution = self.resolve_by_state(ctx, presented, known, policy, calls, env);
        match &mut resolution {
            SessionResolution::Go(Some(_), ResponseEdits { cookies: set, .. })
            | SessionResolution::Unavailable(set) => set.clone_from(cookies),
            SessionResolution::Go(None, _) | SessionResolution::Wait(..) => {}
        }
        resolution
    }

    /// Resolves a session according to the state of its refresh, and starts the refresh if it is time. `known` is the
    /// state in shared data.
    fn resolve_by_state(
        &mut self,
        ctx: &RequestContext<'_>,
        presented: PresentedSession<'_>,
        known: RefreshState,
        policy: RefreshPolicy,
        calls: &mut Callouts,
        env: &HostEnv<'_>,
    ) -> SessionResolution {
        let state = self.refreshes.refresh_if_due(ctx, &presented, known, policy, calls, env);
        let session = &presented.cached.session;
        let unavailable = || SessionResolution::Unavailable(Vec::new());
        let (may_wait, lacks_claims) =
            (policy != RefreshPolicy::Never, policy.lacks_claims(&presented.cached));
        match (session.freshness(ctx.config, ctx.now), state) {
            (_, RefreshState::Revoked) => SessionResolution::Go(None, ResponseEdits::default()),
            // Without Cognito, it isn't known whether the person may pass.
            (_, RefreshState::Paused) if lacks_claims => unavailable(),
            (Freshness::Fresh | Freshness::Due, RefreshState::UnderWay) if !lacks_claims => {
                let watch = Some(RefreshId::of(session));
                presented.go(ctx, ResponseEdits { cookies: Vec::new(), watch })
            }
            (_, RefreshState::UnderWay) if lacks_claims || may_wait => {
                if !self.parked.has_room() {
                    return unavailable();
                }
                SessionResolution::Wait(Arc::clone(&presented.cached.person.pool), RefreshId::of(session))
            }
            (Freshness::Fresh | Freshness::Due, _) => presented.go(ctx, ResponseEdits::default()),
            (Freshness::Expired, RefreshState::Paused | RefreshState::Done { .. }) if may_wait => {
                if ctx.now >= session.expires_at.plus(ctx.config.stale_if_error) {
                    return unavailable();
                }
                presented.go(ctx, ResponseEdits::default())
            }
            (Freshness::Expired, _) => SessionResolution::Go(None, ResponseEdits::default()),
        }
    }

    /// Parks a request until its session is refreshed.
    pub fn park(&mut self, ctx: &RequestContext<'_>, (pool, refresh): (Arc<Pool>, RefreshId)) {
        self.parked.push(ctx, pool, refresh);
    }

    /// A parked stream has ended.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.parked.remove(stream);
    }

    /// Removes and returns the parked requests whose wait is over: those of one refresh, or of all if `of` is `None`.
    pub fn unpark(&mut self, of: Option<RefreshId>, env: &HostEnv<'_>) -> Vec<Retry> {
        self.parked.unpark(&self.refreshes, of, env)
    }

    /// Handles the response to a call of a refresh.
    pub fn handle_answer(
        &mut self,
        refresh: Box<Refresh>,
        result: &CalloutResult,
        denials: &Denials,
        calls: &mut Callouts,
        telemetry: &mut Telemetry,
        verify: &mut VerifyContext<'_, '_>,
    ) {
        let step = refresh.handle_answer(result, verify);
        self.refreshes.advance(step, denials, calls, telemetry, verify.env);
    }

    /// A refresh of this pool was lost in a panic: it has failed.
    pub fn fail_refresh(&mut self, pool: usize, refresh: RefreshId, env: &mut HostEnv<'_>) {
        self.refreshes.fail(pool, refresh, env);
    }

    /// Whether this stream's request waits for a refresh.
    pub fn awaits(&self, stream: StreamId) -> bool {
        self.parked.contains(stream)
    }

    /// Time has passed: continues refreshes whose new tokens wait for keys.
    pub fn handle_timeout(
        &mut self,
        denials: &Denials,
        calls: &mut Callouts,
        telemetry: &mut Telemetry,
        verify: &mut VerifyContext<'_, '_>,
    ) {
        self.refreshes.handle_timeout(denials, calls, telemetry, verify);
    }

    /// The next session that Cognito has refused to refresh, and whose tokens have expired.
    pub fn poll_refused(&mut self, now: UnixTime) -> Option<SessionId> {
        self.refreshes.poll_refused(now)
    }

    /// Keeps refreshes from restoring a session that was signed out.
    pub fn end(&self, id: SessionId, now: UnixTime, shared: &dyn SharedData) {
        self.refreshes.end(id, now, shared);
    }

    /// The `Set-Cookie` values of a response: those known when the request arrived, or those of a refresh that has
    /// succeeded since.
    pub fn response_cookies(
        &self,
        edits: ResponseEdits,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Vec<String> {
        match edits.watch.map(|watch| self.refreshes.find(watch, now, shared)) {
            Some(RefreshState::Done { cookies, .. }) => cookies,
            // The person may have signed out meanwhile: no response may set the cookies again.
            Some(RefreshState::Ended | RefreshState::Revoked) => Vec::new(),
            _ => edits.cookies,
        }
    }

    /// Whether a request waits for a refresh, or a refresh waits for keys.
    pub fn is_waiting(&self) -> bool {
        !self.parked.is_empty() || self.refreshes.await_keys()
    }

    /// Whether new tokens of a pool wait for the pool's keys.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.refreshes.await_keys_of(pool)
    }
}

impl PresentedSession<'_> {
    fn go(self, ctx: &RequestContext<'_>, response: ResponseEdits) -> SessionResolution {
        SessionResolution::Go(Some(self.person(ctx)), response)
    }
}

/// Uses a session whose tokens are fresh. From time to time its cookie is set again, to record when the person was
/// last seen.
fn use_fresh(ctx: &RequestContext<'_>, cached: CachedSession, env: &mut HostEnv<'_>) -> SessionResolution {
    let session = &cached.session;
    let touched = session
        .needs_touch(ctx.config, ctx.now)
        .then(|| ctx.store(&cached.person.pool).touch(session, ctx.now, env.entropy));
    let response = ResponseEdits { cookies: touched.flatten().into_iter().collect(), watch: None };
    PresentedSession { cached, cookies: &ctx.cookies }.go(ctx, response)
}

/// The log line of a request with a session that is valid but denied.
fn denied_event(ctx: &RequestContext<'_>, session: &Session, reason: Denial) -> Event {
    let event = match reason {
        Denial::SignedOut => Event::counted(Level::Info, Counter::SessionSignedOut),
        Denial::Revoked => Event::counted(Level::Info, Counter::SessionRevoked),
    };
    event
        .with("subject", session.identity.subject.as_str())
        .with("session", hex(&session.id))
        .with("request_id", ctx.reference())
}
