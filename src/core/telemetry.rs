//! What operators see: log lines and metrics.

pub mod event;
pub mod metrics;
