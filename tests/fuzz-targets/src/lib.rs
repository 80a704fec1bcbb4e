//! What holds for every input: one function for each parser of what strangers send.
//!
//! Each takes bytes, whatever they are, and panics where something doesn't hold that must. cargo-fuzz calls
//! them (`make fuzz`), and so does the replay of `fuzz/corpus` that is part of `make test`; here is the only
//! place where they are written.
//!
//! That nothing panics is the least of it. Judges are written from the other side, by other means than the
//! filter's own: what lenient servers would read ([`readings`]), what browsers would do (`url`), and what
//! JSON and DER say by themselves.

mod authorities;
mod bent;
mod callbacks;
mod configuration;
mod cookies;
pub mod fixed;
mod headers;
mod key_sets;
mod paths;
mod random;
pub mod readings;
mod return_targets;
mod sealed;
mod token_responses;
mod tokens;

pub use random::Random;

/// One parser, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// What its seeds and its binary are called.
    pub name: &'static str,
    /// Panics where something doesn't hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "authorities", run: authorities::run },
    Target { name: "bearer_tokens", run: tokens::run_bearer_token },
    Target { name: "callbacks", run: callbacks::run },
    Target { name: "configuration", run: configuration::run },
    Target { name: "cookies", run: cookies::run },
    Target { name: "headers", run: headers::run },
    Target { name: "id_tokens", run: tokens::run_id_token },
    Target { name: "key_sets", run: key_sets::run },
    Target { name: "paths", run: paths::run },
    Target { name: "return_targets", run: return_targets::run },
    Target { name: "sealed", run: sealed::run },
    Target { name: "token_responses", run: token_responses::run },
];

/// Runs the target of that name.
#[track_caller]
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.run)(data);
}
