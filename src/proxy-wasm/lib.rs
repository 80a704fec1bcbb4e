//! The proxy-wasm rim of envoy-cognito: translates between Envoy's proxy-wasm ABI and the core's driver. It makes no
//! decisions.
//!
//! `root_context` handles the configuration, ticks and responses of calls; `http_context` handles the events of one
//! request; `host` carries out what the core requests. The other modules read and write the ABI's bytes.

// The style lints are for the shipped code.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

pub mod header_map;
pub mod protobuf;
pub mod struct_config;

// Modules that call the host exist only in the filter.
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
