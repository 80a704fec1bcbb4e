//! The core, story by story, with a small Cognito in memory: no Envoy, no network, and a clock that each test moves.
//! The same stories run in a real Envoy in `tests/envoy`.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod harness;

mod sign_in;

mod callback;

mod elsewhere;
mod long_addresses;

mod recheck;
mod refresh;
mod session;

mod sign_out;
mod signed_out;

mod streams;

mod revocations;

mod embedding;

mod claim_rules;
mod role_map;
mod rules;
mod step_up;

mod first_keys;
mod issuers;
mod kept_form;
mod key_races;
mod keys;

mod clock;

mod templates;
mod tokens;

mod limits;

mod driver;
mod panics;

mod access;

mod attributes;
mod claims;
mod empty;

mod bearer;
mod bodies;
mod links;
mod resources;

mod pools;

// Cases of `docs/security-cases.md` that no story above covers.
mod cases_claims;
mod cases_headers;
mod cases_jwt;
mod cases_operations;
mod cases_paths;
mod cases_redirects;
mod cases_refresh;
mod cases_return;
mod cases_sealed;
mod cases_session;
mod cases_sign_in;
mod cases_vectors;

#[path = "../shared/bent_signatures.rs"]
mod bent_signatures;

#[path = "../shared/fixed_randomness.rs"]
mod fixed_randomness;
