//! The objects that istiod reads: the manifests of `envoy/istio`, with the least changes that this machine needs, and a
//! gateway and an app, which the manifests assume.

use control_planes::{Site, manifest, manifests, wasm};
use serde_json::{Value, json};

/// The objects of a site.
pub struct Objects {
    pub listed: Vec<Value>,
    pub port: u16,
}

impl Objects {
    /// Everything but the filter: the hosts of Cognito, the access log, a gateway at this port, and the app.
    pub fn without_filter(site: &Site, port: u16) -> Self {
        let mut listed = hosts(site);
        listed.push(manifest("envoy/istio/telemetry.yaml"));
        listed.extend(gateway_and_app(site, port));
        Self { listed, port }
    }

    /// With one object more.
    pub fn and(&self, object: &Value) -> Vec<Value> {
        self.listed.iter().chain([object]).cloned().collect()
    }
}

/// The filter of a manifest, whichever kind it is.
pub fn filter_of(manifest: &mut Value) -> &mut Value {
    let spec = &mut manifest["spec"];
    if spec["wasm"].is_object() { &mut spec["wasm"] } else { spec }
}

/// `traffic-extension.yaml`. Three lines are others: the file stands for the registry, `imagePullPolicy` goes with it,
/// and `endpoints` names the stand-in.
pub fn traffic_extension(site: &Site) -> Value {
    adapted(manifest("envoy/istio/traffic-extension.yaml"), site)
}

/// `wasm-plugin.yaml`, with the same three lines.
pub fn wasm_plugin(site: &Site) -> Value {
    adapted(manifest("envoy/istio/wasm-plugin.yaml"), site)
}

fn adapted(mut manifest: Value, site: &Site) -> Value {
    let filter = filter_of(&mut manifest);
    filter["url"] = format!("file://{}", wasm().display()).into();
    filter.as_object_mut().expect("an object").remove("imagePullPolicy");
    filter["pluginConfig"]["endpoints"] = site.endpoints();
    manifest
}

/// With a rule before all others.
pub fn with_rule(manifest: &Value, rule: Value) -> Value {
    let mut changed = manifest.clone();
    let rules = filter_of(&mut changed)["pluginConfig"]["rules"].as_array_mut();
    rules.expect("rules").insert(0, rule);
    changed
}

/// `cognito-hosts.yaml`. The ServiceEntries get endpoints, where the stand-in is, and the DestinationRules no TLS, which it
/// doesn't speak.
fn hosts(site: &Site) -> Vec<Value> {
    let mut objects = manifests("envoy/istio/cognito-hosts.yaml");
    for object in &mut objects {
        let is_domain = object["metadata"]["name"] == "cognito-domain";
        let at = if is_domain { site.cognito.domain_addr() } else { site.cognito.idp_addr() };
        let spec = &mut object["spec"];
        if spec["hosts"].is_array() {
            spec["endpoints"] = json!([{ "address": "127.0.0.1", "ports": { "https": at.port() } }]);
            spec["resolution"] = "STATIC".into();
        } else {
            spec["trafficPolicy"]["portLevelSettings"][0]["tls"] = json!({ "mode": "DISABLE" });
        }
    }
    objects
}

/// `authorization-policy.yaml`, at the gateway instead of the app, because the app has no sidecar here: without
/// `principals`, which come from mutual TLS.
pub fn authorization_policy() -> Value {
    let mut policy = manifest("envoy/istio/authorization-policy.yaml");
    policy["metadata"]["namespace"] = "istio-ingress".into();
    policy["spec"]["selector"] = json!({ "matchLabels": { "istio": "ingressgateway" } });
    for rule in policy["spec"]["rules"].as_array_mut().expect("rules") {
        rule.as_object_mut().expect("a rule").remove("from");
    }
    policy
}

fn gateway_and_app(site: &Site, port: u16) -> Vec<Value> {
    let object = |kind: &str, namespace: &str, spec: Value| {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": kind,
            "metadata": { "name": "app", "namespace": namespace }, "spec": spec,
        })
    };
    let app = "app.app.svc.cluster.local";
    vec![
        object(
            "Gateway",
            "istio-ingress",
            json!({ "selector": { "istio": "ingressgateway" }, "servers": [{
                "port": { "number": port, "name": "http", "protocol": "HTTP" },
                "bind": "127.0.0.1", "hosts": ["app.example.com"],
            }] }),
        ),
        object(
            "VirtualService",
            "app",
            json!({ "hosts": ["app.example.com"], "gateways": ["istio-ingress/app"], "http": [
                { "route": [{ "destination": { "host": app, "port": { "number": 8000 } } }] },
            ] }),
        ),
        object(
            "ServiceEntry",
            "app",
            json!({ "hosts": [app], "location": "MESH_EXTERNAL", "resolution": "STATIC",
                "ports": [{ "number": 8000, "name": "http", "protocol": "HTTP" }],
                "endpoints": [{ "address": "127.0.0.1", "ports": { "http": site.app.addr().port() } }] }),
        ),
    ]
}
