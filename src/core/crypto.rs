//! Secrets, randomness, and authenticated encryption.

pub mod seal;
pub mod secret;
