//! The proxy-wasm rim of envoy-cognito: translates between Envoy's proxy-wasm ABI and the core's driver. It decides
//! nothing.
//!
//! `root_context` takes the configuration, ticks and answers of calls; `http_context` the events of one request;
//! `host` does what the core asks for. The rest reads and writes the ABI's bytes.

// The lints of style are for what is shipped.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

pub mod header_map;
pub mod protobuf;
pub mod struct_config;

// What calls the host exists in the filter alone.
#[cfg(target_family = "wasm")]
mod abi;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod http_context;
#[cfg(target_family = "wasm")]
mod metrics;
#[cfg(target_family = "wasm")]
mod root_context;
#[cfg(target_family = "wasm")]
mod signatures;
