//! Requests that wait for the refresh of their session's tokens.

use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::decision::{Attempt, HostEnv, RefreshId, Retry, StreamId};
use crate::flow::context::RequestContext;
use crate::flow::refresh::Refresh;
use crate::http::OwnedRequest;
use crate::shared::refreshes::RefreshState;
use crate::worker::sessions::refresh::Refreshes;

/// How many requests one worker parks for refreshes. Further requests are told to try again.
const MAX_PARKED: usize = 1024;

/// The parked requests of one worker.
#[derive(Default)]
pub(super) struct ParkedRequests(Vec<ParkedRequest>);

struct ParkedRequest {
    attempt: Attempt,
    request: OwnedRequest,
    pool: Arc<Pool>,
    refresh: RefreshId,
}

impl ParkedRequests {
    /// Whether another request can be parked.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < MAX_PARKED
    }

    /// Whether no request is parked.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the request of a stream is parked.
    pub(super) fn contains(&self, stream: StreamId) -> bool {
        self.0.iter().any(|parked| parked.attempt.stream == stream)
    }

    /// Parks a request until this refresh has ended.
    pub(super) fn push(&mut self, ctx: &RequestContext<'_>, pool: Arc<Pool>, refresh: RefreshId) {
        self.0.push(ParkedRequest {
            attempt: ctx.attempt,
            request: OwnedRequest::of(ctx.request),
            pool,
            refresh,
        });
    }

    /// Removes the request of a stream that has ended.
    pub(super) fn remove(&mut self, stream: StreamId) {
        self.0.retain(|parked| parked.attempt.stream != stream);
    }

    /// Removes and returns the requests whose wait is over: those of one refresh, or of all if `of` is `None`.
    pub(super) fn unpark(
        &mut self,
        refreshes: &Refreshes,
        of: Option<RefreshId>,
        env: &HostEnv<'_>,
    ) -> Vec<Retry> {
        let mut ready = Vec::new();
        // Many requests wait for the same session, and each check reads shared data.
        let mut known: Vec<(RefreshId, bool)> = Vec::new();
        let is_asked_for = |parked: &mut ParkedRequest| of.is_none_or(|of| of == parked.refresh);
        let candidates: Vec<ParkedRequest> = self.0.extract_if(.., is_asked_for).collect();
        for parked in candidates {
            let impatient = env.now.since(parked.attempt.since) >= Refresh::hold(&parked.pool);
            let found = known.iter().find(|(refresh, _)| *refresh == parked.refresh);
            let is_under_way = if let Some((_, is_under_way)) = found {
                *is_under_way
            } else {
                let state = refreshes.find(parked.refresh, env.now, env.shared);
                let is_under_way = state == RefreshState::UnderWay;
                known.push((parked.refresh, is_under_way));
                is_under_way
            };
            if is_under_way && !impatient {
                self.0.push(parked);
            } else {
                ready.push((Attempt { impatient, ..parked.attempt }, parked.request));
            }
        }
        ready
    }
}
