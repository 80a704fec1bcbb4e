//! The objects that Envoy Gateway reads: the manifests of `envoy/envoy-gateway`, with the least changes that this machine
//! needs, and what the manifests assume.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_planes::{Site, manifest, manifests, root};
use serde_json::{Value, json};

use crate::edge::Edge;
use crate::release::{VERSION, wasm_checksum, wasm_name};

/// How the filter comes into Envoy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `extension-policy.yaml`, from a registry.
    Image,
    /// The same with the file that its comment names, from a web server.
    File,
    /// The native module: `native/`.
    Module,
}

/// Everything but the filter's policy.
pub fn without_filter(site: &Site, edge: &Edge, form: Form) -> Vec<Value> {
    let mut objects = vec![
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": { "name": "eg" },
            "spec": { "controllerName": "gateway.envoyproxy.io/gatewayclass-controller" },
        }),
        secret(
            ["app", "app-example-com"],
            &[("tls.crt", &edge.certificate.certificate), ("tls.key", &edge.certificate.key)],
        ),
        // From files, Envoy Gateway reads no Services.
        json!({
            "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "Backend",
            "metadata": { "name": "app", "namespace": "app" },
            "spec": { "endpoints": [{ "ip": { "address": "127.0.0.1", "port": site.app.addr().port() } }] },
        }),
        // For the registry's authority.
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "registry", "namespace": "app" },
            "data": { "ca.crt": edge.certificate.certificate },
        }),
        proxy(site, form),
    ];
    for mut object in manifests("envoy/envoy-gateway/gateway.yaml") {
        if object["kind"] == "Gateway" {
            object["spec"]["listeners"][0]["port"] = edge.gateway.into();
        } else {
            object["spec"]["rules"][0]["backendRefs"] =
                json!([{ "group": "gateway.envoyproxy.io", "kind": "Backend", "name": "app" }]);
        }
        objects.push(object);
    }
    objects
}

/// `security-policy.yaml`.
pub fn guard() -> Value {
    manifest("envoy/envoy-gateway/security-policy.yaml")
}

/// A certificate in a namespace, under a name.
pub fn secret([namespace, name]: [&str; 2], files: &[(&str, &str)]) -> Value {
    let data = files.iter().map(|(name, text)| ((*name).to_owned(), STANDARD.encode(text).into()));
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": { "name": name, "namespace": namespace },
        "data": Value::Object(data.collect()),
    })
}

/// `envoy-proxy.yaml`. The clusters lead to the stand-in, which speaks no TLS, and the module is a file of this machine.
fn proxy(site: &Site, form: Form) -> Value {
    let folder = if form == Form::Module { "native/" } else { "" };
    let mut proxy = manifest(&format!("envoy/envoy-gateway/{folder}envoy-proxy.yaml"));
    let spec = &mut proxy["spec"];
    for patch in spec["bootstrap"]["jsonPatches"].as_array_mut().expect("patches") {
        let cluster = &mut patch["value"];
        let domain = cluster["name"] == "cognito_domain";
        let at = if domain { site.cognito.domain_addr() } else { site.cognito.idp_addr() };
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] =
            json!({ "socket_address": { "address": "127.0.0.1", "port_value": at.port() } });
        cluster.as_object_mut().expect("a cluster").remove("transport_socket");
    }
    // Other Envoys may run on this machine.
    spec["extraArgs"] = json!(["--use-dynamic-base-id"]);
    if form == Form::Module {
        let file = root().join("target/native/libenvoy_cognito.so");
        let file = file.canonicalize().unwrap_or_else(|error| panic!("{error}: run `make build-native`"));
        spec["dynamicModules"][0]["source"]["local"]["path"] = file.to_str().expect("UTF-8").into();
    }
    proxy
}

/// `extension-policy.yaml`. The registry is another one, with its own authority, and `endpoints` names the stand-in.
pub fn policy(site: &Site, edge: &Edge, form: Form) -> Value {
    let folder = if form == Form::Module { "native/" } else { "" };
    let mut policy = manifest(&format!("envoy/envoy-gateway/{folder}extension-policy.yaml"));
    config_of(&mut policy)["endpoints"] = site.endpoints();
    let tls = json!({ "caCertificateRef": { "kind": "ConfigMap", "group": "", "name": "registry" } });
    let registry = format!("127.0.0.1:{}", edge.registry);
    match form {
        Form::Image => {
            let image = &mut policy["spec"]["wasm"][0]["code"]["image"];
            image["url"] = format!("{registry}/envoy-cognito:{VERSION}").into();
            image["tls"] = tls;
        }
        Form::File => {
            let url = format!("https://{registry}/{}", wasm_name());
            let http = json!({ "url": url, "sha256": wasm_checksum(), "tls": tls });
            policy["spec"]["wasm"][0]["code"] = json!({ "type": "HTTP", "http": http });
        }
        Form::Module => {}
    }
    policy
}

/// The filter's own configuration.
pub fn config_of(policy: &mut Value) -> &mut Value {
    let spec = &mut policy["spec"];
    let form = if spec["dynamicModule"].is_array() { "dynamicModule" } else { "wasm" };
    &mut spec[form][0]["config"]
}

/// With a rule before all others.
pub fn with_rule(policy: &Value, rule: Value) -> Value {
    let mut changed = policy.clone();
    config_of(&mut changed)["rules"].as_array_mut().expect("rules").insert(0, rule);
    changed
}
