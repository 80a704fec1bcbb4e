//! What a host offers.

use std::borrow::Cow;
use std::time::Duration;

use crate::decision::{AccessRecord, HostEnv, StreamId};
use crate::driver::response::ResponseHeaderEdits;
use crate::http::{Callout, RequestEdits, Response};
use crate::telemetry::event::Event;
use crate::telemetry::metrics::Metric;

/// The host's number for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallHandle(pub u64);

/// The host didn't do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host refused")
    }
}

impl std::error::Error for Refused {}

/// A host: Envoy, or what stands for it in tests. An implementation only translates.
///
/// Methods that take a [`StreamId`] may be called for a stream that has ended meanwhile; they then do nothing, or refuse.
pub trait Host {
    /// The time, randomness and what else deciding needs.
    fn env(&mut self) -> HostEnv<'_>;

    /// Writes a log line.
    fn log(&mut self, event: Event);

    /// Adds to counters, sets gauges, records histogram values. One that the host doesn't take is lost.
    fn record(&mut self, metrics: Vec<Metric>);

    /// Makes an HTTP call. Its answer goes to [`Driver::call_answered`](crate::driver::Driver::call_answered). `None`: the
    /// host didn't take it, and no answer will come.
    fn call(&mut self, callout: Callout) -> Option<CallHandle>;

    /// Asks for [`Driver::wake`](crate::driver::Driver::wake) after this time, and again each time it has passed, until
    /// asked otherwise.
    ///
    /// # Errors
    /// Where the host refuses; it is asked again later.
    fn wake_after(&mut self, time: Duration) -> Result<(), Refused>;

    /// Tells the access log what was decided.
    fn log_access(&mut self, stream: StreamId, record: AccessRecord);

    /// Changes the headers of a request.
    ///
    /// # Errors
    /// Where the host refuses any part of it. The request then isn't forwarded.
    fn edit_request(&mut self, stream: StreamId, edits: RequestEdits) -> Result<(), Refused>;

    /// Takes trailers of those names out of a request.
    ///
    /// # Errors
    /// As for [`Self::edit_request`].
    fn remove_request_trailers(
        &mut self,
        stream: StreamId,
        names: Vec<Cow<'static, str>>,
    ) -> Result<(), Refused>;

    /// All values of a header of the app's answer, in order.
    ///
    /// # Errors
    /// Where the host can't say.
    fn response_values(&mut self, stream: StreamId, name: &'static str) -> Result<Vec<Vec<u8>>, Refused>;

    /// Changes the headers of an answer on its way back.
    ///
    /// # Errors
    /// Where the host refuses any part of it. The answer isn't passed on then.
    fn edit_response(&mut self, stream: StreamId, edits: ResponseHeaderEdits) -> Result<(), Refused>;

    /// Answers a request in the app's place.
    fn respond(&mut self, stream: StreamId, response: Response);

    /// Lets a request go on that waited.
    fn resume(&mut self, stream: StreamId);

    /// No more waiting requests are settled for now.
    fn settled(&mut self) {}
}
