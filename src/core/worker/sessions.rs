//! Sessions in a worker's hands: which a request has, when its tokens are refreshed, who waits for that,
//! and what happens while Cognito is down.

mod backoff;
mod waiting;

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::decision::{HostEnv, RefreshId, ResponseEdits, Retry, StreamId};
use crate::flow::context::{Person, RequestContext};
use crate::flow::new_tokens::VerifyContext;
use crate::flow::refresh::{Refresh, RefreshOutcome, RefreshStep};
use crate::http::CalloutResult;
use crate::http::client::is_prefetch;
use crate::http::cookie::Cookies;
use crate::session::{Freshness, Session};
use crate::shared::refreshes::{RefreshEnd, RefreshLeases, RefreshState};
use crate::shared::store::SharedData;
use crate::telemetry::event::Event;
use crate::telemetry::metrics::{Counters, Frequent, Metric};
use crate::time::UnixTime;
use crate::worker::callouts::{CalloutPurpose, Callouts};
use crate::worker::session_cache::{CachedSession, SessionCache, SessionLookup};
use crate::worker::sessions::backoff::Backoff;
use crate::worker::sessions::waiting::Waiting;

/// Requests that one worker lets wait for a refresh. Beyond it they are told to come again.
const MAX_WAITING: usize = 1024;
/// How much a request needs to know who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshPolicy {
    /// As far as it is known; nothing is begun for it.
    AsItIs,
    /// It waits for a refresh, if that is what it takes.
    Known,
}

/// What is to be done about a request's session.
pub enum SessionResolution {
    /// It goes on, with this person or without one.
    Go(Option<Arc<Person>>, ResponseEdits),
    /// It waits for the refresh of this session.
    Wait(Arc<Pool>, Session),
    /// Its session can't be refreshed now, and is too old to be served without. These cookies ride on the
    /// answer.
    Unavailable(Vec<String>),
}

/// A session as its cookies hold it.
struct PresentedSession<'c> {
    opened: CachedSession,
    cookies: &'c Cookies<'c>,
}

/// One worker's sessions.
pub struct Sessions {
    renewals: RefreshLeases,
    opened: SessionCache,
    awaiting_keys: Vec<Refresh>,
    waiting: Vec<Waiting>,
    /// By the numbers of the pools.
    backoffs: Vec<Backoff>,
    tally: Counters,
}

impl Sessions {
    /// No sessions yet. `scope` keeps the shared data of different configurations apart.
    pub fn new(scope: &str, pools: usize, shared: &dyn SharedData) -> Self {
        Self {
            renewals: RefreshLeases::new(scope, shared),
            opened: SessionCache::new(pools),
            awaiting_keys: Vec::new(),
            waiting: Vec::new(),
            backoffs: vec![Backoff::default(); pools],
            tally: Counters::default(),
        }
    }

    /// Finds the session of a request.
    pub fn resolve(
        &mut self,
        ctx: &RequestContext<'_>,
        need: RefreshPolicy,
        calls: &mut Callouts,
        env: &mut HostEnv<'_>,
    ) -> SessionResolution {
        let opened = match self.opened.find(ctx) {
            SessionLookup::Session(opened) => opened,
            SessionLookup::Nothing => return SessionResolution::Go(None, ResponseEdits::default()),
            SessionLookup::NotOpened => return self.without_session("session.rejected.not_opened"),
            SessionLookup::Over => return self.without_session("session.expired"),
        };
        let session = &opened.session;
        if session.freshness(ctx.config, ctx.now) == Freshness::Fresh {
            let touched = session
                .needs_touch(ctx.config, ctx.now)
                .then(|| ctx.store(&opened.person.pool).touch(session, ctx.now, env.entropy));
            let response = ResponseEdits { cookies: touched.flatten().into_iter().collect(), watch: None };
            let held = PresentedSession { opened, cookies: &ctx.cookies };
            self.tally.count_frequent(Frequent::SessionAccepted);
            return SessionResolution::Go(Some(held.person(ctx)), response);
        }
        let store = ctx.store(&opened.person.pool);
        if let RefreshState::Done(cookies) = self.renewals.look(session, ctx.now, env.shared)
            && let Some(renewed) = cookies.iter().find_map(|set| store.session_in(set, ctx.now))
        {
            // Somebody has refreshed it since; the browser just doesn't know yet.
            self.tally.count("refresh.shared");
            let jar: Vec<&[u8]> =
                cookies.iter().filter_map(|set| set.as_bytes().split(|byte| *byte == b';').next()).collect();
            let jar = Cookies::parse(jar.into_iter());
            let held = PresentedSession {
                opened: CachedSession::new(renewed, &opened.person.pool, ctx.config),
                cookies: &jar,
            };
            let mut resolution = self.refresh_if_due(ctx, held, need, calls, env);
            self.count(&resolution);
            match &mut resolution {
                SessionResolution::Go(Some(_), ResponseEdits { cookies: riding, .. })
                | SessionResolution::Unavailable(riding) => riding.clone_from(&cookies),
                SessionResolution::Go(None, _) | SessionResolution::Wait(..) => {}
            }
            return resolution;
        }
        let held = PresentedSession { opened, cookies: &ctx.cookies };
        let resolution = self.refresh_if_due(ctx, held, need, calls, env);
        self.count(&resolution);
        resolution
    }

    fn without_session(&mut self, counter: &'static str) -> SessionResolution {
        self.tally.count(counter);
        SessionResolution::Go(None, ResponseEdits::default())
    }

    /// Counts what has become of a session whose tokens are no longer fresh. One that waits is counted later.
    fn count(&mut self, resolution: &SessionResolution) {
        match resolution {
            SessionResolution::Go(Some(_), _) => self.tally.count_frequent(Frequent::SessionAccepted),
            SessionResolution::Go(None, _) => self.tally.count("session.expired"),
            SessionResolution::Wait(..) | SessionResolution::Unavailable(_) => {}
        }
    }

    /// Takes what has been counted.
    pub fn take_metrics(&mut self) -> Vec<Metric> {
        self.tally.take()
    }

    /// Whether anything has been counted that nobody has taken.
    pub fn have_counted(&self) -> bool {
        !self.tally.is_empty()
    }

    fn refresh_if_due(
        &mut self,
        ctx: &RequestContext<'_>,
        held: PresentedSession<'_>,
        need: RefreshPolicy,
        calls: &mut Callouts,
        env: &mut HostEnv<'_>,
    ) -> SessionResolution {
        let (session, pool) = (&held.opened.session, &held.opened.person.pool);
        let freshness = session.freshness(ctx.config, ctx.now);
        let renewal = match self.renewals.look(session, ctx.now, env.shared) {
            RefreshState::Unknown if freshness == Freshness::Fresh => RefreshState::Paused,
            RefreshState::Unknown if need == RefreshPolicy::AsItIs || is_prefetch(ctx.request) => {
                RefreshState::Over
            }
            RefreshState::Unknown if ctx.attempt.impatient => RefreshState::Paused,
            RefreshState::Unknown => self.begin(ctx, &held, calls, env),
            RefreshState::UnderWay if ctx.attempt.impatient => RefreshState::Paused,
            known => known,
        };
        let watch = RefreshId::of(session);
        let stale_until = session.expires_at.plus(ctx.config.stale_if_error);
        let go =
            |held: PresentedSession<'_>, response| SessionResolution::Go(Some(held.person(ctx)), response);
        match (freshness, renewal) {
            (Freshness::Fresh | Freshness::Due, RefreshState::UnderWay) => {
                go(held, ResponseEdits { cookies: Vec::new(), watch: Some(watch) })
            }
            (Freshness::Fresh | Freshness::Due, _) => go(held, ResponseEdits::default()),
            (Freshness::Expired, RefreshState::UnderWay) if need == RefreshPolicy::Known => {
                if self.waiting.len() < MAX_WAITING {
                    SessionResolution::Wait(Arc::clone(pool), session.clone())
                } else {
                    SessionResolution::Unavailable(Vec::new())
                }
            }
            (Freshness::Expired, RefreshState::Paused | RefreshState::Done(_))
                if need == RefreshPolicy::Known =>
            {
                if ctx.now < stale_until {
                    go(held, ResponseEdits::default())
                } else {
                    SessionResolution::Unavailable(Vec::new())
                }
            }
            (Freshness::Expired, _) => SessionResolution::Go(None, ResponseEdits::default()),
        }
    }

    /// Begins a refresh, if it is anybody's turn and this worker's.
    fn begin(
        &mut self,
        ctx: &RequestContext<'_>,
        held: &PresentedSession<'_>,
        calls: &mut Callouts,
        env: &HostEnv<'_>,
    ) -> RefreshState {
        let (session, pool) = (&held.opened.session, &held.opened.person.pool);
        if self.backoffs.get(pool.index).is_some_and(|backoff| backoff.lasts(ctx.now)) {
            return RefreshState::Paused;
        }
        let Some((refresh, callout)) = Refresh::begin(ctx, pool, session, held.cookies) else {
            return RefreshState::Over;
        };
        let hold = Refresh::hold(pool);
        if !self.renewals.lease(session, hold, ctx.now, env.shared) {
            // Somebody was faster; or shared data is in trouble, and then there is nothing to wait for.
            return match self.renewals.look(session, ctx.now, env.shared) {
                RefreshState::Unknown => RefreshState::Paused,
                known => known,
            };
        }
        if calls.push(CalloutPurpose::Refresh(Box::new(refresh)), callout) {
            RefreshState::UnderWay
        } else {
            RefreshState::Paused
        }
    }

    /// Parks a request until its session is refreshed.
    pub fn park(&mut self, ctx: &RequestContext<'_>, (pool, session): (Arc<Pool>, Session)) {
        self.waiting.push(Waiting { attempt: ctx.attempt, request: ctx.request.clone(), pool, session });
    }

    /// A parked stream is gone.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.waiting.retain(|waiting| waiting.attempt.stream != stream);
    }

    /// The parked requests whose wait is over. `of` asks for those of one refresh alone.
    pub fn take_ready(&mut self, of: Option<RefreshId>, env: &HostEnv<'_>) -> Vec<Retry> {
        waiting::take_ready(&mut self.waiting, &self.renewals, of, env)
    }

    /// Takes the answer of a refresh's call.
    pub fn handle_answer(
        &mut self,
        refresh: Box<Refresh>,
        result: &CalloutResult,
        calls: &mut Callouts,
        verify: &mut VerifyContext<'_, '_>,
    ) -> Option<Event> {
        let progress = refresh.handle_answer(result, verify);
        self.take(progress, calls, verify.env)
    }

    /// Time has passed: sees whether keys have come that new tokens waited for.
    pub fn handle_tick(&mut self, calls: &mut Callouts, verify: &mut VerifyContext<'_, '_>) -> Vec<Event> {
        let refreshes = std::mem::take(&mut self.awaiting_keys);
        let mut events = Vec::new();
        for refresh in refreshes {
            let progress = Box::new(refresh).verify(verify);
            events.extend(self.take(progress, calls, verify.env));
        }
        events
    }

    fn take(&mut self, progress: RefreshStep, calls: &mut Callouts, env: &mut HostEnv<'_>) -> Option<Event> {
        let (pool, session, ending) = match progress {
            RefreshStep::Wait(refresh) => {
                self.awaiting_keys.push(*refresh);
                return None;
            }
            RefreshStep::Call(refresh, callout) => {
                calls.push_follow_up(CalloutPurpose::Refresh(refresh), callout);
                return None;
            }
            RefreshStep::Ended(pool, session, ending) => (pool, session, ending),
        };
        let settled = self.settled(&pool, &ending, env);
        let event = ending.event(&session.identity.subject).of_pool(&pool.name);
        let signed_out = self.renewals.settle(&session, &settled, env.now, env.shared);
        if let (true, RefreshOutcome::Renewed { refresh_token, .. }) = (signed_out, ending) {
            // The person has signed out meanwhile; what came too late is worth nothing to anybody.
            let cognito = &pool.cognito;
            let caller = cognito.caller(cognito.timeouts.revoke);
            calls.push(CalloutPurpose::Revoke, caller.revoke(&cognito.endpoints.revoke, &refresh_token));
        }
        Some(event)
    }

    /// What the other workers are to know of a refresh's end; and what it says of Cognito.
    fn settled(&mut self, pool: &Pool, ending: &RefreshOutcome, env: &mut HostEnv<'_>) -> RefreshEnd {
        let mut nowhere = Backoff::default();
        let backoff = self.backoffs.get_mut(pool.index).unwrap_or(&mut nowhere);
        match ending {
            RefreshOutcome::Renewed { cookies, trouble, .. } => {
                let rest_until = if trouble.is_some() { backoff.fail(env) } else { UnixTime::default() };
                if trouble.is_none() {
                    *backoff = Backoff::default();
                }
                RefreshEnd::Done(cookies.clone(), rest_until)
            }
            RefreshOutcome::Refused(_) => RefreshEnd::Over,
            RefreshOutcome::Unavailable(_) => RefreshEnd::Paused(backoff.fail(env)),
        }
    }

    /// A session was signed out; no refresh that is still under way may bring it back. `false` where
    /// there is none, or it had ended before.
    pub fn end(&self, ctx: &RequestContext<'_>, shared: &dyn SharedData) -> bool {
        let ids = ctx.pools.iter().flat_map(|pool| ctx.store(pool).session_ids(&ctx.cookies));
        // All of them end, so no short cut.
        ids.filter(|id| self.renewals.end(*id, ctx.now, shared)).count() > 0
    }

    /// The cookies that ride on a response: those known when its request came, or those of a refresh that
    /// has been done since.
    pub fn response_cookies(
        &self,
        edits: ResponseEdits,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Vec<String> {
        let found = edits.watch.map(|RefreshId { session, of }| self.renewals.find(session, of, now, shared));
        match found {
            Some(RefreshState::Done(cookies)) => cookies,
            // Signed out while the response was on its way: nothing may set the cookies again.
            Some(RefreshState::Over) => Vec::new(),
            _ => edits.cookies,
        }
    }

    /// Whether something here waits for time to pass, or for another worker.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.awaiting_keys.is_empty()
    }

    /// Whether tokens of a pool are here that only lack keys to be verified with.
    pub fn await_keys_of(&self, pool: &Pool) -> bool {
        self.awaiting_keys.iter().any(|refresh| refresh.pool().index == pool.index)
    }
}

impl PresentedSession<'_> {
    /// Who it is, with the tokens that go upstream. The token cookie is opened for those alone.
    fn person(self, ctx: &RequestContext<'_>) -> Arc<Person> {
        let Self { opened: CachedSession { session, person }, cookies } = self;
        if !ctx.config.headers.forwards_tokens() {
            return person;
        }
        let tokens = ctx.store(&person.pool).session_tokens(cookies, Some(session.id));
        Arc::new(Person::clone(&person).with_tokens(&tokens.unwrap_or_default(), ctx.config))
    }
}
