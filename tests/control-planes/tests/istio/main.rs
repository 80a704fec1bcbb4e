//! The manifests of `envoy/istio` with Istio's own istiod and a real Envoy, which gets its configuration over xDS as a
//! gateway does. No Kubernetes: istiod reads the manifests from files. `make test-istio` builds it and runs this.

mod gateway;
mod istiod;
mod manifests;
mod stories;
