//! Requests that wait for a decision.

use crate::decision::StreamId;
use crate::driver::stream::Gate;

/// Requests that wait for a decision, each with the gate that lets its body through.
#[derive(Default)]
pub(super) struct WaitingStreams(Vec<(StreamId, Gate)>);

impl WaitingStreams {
    /// Adds a request. Its gate is closed.
    pub(super) fn add(&mut self, stream: StreamId) -> Gate {
        let gate = Gate::default();
        self.0.push((stream, gate.clone()));
        gate
    }

    /// The gate of a request that waited; it no longer does.
    pub(super) fn take(&mut self, stream: StreamId) -> Option<Gate> {
        let at = self.0.iter().position(|(waiting, _)| *waiting == stream)?;
        Some(self.0.swap_remove(at).1)
    }
}
