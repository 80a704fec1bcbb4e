//! What operators see: log lines and metrics.

pub mod counter;
pub mod event;
pub mod metrics;
