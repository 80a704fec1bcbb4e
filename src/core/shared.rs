//! What all workers of one Envoy share, in the host's shared data.

pub mod detours;
pub mod key_sets;
pub mod refreshes;
pub mod replay_guard;
pub mod store;
