//! The open streams of people who are signed in. A request is authorized when it begins, but a WebSocket, server-sent
//! events and a gRPC stream can last longer than the session or token behind them. They are closed when it is over, is
//! denied, or after `session.max_stream`.
//!
//! Only requests that can begin such a stream are kept track of. [`Streams::check`] looks at all of them only when one
//! can be over: when its time has come, or when something new is denied.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::decision::{AccessUser, StreamId};
use crate::flow::context::Person;
use crate::session::SessionId;
use crate::shared::revocations::Revocable;
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::Telemetry;
use crate::time::UnixTime;
use crate::worker::denials::{Denials, DenialsVersion};

/// How many streams one worker keeps track of. When there are more, the oldest is closed: a stream that nothing would
/// close must not stay open.
const MAX_STREAMS: usize = 10_000;

/// Later than any time.
const NEVER: UnixTime = UnixTime::from_millis(u64::MAX);

/// A stream that is open.
struct OpenStream {
    stream: StreamId,
    /// `None` for a bearer token.
    session: Option<SessionId>,
    revocable: Revocable,
    names: Arc<AccessUser>,
    /// When the session or token ends.
    ends_at: UnixTime,
    /// When the session is over unless the person is seen before: see `session.idle`.
    idle_at: UnixTime,
    /// See `session.max_stream`.
    too_long_at: UnixTime,
}

/// One worker's open streams.
#[derive(Default)]
pub struct Streams {
    /// Ordered by their numbers, so usually the oldest first.
    open: Vec<OpenStream>,
    /// No stream is over before this time, unless something new is denied.
    next_at: UnixTime,
    /// What was denied at the last check.
    checked: DenialsVersion,
    /// Streams that must be closed.
    over: Vec<StreamId>,
}

impl OpenStream {
    fn until(&self) -> UnixTime {
        self.ends_at.min(self.idle_at).min(self.too_long_at)
    }

    /// Why the stream must be closed, if it must.
    fn is_over(&self, denials: &Denials, now: UnixTime) -> Option<&'static str> {
        if self.session.is_some_and(|id| denials.is_signed_out(id, now)) {
            Some("signed_out")
        } else if denials.is_listed(&self.revocable) {
            Some("revoked")
        } else if self.session.is_some_and(|id| denials.are_streams_over(id, now)) {
            Some("refused")
        } else if now < self.until() {
            None
        } else if now >= self.ends_at {
            Some("ended")
        } else if now >= self.idle_at {
            Some("idle")
        } else {
            Some("max_stream")
        }
    }
}

impl Streams {
    /// A stream goes upstream for a person whose session or token ends at `ends_at`.
    pub fn open(
        &mut self,
        stream: StreamId,
        person: &Person,
        ends_at: UnixTime,
        config: &Config,
        now: UnixTime,
        telemetry: &mut Telemetry,
    ) {
        if self.open.len() >= MAX_STREAMS {
            telemetry.count(Counter::StreamDisplaced);
            self.over.push(self.open.remove(0).stream);
        }
        let after = |time: Option<Duration>| time.map_or(NEVER, |time| now.plus(time));
        let open = OpenStream {
            stream,
            session: person.session.map(|session| session.id),
            revocable: person.revocable,
            names: Arc::clone(&person.names),
            ends_at,
            idle_at: after(config.idle.filter(|_| person.session.is_some())),
            too_long_at: after(config.max_stream),
        };
        self.next_at = self.next_at.min(open.until());
        if let Err(at) = self.find(stream) {
            self.open.insert(at, open);
        }
    }

    fn find(&self, stream: StreamId) -> Result<usize, usize> {
        self.open.binary_search_by_key(&stream, |known| known.stream)
    }

    /// The person of a session was seen.
    pub fn seen(&mut self, session: SessionId, config: &Config, now: UnixTime) {
        let Some(idle) = config.idle else { return };
        for open in &mut self.open {
            if open.session == Some(session) {
                open.idle_at = now.plus(idle);
            }
        }
    }

    /// A stream has ended.
    pub fn end(&mut self, stream: StreamId) {
        if let Ok(at) = self.find(stream) {
            self.open.remove(at);
        } else {
            self.over.retain(|over| *over != stream);
        }
    }

    /// Finds the streams that are over.
    pub fn check(&mut self, denials: &Denials, now: UnixTime, telemetry: &mut Telemetry) {
        let version = denials.version();
        if self.open.is_empty() || (self.checked == version && now < self.next_at) {
            return;
        }
        self.checked = version;
        self.next_at = NEVER;
        let Self { open, next_at, over, .. } = self;
        open.retain(|open| {
            let Some(reason) = open.is_over(denials, now) else {
                *next_at = open.until().min(*next_at);
                return true;
            };
            let event = Event::counted(Level::Info, Counter::StreamClosed).with("reason", reason);
            let event = event.with("subject", open.names.subject.as_str());
            telemetry.emit(event.with("session", open.names.session.as_str()));
            over.push(open.stream);
            false
        });
    }

    /// The next stream to close.
    pub fn poll_close(&mut self) -> Option<StreamId> {
        self.over.pop()
    }

    /// Whether there are streams to close, or something new is denied.
    pub fn are_due(&self, denials: &Denials) -> bool {
        !self.over.is_empty() || (!self.open.is_empty() && self.checked != denials.version())
    }
}
