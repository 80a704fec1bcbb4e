//! When a session's tokens are refreshed, by which worker, and what the result means for other requests.
//!
//! A refresh starts when a request needs the session and its tokens are due (see
//! [`Session::freshness`](crate::session::Session::freshness)), unless another worker has the lease, Cognito has just
//! failed, or the request is a prefetch.

use crate::cognito::pool::Pool;
use crate::decision::{HostEnv, RefreshId};
use crate::flow::context::RequestContext;
use crate::flow::new_tokens::VerifyContext;
use crate::flow::refresh::{Refresh, RefreshOutcome, RefreshStep};
use crate::http::client::is_prefetch;
use crate::session::{Freshness, SessionId};
use crate::shared::refreshes::{RefreshLeases, RefreshResult, RefreshState};
use crate::shared::store::SharedData;
use crate::telemetry::metrics::Telemetry;
use crate::time::UnixTime;
use crate::worker::callouts::{CalloutPurpose, Callouts};
use crate::worker::denials::Denials;
use crate::worker::session_cache::CachedSession;
use crate::worker::sessions::backoff::Backoff;
use crate::worker::sessions::presented::PresentedSession;

/// Whether a request may cause a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshPolicy {
    /// No: the session is valid if its tokens have not expired.
    Never,
    /// Yes. If the tokens have expired, the request waits.
    Allowed,
    /// Yes. The request also waits if the session is older than the configuration, and doesn't know the claims that
    /// rules ask for.
    ForClaims,
}

impl RefreshPolicy {
    /// Whether a request must wait for a refresh although the session's tokens are valid.
    pub(super) fn lacks_claims(self, cached: &CachedSession) -> bool {
        self == Self::ForClaims && !cached.person.facts.are_complete()
    }
}

/// How many sessions one worker remembers that can't be refreshed, until their tokens expire. Streams of further ones
/// last as long as if nobody had tried to refresh them.
const MAX_REFUSED: usize = 4096;

/// The refreshes of one worker.
pub(super) struct Refreshes {
    leases: RefreshLeases,
    /// Indexed by pool.
    backoffs: Vec<Backoff>,
    /// Refreshes whose new tokens can't be verified yet.
    awaiting_keys: Vec<Refresh>,
    /// Sessions that Cognito has refused to refresh, with the time when their tokens expire.
    refused: Vec<(SessionId, UnixTime)>,
}

impl Refreshes {
    /// No refreshes yet, for `pools` pools. `scope` separates the shared data of different configurations.
    pub(super) fn new(scope: &str, pools: usize, shared: &dyn SharedData) -> Self {
        Self {
            leases: RefreshLeases::new(scope, shared),
            backoffs: vec![Backoff::default(); pools],
            awaiting_keys: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Uses the shared data of another configuration from now on.
    pub(super) fn replace_scope(&mut self, scope: &str, shared: &dyn SharedData) {
        self.leases = RefreshLeases::new(scope, shared);
    }

    /// The state of a refresh, in any worker.
    pub(super) fn find(&self, id: RefreshId, now: UnixTime, shared: &dyn SharedData) -> RefreshState {
        self.leases.find(id.session, id.of, now, shared)
    }

    /// Keeps refreshes from restoring a session that was signed out.
    pub(super) fn end(&self, session: SessionId, now: UnixTime, shared: &dyn SharedData) {
        self.leases.end(session, now, shared);
    }

    /// Decides whether to refresh the tokens of a session now, and starts the refresh. `known` is the state from
    /// [`Refreshes::find`]. Returns the state for this request.
    pub(super) fn refresh_if_due(
        &mut self,
        ctx: &RequestContext<'_>,
        presented: &PresentedSession<'_>,
        known: RefreshState,
        policy: RefreshPolicy,
        calls: &mut Callouts,
        env: &HostEnv<'_>,
    ) -> RefreshState {
        let is_fresh = presented.cached.session.freshness(ctx.config, ctx.now) == Freshness::Fresh
            && !policy.lacks_claims(&presented.cached);
        match known {
            RefreshState::None if is_fresh => RefreshState::Paused,
            RefreshState::None if policy == RefreshPolicy::Never || is_prefetch(ctx.request) => {
                RefreshState::Ended
            }
            // This request has waited long enough.
            RefreshState::None | RefreshState::UnderWay if ctx.attempt.impatient => RefreshState::Paused,
            RefreshState::None => self.begin(ctx, presented, calls, env),
            known => known,
        }
    }

    /// Starts a refresh, unless it is too early or another worker has the lease.
    fn begin(
        &self,
        ctx: &RequestContext<'_>,
        presented: &PresentedSession<'_>,
        calls: &mut Callouts,
        env: &HostEnv<'_>,
    ) -> RefreshState {
        let (session, pool) = (&presented.cached.session, &presented.cached.person.pool);
        if self.backoffs.get(pool.index).is_some_and(|backoff| backoff.is_active(ctx.now)) {
            return RefreshState::Paused;
        }
        let Some((refresh, callout)) = Refresh::begin(ctx, pool, session, presented.cookies) else {
            return RefreshState::Ended;
        };
        match self.leases.lease(session, Refresh::hold(pool), ctx.now, env.shared) {
            Ok(()) if calls.push(CalloutPurpose::Refresh(Box::new(refresh)), callout) => {
                RefreshState::UnderWay
            }
            // The queue is full, or shared data doesn't work: waiting wouldn't help.
            Ok(()) | Err(RefreshState::None) => RefreshState::Paused,
            Err(known) => known,
        }
    }

    /// Time has passed: verifies new tokens that wait for keys.
    pub(super) fn handle_timeout(
        &mut self,
        denials: &Denials,
        calls: &mut Callouts,
        telemetry: &mut Telemetry,
        verify: &mut VerifyContext<'_, '_>,
    ) {
        for refresh in std::mem::take(&mut self.awaiting_keys) {
            let step = Box::new(refresh).verify(verify);
            self.advance(step, denials, calls, telemetry, verify.env);
        }
    }

    /// Performs the next step of a refresh.
    pub(super) fn advance(
        &mut self,
        step: RefreshStep,
        denials: &Denials,
        calls: &mut Callouts,
        telemetry: &mut Telemetry,
        env: &mut HostEnv<'_>,
    ) {
        let (pool, session, outcome) = match step {
            RefreshStep::Wait(refresh) => return self.awaiting_keys.push(*refresh),
            RefreshStep::Call(refresh, callout) => {
                return calls.push_follow_up(CalloutPurpose::Refresh(refresh), callout);
            }
            RefreshStep::Ended(pool, session, outcome) => (pool, session, outcome),
        };
        telemetry.emit(outcome.event(&session.identity.subject).of_pool(&pool.name));
        let mut result = self.shared_result(&pool, &outcome, env);
        // A sign-out after the lease has marked the refresh; one just before it is in the list.
        let listed = denials.is_signed_out(session.id, env.now);
        if listed {
            result = RefreshResult::Ended;
        }
        let marked = self.leases.settle(session.id, session.renewed_at, &result, env.now, env.shared);
        // Unless another worker has refreshed it.
        if matches!(result, RefreshResult::Ended)
            && self.find(RefreshId::of(&session), env.now, env.shared) == RefreshState::Ended
            && self.refused.len() < MAX_REFUSED
        {
            self.refused.push((session.id, session.expires_at));
        }
        if let (true, RefreshOutcome::Renewed { refresh_token, .. }) = (listed || marked, outcome) {
            // The person has signed out meanwhile, so nobody may use the new token.
            let cognito = &pool.cognito;
            let caller = cognito.caller(cognito.timeouts.revoke);
            calls.push(CalloutPurpose::Revoke, caller.revoke(&cognito.endpoints.revoke, &refresh_token));
        }
    }

    /// The next session that Cognito has refused to refresh, and whose tokens have expired.
    pub(super) fn poll_refused(&mut self, now: UnixTime) -> Option<SessionId> {
        let at = self.refused.iter().position(|(_, expires_at)| now >= *expires_at)?;
        Some(self.refused.swap_remove(at).0)
    }

    /// A refresh of this pool was lost in a panic: it has failed.
    pub(super) fn fail(&mut self, pool: usize, refresh: RefreshId, env: &mut HostEnv<'_>) {
        let retry_at = self.backoffs.get_mut(pool).map_or(env.now, |backoff| backoff.fail(env));
        let RefreshId { session, of } = refresh;
        self.leases.settle(session, of, &RefreshResult::Paused(retry_at), env.now, env.shared);
    }

    /// The result of a finished refresh that other workers need. Updates the pool's backoff.
    fn shared_result(
        &mut self,
        pool: &Pool,
        outcome: &RefreshOutcome,
        env: &mut HostEnv<'_>,
    ) -> RefreshResult {
        let mut unused = Backoff::default();
        let backoff = self.backoffs.get_mut(pool.index).unwrap_or(&mut unused);
        match outcome {
            RefreshOutcome::Renewed { cookies, trouble: None, .. } => {
                *backoff = Backoff::default();
                RefreshResult::Done { cookies: cookies.clone(), retry_at: UnixTime::default() }
            }
            RefreshOutcome::Renewed { cookies, trouble: Some(_), .. } => {
                RefreshResult::Done { cookies: cookies.clone(), retry_at: backoff.fail(env) }
            }
            RefreshOutcome::Refused(_) => RefreshResult::Ended,
            RefreshOutcome::Revoked(_, until) => RefreshResult::Revoked(*until),
            RefreshOutcome::Unavailable(_) => RefreshResult::Paused(backoff.fail(env)),
        }
    }

    /// Whether new tokens wait for keys.
    pub(super) fn await_keys(&self) -> bool {
        !self.awaiting_keys.is_empty()
    }

    /// Whether new tokens of this pool wait for the pool's keys.
    pub(super) fn await_keys_of(&self, pool: &Pool) -> bool {
        self.awaiting_keys.iter().any(|refresh| refresh.pool().index == pool.index)
    }
}
