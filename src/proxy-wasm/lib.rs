//! The proxy-wasm rim of envoy-cognito, the only part that says `proxy_wasm`: it reads what Envoy hands over, asks the
//! core, and obeys. It knows nothing of sign-ins.

// The lints of style are for what is shipped.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

pub mod header_map;
pub mod protobuf;
pub mod struct_config;

// What calls the host exists in the filter alone.
#[cfg(target_family = "wasm")]
mod host;
