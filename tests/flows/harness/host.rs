//! A host for the driver: it records what it is told, and refuses what a test chooses.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::decision::{AccessRecord, HostEnv, StreamId};
use envoy_cognito_core::driver::{CallHandle, Host, Refused, ResponseHeaderEdits};
use envoy_cognito_core::http::{Callout, RequestEdits, Response};
use envoy_cognito_core::oidc::jwks::Jwk;
use envoy_cognito_core::oidc::jwt::{PortableRs256, VerifyRs256};
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::telemetry::event::Event;
use envoy_cognito_core::telemetry::metrics::Metric;
use envoy_cognito_core::time::UnixTime;

/// Shared data as in Envoy: versions count up, and a set without a version always succeeds.
#[derive(Default)]
pub struct Memory {
    values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    /// Every set fails, as if another worker were faster each time.
    pub contended: Cell<bool>,
}

impl Memory {
    /// The size of all values, in bytes.
    pub fn size(&self) -> usize {
        self.values.borrow().values().map(|(value, _)| value.len()).sum()
    }
}

impl SharedData for Memory {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.values.borrow().get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn set(&self, key: &str, value: &[u8], expected: Option<Version>) -> Result<(), Conflict> {
        let mut values = self.values.borrow_mut();
        let current = values.get(key).map_or(0, |(_, version)| *version);
        if self.contended.get() || expected.is_some_and(|Version(expected)| expected != current) {
            return Err(Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), current + 1));
        Ok(())
    }
}

/// Bytes that differ in each call but are the same in each run.
#[derive(Default)]
pub struct Counter {
    calls: u64,
    /// How many more calls succeed; `None` means any number.
    pub left: Option<u32>,
}

impl Entropy for Counter {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        match &mut self.left {
            Some(0) => return Err(NoEntropy),
            Some(left) => *left -= 1,
            None => {}
        }
        self.calls += 1;
        let mut state = self.calls << 32;
        for byte in out {
            // splitmix64, so that consecutive calls have nothing in common.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }
}

/// RS256 that counts the calls.
#[derive(Default)]
pub struct Counting {
    calls: Cell<u32>,
    /// The next call panics, like a bug.
    pub panics: Cell<bool>,
}

impl Counting {
    /// The number of verified signatures.
    pub fn count(&self) -> u32 {
        self.calls.get()
    }
}

impl VerifyRs256 for Counting {
    fn verify(&self, key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        self.calls.set(self.calls.get() + 1);
        assert!(!self.panics.take(), "a bug");
        PortableRs256.verify(key, message, signature)
    }
}

/// An action of a host, which a test can make it refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Call,
    Wake,
    EditRequest,
    RemoveTrailers,
    ReadResponse,
    EditResponse,
}

/// What the host was told about a stream.
#[derive(Debug, Default)]
pub struct Told {
    pub edits: Option<RequestEdits>,
    pub response: Option<Response>,
    pub resumed: bool,
    pub access: Option<AccessRecord>,
    pub removed_trailers: Vec<String>,
    /// The app's `set-cookie` lines.
    pub app_cookies: Vec<Vec<u8>>,
    pub response_edits: Option<ResponseHeaderEdits>,
    pub may_be_closed: bool,
}

/// What the hosts of all workers were told.
#[derive(Default)]
pub struct Notes {
    pub streams: BTreeMap<StreamId, Told>,
    /// Calls that nobody has answered, each with the worker that made it.
    pub calls: Vec<(usize, CallHandle, Callout)>,
    pub events: Vec<Event>,
    pub metrics: Vec<Metric>,
    /// By worker.
    pub wake_after: BTreeMap<usize, Duration>,
    /// The actions that are refused.
    pub refused: Vec<Deed>,
    /// The streams that were closed, each once.
    pub closed: Vec<StreamId>,
    /// The actions in order: names of the methods whose effects are visible.
    pub order: Vec<&'static str>,
    last_call: u64,
}

impl Notes {
    fn may(&self, deed: Deed) -> Result<(), Refused> {
        if self.refused.contains(&deed) { Err(Refused) } else { Ok(()) }
    }
}

/// One worker's host.
pub struct FakeHost<'h> {
    pub worker: usize,
    pub now: UnixTime,
    pub entropy: &'h mut Counter,
    pub rs256: &'h Counting,
    pub shared: &'h Memory,
    pub notes: &'h mut Notes,
}

impl FakeHost<'_> {
    fn told(&mut self, stream: StreamId) -> &mut Told {
        self.notes.streams.entry(stream).or_default()
    }
}

impl Host for FakeHost<'_> {
    fn env(&mut self) -> HostEnv<'_> {
        HostEnv { now: self.now, entropy: self.entropy, rs256: self.rs256, shared: self.shared }
    }

    fn log(&mut self, event: Event) {
        self.notes.order.push("log");
        self.notes.events.push(event);
    }

    fn record(&mut self, metrics: Vec<Metric>) {
        self.notes.metrics.extend(metrics);
    }

    fn call(&mut self, callout: Callout) -> Option<CallHandle> {
        self.notes.may(Deed::Call).ok()?;
        self.notes.order.push("call");
        self.notes.last_call += 1;
        let handle = CallHandle(self.notes.last_call);
        self.notes.calls.push((self.worker, handle, callout));
        Some(handle)
    }

    fn wake_after(&mut self, time: Duration) -> Result<(), Refused> {
        self.notes.may(Deed::Wake)?;
        self.notes.wake_after.insert(self.worker, time);
        Ok(())
    }

    fn log_access(&mut self, stream: StreamId, record: AccessRecord) {
        self.told(stream).access = Some(record);
    }

    fn edit_request(&mut self, stream: StreamId, edits: RequestEdits) -> Result<(), Refused> {
        self.notes.may(Deed::EditRequest)?;
        self.told(stream).edits = Some(edits);
        Ok(())
    }

    fn remove_request_trailers(
        &mut self,
        stream: StreamId,
        names: Vec<Cow<'static, str>>,
    ) -> Result<(), Refused> {
        self.notes.may(Deed::RemoveTrailers)?;
        self.told(stream).removed_trailers.extend(names.iter().map(|name| name.to_string()));
        Ok(())
    }

    fn response_values(&mut self, stream: StreamId, name: &'static str) -> Result<Vec<Vec<u8>>, Refused> {
        self.notes.may(Deed::ReadResponse)?;
        assert_eq!(name, "set-cookie");
        Ok(self.told(stream).app_cookies.clone())
    }

    fn edit_response(&mut self, stream: StreamId, edits: ResponseHeaderEdits) -> Result<(), Refused> {
        self.notes.may(Deed::EditResponse)?;
        self.told(stream).response_edits = Some(edits);
        Ok(())
    }

    fn respond(&mut self, stream: StreamId, response: Response) {
        self.notes.order.push("respond");
        self.told(stream).response = Some(response);
    }

    fn resume(&mut self, stream: StreamId) {
        self.notes.order.push("resume");
        self.told(stream).resumed = true;
    }

    fn may_close(&mut self, stream: StreamId) {
        self.told(stream).may_be_closed = true;
    }

    fn close(&mut self, stream: StreamId) {
        assert!(!self.notes.closed.contains(&stream), "{stream:?} is closed twice");
        self.notes.closed.push(stream);
    }
}
