//! A filter that makes the calls that envoy-cognito makes for a signed-in request, with texts of the same sizes, and
//! computes nothing. `calls` in its configuration names the calls, so that each one's price can be measured.

#![cfg(target_family = "wasm")]

use std::ptr::null_mut;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, MapType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Root(Calls::default())) });
}}

/// The identity of a person.
const HEADERS: [(&str, &str); 5] = [
    ("x-auth-user", "jsmith"),
    ("x-auth-subject", "6f1c2f0e-9a3b-4c5d-8e7f-0a1b2c3d4e5f"),
    ("x-auth-email", "jsmith@example.com"),
    ("x-auth-name", "John Smith"),
    ("x-auth-roles", "authp/admin,authp/user"),
];

const FIELDS: [(&str, &str); 5] = [
    ("envoy_cognito.decision", "forwarded"),
    ("envoy_cognito.rule", "default"),
    ("envoy_cognito.user", "jsmith"),
    ("envoy_cognito.subject", "6f1c2f0e-9a3b-4c5d-8e7f-0a1b2c3d4e5f"),
    ("envoy_cognito.roles", "authp/admin,authp/user"),
];

// Those that envoy-cognito calls without the SDK.
#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_header_map_pairs(map_type: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
}

/// Reads the headers of a map.
fn read(map: MapType) -> usize {
    let (mut data, mut size) = (null_mut(), 0);
    unsafe {
        proxy_get_header_map_pairs(map as u32, &raw mut data, &raw mut size);
        if !data.is_null() {
            drop(Vec::from_raw_parts(data, size, size));
        }
    }
    size
}

/// What is called.
#[derive(Clone, Copy, Default)]
struct Calls {
    read: bool,
    time: bool,
    state: bool,
    first: bool,
    remove: bool,
    add: bool,
    set: bool,
    lookup: bool,
    response: bool,
}

impl Calls {
    fn named_in(configuration: &[u8]) -> Self {
        let names = |call: &str| configuration.windows(call.len()).any(|found| found == call.as_bytes());
        Self {
            read: names("+read"),
            time: names("+time"),
            state: names("+state"),
            first: names("+first"),
            remove: names("+remove"),
            add: names("+add"),
            set: names("+set"),
            lookup: names("+lookup"),
            response: names("+response"),
        }
    }
}

struct Root(Calls);

struct Stream(Calls);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        self.0 = Calls::named_in(&bytes.unwrap_or_default());
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream(self.0)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let calls = self.0;
        let map = MapType::HttpRequestHeaders;
        if calls.read && read(map) == 0 {
            return Action::Pause;
        }
        if calls.time && hostcalls::get_current_time().is_err() {
            return Action::Pause;
        }
        if calls.state {
            for (key, value) in FIELDS {
                unsafe { proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) };
            }
        }
        if calls.first {
            for (name, value) in HEADERS {
                let _ = hostcalls::add_map_value_bytes(map, name, value.as_bytes());
            }
        }
        if calls.remove {
            let _ = hostcalls::remove_map_value(map, "cookie");
        }
        for (name, value) in HEADERS {
            if calls.add {
                let _ = hostcalls::add_map_value_bytes(map, name, value.as_bytes());
            }
            if calls.set {
                let _ = hostcalls::set_map_value_bytes(map, name, Some(value.as_bytes()));
            }
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        let calls = self.0;
        let map = MapType::HttpResponseHeaders;
        if calls.lookup {
            let _ = hostcalls::get_map_value_bytes(map, "set-cookie");
        }
        if calls.response && read(map) == 0 {
            return Action::Pause;
        }
        Action::Continue
    }
}
