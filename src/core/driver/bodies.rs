//! Bodies that the filter reads before it responds. Their number, size and time are limited; when a limit is reached, the
//! request gets the response that it would get without its body.
//!
//! An Envoy may hold the body back together with the headers: the wasm filter can't read one unless
//! `allow_on_headers_stop_iteration` is set. If no body ever comes, the driver stops asking for a while.

use std::time::Duration;

use crate::decision::{AccessRecord, StreamId};
use crate::driver::host::Host;
use crate::driver::stream::Next;
use crate::http::{OwnedRequest, Request, Response};
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// How many bodies one worker reads at once.
const MAX_BODIES: usize = 64;

/// How many late bodies are answered in one go: see the same limit of waiting requests.
const ANSWERS_AT_ONCE: usize = 16;

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

    /// Starts to read the body of a request, or responds if no further body can be read now.
    pub(super) fn begin(
        &mut self,
        stream: StreamId,
        request: Request<'_>,
        (length, otherwise, access): (usize, Response, AccessRecord),
        host: &mut impl Host,
    ) -> Next {
        let since = host.env().now;
        if self.reading.len() >= MAX_BODIES || !self.passed && since < self.paused_until {
            host.log_access(stream, access);
            host.respond(stream, otherwise);
            return Next::Stop;
        }
        let (request, body) = (OwnedRequest::of(request), Vec::new());
        self.reading.push(Reading { stream, request, body, otherwise, access, length, since });
        Next::Read
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

    /// Responds where a body has taken too long. If the host doesn't seem to pass bodies, no body is read for a while.
    pub(super) fn answer_late(&mut self, host: &mut impl Host) {
        let now = host.env().now;
        let patience = if self.passed { PATIENCE } else { FIRST_PATIENCE };
        for _ in 0..ANSWERS_AT_ONCE {
            let is_late = |reading: &Reading| now.since(reading.since) >= patience;
            let Some(at) = self.reading.iter().position(is_late) else { return };
            if !self.passed && now >= self.paused_until {
                self.paused_until = now.plus(PAUSE);
                host.log(Event::new(Level::Warn, "form.unreadable").with("hint", HINT));
            }
            let Reading { stream, otherwise, access, .. } = self.reading.swap_remove(at);
            host.log_access(stream, access);
            host.respond(stream, otherwise);
        }
    }
}
