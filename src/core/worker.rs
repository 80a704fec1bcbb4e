//! What one worker holds in memory: sessions it has opened, requests that wait, calls under way.

pub mod authenticator;
pub mod bearer_tokens;
pub mod cache;
pub mod callouts;
pub mod session_cache;
pub mod sessions;
