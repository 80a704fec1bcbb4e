//! What all workers of one Envoy share through the host's shared data.

pub mod detours;
pub mod id_table;
pub mod key_sets;
pub mod refreshes;
pub mod replay_guard;
pub mod revocations;
pub mod signed_out;
pub mod store;
