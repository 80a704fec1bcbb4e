//! The entry point of the core: requests and responses of calls go in; decisions, calls and events come out.
//!
//! Methods are named as in quinn-proto: `handle_*` take input, and `poll_*` return output until they return `None`.
//! One authenticator serves one worker.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::cognito::pool::Pool;
use crate::config::Config;
use crate::decision::{Attempt, Decision, HostEnv, Outcome, RefreshId, ResponseEdits, Retry, StreamId};
use crate::flow::callback::{CodeExchange, ExchangeStep};
use crate::flow::forward;
use crate::flow::new_tokens::VerifyContext;
use crate::http::{Callout, CalloutResult, Request};
use crate::oidc::jwt::Claims;
use crate::shared::key_sets::{KeySetCaches, KeysAt, fetch_event, fetch_keys, is_refusal, refusal_event};
use crate::shared::replay_guard::ReplayGuard;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::{JWKS_AGE_S, Metric, TOKEN_EXCHANGE_MS, Telemetry};
use crate::time::UnixTime;
use crate::worker::bearer_tokens::BearerTokens;
use crate::worker::callouts::{CalloutId, CalloutPurpose, Callouts};
use crate::worker::denials::Denials;
use crate::worker::sessions::Sessions;
use crate::worker::streams::Streams;

mod authorize;
mod forms;
mod own_paths;
mod panics;

/// How long counts may be collected before the host gets them.
const COUNTED_FOR: Duration = Duration::from_millis(100);
/// The longest time without [`Authenticator::handle_timeout`]. A worker must know what others deny within a second.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// One worker's authenticator.
pub struct Authenticator {
    config: Arc<Config>,
    keys: KeySetCaches,
    spent: ReplayGuard,
    sessions: Sessions,
    bearers: BearerTokens,
    denials: Denials,
    streams: Streams,
    calls: Callouts,
    /// The refresh, and the number of its pool, while the response to its call is handled. A panic leaves it here.
    answering: Option<(usize, RefreshId)>,
    /// Sign-ins that have their tokens and wait for keys.
    awaiting_keys: Vec<CodeExchange>,
    /// Requests that wait for the first deny list.
    awaiting_list: Vec<Retry>,
    decisions: VecDeque<(StreamId, Outcome)>,
    telemetry: Telemetry,
    age_noted_at: UnixTime,
}

impl Authenticator {
    /// An authenticator for a validated configuration.
    pub fn new(config: Arc<Config>, env: &HostEnv<'_>) -> Self {
        let scope = config.scope();
        let mut telemetry = Telemetry::default();
        let insecure = config.pools.iter().any(|pool| !pool.cookies.attributes.secure);
        if insecure && config.public_url.is_none() {
            let hint = "`session.cookie.secure: false` is for http://localhost only";
            telemetry.emit(Event::new(Level::Warn, "configuration.insecure").with("hint", hint));
        }
        Self {
            keys: KeySetCaches::new(&config.pools, config.keyring.fingerprint(), env.shared),
            spent: ReplayGuard::new(&scope, env.shared),
            sessions: Sessions::new(&scope, config.pools.len(), env.shared),
            bearers: BearerTokens::default(),
            denials: Denials::new(&config, env.now, env.shared),
            config,
            streams: Streams::default(),
            calls: Callouts::default(),
            answering: None,
            awaiting_keys: Vec::new(),
            awaiting_list: Vec::new(),
            decisions: VecDeque::new(),
            telemetry,
            age_noted_at: UnixTime::default(),
        }
    }

    /// Uses another configuration from now on: the same document with other secrets. Waiting requests and pending calls
    /// stay. What was decrypted or verified with the old secrets is forgotten.
    pub fn replace_config(&mut self, config: Arc<Config>, env: &HostEnv<'_>) {
        let scope = config.scope();
        self.keys = KeySetCaches::new(&config.pools, config.keyring.fingerprint(), env.shared);
        self.spent = ReplayGuard::new(&scope, env.shared);
        self.sessions.replace_config(&scope, config.pools.len(), env.shared);
        self.bearers.forget();
        self.config = config;
    }

    /// Decides about a request.
    pub fn handle_request(
        &mut self,
        stream: StreamId,
        request: Request<'_>,
        env: &mut HostEnv<'_>,
    ) -> Outcome {
        self.authorize(Attempt { stream, since: env.now, impatient: false }, request, env)
    }

    fn emit_all(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.emit(event));
    }

    /// Logs an event, and counts it if it has a counter.
    fn emit(&mut self, event: Event) {
        self.telemetry.emit(event);
    }

    /// A stream has ended, whether it was parked or went upstream.
    pub fn handle_stream_ended(&mut self, stream: StreamId) {
        self.streams.end(stream);
    }

    /// A parked stream has ended; nobody waits for its decision any more. Calls in progress continue, because their
    /// codes are already used. Their responses must not reach a new stream that happens to have the same number.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        for exchange in self.exchanges() {
            exchange.streams.retain(|waiting| *waiting != stream);
        }
        self.sessions.handle_stream_gone(stream);
        self.bearers.handle_stream_gone(stream);
        self.awaiting_list.retain(|(attempt, _)| attempt.stream != stream);
        self.decisions.retain(|(decided, _)| *decided != stream);
    }

    /// The next call to make, if any. Its response goes to [`Authenticator::handle_callout`], and so does a failure
    /// to make it.
    pub fn poll_callout(&mut self, env: &mut HostEnv<'_>) -> Option<(CalloutId, Callout)> {
        if let Some(next) = self.calls.pop(env.now) {
            return Some(next);
        }
        if let Some(callout) = self.denials.poll_fetch(env.now, env.shared) {
            return Some((self.calls.begin(CalloutPurpose::FetchRevocations, env.now), callout));
        }
        let config = Arc::clone(&self.config);
        let due = config.pools.iter().find(|pool| {
            let awaited = self.awaiting_keys.iter().any(|exchange| exchange.pool().index == pool.index)
                || self.sessions.await_keys_of(pool)
                || self.bearers.await_keys_of(pool);
            let keys = self.keys.of(pool);
            keys.is_some_and(|keys| keys.poll_fetch(awaited, env.now, env.shared))
        })?;
        let callout = fetch_keys(&due.cognito, KeysAt::First)?;
        Some((self.calls.begin(CalloutPurpose::FetchKeys(Arc::clone(due), KeysAt::First), env.now), callout))
    }

    /// Handles the response to a call.
    pub fn handle_callout(&mut self, id: CalloutId, result: &CalloutResult, env: &mut HostEnv<'_>) {
        let config = Arc::clone(&self.config);
        let Some((purpose, begun)) = self.calls.end(id) else { return };
        if purpose.asks_for_tokens() {
            let millis = u64::try_from(env.now.since(begun).as_millis()).unwrap_or(u64::MAX);
            self.telemetry.record(Metric::Histogram(TOKEN_EXCHANGE_MS, millis));
        }
        self.denials.read_new(env.now, env.shared);
        let Self { keys, denials, .. } = self;
        let now = env.now;
        let is_revoked = |claims: &Claims| is_revoked(denials, claims, now);
        let mut verify = VerifyContext { config: &config, keys, is_revoked: &is_revoked, env };
        match purpose {
            CalloutPurpose::SignIn(exchange) => {
                let step = exchange.handle_answer(result, &mut verify);
                self.take(step);
            }
            CalloutPurpose::Refresh(refresh) => {
                let watch = refresh.watch();
                self.answering = Some((refresh.pool().index, watch));
                let Self { sessions, calls, telemetry, .. } = self;
                sessions.handle_answer(refresh, result, denials, calls, telemetry, &mut verify);
                self.answering = None;
                // Only requests that wait for this refresh are checked: otherwise a thousand simultaneous refreshes
                // would each cost a thousand checks.
                let ready = self.sessions.unpark(Some(watch), env);
                self.settle(ready, env);
            }
            CalloutPurpose::FetchKeys(pool, at) => self.take_keys(pool, at, result, env),
            CalloutPurpose::FetchRevocations => {
                self.denials.handle_response(result, env.now, env.shared, &mut self.telemetry);
                self.handle_timeout(env);
            }
            CalloutPurpose::Revoke => {
                let good = result.as_ref().is_ok_and(|response| response.status == 200);
                if !good {
                    let status = result.as_ref().map_or(0, |response| response.status);
                    let event = Event::new(Level::Warn, "sign_out.revoke_failed");
                    self.emit(event.with("status", status.to_string()));
                }
            }
        }
    }

    /// Takes over a key set, or asks for it at the second place.
    fn take_keys(&mut self, pool: Arc<Pool>, at: KeysAt, result: &CalloutResult, env: &mut HostEnv<'_>) {
        if at == KeysAt::First
            && is_refusal(result)
            && let Some(callout) = fetch_keys(&pool.cognito, KeysAt::Second)
        {
            self.emit(refusal_event(result, &pool.name));
            return self.calls.push_follow_up(CalloutPurpose::FetchKeys(pool, KeysAt::Second), callout);
        }
        if let Some(keys) = self.keys.of(&pool) {
            let outcome = keys.handle_response(result, env.now, env.shared);
            self.emit(fetch_event(outcome, &pool.name));
        }
        self.handle_timeout(env);
    }

    /// Time has passed: checks whether waits are over, or have lasted too long.
    pub fn handle_timeout(&mut self, env: &mut HostEnv<'_>) {
        let config = Arc::clone(&self.config);
        self.denials.handle_timeout(env.now, env.shared, &mut self.telemetry);
        self.note_age_of_keys(env.now);
        if config.bearer.is_some() {
            // A withdrawn key must be noticed even if no token causes a fetch.
            self.keys.adopt_all(env.shared);
        }
        let now = env.now;
        for exchange in std::mem::take(&mut self.awaiting_keys) {
            let Self { keys, denials, .. } = self;
            let is_revoked = |claims: &Claims| is_revoked(denials, claims, now);
            let mut verify = VerifyContext { config: &config, keys, is_revoked: &is_revoked, env };
            let step = Box::new(exchange).verify(&mut verify);
            self.take(step);
        }
        let is_revoked = |claims: &Claims| is_revoked(&self.denials, claims, now);
        let mut verify =
            VerifyContext { config: &config, keys: &mut self.keys, is_revoked: &is_revoked, env };
        self.sessions.handle_timeout(&self.denials, &mut self.calls, &mut self.telemetry, &mut verify);
        self.settle_waiting(env);
        while let Some(session) = self.sessions.poll_refused(env.now) {
            self.denials.end_streams(session, env.now, env.shared, &mut self.telemetry);
        }
        self.streams.check(&self.denials, env.now, &mut self.telemetry);
    }

    /// Records the age of the keys, at most once a second: that is often enough for a graph.
    fn note_age_of_keys(&mut self, now: UnixTime) {
        if let Some(fetched_at) = self.keys.oldest()
            && now.secs() != self.age_noted_at.secs()
        {
            self.age_noted_at = now;
            self.telemetry.record(Metric::Gauge(JWKS_AGE_S, now.since(fetched_at).as_secs()));
        }
    }

    /// Decides again about the requests whose wait for a refresh or for keys is over.
    fn settle_waiting(&mut self, env: &mut HostEnv<'_>) {
        let mut ready = self.sessions.unpark(None, env);
        ready.extend(self.bearers.unpark(&mut self.keys, env));
        if !self.denials.are_awaited(env.now) {
            ready.append(&mut self.awaiting_list);
        }
        self.settle(ready, env);
    }

    fn settle(&mut self, ready: Vec<Retry>, env: &mut HostEnv<'_>) {
        for (attempt, request) in ready {
            let headers = request.headers();
            let outcome = self.authorize(attempt, Request::new(&headers), env);
            if !matches!(outcome.decision, Decision::Park) {
                self.decisions.push_back((attempt.stream, outcome));
            }
        }
    }

    /// The cookies to add to the response of a forwarded request.
    pub fn response_cookies(&self, edits: ResponseEdits, env: &HostEnv<'_>) -> Vec<String> {
        self.sessions.response_cookies(edits, env.now, env.shared)
    }

    /// The `set-cookie` lines that the upstream's response keeps. `None` if it keeps all of them.
    pub fn kept_cookies(&self, lines: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        forward::without_our_cookies(lines, &self.config)
    }

    fn take(&mut self, step: ExchangeStep) {
        match step {
            ExchangeStep::Wait(exchange) => self.awaiting_keys.push(*exchange),
            ExchangeStep::Call(exchange, callout) => {
                self.calls.push_follow_up(CalloutPurpose::SignIn(exchange), callout);
            }
            ExchangeStep::Done(streams, response, event) => {
                self.emit(event);
                let outcome = Outcome::own_path(response);
                let answer = |stream| (stream, outcome.clone());
                self.decisions.extend(streams.into_iter().map(answer));
            }
        }
    }

    /// The next decision about a parked stream.
    pub fn poll_decision(&mut self) -> Option<(StreamId, Outcome)> {
        self.decisions.pop_front()
    }

    /// The next stream to close.
    pub fn poll_close(&mut self) -> Option<StreamId> {
        self.streams.poll_close()
    }

    /// The next event for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.telemetry.poll_event()
    }

    /// The metrics since the last call.
    pub fn take_metrics(&mut self) -> Vec<Metric> {
        self.telemetry.take_metrics()
    }

    /// How long the host may wait before it calls [`Authenticator::handle_timeout`] and polls again.
    pub fn next_timeout(&self) -> Duration {
        if self.calls.is_waiting() || !self.decisions.is_empty() || self.streams.are_due(&self.denials) {
            Duration::from_millis(1)
        } else if self.sessions.is_waiting() || self.bearers.is_waiting() || !self.awaiting_list.is_empty() {
            Duration::from_millis(10)
        } else if !self.awaiting_keys.is_empty() {
            Duration::from_millis(20)
        } else if self.telemetry.has_metrics() {
            COUNTED_FOR
        } else if self.keys.are_incomplete() {
            Duration::from_millis(250)
        } else {
            LONGEST_WAIT
        }
    }

    /// The names of the request's headers or trailers that must be removed, because an upstream could mistake them
    /// for identity headers.
    pub fn spoofed<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<Cow<'static, str>> {
        forward::spoofed(names, &self.config.headers)
    }
}

/// Whether the deny list names a new ID token. A token that was issued after the time of an entry is good, even if the
/// person has signed in without a password. The earlier of both clocks counts, so that no session begins that is denied
/// at once: the browser would be redirected in a loop.
fn is_revoked(denials: &Denials, claims: &Claims, now: UnixTime) -> bool {
    denials.is_listed(&denials.names_of_token(claims, claims.issued_at().min(now)))
}
