//! Validates manifests against the schemas of their kinds.

use jsonschema::Validator;
use serde_json::Value;

use crate::files::{read, text};

/// The file with the schema of a kind. Kubernetes' own kinds have none here.
pub fn schema_of(api_version: &str, kind: &str) -> Option<String> {
    let folder = match api_version.split('/').next().unwrap_or_default() {
        "gateway.networking.k8s.io" => "gateway-api",
        "gateway.envoyproxy.io" => "envoy-gateway",
        "monitoring.coreos.com" => "prometheus-operator",
        group if group.ends_with(".istio.io") => "istio",
        _ => return None,
    };
    Some(format!("tests/packaging/crds/{folder}/{kind}.json"))
}

fn validator(file: &str) -> Validator {
    let schema: Value = serde_json::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What is wrong with a manifest. `None` if there is no schema for its kind.
pub fn faults(manifest: &Value) -> Option<Vec<String>> {
    let validator = validator(&schema_of(text(&manifest["apiVersion"]), text(&manifest["kind"]))?);
    let found = validator.iter_errors(manifest);
    Some(found.map(|error| format!("{}: {error}", error.instance_path())).collect())
}
