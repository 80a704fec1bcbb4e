//! Configurations and streams of Envoy as values with safe methods.

use std::marker::PhantomData;
use std::ptr::null;

use envoy_cognito_core::http::{Header, Request};
use smallvec::SmallVec;

use crate::abi::callbacks::{
    Buffer, CALLBACKS, HeaderMap, LogLevel, MetricId, Pair, Ptr, Refused, SecretId, call,
};

/// Writes a log line, if its level is written. Lines are only made then.
pub(crate) fn log(level: LogLevel, line: impl FnOnce() -> String) {
    if call!(log_enabled(level as u32)) == Some(true) {
        call!(log(level as u32, Buffer::of(line().as_bytes())));
    }
}

/// The number of workers. Only on the main thread.
pub(crate) fn concurrency() -> usize {
    call!(get_concurrency()).and_then(|workers| usize::try_from(workers).ok()).unwrap_or(0)
}

/// Whether Envoy only checks its configuration. Only on the main thread.
pub(crate) fn is_validation() -> bool {
    call!(is_validation_mode()).unwrap_or(true)
}

/// Whether this Envoy gives secrets to modules.
pub(crate) fn has_secrets() -> bool {
    CALLBACKS.get().is_some_and(|envoy| envoy.http_filter_config_generic_secret_subscribe.is_some())
}

/// A configuration in Envoy (`DynamicModuleHttpFilterConfig`). Valid until [`FilterConfig::destroyed`].
#[derive(Clone, Copy)]
pub(crate) struct ConfigHandle(pub(in crate::abi) Ptr);

// SAFETY: the pointer is only used as the functions of Envoy allow: metrics from any thread, the rest from the main
// thread.
unsafe impl Send for ConfigHandle {}
// SAFETY: as above.
unsafe impl Sync for ConfigHandle {}

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl ConfigHandle {
    /// One of no Envoy.
    #[cfg(test)]
    pub(crate) const fn idle() -> Self {
        Self(std::ptr::null_mut())
    }

    /// Defines a metric without labels. Only within [`FilterConfig::new`].
    pub(crate) fn define(self, kind: MetricKind, name: &str) -> Option<MetricId> {
        let (name, mut id) = (Buffer::of(name.as_bytes()), 0);
        let status = match kind {
            MetricKind::Counter => {
                call!(http_filter_config_define_counter(self.0, name, null(), 0, &raw mut id))
            }
            MetricKind::Gauge => call!(http_filter_config_define_gauge(self.0, name, null(), 0, &raw mut id)),
            MetricKind::Histogram => {
                call!(http_filter_config_define_histogram(self.0, name, null(), 0, &raw mut id))
            }
        };
        (status == Some(0)).then_some(MetricId(id))
    }

    /// Changes a metric. `None` before Envoy 1.39, where only a stream can: see [`StreamHandle::record`].
    pub(crate) fn record(self, kind: MetricKind, MetricId(id): MetricId, value: u64) -> Option<()> {
        let envoy = CALLBACKS.get()?;
        let function = match kind {
            MetricKind::Counter => envoy.http_filter_config_increment_counter,
            MetricKind::Gauge => envoy.http_filter_config_set_gauge,
            MetricKind::Histogram => envoy.http_filter_config_record_histogram_value,
        }?;
        // SAFETY: the configuration exists, and the metric is one of its.
        unsafe { function(self.0, id, null(), 0, value) };
        Some(())
    }

    /// Makes an HTTP call. Returns Envoy's number for it. Only on the main thread.
    pub(crate) fn call(
        self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        milliseconds: u64,
    ) -> Result<u64, Refused> {
        let headers = headers.iter();
        let headers: Vec<Pair> =
            headers.map(|(name, value)| pair(name.as_bytes(), value.as_bytes())).collect();
        let (cluster, mut id) = (Buffer::of(cluster.as_bytes()), 0);
        let status = call!(http_filter_config_http_callout(
            self.0,
            &raw mut id,
            cluster,
            headers.as_ptr(),
            headers.len(),
            Buffer::of(body),
            milliseconds
        ));
        if status == Some(0) { Ok(id) } else { Err(Refused) }
    }

    /// Has Envoy get a secret and keep it up to date. `config_source` is Envoy's `ConfigSource` in JSON, or empty for a
    /// static secret of the bootstrap. `None` before Envoy 1.40, or if Envoy refuses; then it logs why. Only within
    /// [`FilterConfig::new`](crate::abi::FilterConfig::new).
    pub(crate) fn subscribe(self, name: &str, config_source: &str) -> Option<SecretId> {
        let subscribe = CALLBACKS.get()?.http_filter_config_generic_secret_subscribe?;
        let (name, source) = (Buffer::of(name.as_bytes()), Buffer::of(config_source.as_bytes()));
        // SAFETY: the configuration exists, and Envoy copies both texts during the call.
        let id = unsafe { subscribe(self.0, name, source) };
        (id != 0).then_some(SecretId(id))
    }

    /// The value of a secret. `None` before the first one has come. Only on the main thread.
    pub(crate) fn secret(self, id: SecretId) -> Option<Vec<u8>> {
        let get = CALLBACKS.get()?.http_filter_config_get_generic_secret?;
        // SAFETY: the configuration exists.
        unsafe { secret_from(get, self.0, id) }
    }

    /// A scheduler for the main thread.
    pub(crate) fn scheduler(self) -> Option<ConfigScheduler> {
        let scheduler = call!(http_filter_config_scheduler_new(self.0))?;
        (!scheduler.is_null()).then_some(ConfigScheduler(scheduler))
    }
}

/// The value of a secret, if it has come: before that, Envoy gives an empty one.
///
/// # Safety
/// `owner` is what `get` takes, and the secret is one of its configuration's.
unsafe fn secret_from(get: GetSecret, owner: Ptr, SecretId(id): SecretId) -> Option<Vec<u8>> {
    let mut value = Buffer::NONE;
    // SAFETY: as this function requires.
    let found = unsafe { get(owner, id, &raw mut value) };
    // SAFETY: Envoy's value stays as it is while this hook runs.
    let value = if found { unsafe { value.bytes() } } else { &[] };
    (!value.is_empty()).then(|| value.to_vec())
}

const fn pair(key: &[u8], value: &[u8]) -> Pair {
    Pair { key: Buffer::of(key), value: Buffer::of(value) }
}

/// Has [`FilterConfig::scheduled`] called on the main thread.
pub(crate) struct ConfigScheduler(Ptr);

// SAFETY: Envoy's schedulers may be used from any thread.
unsafe impl Send for ConfigScheduler {}

impl ConfigScheduler {
    /// One that asks nobody.
    #[cfg(test)]
    pub(crate) const fn idle() -> Self {
        Self(std::ptr::null_mut())
    }

    pub(crate) fn commit(&self) {
        call!(http_filter_config_scheduler_commit(self.0, 0));
    }
}

impl Drop for ConfigScheduler {
    fn drop(&mut self) {
        call!(http_filter_config_scheduler_delete(self.0));
    }
}

/// Has [`HttpFilter::scheduled`] called on the stream's worker.
pub(crate) struct StreamScheduler(Ptr);

// SAFETY: Envoy's schedulers may be used from any thread.
unsafe impl Send for StreamScheduler {}

impl StreamScheduler {
    /// One that asks nobody.
    #[cfg(test)]
    pub(crate) const fn idle() -> Self {
        Self(std::ptr::null_mut())
    }

    pub(crate) fn commit(&self) {
        call!(http_filter_scheduler_commit(self.0, 0));
    }
}

impl Drop for StreamScheduler {
    fn drop(&mut self) {
        call!(http_filter_scheduler_delete(self.0));
    }
}

/// A stream in Envoy (`DynamicModuleHttpFilter`), during a hook. The hook may call [`Self::respond`],
/// [`Self::resume`] and [`Self::close`] last: the stream may end within them.
pub(crate) struct StreamHandle<'h> {
    stream: Ptr,
    hook: PhantomData<&'h Ptr>,
}

/// A function of Envoy that gives the value of a secret.
type GetSecret = unsafe extern "C" fn(Ptr, usize, *mut Buffer) -> bool;

/// How many headers are read without an allocation.
const HEADERS: usize = 48;

impl StreamHandle<'_> {
    pub(in crate::abi) const fn new(stream: Ptr) -> Self {
        Self { stream, hook: PhantomData }
    }

    /// The number of its worker, from 0.
    pub(crate) fn worker(&self) -> usize {
        let worker = call!(http_filter_get_worker_index(self.stream));
        worker.and_then(|worker| usize::try_from(worker).ok()).unwrap_or(usize::MAX)
    }

    /// Shows the headers of a map where Envoy has them. `read` can't change the map, and what it returns can't keep
    /// them. `None` if the stream has no such map.
    pub(crate) fn headers<R>(&self, map: HeaderMap, read: impl FnOnce(&[Header<'_>]) -> R) -> Option<R> {
        let size = call!(http_get_headers_size(self.stream, map as u32))?;
        let mut pairs: SmallVec<[Pair; HEADERS]> = SmallVec::with_capacity(size);
        if size > 0 {
            if call!(http_get_headers(self.stream, map as u32, pairs.as_mut_ptr())) != Some(true) {
                return None;
            }
            // SAFETY: there is room for so many, and Envoy has filled in all of them.
            unsafe { pairs.set_len(size) };
        }
        // SAFETY: Envoy's map doesn't change while `read` runs: changing it takes this handle for itself.
        let header = |pair: &Pair| unsafe { Header { name: pair.key.bytes(), value: pair.value.bytes() } };
        let headers: SmallVec<[Header<'_>; HEADERS]> = pairs.iter().map(header).collect();
        Some(read(&headers))
    }

    /// All values of a header, in order. This reads all headers: when Envoy looks for one by its name, it first makes
    /// an index of all of them.
    pub(crate) fn values(&self, map: HeaderMap, name: &str) -> Vec<Vec<u8>> {
        let values = self.headers(map, |headers| {
            Request::new(headers).values(name).map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        values.unwrap_or_default()
    }

    /// The part of the request's body that the hook has just received.
    pub(crate) fn received_body(&self) -> Option<Vec<u8>> {
        /// `envoy_dynamic_module_type_http_body_type_ReceivedRequestBody`.
        const RECEIVED: u32 = 0;
        let size = call!(http_get_body_chunks_size(self.stream, RECEIVED))?;
        let mut pieces = vec![Buffer::NONE; size];
        if size > 0 && call!(http_get_body_chunks(self.stream, RECEIVED, pieces.as_mut_ptr())) != Some(true) {
            return None;
        }
        // SAFETY: Envoy has filled in all pieces, and its buffer doesn't change before the bytes are copied.
        Some(pieces.iter().flat_map(|piece| unsafe { piece.bytes() }).copied().collect())
    }

    /// Removes all copies of a header.
    pub(crate) fn remove(&mut self, map: HeaderMap, name: &str) -> Result<(), Refused> {
        let removed =
            call!(http_set_header(self.stream, map as u32, Buffer::of(name.as_bytes()), Buffer::NONE));
        // Some versions say `false` for a header that isn't there.
        if removed == Some(true) || self.values(map, name).is_empty() { Ok(()) } else { Err(Refused) }
    }

    /// Adds a header. Envoy doesn't add one without a value.
    pub(crate) fn add(&mut self, map: HeaderMap, name: &str, value: &[u8]) -> Result<(), Refused> {
        let (name, value) = (Buffer::of(name.as_bytes()), Buffer::of(value));
        if value.len == 0 {
            return Ok(());
        }
        let added = call!(http_add_header(self.stream, map as u32, name, value));
        if added == Some(true) { Ok(()) } else { Err(Refused) }
    }

    /// Replaces all copies of a header by one. An empty value removes them.
    pub(crate) fn set(&mut self, map: HeaderMap, name: &str, value: &[u8]) -> Result<(), Refused> {
        let set =
            call!(http_set_header(self.stream, map as u32, Buffer::of(name.as_bytes()), Buffer::of(value)));
        if set == Some(true) || value.is_empty() { Ok(()) } else { Err(Refused) }
    }

    /// Has Envoy choose the route again, by the headers as they are now.
    pub(crate) fn clear_route_cache(&mut self) {
        call!(http_clear_route_cache(self.stream));
    }

    /// Sets filter state that the access log can print.
    pub(crate) fn set_filter_state(&mut self, key: &str, value: &str) {
        call!(http_set_filter_state_bytes(
            self.stream,
            Buffer::of(key.as_bytes()),
            Buffer::of(value.as_bytes())
        ));
    }

    /// Changes a metric.
    pub(crate) fn record(&mut self, kind: MetricKind, MetricId(id): MetricId, value: u64) {
        let stream = self.stream;
        let _ = match kind {
            MetricKind::Counter => call!(http_filter_increment_counter(stream, id, null(), 0, value)),
            MetricKind::Gauge => call!(http_filter_set_gauge(stream, id, null(), 0, value)),
            MetricKind::Histogram => call!(http_filter_record_histogram_value(stream, id, null(), 0, value)),
        };
    }

    /// Responds in the app's place. A second response to one request is ignored.
    pub(crate) fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let headers = headers.iter();
        let headers: Vec<Pair> =
            headers.map(|(name, value)| pair(name.as_bytes(), value.as_bytes())).collect();
        let details = Buffer::of(b"envoy_cognito");
        let (pairs, count) = (headers.as_ptr(), headers.len());
        call!(http_send_response(self.stream, u32::from(status), pairs, count, Buffer::of(body), details));
    }

    /// The value of one of its configuration's secrets. `None` before the first one has come.
    pub(crate) fn secret(&self, id: SecretId) -> Option<Vec<u8>> {
        let get = CALLBACKS.get()?.http_filter_get_generic_secret?;
        // SAFETY: the stream exists.
        unsafe { secret_from(get, self.stream, id) }
    }

    /// Lets a stopped request go on.
    pub(crate) fn resume(&mut self) {
        call!(http_filter_continue_decoding(self.stream));
    }

    /// Ends the stream, on both sides.
    pub(crate) fn close(&mut self) {
        call!(http_filter_reset_stream(self.stream, 0, Buffer::of(b"envoy_cognito")));
    }

    /// A scheduler for the stream.
    pub(crate) fn scheduler(&self) -> Option<StreamScheduler> {
        let scheduler = call!(http_filter_scheduler_new(self.stream))?;
        (!scheduler.is_null()).then_some(StreamScheduler(scheduler))
    }
}
