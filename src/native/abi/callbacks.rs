//! The functions of Envoy that the filter calls, with their types as in `abi.h`.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::slice;
use std::sync::OnceLock;

/// A text of Envoy (`envoy_buffer`) or of the module (`module_buffer`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(in crate::abi) ptr: *const u8,
    pub(in crate::abi) len: usize,
}

impl Buffer {
    pub(in crate::abi) const NONE: Self = Self { ptr: null(), len: 0 };

    pub(in crate::abi) const fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// # Safety
    /// The buffer is Envoy's, and stays as it is during `'a`.
    pub(in crate::abi) const unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: by contract, `ptr` has `len` bytes, unless it is null.
        if self.ptr.is_null() { &[] } else { unsafe { slice::from_raw_parts(self.ptr, self.len) } }
    }
}

/// A header of Envoy (`envoy_http_header`) or of the module (`module_http_header`).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(in crate::abi) key: Buffer,
    pub(in crate::abi) value: Buffer,
}

/// `http_header_type`.
#[repr(u32)]
#[derive(Clone, Copy)]
pub(crate) enum HeaderMap {
    Request = 0,
    RequestTrailers = 1,
    Response = 2,
}

/// `log_level`.
#[repr(u32)]
#[derive(Clone, Copy)]
pub(crate) enum LogLevel {
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// The status that a hook for headers returns.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStatus {
    Continue = 0,
    /// `StopIteration`: the headers wait, and the hook for the body is called.
    StopAndPassBody = 1,
    /// `StopAllIterationAndWatermark`: headers, body and trailers wait, and the client is slowed down. With
    /// `StopIteration`, the body of a waiting request would go upstream.
    Stop = 4,
}

/// The status that the hook for the request's body returns.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyStatus {
    Continue = 0,
    /// `StopIterationAndWatermark`.
    Stop = 2,
    /// `StopIterationNoBuffer`: Envoy keeps nothing of this part.
    StopAndDrop = 3,
}

/// The status that the hook for the request's trailers returns.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailersStatus {
    Continue = 0,
    Stop = 1,
}

/// The number of a metric. Numbers of different kinds are independent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricId(pub(in crate::abi) usize);

/// The number of a secret that Envoy keeps up to date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretId(pub(in crate::abi) usize);

/// Envoy didn't do it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

pub(crate) type Ptr = *mut c_void;

unsafe extern "C" {
    /// POSIX. The null handle looks in the program itself.
    fn dlsym(handle: Ptr, name: *const c_char) -> Ptr;
}

macro_rules! callbacks {
    ($($(#[$doc:meta])* $kind:ident $name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Functions of Envoy. `dlsym` finds them, so their types are only checked here: against `abi.h`.
        pub(in crate::abi) struct Callbacks { $($(#[$doc])* pub(in crate::abi) $name: callbacks!(@field $kind fn($($argument),*) $(-> $result)?),)* }

        impl Callbacks {
            /// # Errors
            /// The name of the first function that Envoy doesn't have.
            fn find() -> Result<Self, &'static str> {
                Ok(Self { $($name: {
                    let name = concat!("envoy_dynamic_module_callback_", stringify!($name), "\0");
                    // SAFETY: the name is a C string.
                    let found = unsafe { dlsym(null_mut(), name.as_ptr().cast()) };
                    // SAFETY: the function of this name has this type.
                    let found: Option<unsafe extern "C" fn($($argument),*) $(-> $result)?> =
                        unsafe { std::mem::transmute(found) };
                    let found = callbacks!(@value $kind found, stringify!($name));
                    found
                },)* })
            }
        }
    };
    (@field required fn($($argument:ty),*) $(-> $result:ty)?) => { unsafe extern "C" fn($($argument),*) $(-> $result)? };
    (@field optional fn($($argument:ty),*) $(-> $result:ty)?) => { Option<unsafe extern "C" fn($($argument),*) $(-> $result)?> };
    (@value required $found:ident, $name:expr) => { $found.ok_or($name)? };
    (@value optional $found:ident, $name:expr) => { $found };
}

callbacks! {
    // Since Envoy 1.36 or earlier.
    /// Whether lines of this level are written.
    required log_enabled(u32) -> bool;
    /// Writes a log line. Any thread may call it.
    required log(u32, Buffer);
    /// `(configuration, name, label names, their number, id out)`; 0 is success. Only within `config_new`.
    required http_filter_config_define_counter(Ptr, Buffer, *const Buffer, usize, *mut usize) -> u32;
    /// As for counters.
    required http_filter_config_define_gauge(Ptr, Buffer, *const Buffer, usize, *mut usize) -> u32;
    /// As for counters.
    required http_filter_config_define_histogram(Ptr, Buffer, *const Buffer, usize, *mut usize) -> u32;
    /// `(stream, id, label values, their number, increase)`.
    required http_filter_increment_counter(Ptr, usize, *const Buffer, usize, u64) -> u32;
    /// As for counters.
    required http_filter_set_gauge(Ptr, usize, *const Buffer, usize, u64) -> u32;
    /// As for counters.
    required http_filter_record_histogram_value(Ptr, usize, *const Buffer, usize, u64) -> u32;
    /// `(stream, key, value)`. Copies both.
    required http_set_filter_state_bytes(Ptr, Buffer, Buffer) -> bool;
    /// `(stream, status, headers, their number, body, details)`. Calls hooks of the stream, and may end it.
    required http_send_response(Ptr, u32, *const Pair, usize, Buffer, Buffer);
    /// Has Envoy choose the route again, by the headers as they are now.
    required http_clear_route_cache(Ptr);
    /// Lets a stopped request go on. Calls hooks of the stream, and may end it.
    required http_filter_continue_decoding(Ptr);
    /// A scheduler that any thread may use. The module deletes it.
    required http_filter_scheduler_new(Ptr) -> Ptr;
    /// Has `scheduled` called on the stream's worker, if the stream still exists then. Any thread may call it.
    required http_filter_scheduler_commit(Ptr, u64);
    /// The scheduler may not be used any more.
    required http_filter_scheduler_delete(Ptr);

    // Since Envoy 1.37.
    /// `(stream, map)`: the number of headers.
    required http_get_headers_size(Ptr, u32) -> usize;
    /// `(stream, map, headers out)`. They stay Envoy's, and valid until the map changes or the hook ends.
    required http_get_headers(Ptr, u32, *mut Pair) -> bool;
    /// `(stream, map, name, value)`. A null value removes all copies of a header. So does an empty one.
    required http_set_header(Ptr, u32, Buffer, Buffer) -> bool;
    /// `(stream, map, name, value)`. `false` for an empty value.
    required http_add_header(Ptr, u32, Buffer, Buffer) -> bool;
    /// A scheduler for the main thread that any thread may use. The module deletes it.
    required http_filter_config_scheduler_new(Ptr) -> Ptr;
    /// Has `config_scheduled` called on the main thread, if the configuration still exists then.
    required http_filter_config_scheduler_commit(Ptr, u64);
    /// The scheduler may not be used any more.
    required http_filter_config_scheduler_delete(Ptr);

    // Since Envoy 1.38.
    /// `(stream, 0 for what the hook has just received)`: the number of pieces.
    required http_get_body_chunks_size(Ptr, u32) -> usize;
    /// `(stream, as above, pieces out)`. They stay Envoy's, and valid until the body changes or the hook ends.
    required http_get_body_chunks(Ptr, u32, *mut Buffer) -> bool;
    /// `(configuration, id out, cluster, headers, their number, body, milliseconds)`; 0 is success. Its answer goes
    /// to `config_http_callout_done`, perhaps before this returns. Only on the main thread.
    required http_filter_config_http_callout(Ptr, *mut u64, Buffer, *const Pair, usize, Buffer, u64) -> u32;
    /// The number of the stream's worker, from 0.
    required http_filter_get_worker_index(Ptr) -> u32;
    /// The number of workers. Only on the main thread.
    required get_concurrency() -> u32;
    /// `(stream, reason, details)`: ends the stream on both sides. Reason 0 is a local reset. Calls hooks of the stream.
    required http_filter_reset_stream(Ptr, u32, Buffer);
    /// Whether this is `envoy --mode validate`. Only on the main thread.
    required is_validation_mode() -> bool;

    // Since Envoy 1.39.
    /// `(configuration, id, label values, their number, increase)`. Any thread may call it.
    optional http_filter_config_increment_counter(Ptr, usize, *const Buffer, usize, u64) -> u32;
    /// As for counters.
    optional http_filter_config_set_gauge(Ptr, usize, *const Buffer, usize, u64) -> u32;
    /// As for counters.
    optional http_filter_config_record_histogram_value(Ptr, usize, *const Buffer, usize, u64) -> u32;

    // Since Envoy 1.40.
    /// `(configuration, name, ConfigSource in JSON)`: an id from 1, or 0. An empty source stands for a static secret of
    /// the bootstrap. The listener waits for the first value, up to `initial_fetch_timeout`. Only within `config_new`.
    optional http_filter_config_generic_secret_subscribe(Ptr, Buffer, Buffer) -> usize;
    /// `(configuration, id, value out)`. The value stays Envoy's until the hook ends. Before the first value has come,
    /// it is empty. Only on the main thread.
    optional http_filter_config_get_generic_secret(Ptr, usize, *mut Buffer) -> bool;
    /// The same for `(stream, id, value out)`, on the stream's worker.
    optional http_filter_get_generic_secret(Ptr, usize, *mut Buffer) -> bool;
}

pub(in crate::abi) static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

/// Calls a function of Envoy. No module gets this far without them: see [`on_program_init`].
macro_rules! call {
    ($name:ident($($argument:expr),*)) => {
        // SAFETY: the arguments are as the function's contract requires; buffers live as long as the call.
        $crate::abi::callbacks::CALLBACKS.get().map(|envoy| unsafe { (envoy.$name)($($argument),*) })
    };
}

/// `on_program_init`: the version of the ABI that the module was written for; null refuses to be loaded. Envoy 1.40
/// warns of the version of 1.38 and 1.39, and they of its version.
pub(crate) fn on_program_init() -> *const c_char {
    match Callbacks::find() {
        Ok(found) => {
            let is_new = found.http_filter_config_generic_secret_subscribe.is_some();
            let _ = CALLBACKS.set(found);
            let version: &CStr = if is_new { c"v0.2.0" } else { c"v0.1.0" };
            version.as_ptr()
        }
        Err(missing) => {
            // No table, so no log either, except for its own function.
            // SAFETY: the name is a C string, and the function of this name has this type in every Envoy.
            let log: Option<unsafe extern "C" fn(u32, Buffer)> = unsafe {
                std::mem::transmute(dlsym(null_mut(), c"envoy_dynamic_module_callback_log".as_ptr()))
            };
            let line = format!(
                "envoy_cognito: the native module needs Envoy 1.38 or later; this one has no {missing}. \
                 Use the wasm filter with it."
            );
            if let Some(log) = log {
                // SAFETY: Envoy copies the line during the call.
                unsafe { log(LogLevel::Error as u32, Buffer::of(line.as_bytes())) };
            }
            null()
        }
    }
}

pub(in crate::abi) use call;
