//! What must be true of every input: one function for each parser of data from strangers.
//!
//! Each function takes any bytes, and panics if something is wrong. cargo-fuzz calls them (`make fuzz`), and so does
//! the replay of `fuzz/corpus` in `make test`; they are only written here.
//!
//! That nothing panics is the least. The checks are written independently of the filter's own code: with the readings
//! of lenient servers ([`readings`]), with the behaviour of browsers (`url`), and with the rules of JSON and DER
//! themselves.

mod authorities;
mod bent;
mod callbacks;
mod configuration;
mod cookies;
pub mod fixed;
mod forms;
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

/// One parser, and what must be true of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its seeds and its binary.
    pub name: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 13] = [
    Target { name: "authorities", run: authorities::run },
    Target { name: "bearer_tokens", run: tokens::run_bearer_token },
    Target { name: "callbacks", run: callbacks::run },
    Target { name: "configuration", run: configuration::run },
    Target { name: "cookies", run: cookies::run },
    Target { name: "forms", run: forms::run },
    Target { name: "headers", run: headers::run },
    Target { name: "id_tokens", run: tokens::run_id_token },
    Target { name: "key_sets", run: key_sets::run },
    Target { name: "paths", run: paths::run },
    Target { name: "return_targets", run: return_targets::run },
    Target { name: "sealed", run: sealed::run },
    Target { name: "token_responses", run: token_responses::run },
];

/// Runs the target with that name.
#[track_caller]
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    (target.run)(data);
}
