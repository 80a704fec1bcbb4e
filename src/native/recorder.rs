//! The driver's host: it remembers what the driver wants. What it holds is carried out after the driver's lock is free.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use envoy_cognito_core::decision::{AccessRecord, HostEnv, StreamId};
use envoy_cognito_core::driver::{CallHandle, Host, Refused, ResponseHeaderEdits};
use envoy_cognito_core::http::{Callout, RequestEdits, Response};
use envoy_cognito_core::telemetry::event::Event;
use envoy_cognito_core::telemetry::metrics::Metric;
use smallvec::SmallVec;

use crate::platform::{NativeRs256, ProcessMemory, SystemEntropy, now};

/// Numbers calls, across all configurations.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// What is done to one stream, in this order.
#[derive(Default)]
pub(crate) struct StreamEffects {
    /// Metrics that only a stream can pass on, from this worker's earlier work.
    pub(crate) metrics: Vec<Metric>,
    pub(crate) access: Option<AccessRecord>,
    pub(crate) edits: Option<RequestEdits>,
    pub(crate) removed_trailers: Vec<Cow<'static, str>>,
    pub(crate) response_edits: Option<ResponseHeaderEdits>,
    /// Whether the driver may close the stream later.
    pub(crate) may_be_closed: bool,
    pub(crate) end: Option<End>,
}

/// The last thing that is done to a stream.
pub(crate) enum End {
    /// The filter responds.
    Respond(Response),
    /// The request goes on.
    Resume,
    /// The stream ends.
    Close,
}

/// What the driver wants.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) events: Vec<Event>,
    pub(crate) calls: Vec<(CallHandle, Callout)>,
    pub(crate) streams: SmallVec<[(StreamId, StreamEffects); 1]>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) wake_after: Option<Duration>,
}

/// The host of one call of the driver.
pub(crate) struct Recorder {
    pub(crate) effects: Effects,
    entropy: SystemEntropy,
    /// The `set-cookie` lines of the app's response, read before.
    app_cookies: Vec<Vec<u8>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self::for_response(Vec::new())
    }

    /// The host of [`Driver::response_headers`](envoy_cognito_core::driver::Driver::response_headers).
    pub(crate) fn for_response(app_cookies: Vec<Vec<u8>>) -> Self {
        Self { effects: Effects::default(), entropy: SystemEntropy, app_cookies }
    }

    /// The driver has panicked. What it has wanted for a stream is complete if it has said how it ends; other streams
    /// get 503.
    pub(crate) fn finish_streams(&mut self) {
        for (_, effects) in &mut self.effects.streams {
            if effects.end.is_none() {
                let end = Some(End::Respond(Response::new(503)));
                *effects = StreamEffects { end, ..StreamEffects::default() };
            }
        }
    }

    fn stream(&mut self, stream: StreamId) -> &mut StreamEffects {
        let streams = &mut self.effects.streams;
        let at = streams.iter().position(|(known, _)| *known == stream).unwrap_or_else(|| {
            streams.push((stream, StreamEffects::default()));
            streams.len() - 1
        });
        // The index is one of the list's.
        #[allow(clippy::indexing_slicing)]
        &mut streams[at].1
    }
}

impl Host for Recorder {
    fn env(&mut self) -> HostEnv<'_> {
        HostEnv { now: now(), entropy: &mut self.entropy, rs256: &NativeRs256, shared: &ProcessMemory }
    }

    fn log(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    fn record(&mut self, metrics: Vec<Metric>) {
        self.effects.metrics.extend(metrics);
    }

    /// Never refuses. If Envoy does later, the driver hears of it as of a call that has failed.
    fn call(&mut self, callout: Callout) -> Option<CallHandle> {
        let handle = CallHandle(CALLS.fetch_add(1, Ordering::Relaxed));
        self.effects.calls.push((handle, callout));
        Some(handle)
    }

    fn wake_after(&mut self, time: Duration) -> Result<(), Refused> {
        self.effects.wake_after = Some(time);
        Ok(())
    }

    fn log_access(&mut self, stream: StreamId, record: AccessRecord) {
        self.stream(stream).access = Some(record);
    }

    /// Never refuses. If Envoy does later, the request gets 503 then.
    fn edit_request(&mut self, stream: StreamId, edits: RequestEdits) -> Result<(), Refused> {
        self.stream(stream).edits = Some(edits);
        Ok(())
    }

    fn remove_request_trailers(
        &mut self,
        stream: StreamId,
        names: Vec<Cow<'static, str>>,
    ) -> Result<(), Refused> {
        self.stream(stream).removed_trailers = names;
        Ok(())
    }

    fn response_values(&mut self, _: StreamId, _: &'static str) -> Result<Vec<Vec<u8>>, Refused> {
        Ok(std::mem::take(&mut self.app_cookies))
    }

    fn edit_response(&mut self, stream: StreamId, edits: ResponseHeaderEdits) -> Result<(), Refused> {
        self.stream(stream).response_edits = Some(edits);
        Ok(())
    }

    fn respond(&mut self, stream: StreamId, response: Response) {
        self.stream(stream).end = Some(End::Respond(response));
    }

    fn resume(&mut self, stream: StreamId) {
        self.stream(stream).end = Some(End::Resume);
    }

    fn may_close(&mut self, stream: StreamId) {
        self.stream(stream).may_be_closed = true;
    }

    fn close(&mut self, stream: StreamId) {
        self.stream(stream).end = Some(End::Close);
    }
}
