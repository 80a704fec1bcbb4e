//! Everything that is published: manifests for Istio and Envoy Gateway, images, the content of a release, and the
//! workflows that make it.
//!
//! No cluster and no container runs here. The tests show what is possible without them: that the API servers would
//! accept the manifests, that the filter accepts the configuration in them, and that people can sign in through a
//! real Envoy with it.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

mod chart;
mod dist;
mod docker;
mod files;
mod gateways;
mod links;
mod manifests;
mod native;
mod schemas;
mod settings;
mod terraform;
mod workflows;
