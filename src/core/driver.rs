//! The driver stands between a host and the [`Authenticator`]. A host only translates. The driver decides everything
//! about calls, waiting requests and refusals, in the same way for every host.
//!
//! One driver serves one worker. A host calls it:
//!
//! | event | method | result |
//! | --- | --- | --- |
//! | the configuration was accepted | [`Driver::new`], [`Driver::start`] | |
//! | the headers of a request have arrived | [`Driver::request_headers`] | [`Next`] |
//! | a part of its body has arrived | [`Stream::request_body`], or [`Driver::request_body`] if [`Stream::is_reading`] | [`Next`] |
//! | its trailers have arrived | [`Driver::request_trailers`] | [`Next`] |
//! | the headers of a response have arrived | [`Driver::response_headers`] | [`Next`] |
//! | the stream has ended | [`Driver::stream_ended`] | |
//! | a call has ended | [`Driver::call_answered`] | |
//! | the time that [`Host::wake_after`] asked for has passed | [`Driver::wake`] | |
//! | [`Driver::call_answered`] or [`Driver::wake`] has panicked | [`Driver::panicked`] | |
//!
//! [`Driver::call_answered`] and [`Driver::wake`] poll the authenticator in this order: calls to make, log lines,
//! decisions about waiting requests, metrics. So a log line is written before anybody can see the response that it is about.

mod bodies;
mod calls;
mod host;
mod response;
mod stream;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::decision::{AccessDecision, AccessRecord, Decision, Outcome, ResponseEdits, StreamId};
use crate::driver::bodies::{Bodies, Reading};
use crate::driver::calls::PendingCalls;
use crate::driver::stream::{Passage, unavailable};
use crate::driver::waiting::WaitingStreams;
use crate::http::{CalloutResult, Request};
use crate::worker::authenticator::Authenticator;

pub use crate::driver::host::{CallHandle, Host, Refused};
pub use crate::driver::response::ResponseHeaderEdits;
pub use crate::driver::stream::{Next, Stream};

/// The maximum number of waiting requests that are answered or resumed in one go, and of streams that are closed. Envoy does this within the call that
/// asks for it, so the calls are nested; about three hundred would exhaust the stack of a virtual machine.
const ANSWERS_AT_ONCE: usize = 16;

/// How soon the host calls [`Driver::wake`] after [`Driver::start`].
const AT_ONCE: Duration = Duration::from_millis(1);

/// One worker's authenticator, and its connection to a host.
pub struct Driver {
    authenticator: Authenticator,
    calls: PendingCalls,
    waiting: WaitingStreams,
    bodies: Bodies,
    /// How responses change on their way back. Most have no entry.
    responses: Vec<(StreamId, ResponseEdits)>,
    /// The time that the host was last asked for.
    wake_after: Duration,
}

impl Driver {
    /// A driver for a checked configuration.
    pub fn new(config: Arc<Config>, host: &mut impl Host) -> Self {
        Self {
            authenticator: Authenticator::new(config, &host.env()),
            calls: PendingCalls::default(),
            waiting: WaitingStreams::default(),
            bodies: Bodies::default(),
            responses: Vec::new(),
            wake_after: Duration::ZERO,
        }
    }

    /// Asks the host to call [`Self::wake`] at once. No HTTP call is made before: Envoy configures a filter once more
    /// than it uses it, and drops the extra filter together with the responses of its calls.
    pub fn start(&mut self, host: &mut impl Host) {
        self.ask_to_wake(AT_ONCE, host);
    }

    /// Uses another configuration from now on: the same document with other secrets.
    pub fn replace_config(&mut self, config: Arc<Config>, host: &mut impl Host) {
        self.authenticator.replace_config(config, &host.env());
        self.ask_to_wake(AT_ONCE, host);
    }

    /// Decides about a request by its headers; `None` if the host couldn't read them.
    pub fn request_headers(
        &mut self,
        stream: &mut Stream,
        request: Option<Request<'_>>,
        host: &mut impl Host,
    ) -> Next {
        let Some(request) = request else { return stream.refuse(host) };
        let Outcome { decision, access, may_be_closed } =
            self.authenticator.handle_request(stream.id(), request, &mut host.env());
        self.write_log(host);
        // Calls for this request are made when the host wakes the driver: calls that are made there outlive the stream.
        self.ask_to_wake(self.authenticator.next_timeout(), host);
        match decision {
            Decision::Read { length, otherwise } => {
                let next = self.bodies.begin(stream.id(), request, (length, otherwise, access), host);
                if next == Next::Read {
                    stream.passage = Passage::Reading;
                    self.ask_to_wake(self.next_timeout(), host);
                }
                next
            }
            Decision::Park => {
                stream.passage = Passage::Waiting(self.waiting.add(stream.id()));
                Next::Stop
            }
            Decision::Respond(response) => {
                host.log_access(stream.id(), access);
                host.respond(stream.id(), response);
                Next::Stop
            }
            Decision::Forward(edits, response) => {
                host.log_access(stream.id(), access);
                if host.edit_request(stream.id(), edits).is_err() {
                    return stream.refuse(host);
                }
                self.expect_response(stream.id(), response);
                if may_be_closed {
                    host.may_close(stream.id());
                }
                stream.passage = Passage::Open;
                Next::Continue
            }
        }
    }

    /// Says that the host passes bodies after [`Next::Read`] in any case. Otherwise the driver finds out.
    pub const fn bodies_are_passed(&mut self) {
        self.bodies.are_passed();
    }

    /// Reads a part of a body. When it is complete, the filter responds. The host needn't keep what it has passed.
    pub fn request_body(
        &mut self,
        stream: &mut Stream,
        part: &[u8],
        is_last: bool,
        host: &mut impl Host,
    ) -> Next {
        if !stream.is_reading() {
            return stream.request_body();
        }
        if let Some(Reading { request, body, otherwise, access, .. }) =
            self.bodies.add(stream.id(), part, is_last)
        {
            stream.passage = Passage::Closed;
            let headers = request.headers();
            let request = Request::new(&headers);
            let response = self.authenticator.handle_body(stream.id(), request, &body, &mut host.env());
            self.write_log(host);
            host.log_access(stream.id(), access);
            host.respond(stream.id(), response.unwrap_or(otherwise));
        }
        Next::Stop
    }

    /// Removes identity headers that a client has put into the request's trailers. `names` are the names of all trailers.
    pub fn request_trailers<'a>(
        &mut self,
        stream: &Stream,
        names: impl Iterator<Item = &'a [u8]>,
        host: &mut impl Host,
    ) -> Next {
        let spoofed = self.authenticator.spoofed(names);
        if !spoofed.is_empty() && host.remove_request_trailers(stream.id(), spoofed).is_err() {
            return stream.refuse(host);
        }
        // Trailers are edited even if they have to wait, because the host passes them only once.
        stream.request_body()
    }

    /// Edits a response on its way back: adds the filter's cookies, and keeps the app from setting or deleting them.
    pub fn response_headers(&mut self, stream: &Stream, host: &mut impl Host) -> Next {
        let cookies = self.take_response_cookies(stream.id(), host);
        // Other responses are the filter's own, and set its cookies themselves.
        let is_the_apps = stream.is_open();
        let kept = if is_the_apps { self.kept_cookies(stream.id(), host) } else { Ok(None) };
        let edits = kept.map(|kept| ResponseHeaderEdits::new(kept, cookies));
        let done = edits
            .and_then(|edits| if edits.is_empty() { Ok(()) } else { host.edit_response(stream.id(), edits) });
        match done {
            Ok(()) => Next::Continue,
            // A response with only some of the cookies, or one that a cache may store, would be worse than none.
            Err(Refused) => stream.refuse(host),
        }
    }

    /// The `set-cookie` lines of the app's response that are kept; `None` if all of them are.
    fn kept_cookies(&self, stream: StreamId, host: &mut impl Host) -> Result<Option<Vec<Vec<u8>>>, Refused> {
        let lines = host.response_values(stream, "set-cookie")?;
        if lines.is_empty() {
            return Ok(None);
        }
        Ok(self.authenticator.kept_cookies(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    fn expect_response(&mut self, stream: StreamId, edits: ResponseEdits) {
        if !edits.is_empty() {
            self.responses.push((stream, edits));
        }
    }

    fn take_response_cookies(&mut self, stream: StreamId, host: &mut impl Host) -> Vec<String> {
        let Some(at) = self.responses.iter().position(|(expected, _)| *expected == stream) else {
            return Vec::new();
        };
        let (_, edits) = self.responses.swap_remove(at);
        self.authenticator.response_cookies(edits, &host.env())
    }

    /// A stream has ended. Calls that were made for it continue.
    pub fn stream_ended(&mut self, stream: &Stream) {
        self.responses.retain(|(expected, _)| *expected != stream.id());
        if stream.is_reading() {
            self.bodies.remove(stream.id());
        }
        self.authenticator.handle_stream_ended(stream.id());
        if self.waiting.take(stream.id()).is_some() {
            self.authenticator.handle_stream_gone(stream.id());
        }
    }

    /// Handles the result of a call; `None` if no response came.
    pub fn call_answered(&mut self, call: CallHandle, answer: Option<CalloutResult>, host: &mut impl Host) {
        let mut env = host.env();
        let Some((id, result)) = self.calls.end(call, answer, env.now) else { return };
        self.authenticator.handle_callout(id, &result, &mut env);
        self.poll(host);
    }

    /// Time has passed.
    pub fn wake(&mut self, host: &mut impl Host) {
        self.authenticator.handle_timeout(&mut host.env());
        self.poll(host);
    }

    /// [`Self::call_answered`] or [`Self::wake`] has panicked, and the host has caught it. What the driver has asked the
    /// host for until then is valid. Requests that nothing would decide any more get 503.
    pub fn panicked(&mut self, host: &mut impl Host) {
        for stream in self.waiting.take_if(|stream| !self.authenticator.awaits(stream)) {
            host.log_access(stream, AccessRecord::of(AccessDecision::Refused));
            host.respond(stream, unavailable());
        }
        self.authenticator.handle_panic(&mut host.env());
        self.poll(host);
    }

    fn poll(&mut self, host: &mut impl Host) {
        self.calls.make(&mut self.authenticator, host);
        self.write_log(host);
        self.close_streams(host);
        self.settle_waiting(host);
        host.record(self.authenticator.take_metrics());
        self.ask_to_wake(self.next_timeout(), host);
    }

    fn next_timeout(&self) -> Duration {
        let next = self.authenticator.next_timeout();
        if self.bodies.are_being_read() { next.min(bodies::CHECKED_AFTER) } else { next }
    }

    /// Closes streams whose sessions are over.
    fn close_streams(&mut self, host: &mut impl Host) {
        for _ in 0..ANSWERS_AT_ONCE {
            let Some(stream) = self.authenticator.poll_close() else { return };
            host.close(stream);
        }
    }

    /// Answers or resumes waiting requests that have been decided.
    fn settle_waiting(&mut self, host: &mut impl Host) {
        for _ in 0..ANSWERS_AT_ONCE {
            let Some((stream, Outcome { decision, access, may_be_closed })) =
                self.authenticator.poll_decision()
            else {
                break;
            };
            let Some(gate) = self.waiting.take(stream) else { continue };
            host.log_access(stream, access);
            match decision {
                Decision::Respond(response) => host.respond(stream, response),
                Decision::Forward(edits, response) => {
                    if host.edit_request(stream, edits).is_ok() {
                        self.expect_response(stream, response);
                        if may_be_closed {
                            host.may_close(stream);
                        }
                        gate.open();
                        host.resume(stream);
                    } else {
                        host.respond(stream, unavailable());
                    }
                }
                // Its body may have passed already.
                Decision::Read { otherwise, .. } => host.respond(stream, otherwise),
                // The authenticator never parks a request that is already waiting.
                Decision::Park => host.respond(stream, unavailable()),
            }
        }
        self.bodies.answer_late(host);
        host.settled();
    }

    fn write_log(&mut self, host: &mut impl Host) {
        while let Some(event) = self.authenticator.poll_event() {
            host.log(event);
        }
    }

    fn ask_to_wake(&mut self, after: Duration, host: &mut impl Host) {
        if after != self.wake_after && host.wake_after(after).is_ok() {
            self.wake_after = after;
        }
    }
}
