//! The hooks that Envoy calls, for any filter. Each returns a refusal if the filter's code panics or is missing: a
//! panic must not unwind into Envoy, and would end it.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;
use std::rc::Rc;
use std::slice;
use std::sync::Arc;

use crate::abi::callbacks::{BodyStatus, Buffer, HeadersStatus, LogLevel, Pair, Ptr, TrailersStatus};
use crate::abi::handles::{ConfigHandle, StreamHandle, log};

/// A configuration of the filter. All workers share it.
pub(crate) trait FilterConfig: Sized + Send + Sync + 'static {
    /// The filter's side of a stream.
    type Stream: HttpFilter;

    /// Reads a configuration, on the main thread. `None` has Envoy refuse it.
    fn new(envoy: ConfigHandle, configuration: &[u8]) -> Option<Arc<Self>>;

    /// The configuration in Envoy ends. Calls that are under way won't be answered.
    fn destroyed(&self);

    /// What a scheduler was asked for, on the main thread.
    fn scheduled(&self);

    /// An HTTP call has ended, on the main thread. `id` is Envoy's number for it.
    fn callout_done(&self, id: u64, result: CalloutDone<'_>);

    /// A hook has panicked, on any thread.
    fn panicked(&self);

    /// A stream begins.
    fn stream(self: Arc<Self>, envoy: &StreamHandle<'_>) -> Option<Self::Stream>;
}

/// The filter's side of a stream. All its hooks run on one thread. A hook may run within another one of the same
/// stream: Envoy calls them from [`StreamHandle::respond`] and [`StreamHandle::resume`].
pub(crate) trait HttpFilter: 'static {
    /// The headers of the request are there.
    fn request_headers(&self, envoy: &mut StreamHandle<'_>) -> HeadersStatus;
    /// A part of its body is there.
    fn request_body(&self, envoy: &mut StreamHandle<'_>, is_last: bool) -> BodyStatus;
    /// Its trailers are there.
    fn request_trailers(&self, envoy: &mut StreamHandle<'_>) -> TrailersStatus;
    /// The headers of the response are there.
    fn response_headers(&self, envoy: &mut StreamHandle<'_>) -> HeadersStatus;
    /// What a scheduler was asked for.
    fn scheduled(&self, envoy: &mut StreamHandle<'_>);
    /// The stream has ended. It may not be used any more.
    fn ended(&self);
    /// A hook has panicked; the stream gets 503.
    fn panicked(&self, envoy: &mut StreamHandle<'_>);
}

/// How an HTTP call has ended.
pub(crate) enum CalloutDone<'h> {
    /// The response's headers, and its body in parts.
    Response(Vec<(&'h [u8], &'h [u8])>, Vec<&'h [u8]>),
    /// No response came, or not all of it.
    Reset,
    /// The body is longer than Envoy keeps.
    TooLarge,
}

/// Catches a panic. What is broken within is the filter's own, which stays usable: its locks are free again.
pub(crate) fn guarded<R>(work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The same for a hook of a configuration, which hears of the panic.
fn guarded_for<C: FilterConfig, R>(config: &C, work: impl FnOnce() -> R) -> Option<R> {
    let done = guarded(work);
    if done.is_none() {
        guarded(|| config.panicked());
    }
    done
}

/// Has panics logged with their place, but without their text. Rust would print the text to standard error, and it can
/// hold what a client sent: a text that is cut in the middle of a character is shown whole.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log(LogLevel::Error, || {
            let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
            format!("envoy_cognito panicked{place}: this is a bug of the filter, please report it")
        });
    }));
}

/// `on_http_filter_config_new`.
///
/// # Safety
/// For all functions here: Envoy calls them as `abi.h` says.
pub(crate) unsafe fn config_new<C: FilterConfig>(envoy: Ptr, configuration: Buffer) -> *const c_void {
    // SAFETY: Envoy's text lives as long as this call.
    let configuration = unsafe { configuration.bytes() };
    let config = guarded(|| C::new(ConfigHandle(envoy), configuration)).flatten();
    config.map_or(null(), |config| Arc::into_raw(config).cast())
}

pub(crate) unsafe fn config_destroy<C: FilterConfig>(config: *const c_void) {
    if !config.is_null() {
        // SAFETY: from `config_new`, and not used after this.
        let config = unsafe { Arc::from_raw(config.cast::<C>()) };
        guarded(|| config.destroyed());
    }
}

pub(crate) unsafe fn config_scheduled<C: FilterConfig>(config: *const c_void) {
    // SAFETY: from `config_new`, or null.
    if let Some(config) = unsafe { config.cast::<C>().as_ref() } {
        guarded_for(config, || config.scheduled());
    }
}

pub(crate) unsafe fn config_callout_done<C: FilterConfig>(
    config: *const c_void,
    id: u64,
    result: u32,
    (headers, count): (*const Pair, usize),
    (chunks, chunk_count): (*const Buffer, usize),
) {
    // SAFETY: from `config_new`, or null.
    let Some(config) = (unsafe { config.cast::<C>().as_ref() }) else { return };
    let done = match result {
        0 if !headers.is_null() => {
            // SAFETY: Envoy passes so many headers and parts of the body, and both live as long as this call.
            let headers = unsafe { slice::from_raw_parts(headers, count) }.iter();
            // SAFETY: as above.
            let headers = headers.map(|pair| unsafe { (pair.key.bytes(), pair.value.bytes()) });
            // SAFETY: as above.
            let chunks =
                if chunks.is_null() { &[] } else { unsafe { slice::from_raw_parts(chunks, chunk_count) } };
            // SAFETY: as above.
            let chunks = chunks.iter().map(|chunk| unsafe { chunk.bytes() });
            CalloutDone::Response(headers.collect(), chunks.collect())
        }
        2 => CalloutDone::TooLarge,
        _ => CalloutDone::Reset,
    };
    guarded_for(config, || config.callout_done(id, done));
}

pub(crate) unsafe fn stream_new<C: FilterConfig>(config: *const c_void, envoy: Ptr) -> *const c_void {
    if config.is_null() {
        return null();
    }
    // SAFETY: from `config_new`; the configuration keeps its own reference.
    let (config, own) = unsafe {
        Arc::increment_strong_count(config.cast::<C>());
        (&*config.cast::<C>(), Arc::from_raw(config.cast::<C>()))
    };
    let stream = guarded_for(config, || own.stream(&StreamHandle::new(envoy))).flatten();
    stream.map_or(null(), |stream| Rc::into_raw(Rc::new(stream)).cast())
}

/// Runs a hook of a stream. Without a stream, as Envoy 1.38 and 1.39 call hooks after `stream_new` has returned null,
/// or if the hook panics: refuses the request with 503.
///
/// # Safety
/// As [`config_new`]; `stream` is from [`stream_new`].
pub(crate) unsafe fn on_stream<F: HttpFilter, R>(
    envoy: Ptr,
    stream: *const c_void,
    refused: R,
    hook: impl FnOnce(&F, &mut StreamHandle<'_>) -> R,
) -> R {
    let mut handle = StreamHandle::new(envoy);
    // The hook may end the stream, so it holds a reference of its own.
    // SAFETY: from `stream_new`, on the thread of that call, and not yet destroyed.
    let stream = (!stream.is_null()).then(|| unsafe {
        Rc::increment_strong_count(stream.cast::<F>());
        Rc::from_raw(stream.cast::<F>())
    });
    let done = stream.as_ref().and_then(|stream| guarded(|| hook(stream, &mut handle)));
    done.unwrap_or_else(|| {
        let _ = stream.and_then(|stream| guarded(|| stream.panicked(&mut handle)));
        handle.respond(503, &[("cache-control", "no-store")], &[]);
        refused
    })
}

pub(crate) unsafe fn stream_destroy<F: HttpFilter>(stream: *const c_void) {
    if !stream.is_null() {
        // SAFETY: from `stream_new`, and not used after this, except by hooks that run now.
        let stream = unsafe { Rc::from_raw(stream.cast::<F>()) };
        guarded(|| stream.ended());
    }
}

/// Exports the hooks of a filter, by the type of its configuration. Hooks that Envoy requires, but that the filter
/// has no use for, do nothing.
macro_rules! export {
    ($config:ty) => {
        use std::ffi::{c_char, c_void};

        use $crate::abi::{self, BodyStatus, Buffer, FilterConfig, HeadersStatus, HttpFilter, Pair, TrailersStatus};

        type Stream = <$config as FilterConfig>::Stream;
        type Ptr = *mut c_void;
        type Module = *const c_void;

        abi::export!(@hooks
            on_program_init() -> *const c_char {
                abi::log_panics();
                abi::on_program_init()
            }
            on_http_filter_config_new(envoy: Ptr, _name: Buffer, configuration: Buffer) -> Module {
                abi::config_new::<$config>(envoy, configuration)
            }
            on_http_filter_config_destroy(config: Module) { abi::config_destroy::<$config>(config) }
            on_http_filter_config_scheduled(_envoy: Ptr, config: Module, _event: u64) {
                abi::config_scheduled::<$config>(config)
            }
            on_http_filter_config_http_callout_done(
                _envoy: Ptr, config: Module, id: u64, result: u32,
                headers: *const Pair, headers_size: usize, chunks: *const Buffer, chunks_size: usize
            ) {
                abi::config_callout_done::<$config>(config, id, result, (headers, headers_size), (chunks, chunks_size))
            }
            on_http_filter_new(config: Module, envoy: Ptr) -> Module { abi::stream_new::<$config>(config, envoy) }
            on_http_filter_request_headers(envoy: Ptr, stream: Module, _end: bool) -> HeadersStatus {
                abi::on_stream(envoy, stream, HeadersStatus::Stop, Stream::request_headers)
            }
            on_http_filter_request_body(envoy: Ptr, stream: Module, end: bool) -> BodyStatus {
                abi::on_stream(envoy, stream, BodyStatus::Stop, |stream: &Stream, envoy| stream.request_body(envoy, end))
            }
            on_http_filter_request_trailers(envoy: Ptr, stream: Module) -> TrailersStatus {
                abi::on_stream(envoy, stream, TrailersStatus::Stop, Stream::request_trailers)
            }
            on_http_filter_response_headers(envoy: Ptr, stream: Module, _end: bool) -> HeadersStatus {
                abi::on_stream(envoy, stream, HeadersStatus::Stop, Stream::response_headers)
            }
            on_http_filter_scheduled(envoy: Ptr, stream: Module, _event: u64) {
                abi::on_stream(envoy, stream, (), Stream::scheduled)
            }
            on_http_filter_destroy(stream: Module) { abi::stream_destroy::<Stream>(stream) }

            on_http_filter_response_body(_envoy: Ptr, _stream: Module, _end: bool) -> BodyStatus {
                BodyStatus::Continue
            }
            on_http_filter_response_trailers(_envoy: Ptr, _stream: Module) -> TrailersStatus {
                TrailersStatus::Continue
            }
            on_http_filter_stream_complete(_envoy: Ptr, _stream: Module) {}
            on_http_filter_http_callout_done(
                _envoy: Ptr, _stream: Module, _id: u64, _result: u32,
                _headers: *const Pair, _headers_size: usize, _chunks: *const Buffer, _chunks_size: usize
            ) {}
            on_http_filter_http_stream_headers(
                _envoy: Ptr, _stream: Module, _id: u64, _headers: *const Pair, _size: usize, _end: bool
            ) {}
            on_http_filter_http_stream_data(
                _envoy: Ptr, _stream: Module, _id: u64, _data: *const Buffer, _size: usize, _end: bool
            ) {}
            on_http_filter_http_stream_trailers(
                _envoy: Ptr, _stream: Module, _id: u64, _trailers: *const Pair, _size: usize
            ) {}
            on_http_filter_http_stream_complete(_envoy: Ptr, _stream: Module, _id: u64) {}
            on_http_filter_http_stream_reset(_envoy: Ptr, _stream: Module, _id: u64, _reason: u32) {}
            on_http_filter_downstream_above_write_buffer_high_watermark(_envoy: Ptr, _stream: Module) {}
            on_http_filter_downstream_below_write_buffer_low_watermark(_envoy: Ptr, _stream: Module) {}
        );
    };
    (@hooks $($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        #[unsafe(export_name = concat!("envoy_dynamic_module_", stringify!($name)))]
        unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: Envoy calls the hook as `abi.h` says.
            #[allow(unused_unsafe)]
            unsafe { $body }
        }
    )*};
}
pub(crate) use export;

#[cfg(test)]
mod tests;
