//! Which bodies the filter reads, for the two functions that `xtask` puts around the SDK's callbacks; and host calls that
//! bypass the SDK. Every request makes the first two: for headers, the SDK allocates two buffers per header, although the
//! host's bytes can be used as they are; for a property, it copies the path. And for properties and for closing a stream,
//! it panics if the host refuses.

// The only unsafe code of the filter; `tests/layers.rs` checks that.
#![allow(unsafe_code)]

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use proxy_wasm::types::MapType;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map_type: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_close_stream(stream_type: u32) -> u32;
}

const OK: u32 = 0;

/// The headers (or trailers) of the current context's stream, as serialized by the host.
pub(crate) fn header_pairs(map: MapType) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: the host may write to both places during the call, and keeps no pointer to them.
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    if status != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // The capacity of a boxed slice is its length.
    #[allow(clippy::same_length_and_capacity)]
    // SAFETY: the host got `data` from `proxy_on_memory_allocate`, where the SDK returns a boxed slice of `size`
    // bytes. It has written all of them and no longer uses them: by the ABI, they are ours now.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Sets a property of the current context's stream. Its path is one segment. If the host refuses, nothing is set.
pub(crate) fn set_property(path: &str, value: &str) {
    // SAFETY: the host only reads both during the call, within their sizes, and keeps no pointer to them.
    let _ = unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
}

/// The number of streams whose bodies are read.
static READERS: AtomicU32 = AtomicU32::new(0);
/// Whether the body of the request whose headers have just been handled is read.
static READS_BODY: AtomicBool = AtomicBool::new(false);

/// Exists while a stream's body is read.
pub(crate) struct Reader(());

impl Reader {
    /// For the request whose headers are being handled.
    pub(crate) fn new() -> Self {
        READERS.fetch_add(1, Ordering::Relaxed);
        READS_BODY.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        READERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Not 0 if any body is read. Otherwise the host's callback for bodies needs nothing else.
#[unsafe(no_mangle)]
extern "C" fn envoy_cognito_readers() -> u32 {
    READERS.load(Ordering::Relaxed)
}

/// Not 0 after the headers of a request whose body is read: the host must pass it.
#[unsafe(no_mangle)]
extern "C" fn envoy_cognito_reads_body() -> u32 {
    u32::from(READS_BODY.swap(false, Ordering::Relaxed))
}

/// Ends the current context's stream, on both sides. Envoy does it when this call into the filter has returned.
pub(crate) fn close_stream() {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: it takes a number, and touches no memory of the filter.
    let _ = unsafe { proxy_close_stream(HTTP_REQUEST) };
}
