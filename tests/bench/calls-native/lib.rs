//! A dynamic module that makes the calls that envoy-cognito makes for a signed-in request, with texts of the same
//! sizes, and computes nothing. `calls` in its configuration names the calls, so that each one's price can be measured.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::slice;

/// `envoy_buffer` and `module_buffer`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    ptr: *const u8,
    len: usize,
}

const NONE: Buffer = Buffer { ptr: null(), len: 0 };

const fn text(text: &str) -> Buffer {
    Buffer { ptr: text.as_ptr(), len: text.len() }
}

type Ptr = *mut c_void;

macro_rules! callbacks {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        unsafe extern "C" {$(
            #[link_name = concat!("envoy_dynamic_module_callback_", stringify!($name))]
            fn $name($(_: $argument),*) $(-> $result)?;
        )*}
    };
}

callbacks! {
    http_get_headers_size(Ptr, u32) -> usize;
    http_get_headers(Ptr, u32, *mut [Buffer; 2]) -> bool;
    http_get_header(Ptr, u32, Buffer, *mut Buffer, usize, *mut usize) -> bool;
    http_set_header(Ptr, u32, Buffer, Buffer) -> bool;
    http_add_header(Ptr, u32, Buffer, Buffer) -> bool;
    http_set_filter_state_bytes(Ptr, Buffer, Buffer) -> bool;
    http_clear_route_cache(Ptr);
    http_filter_get_worker_index(Ptr) -> u32;
}

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;

/// The identity of a person.
const HEADERS: [(&str, &str); 5] = [
    ("x-auth-user", "jsmith"),
    ("x-auth-subject", "6f1c2f0e-9a3b-4c5d-8e7f-0a1b2c3d4e5f"),
    ("x-auth-email", "jsmith@example.com"),
    ("x-auth-name", "John Smith"),
    ("x-auth-roles", "authp/admin,authp/user"),
];

const FIELDS: [(&str, &str); 5] = [
    ("wasm.envoy_cognito.decision", "forwarded"),
    ("wasm.envoy_cognito.rule", "default"),
    ("wasm.envoy_cognito.user", "jsmith"),
    ("wasm.envoy_cognito.subject", "6f1c2f0e-9a3b-4c5d-8e7f-0a1b2c3d4e5f"),
    ("wasm.envoy_cognito.roles", "authp/admin,authp/user"),
];

/// What is called.
#[derive(Default)]
struct Calls {
    worker: bool,
    read: bool,
    state: bool,
    first: bool,
    remove: bool,
    add: bool,
    set: bool,
    route: bool,
    lookup: bool,
    response: bool,
}

impl Calls {
    fn named_in(configuration: &[u8]) -> Self {
        let names = |call: &str| configuration.windows(call.len()).any(|found| found == call.as_bytes());
        Self {
            worker: names("+worker"),
            read: names("+read"),
            state: names("+state"),
            first: names("+first"),
            remove: names("+remove"),
            add: names("+add"),
            set: names("+set"),
            route: names("+route"),
            lookup: names("+lookup"),
            response: names("+response"),
        }
    }
}

/// Reads the headers of a map, and returns the length of the last one, so that reading isn't optimised away.
unsafe fn read(envoy: Ptr, map: u32) -> usize {
    unsafe {
        let mut pairs = [[NONE; 2]; 48];
        if http_get_headers_size(envoy, map) > pairs.len() {
            return 0;
        }
        http_get_headers(envoy, map, pairs.as_mut_ptr());
        pairs.iter().map(|[name, _]| name.len).sum()
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    c"v0.1.0".as_ptr()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _envoy: Ptr,
    _name: Buffer,
    configuration: Buffer,
) -> *const Calls {
    let configuration = unsafe { slice::from_raw_parts(configuration.ptr, configuration.len) };
    Box::into_raw(Box::new(Calls::named_in(configuration)))
}

/// A stream has no state but the calls, which live as long as the process.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const Calls,
    envoy: Ptr,
) -> *const Calls {
    unsafe {
        if (*config).worker && http_filter_get_worker_index(envoy) == u32::MAX {
            return null_mut();
        }
    }
    config
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: Ptr,
    calls: *const Calls,
    _end: bool,
) -> usize {
    unsafe {
        let calls = &*calls;
        if calls.read && read(envoy, REQUEST) == 0 {
            return 4;
        }
        if calls.state {
            for (key, value) in FIELDS {
                http_set_filter_state_bytes(envoy, text(key), text(value));
            }
        }
        if calls.first {
            for (name, value) in HEADERS {
                http_add_header(envoy, REQUEST, text(name), text(value));
            }
        }
        if calls.remove {
            http_set_header(envoy, REQUEST, text("cookie"), NONE);
        }
        for (name, value) in HEADERS {
            if calls.add {
                http_add_header(envoy, REQUEST, text(name), text(value));
            }
            if calls.set {
                http_set_header(envoy, REQUEST, text(name), text(value));
            }
        }
        if calls.route {
            http_clear_route_cache(envoy);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    envoy: Ptr,
    calls: *const Calls,
    _end: bool,
) -> usize {
    unsafe {
        let calls = &*calls;
        if calls.lookup {
            let (mut value, mut count) = (NONE, 0);
            http_get_header(envoy, RESPONSE, text("set-cookie"), &raw mut value, 0, &raw mut count);
        }
        if calls.response && read(envoy, RESPONSE) == 0 {
            return 4;
        }
    }
    0
}

/// Hooks that Envoy requires.
macro_rules! hooks {
    ($($name:ident)*) => {$(
        #[unsafe(export_name = concat!("envoy_dynamic_module_on_http_filter_", stringify!($name)))]
        extern "C" fn $name() -> usize {
            0
        }
    )*};
}

hooks! {
    config_destroy destroy stream_complete scheduled request_body request_trailers response_body response_trailers
    http_callout_done http_stream_headers http_stream_data http_stream_trailers http_stream_complete http_stream_reset
    downstream_above_write_buffer_high_watermark downstream_below_write_buffer_low_watermark
}
