//! The one call that the SDK's own form is too dear for. It makes two pieces of memory of every header, on
//! every request; here the host's bytes stay as they are.

// The only unsafe code of the filter; `tests/layers.rs` keeps it the only one.
#![allow(unsafe_code)]

use std::ptr::null_mut;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map_type: u32, data: *mut *mut u8, size: *mut usize) -> u32;
}

const REQUEST_HEADERS: u32 = 0;
const OK: u32 = 0;

/// The request headers of the stream whose context is in effect, as the host serializes them.
pub fn request_headers() -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both are places that the host may write to while it is called, and it keeps neither.
    let status = unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, &raw mut data, &raw mut size) };
    if status != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: the host has had `data` from `proxy_on_memory_allocate`, by which the SDK hands out a boxed slice
    // of `size` bytes, has written all of them, and is done with it: it is ours, as the ABI says.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}
