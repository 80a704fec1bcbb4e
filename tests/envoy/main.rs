//! The shipped filter in a real Envoy, with a stand-in for Cognito and a sample app: the wasm filter, or the native
//! module if `ENVOY_COGNITO_FILTER` names it.
//!
//! `make test` builds both first and downloads Envoy; [`artifact`] shows where they are expected.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod addresses;
mod aged;
mod alerts;
mod attacks;
mod attributes;
mod bearer;
mod bearer_keys;
mod callback;
mod cases_answers;
mod cases_cache;
mod cases_clusters;
mod cases_faults;
mod cases_keys;
mod cases_modules;
mod cases_paths;
mod cases_proxy;
mod cases_wire;
mod cases_workers;
mod changes;
mod check;
mod claims;
mod clients;
mod configuration;
mod configuration_native;
mod deny_list;
mod embedding;
mod emulators;
mod failover;
mod fault_table;
mod faults;
mod first_keys;
mod floods;
mod grafana;
mod issuers;
mod kept_form;
mod keys;
mod links;
mod load;
mod many;
mod metrics;
mod module;
mod name_server;
mod native;
mod odd;
mod own;
mod pages;
mod panics;
mod parked;
mod parked_lab;
mod pools;
mod preflight;
mod recheck;
mod refresh;
mod reload;
mod resources;
mod roles;
mod round_robin;
mod routing;
mod rules;
mod sds;
mod sealed;
mod sign_in;
mod sign_out;
mod signed_out;
mod step_up;
mod streams;
mod templates;
mod traps;
mod world;

#[path = "../shared/artifact.rs"]
mod artifact;

#[path = "../shared/bent_signatures.rs"]
mod bent_signatures;

#[path = "../shared/fixed_randomness.rs"]
mod fixed_randomness;
