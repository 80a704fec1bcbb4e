//! Two host calls that are made directly, since every request makes them. For headers the SDK allocates two buffers each,
//! where the host's bytes can stay as they are; for a property it copies the path, and panics if the host refuses.

// The only unsafe code of the filter; `tests/layers.rs` keeps it the only one.
#![allow(unsafe_code)]

use std::ptr::null_mut;

use proxy_wasm::types::MapType;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map_type: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
}

const OK: u32 = 0;

/// The headers (or trailers) of that kind of the stream whose context is in effect, as the host serializes them.
pub(crate) fn header_pairs(map: MapType) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both are places that the host may write to while it is called, and it keeps neither.
    let status = unsafe { proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size) };
    if status != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // A boxed slice's capacity is its length.
    #[allow(clippy::same_length_and_capacity)]
    // SAFETY: the host has had `data` from `proxy_on_memory_allocate`, by which the SDK hands out a boxed slice
    // of `size` bytes, has written all of them, and is done with it: it is ours, as the ABI says.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// Sets a property of the stream whose context is in effect, whose path is one segment. Where the host refuses,
/// nothing is set.
pub(crate) fn set_property(path: &str, value: &str) {
    // SAFETY: the host reads both while it is called, as far as their sizes say, and keeps neither.
    let _ = unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
}
