//! The built wasm filter itself: its exports for the host, and its size.

use std::fs;

use wasmparser::{Parser, Payload};

use crate::world::wasm;

/// The size limit, in bytes. The contract allows 20,000 more.
const MAX_SIZE: usize = 620_000;

fn exports(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload.expect("a module") {
            names.extend(section.into_iter().map(|export| export.expect("an export").name.to_owned()));
        }
    }
    names.sort();
    names
}

/// If the callback that decides about a request is missing, the host lets the request through. Every unneeded
/// callback costs calls.
#[test]
fn the_module_exports_what_the_host_must_call_and_nothing_else() {
    let module = fs::read(wasm()).expect("the module");
    assert_eq!(
        exports(&module),
        [
            "_initialize",
            "memory",
            "proxy_abi_version_0_2_1",
            "proxy_on_configure",
            "proxy_on_context_create",
            "proxy_on_delete",
            "proxy_on_http_call_response",
            "proxy_on_memory_allocate",
            "proxy_on_request_headers",
            "proxy_on_request_trailers",
            "proxy_on_response_headers",
            "proxy_on_tick",
        ],
        "the filter of `make build`"
    );
}

#[test]
fn the_module_is_small() {
    let size = fs::read(wasm()).expect("the module").len();
    println!("the module has {size} bytes");
    assert!(size <= MAX_SIZE, "{size} bytes are more than {MAX_SIZE}");
}
