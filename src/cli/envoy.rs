//! Envoy's own configuration and Kubernetes manifests: where they contain the filter's configuration, and what else
//! in them matters to the filter.

pub mod any;
pub mod contents;
pub mod crds;
pub mod fields;
pub mod filters;
pub mod gateway;
pub mod istio;
pub mod kubernetes;
pub mod messages;
pub mod modules;
pub mod placement;
pub mod typed_reading;
pub mod variables;
