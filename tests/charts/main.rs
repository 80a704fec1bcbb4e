//! The Helm chart and the kustomizations, rendered by the real `helm` and `kustomize`: what they render is what the
//! manifests of `envoy/` say, the API servers would accept it, and so does `envoy-cognito check`.
//!
//! `make test-charts` runs this, with both programs in the environment variables HELM and KUSTOMIZE.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub, dead_code)]

#[path = "../shared/chart_values.rs"]
mod chart_values;
#[path = "../packaging/files.rs"]
mod files;
mod helm;
mod kustomize;
mod rendered;
#[path = "../packaging/schemas.rs"]
mod schemas;
