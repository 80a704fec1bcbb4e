//! Envoy as the core's host: each method is one call of the ABI, or a few.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use envoy_cognito_core::crypto::secret::{Entropy, NoEntropy};
use envoy_cognito_core::decision::{AccessRecord, HostEnv, StreamId};
use envoy_cognito_core::driver::{CallHandle, Driver, Host, Refused, ResponseHeaderEdits};
use envoy_cognito_core::http::{Callout, Request, RequestEdits, Response};
use envoy_cognito_core::shared::store::{Conflict, SharedData, Version};
use envoy_cognito_core::telemetry::event::{Event, Level};
use envoy_cognito_core::telemetry::metrics::Metric;
use envoy_cognito_core::time::UnixTime;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{LogLevel, MapType, Status};

use crate::abi::{close_stream, header_pairs, set_property};
use crate::header_map;
use crate::metrics::Metrics;
use crate::signatures::HostRs256;

/// One worker: its driver, and its host.
pub(crate) struct Worker {
    /// Makes the decisions.
    pub(crate) driver: Driver,
    /// Carries them out.
    pub(crate) host: EnvoyHost,
}

/// Envoy, as seen by one worker.
pub(crate) struct EnvoyHost {
    root_id: u32,
    /// The context that calls of the ABI refer to: the one that Envoy has called, or the one last passed to
    /// `proxy_set_effective_context`.
    context_id: u32,
    rs256: HostRs256,
    entropy: WasiEntropy,
    metrics: Metrics,
}

impl EnvoyHost {
    /// The host of a root context.
    pub(crate) fn new(root_id: u32) -> Self {
        Self {
            root_id,
            context_id: root_id,
            rs256: HostRs256::default(),
            entropy: WasiEntropy,
            metrics: Metrics::default(),
        }
    }

    /// Records which context Envoy has called.
    pub(crate) const fn called_by(&mut self, context_id: u32) {
        self.context_id = context_id;
    }

    /// Makes the following calls refer to that stream.
    fn enter(&mut self, StreamId(stream): StreamId) -> Result<(), Refused> {
        let context_id = u32::try_from(stream).map_err(|_| Refused)?;
        if context_id != self.context_id {
            hostcalls::set_effective_context(context_id).map_err(refused)?;
            self.context_id = context_id;
        }
        Ok(())
    }
}

fn refused(_: Status) -> Refused {
    Refused
}

impl Host for EnvoyHost {
    fn env(&mut self) -> HostEnv<'_> {
        HostEnv { now: now(), entropy: &mut self.entropy, rs256: &self.rs256, shared: &EnvoySharedData }
    }

    fn log(&mut self, event: Event) {
        let level = match event.level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        // If the log can't be written, there is no other place to report it.
        let _ = hostcalls::log(level, &format!("envoy_cognito {event}"));
    }

    fn record(&mut self, metrics: Vec<Metric>) {
        self.metrics.hand_over(metrics);
    }

    fn call(&mut self, callout: Callout) -> Option<CallHandle> {
        let headers = callout.all_headers();
        let body = Some(callout.body.expose().as_slice()).filter(|body| !body.is_empty());
        let token =
            hostcalls::dispatch_http_call(&callout.cluster, headers, body, Vec::new(), callout.timeout);
        token.ok().map(|token| CallHandle(u64::from(token)))
    }

    fn wake_after(&mut self, time: Duration) -> Result<(), Refused> {
        hostcalls::set_tick_period(time).map_err(refused)
    }

    /// Sets the filter state that `%FILTER_STATE(wasm.envoy_cognito.user:PLAIN)%` reads. If Envoy refuses, the value
    /// is missing in the access log.
    fn log_access(&mut self, stream: StreamId, record: AccessRecord) {
        if self.enter(stream).is_err() {
            return;
        }
        for (key, value) in record.fields() {
            // Envoy puts the prefix in front again.
            set_property(key.strip_prefix("wasm.").unwrap_or(key), value);
        }
    }

    fn edit_request(&mut self, stream: StreamId, edits: RequestEdits) -> Result<(), Refused> {
        self.enter(stream)?;
        let map = MapType::HttpRequestHeaders;
        for name in &edits.remove {
            hostcalls::remove_map_value(map, name).map_err(refused)?;
        }
        if let Some((name, value)) = &edits.replace {
            hostcalls::set_map_value_bytes(map, name, Some(value)).map_err(refused)?;
        }
        for (name, value) in edits.added() {
            hostcalls::add_map_value_bytes(map, name, value).map_err(refused)?;
        }
        Ok(())
    }

    fn remove_request_trailers(
        &mut self,
        stream: StreamId,
        names: Vec<Cow<'static, str>>,
    ) -> Result<(), Refused> {
        self.enter(stream)?;
        names.iter().try_for_each(|name| {
            hostcalls::remove_map_value(MapType::HttpRequestTrailers, name).map_err(refused)
        })
    }

    fn response_values(&mut self, stream: StreamId, name: &'static str) -> Result<Vec<Vec<u8>>, Refused> {
        self.enter(stream)?;
        let map = MapType::HttpResponseHeaders;
        // This only returns the first value. Most responses have none, and reading all headers costs more.
        if hostcalls::get_map_value_bytes(map, name).map_err(refused)?.is_none() {
            return Ok(Vec::new());
        }
        let bytes = header_pairs(map).ok_or(Refused)?;
        let headers = header_map::parse(&bytes).ok_or(Refused)?;
        Ok(Request::new(&headers).values(name).map(<[u8]>::to_vec).collect())
    }

    fn edit_response(&mut self, stream: StreamId, edits: ResponseHeaderEdits) -> Result<(), Refused> {
        self.enter(stream)?;
        let map = MapType::HttpResponseHeaders;
        for name in &edits.remove {
            hostcalls::remove_map_value(map, name).map_err(refused)?;
        }
        for (name, value) in &edits.add {
            hostcalls::add_map_value_bytes(map, name, value).map_err(refused)?;
        }
        Ok(())
    }

    fn respond(&mut self, stream: StreamId, response: Response) {
        if self.enter(stream).is_ok() {
            send(&response);
        }
    }

    fn resume(&mut self, stream: StreamId) {
        if self.enter(stream).is_ok() {
            // A stream that has ended needn't be resumed.
            let _ = hostcalls::resume_http_request();
        }
    }

    fn close(&mut self, stream: StreamId) {
        if self.enter(stream).is_ok() {
            close_stream();
        }
    }

    /// Returns to the root context, which Envoy called.
    fn settled(&mut self) {
        if self.context_id != self.root_id && hostcalls::set_effective_context(self.root_id).is_ok() {
            self.context_id = self.root_id;
        }
    }
}

/// Responds to the current context's request.
fn send(response: &Response) {
    let headers = response.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = Some(response.body.as_bytes()).filter(|body| !body.is_empty());
    // A stream that has ended can't get a response, and doesn't need one.
    let _ = hostcalls::send_http_response(u32::from(response.status), headers, body);
}

/// The time of Envoy's clock. 1970 if Envoy has no clock, or its time is earlier.
fn now() -> UnixTime {
    let since_1970 = hostcalls::get_current_time().ok().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
    let millis = since_1970.unwrap_or(Duration::ZERO).as_millis();
    UnixTime::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Envoy's random generator, through WASI.
struct WasiEntropy;

impl Entropy for WasiEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::getrandom(out).map_err(|_| NoEntropy)
    }
}

/// Envoy's shared data.
struct EnvoySharedData;

impl SharedData for EnvoySharedData {
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let (value, version) = hostcalls::get_shared_data(key).ok()?;
        Some((value.unwrap_or_default(), Version(version?)))
    }

    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict> {
        let version = version.map(|Version(version)| version);
        hostcalls::set_shared_data(key, Some(value), version).map_err(|_| Conflict)
    }
}

/// The worker, shared by the root context and all streams. Empty until a configuration is accepted.
pub(crate) type SharedWorker = std::rc::Rc<std::cell::RefCell<Option<Worker>>>;
