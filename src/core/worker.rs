//! What one worker keeps in memory: decrypted sessions, waiting requests, and calls in progress.

pub mod authenticator;
pub mod bearer_tokens;
pub mod cache;
pub mod callouts;
pub mod denials;
pub mod session_cache;
pub mod sessions;
pub mod streams;
