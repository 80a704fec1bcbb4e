//! The interface to a host.

use std::borrow::Cow;
use std::time::Duration;

use crate::decision::{AccessRecord, HostEnv, StreamId};
use crate::driver::response::ResponseHeaderEdits;
use crate::http::{Callout, RequestEdits, Response};
use crate::telemetry::event::Event;
use crate::telemetry::metrics::Metric;

/// The driver's handle for a call, chosen by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallHandle(pub u64);

/// The host refused to do what the driver asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host refused")
    }
}

impl std::error::Error for Refused {}

/// A host: Envoy, or a fake in tests. An implementation only translates. It may carry out what it is asked for at once, or
/// after the driver has returned, in the same order.
///
/// Methods that take a [`StreamId`] may be called for a stream that has ended in the meantime. Then they do nothing, or
/// refuse.
pub trait Host {
    /// The time, randomness, and what else is needed to decide.
    fn env(&mut self) -> HostEnv<'_>;

    /// Writes a log line.
    fn log(&mut self, event: Event);

    /// Adds to counters, sets gauges, and records histogram values. A metric that the host doesn't accept is lost.
    fn record(&mut self, metrics: Vec<Metric>);

    /// Makes an HTTP call. Its result goes to [`Driver::call_answered`](crate::driver::Driver::call_answered). `None` if
    /// the host refuses; then no result will come.
    fn call(&mut self, callout: Callout) -> Option<CallHandle>;

    /// Asks the host to call [`Driver::wake`](crate::driver::Driver::wake) after this time, and then periodically, until it
    /// is asked for another time.
    ///
    /// # Errors
    /// If the host refuses. It is asked again later.
    fn wake_after(&mut self, time: Duration) -> Result<(), Refused>;

    /// Sets the fields of the access log.
    fn log_access(&mut self, stream: StreamId, record: AccessRecord);

    /// Changes the headers of a request.
    ///
    /// # Errors
    /// If the host refuses any part. The request is then not forwarded.
    fn edit_request(&mut self, stream: StreamId, edits: RequestEdits) -> Result<(), Refused>;

    /// Removes trailers with these names from a request.
    ///
    /// # Errors
    /// As for [`Self::edit_request`].
    fn remove_request_trailers(
        &mut self,
        stream: StreamId,
        names: Vec<Cow<'static, str>>,
    ) -> Result<(), Refused>;

    /// All values of a header of the app's response, in order.
    ///
    /// # Errors
    /// If the host can't read them.
    fn response_values(&mut self, stream: StreamId, name: &'static str) -> Result<Vec<Vec<u8>>, Refused>;

    /// Changes the headers of a response on its way back.
    ///
    /// # Errors
    /// If the host refuses any part. The response is then not passed on.
    fn edit_response(&mut self, stream: StreamId, edits: ResponseHeaderEdits) -> Result<(), Refused>;

    /// Responds to a request instead of the app.
    fn respond(&mut self, stream: StreamId, response: Response);

    /// Resumes a request that waited.
    fn resume(&mut self, stream: StreamId);

    /// The driver may [`close`](Self::close) this stream later. Comes after the edits of its request.
    fn may_close(&mut self, _: StreamId) {}

    /// Ends a stream that went upstream, on both sides, wherever it is.
    fn close(&mut self, stream: StreamId);

    /// All waiting requests that are decided so far have been answered or resumed.
    fn settled(&mut self) {}
}
