//! One worker's authenticator and what ties it to the host: which call is which, who is parked.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use proxy_wasm::hostcalls;

use crate::host::metrics::Metrics;
use crate::host::signatures::HostRs256;
use crate::host::{HostEntropy, HostSharedData, apply_edits, dispatch, log, now, respond, tell_access_log};
use envoy_cognito_core::config::Config;
use envoy_cognito_core::decision::{Decision, HostEnv, Outcome, ResponseEdits, StreamId};
use envoy_cognito_core::http::{CalloutError, CalloutResult, Request, Response};
use envoy_cognito_core::time::UnixTime;
use envoy_cognito_core::worker::authenticator::Authenticator;
use envoy_cognito_core::worker::callouts::CalloutId;

/// Calls that are made in one go at most; the rest waits for the next tick.
const CALLS_AT_ONCE: usize = 64;

/// Streams that are answered or resumed in one go at most. Envoy does that within the call that it is
/// in, one inside the other, and some three hundred would exhaust the stack.
const ANSWERS_AT_ONCE: usize = 16;

/// One worker of Envoy.
pub struct Worker {
    root_id: u32,
    authenticator: Authenticator,
    rs256: HostRs256,
    metrics: Metrics,
    /// Calls under way.
    calls: Vec<Call>,
    parked: Vec<(StreamId, Gate)>,
    /// What is to be done to answers on their way back. Most have nothing here.
    answers: Vec<(StreamId, ResponseEdits)>,
    tick: Duration,
}

/// Whether a parked request may go upstream. It is opened once the request's headers have been edited.
pub type Gate = Arc<Cell<bool>>;

/// A call under way: the host's name for it, ours, and by when it should have been answered.
struct Call {
    token: u32,
    id: CalloutId,
    deadline: UnixTime,
}

impl Worker {
    /// A worker for a checked configuration.
    pub fn new(root_id: u32, config: Config) -> Self {
        let rs256 = HostRs256::default();
        let env = HostEnv { now: now(), entropy: &mut HostEntropy, rs256: &rs256, shared: &HostSharedData };
        let authenticator = Authenticator::new(Arc::new(config), &env);
        Self {
            root_id,
            authenticator,
            rs256,
            metrics: Metrics::default(),
            calls: Vec::new(),
            parked: Vec::new(),
            answers: Vec::new(),
            tick: Duration::ZERO,
        }
    }

    /// Has the first tick come at once. No call is made before it: Envoy configures the filter once more
    /// than it uses it, and a call of the instance that it throws away would never be answered.
    pub fn begin(&mut self) {
        let soon = Duration::from_millis(1);
        if hostcalls::set_tick_period(soon).is_ok() {
            self.tick = soon;
        }
    }

    /// Lets the core work with the host's time, randomness and shared data.
    fn core<T>(&mut self, work: impl FnOnce(&mut Authenticator, &mut HostEnv<'_>) -> T) -> T {
        let mut env =
            HostEnv { now: now(), entropy: &mut HostEntropy, rs256: &self.rs256, shared: &HostSharedData };
        work(&mut self.authenticator, &mut env)
    }

    /// Asks the core about a request. Calls that it wants are made on the root context's next tick,
    /// where they outlive the stream.
    pub fn handle_request(&mut self, stream: StreamId, request: &Request) -> Decision {
        let Outcome { decision, access } = self.core(|core, env| core.handle_request(stream, request, env));
        self.write_log();
        match &decision {
            Decision::Forward(_, response) => self.expect_answer(stream, response),
            Decision::Respond(_) | Decision::Park => {}
        }
        if !matches!(decision, Decision::Park) {
            tell_access_log(&access);
        }
        self.set_tick();
        decision
    }

    /// Parks a stream. The gate opens when a decision has let it through.
    pub fn park(&mut self, stream: StreamId) -> Gate {
        let gate = Gate::default();
        self.parked.push((stream, Arc::clone(&gate)));
        gate
    }

    fn expect_answer(&mut self, stream: StreamId, edits: &ResponseEdits) {
        if !edits.is_empty() {
            self.answers.push((stream, edits.clone()));
        }
    }

    /// The cookies that ride on a stream's answer. `None` where nothing is known of it.
    pub fn response_cookies(&mut self, stream: StreamId) -> Option<Vec<String>> {
        let at = self.answers.iter().position(|(waiting, _)| *waiting == stream)?;
        let (_, edits) = self.answers.swap_remove(at);
        Some(self.core(|core, env| core.response_cookies(edits, env)))
    }

    /// The `set-cookie` lines that an upstream's answer keeps. `None` where that is all of them.
    pub fn kept_cookies(&self, lines: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
        self.authenticator.kept_cookies(lines)
    }

    /// A stream has ended.
    pub fn handle_stream_gone(&mut self, stream: StreamId) {
        self.answers.retain(|(waiting, _)| *waiting != stream);
        if self.unpark(stream).is_some() {
            self.authenticator.handle_stream_gone(stream);
        }
    }

    /// The gate of a stream that was parked; it no longer is.
    fn unpark(&mut self, stream: StreamId) -> Option<Gate> {
        let at = self.parked.iter().position(|(parked, _)| *parked == stream)?;
        Some(self.parked.swap_remove(at).1)
    }

    /// Names in a stream's trailers that have to go.
    pub fn spoofed<'a>(&self, names: impl Iterator<Item = &'a [u8]>) -> Vec<Cow<'static, str>> {
        self.authenticator.spoofed(names)
    }

    /// Takes the answer of a call. `None` is an answer without headers, which is how Envoy reports that
    /// none came.
    pub fn handle_call_response(&mut self, token: u32, response: Option<CalloutResult>) {
        let Some(at) = self.calls.iter().position(|call| call.token == token) else { return };
        let Call { id, deadline, .. } = self.calls.swap_remove(at);
        let late = now() >= deadline;
        let none = Err(if late { CalloutError::TimedOut } else { CalloutError::Broken });
        let result = response.unwrap_or(none);
        self.core(|core, env| core.handle_callout(id, &result, env));
        self.follow();
    }

    /// Time has passed. Only the root context may call this, as [`Self::follow`].
    pub fn work(&mut self) {
        self.core(Authenticator::handle_tick);
        self.follow();
    }

    /// Does what the core wants done. Calls belong to the context that makes them, and they are to be the root
    /// context's.
    fn follow(&mut self) {
        for _ in 0..CALLS_AT_ONCE {
            let Some((id, callout)) = self.core(Authenticator::poll_callout) else { break };
            // A little early, so that Envoy's timer and ours can't disagree.
            let deadline = now().plus(callout.timeout.saturating_sub(Duration::from_millis(100)));
            match dispatch(&callout) {
                Some(token) => self.calls.push(Call { token, id, deadline }),
                None => {
                    let failed = Err(CalloutError::NotDispatched);
                    self.core(|core, env| core.handle_callout(id, &failed, env));
                }
            }
        }
        self.write_log();
        self.settle_parked();
        self.metrics.hand_over(self.authenticator.take_metrics());
        self.set_tick();
    }

    fn settle_parked(&mut self) {
        let mut elsewhere = false;
        for _ in 0..ANSWERS_AT_ONCE {
            let Some((stream, outcome)) = self.authenticator.poll_decision() else { break };
            let Outcome { decision, access } = outcome;
            let Some(gate) = self.unpark(stream) else { continue };
            if hostcalls::set_effective_context(stream.0).is_err() {
                continue;
            }
            elsewhere = true;
            tell_access_log(&access);
            match decision {
                Decision::Respond(response) => respond(&response),
                Decision::Forward(edits, answer) => {
                    self.expect_answer(stream, &answer);
                    if apply_edits(&edits).is_ok() {
                        gate.set(true);
                        // A stream that is gone needs no resuming.
                        let _ = hostcalls::resume_http_request();
                    } else {
                        respond(&Response::new(503));
                    }
                }
                // The core parks streams, it doesn't park parked ones.
                Decision::Park => respond(&Response::new(503)),
            }
        }
        if elsewhere {
            let _ = hostcalls::set_effective_context(self.root_id);
        }
    }

    fn write_log(&mut self) {
        while let Some(event) = self.authenticator.poll_event() {
            log(&event);
        }
    }

    fn set_tick(&mut self) {
        let tick = self.authenticator.next_tick();
        if tick != self.tick && hostcalls::set_tick_period(tick).is_ok() {
            self.tick = tick;
        }
    }
}
