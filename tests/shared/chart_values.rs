//! Values of the Helm chart that its schema must refuse, for two test binaries: one asks the schema itself, the other
//! Helm.

use serde_json::{Value, json};

/// Wrong values, merged into the smallest ones for Envoy Gateway: where the fault is, and a part of Helm's message.
pub fn bad_values() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({ "platform": "nginx" }), "/platform", "value must be one of 'istio', 'envoyGateway'"),
        (json!({ "image": { "repository": "" } }), "/image/repository", "minLength: got 0, want 1"),
        (
            json!({ "image": { "repository": "oci://registry.example.com/x" } }),
            "/image/repository",
            "does not match pattern",
        ),
        (json!({ "image": { "digest": "4b825dc6" } }), "/image/digest", "does not match pattern"),
        (
            json!({ "image": { "pullPolicy": "Never" } }),
            "/image/pullPolicy",
            "value must be one of 'IfNotPresent', 'Always'",
        ),
        (json!({ "imagePullSecrets": ["x"] }), "", "additional properties 'imagePullSecrets' not allowed"),
        (json!({ "secret": { "name": "" } }), "/secret/name", "minLength: got 0, want 1"),
        (json!({ "secret": { "value": "s3cret" } }), "/secret", "additional properties 'value' not allowed"),
        (json!({ "region": "Frankfurt" }), "/region", "does not match pattern"),
        (
            json!({ "hosts": { "idp": "https://cognito-idp.eu-west-1.amazonaws.com" } }),
            "/hosts/idp",
            "does not match pattern",
        ),
        (json!({ "extraClusters": { "list": "" } }), "/extraClusters/list", "minLength: got 0, want 1"),
        (
            json!({ "istio": { "failStrategy": "FAIL_OPEN" } }),
            "/istio/failStrategy",
            "value must be one of 'FAIL_RELOAD', 'FAIL_CLOSE'",
        ),
        (
            json!({ "istio": { "kind": "EnvoyFilter" } }),
            "/istio/kind",
            "value must be one of 'WasmPlugin', 'TrafficExtension'",
        ),
        (json!({ "envoyGateway": { "gateway": "" } }), "/envoyGateway/gateway", "minLength: got 0, want 1"),
        (json!({ "envoyGateway": { "native": "yes" } }), "/envoyGateway/native", "got string, want boolean"),
        (json!({ "dashboard": true }), "/dashboard", "got boolean, want object"),
        // The filter's own settings.
        (json!({ "config": { "domian": "x" } }), "/config", "additional properties 'domian' not allowed"),
        (
            json!({ "config": { "session": { "lifetime": "soon" } } }),
            "/config/session/lifetime",
            "does not match pattern",
        ),
        (
            json!({ "config": { "rules": [{ "path": "/x", "allow": "all" }] } }),
            "/config/rules/0/allow",
            "value must be",
        ),
        // Secrets belong into the Secret.
        (
            json!({ "config": { "client_secret": "s3cret" } }),
            "/config/client_secret",
            "does not match pattern",
        ),
        (
            json!({ "config": { "session": { "keys": ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="] } } }),
            "/config/session/keys/0",
            "does not match pattern",
        ),
    ]
}

/// `from` merged into `into`, as Helm merges values.
pub fn merged(mut into: Value, from: &Value) -> Value {
    match (into.as_object_mut(), from.as_object()) {
        (Some(known), Some(new)) => {
            for (name, value) in new {
                if value.is_null() {
                    known.remove(name);
                } else {
                    let old = known.remove(name).unwrap_or(Value::Null);
                    known.insert(name.clone(), merged(old, value));
                }
            }
            into
        }
        _ => from.clone(),
    }
}
