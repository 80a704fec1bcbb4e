//! What is handed to strangers: manifests for Istio and Envoy Gateway, images, what a release has, and the workflows
//! that make it.
//!
//! No cluster and no container runs here. What can be known without them is: that the API servers would take the
//! manifests, that the filter takes the configuration in them, and that a real Envoy signs people in with it.

// A test that can't go on may panic; the lints are for the filter.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod dist;
mod docker;
mod files;
mod gateways;
mod links;
mod manifests;
mod settings;
mod workflows;
