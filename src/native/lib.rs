//! The native rim of envoy-cognito: a dynamic module that Envoy loads into its own process. It translates between
//! Envoy's ABI and the core's driver. It makes no decisions.
//!
//! A configuration is one `filter::Filter`. It has a driver for each of Envoy's workers, behind a lock. A worker
//! takes its own lock for each event of a request. The main thread takes one lock after the other when an HTTP call is
//! answered or time has passed, because Envoy only makes calls that outlive a request there. So a worker never waits
//! for another worker, and for the main thread only while that opens an answer for it.
//!
//! The driver's host is a `recorder::Recorder`, which only remembers. What it holds is carried out after the lock is
//! free: Envoy calls hooks of the same request within some calls. Only schedulers are used under a lock, which calls
//! nothing back: see `parked` and `clock`.

// The style lints are for the shipped code.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

mod abi;
mod clock;
mod entry;
mod filter;
mod grpc;
mod metrics;
#[cfg(feature = "panic-for-tests")]
mod panics_for_tests;
mod parked;
mod platform;
mod recorder;
mod sds;
mod stream;
mod worker;

#[allow(unsafe_code)]
mod exports {
    crate::abi::export!(crate::filter::Filter);
}
