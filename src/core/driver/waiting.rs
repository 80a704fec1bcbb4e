//! Requests that wait for a decision.

use crate::decision::StreamId;
use crate::driver::stream::Gate;

/// Requests that wait for a decision, each with its gate, which holds its body back.
#[derive(Default)]
pub(super) struct WaitingStreams(Vec<(StreamId, Gate)>);

impl WaitingStreams {
    /// Adds a request. Its gate is closed.
    pub(super) fn add(&mut self, stream: StreamId) -> Gate {
        let gate = Gate::default();
        self.0.push((stream, gate.clone()));
        gate
    }

    /// Removes a request that no longer waits, and returns its gate.
    pub(super) fn take(&mut self, stream: StreamId) -> Option<Gate> {
        let at = self.0.iter().position(|(waiting, _)| *waiting == stream)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Removes the requests of which this is true, and returns them.
    pub(super) fn take_if(&mut self, mut is_taken: impl FnMut(StreamId) -> bool) -> Vec<StreamId> {
        self.0.extract_if(.., |(waiting, _)| is_taken(*waiting)).map(|(stream, _)| stream).collect()
    }
}
