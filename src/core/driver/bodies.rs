//! Bodies that the filter reads before it responds. Their number, size and time are limited; when a limit is reached, the
//! request gets the response that it would get without its body.
//!
//! An Envoy may hold the body back together with the headers: the wasm filter can't read one unless
//! `allow_on_headers_stop_iteration` is set. If no body ever comes, the driver stops asking for a while.

use std::time::Duration;

use crate::decision::{AccessRecord, StreamId};
use crate::http::{OwnedRequest, Request, Response};
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// How many bodies one worker reads at once.
const MAX_BODIES: usize = 64;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the first part of the first body may take, as long as the host hasn't passed any.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// How long no body is read after the host didn't pass one.
const PAUSE: Duration = Duration::from_secs(600);

/// How often the driver looks for late bodies.
pub(super) const CHECKED_AFTER: Duration = Duration::from_millis(250);

const HINT: &str = "with the wasm filter, `pages.keep_form` needs `allow_on_headers_stop_iteration: true` beside `configuration`";

/// A body that is being read, and the request that it belongs to.
pub(super) struct Reading {
    pub(super) stream: StreamId,
    pub(super) request: OwnedRequest,
    pub(super) body: Vec<u8>,
    pub(super) otherwise: Response,
    pub(super) access: AccessRecord,
    length: usize,
    since: UnixTime,
}

/// The bodies that one worker reads.
#[derive(Default)]
pub(super) struct Bodies {
    reading: Vec<Reading>,
    /// Whether the host has ever passed a part of a body.
    passed: bool,
    paused_until: UnixTime,
}

impl Bodies {
    /// The host passes bodies in any case.
    pub(super) const fn are_passed(&mut self) {
        self.passed = true;
    }

    /// Starts to read the body of a request.
    ///
    /// # Errors
    /// The response and the access log's entry, if no further body can be read now.
    pub(super) fn begin(
        &mut self,
        stream: StreamId,
        request: Request<'_>,
        (length, otherwise, access): (usize, Response, AccessRecord),
        now: UnixTime,
    ) -> Result<(), (Response, AccessRecord)> {
        if self.reading.len() >= MAX_BODIES || !self.passed && now < self.paused_until {
            return Err((otherwise, access));
        }
        let (request, body) = (OwnedRequest::of(request), Vec::new());
        self.reading.push(Reading { stream, request, body, otherwise, access, length, since: now });
        Ok(())
    }

    /// Adds a part of a body. Returns the body when it is complete; without its bytes if it is longer than announced.
    pub(super) fn add(&mut self, stream: StreamId, part: &[u8], is_last: bool) -> Option<Reading> {
        self.passed = true;
        let at = self.reading.iter().position(|reading| reading.stream == stream)?;
        let reading = self.reading.get_mut(at)?;
        let is_longer = reading.body.len() + part.len() > reading.length;
        if is_longer {
            reading.body.clear();
        } else {
            reading.body.extend_from_slice(part);
        }
        let is_done = is_last || is_longer || reading.body.len() == reading.length;
        is_done.then(|| self.reading.swap_remove(at))
    }

    /// Forgets a stream that has ended.
    pub(super) fn remove(&mut self, stream: StreamId) {
        self.reading.retain(|reading| reading.stream != stream);
    }

    /// Whether any body is being read.
    pub(super) const fn are_being_read(&self) -> bool {
        !self.reading.is_empty()
    }

    /// If the host doesn't seem to pass bodies: stops asking for them, and returns the event.
    pub(super) fn note_silence(&mut self, now: UnixTime) -> Option<Event> {
        let is_silent = !self.passed
            && now >= self.paused_until
            && self.reading.iter().any(|reading| now.since(reading.since) >= FIRST_PATIENCE);
        is_silent.then(|| {
            self.paused_until = now.plus(PAUSE);
            Event::new(Level::Warn, "form.unreadable").with("hint", HINT)
        })
    }

    /// Removes and returns a body that has taken too long.
    pub(super) fn take_late(&mut self, now: UnixTime) -> Option<Reading> {
        let patience = if self.passed { PATIENCE } else { FIRST_PATIENCE };
        let is_late = |reading: &Reading| now.since(reading.since) >= patience;
        let at = self.reading.iter().position(is_late)?;
        Some(self.reading.swap_remove(at))
    }
}
