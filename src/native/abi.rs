//! Envoy's ABI for dynamic modules: the functions of Envoy that the filter calls, and the hooks that Envoy calls.
//!
//! Names and contracts are those of `source/extensions/dynamic_modules/abi/abi.h` in Envoy's sources. All functions
//! are looked up when the module is loaded, so that a version of Envoy without one of them gets a clear message.
//! A filter is two types: one implements [`FilterConfig`], the other [`HttpFilter`]; [`export`] makes them a module.

// The only unsafe code of the module; `tests/layers.rs` checks that.
#![allow(unsafe_code)]

mod callbacks;
mod handles;
mod hooks;

pub(crate) use callbacks::{
    BodyStatus, Buffer, HeaderMap, HeadersStatus, LogLevel, MetricId, Pair, Refused, SecretId,
    TrailersStatus, on_program_init,
};
pub(crate) use handles::{
    ConfigHandle, ConfigScheduler, MetricKind, StreamHandle, StreamScheduler, concurrency, has_secrets,
    is_validation, log,
};
pub(crate) use hooks::{
    CalloutDone, FilterConfig, HttpFilter, config_callout_done, config_destroy, config_new, config_scheduled,
    export, guarded, log_panics, on_stream, stream_destroy, stream_new,
};
