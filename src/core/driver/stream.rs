//! One request, and whether it may go upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::decision::StreamId;
use crate::driver::host::Host;
use crate::http::Response;

/// What the host must do with the headers, body or trailers that it has just passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Pass them on.
    Continue,
    /// Hold them back: the request waits, or the filter responds.
    Stop,
    /// Hold the headers back, and pass each part of the body to
    /// [`Driver::request_body`](crate::driver::Driver::request_body): the filter responds when it has read it.
    Read,
}

/// One request, for as long as the host has it. The host owns this value and lends it to the driver.
#[derive(Debug)]
pub struct Stream {
    id: StreamId,
    pub(super) passage: Passage,
}

/// Whether a request may go upstream.
#[derive(Debug)]
pub(super) enum Passage {
    /// No: nothing has been decided yet, or the filter responds.
    Closed,
    /// No: the filter responds when it has read the body.
    Reading,
    /// It waits for a decision.
    Waiting(Gate),
    /// Yes: its headers have been edited.
    Open,
}

/// Opens when a waiting request's headers have been edited.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    pub(super) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Stream {
    /// A stream by the host's number for it.
    #[must_use]
    pub const fn new(id: StreamId) -> Self {
        Self { id, passage: Passage::Closed }
    }

    /// The host's number for it.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// Whether the request may go upstream: it was decided that it may, and its headers have been edited.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match &self.passage {
            Passage::Closed | Passage::Reading => false,
            Passage::Waiting(gate) => gate.is_open(),
            Passage::Open => true,
        }
    }

    /// Whether the filter reads its body: the host must pass each part to
    /// [`Driver::request_body`](crate::driver::Driver::request_body).
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        matches!(self.passage, Passage::Reading)
    }

    /// What happens to a part of a body that the filter doesn't read. A host may pass it while the headers wait: Envoy does with
    /// `allow_on_headers_stop_iteration`.
    pub fn request_body(&self) -> Next {
        if self.is_open() { Next::Continue } else { Next::Stop }
    }

    /// Responds with 503: the host refused what the decision needs, or there is no driver to decide.
    pub fn refuse(&self, host: &mut impl Host) -> Next {
        host.respond(self.id, unavailable());
        Next::Stop
    }
}

/// The response if the host refuses what must be done.
pub(super) fn unavailable() -> Response {
    Response::new(503)
}
