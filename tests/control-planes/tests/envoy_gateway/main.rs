//! The manifests of `envoy/envoy-gateway` with Envoy Gateway itself, as it runs on a host, and a real Envoy, which Envoy
//! Gateway starts and configures over xDS. No Kubernetes: Envoy Gateway reads the manifests from files.
//! `make test-envoy-gateway` compiles it and runs this. It also needs openssl.

mod edge;
mod gateway;
mod manifests;
mod release;
mod stories;
