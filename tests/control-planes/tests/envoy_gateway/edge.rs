//! What is around the gateway, in another real Envoy: the registry that has the filter, over HTTPS with a certificate of its
//! own authority, and a way to the gateway for clients that speak no TLS.

use std::process::Command;

use rig::{Envoy, Options, Scratch, free_port};
use serde_json::{Value, json};

use crate::release::{VERSION, file, read, wasm_name};

/// A certificate that signs itself, and its key, in PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl Certificate {
    fn new() -> Self {
        let folder = Scratch::new().unwrap();
        let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"])
            .args(["-addext", "subjectAltName=DNS:app.example.com,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        let output = openssl.output().expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |file| std::fs::read_to_string(file).unwrap();
        Self { certificate: read(certificate), key: read(key) }
    }
}

pub struct Edge {
    pub certificate: Certificate,
    /// The port of the registry, with TLS.
    pub registry: u16,
    /// The gateway's own port, with TLS.
    pub gateway: u16,
    /// The port by which the tests reach the gateway, without TLS.
    pub door: u16,
    _envoy: Envoy,
}

impl Edge {
    pub fn start() -> Self {
        let certificate = Certificate::new();
        let [registry, gateway, door] = [free_port(), free_port(), free_port()];
        let bootstrap = json!({
            "admin": { "address": address(free_port()) },
            "static_resources": {
                "listeners": [door_listener(door), registry_listener(registry, &certificate)],
                "clusters": [gateway_cluster(gateway, &certificate)],
            },
        });
        let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());
        Self { certificate, registry, gateway, door, _envoy: envoy }
    }
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn typed(name: &str, settings: Value) -> Value {
    let mut settings = settings;
    settings["@type"] = format!("type.googleapis.com/envoy.extensions.{name}").into();
    settings
}

fn listener(port: u16, routes: Value, tls: Option<Value>) -> Value {
    let router = json!({ "name": "router", "typed_config": typed(
        "filters.http.router.v3.Router",
        json!({ "suppress_envoy_headers": true }),
    ) });
    let manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "edge",
            "route_config": {
                "max_direct_response_body_size_bytes": 10_000_000,
                "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
            },
            "http_filters": [router],
        }),
    );
    let mut chain = json!({ "filters": [{ "name": "http", "typed_config": manager }] });
    if let Some(tls) = tls {
        chain["transport_socket"] = tls;
    }
    json!({ "name": port.to_string(), "address": address(port), "filter_chains": [chain] })
}

fn door_listener(port: u16) -> Value {
    let route = json!({ "cluster": "gateway", "timeout": "60s" });
    listener(port, json!([{ "match": { "prefix": "/" }, "route": route }]), None)
}

fn gateway_cluster(port: u16, certificate: &Certificate) -> Value {
    let context = typed(
        "transport_sockets.tls.v3.UpstreamTlsContext",
        json!({
            "sni": "app.example.com",
            "common_tls_context": { "validation_context": {
                "trusted_ca": { "inline_string": certificate.certificate },
                "match_typed_subject_alt_names": [
                    { "san_type": "DNS", "matcher": { "exact": "app.example.com" } },
                ],
            } },
        }),
    );
    let mut cluster = rig::static_cluster("gateway", ([127, 0, 0, 1], port).into());
    cluster["transport_socket"] = json!({ "name": "tls", "typed_config": context });
    // Enough for a busy machine.
    cluster["connect_timeout"] = "60s".into();
    // A connection keeps the filters with which it began. So each request gets its own, and sees what is new.
    cluster["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": { "max_requests_per_connection": 1 },
        "explicit_http_config": { "http_protocol_options": {} },
    } });
    cluster
}

/// The two requests for an image (Open Container Initiative Distribution Specification) and the file of the filter.
fn registry_listener(port: u16, certificate: &Certificate) -> Value {
    let answer = |path: String, media_type: &str, body: Value| {
        json!({
            "match": { "path": path },
            "direct_response": { "status": 200, "body": body },
            "response_headers_to_add": [{
                "header": { "key": "content-type", "value": media_type },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
        })
    };
    let json = |name: &str| serde_json::from_str::<Value>(&read(name)).expect("JSON");
    let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
    let image = &json("index.json")["manifests"][0];
    let (digest, media_type) = (image["digest"].as_str().unwrap(), image["mediaType"].as_str().unwrap());
    let manifest = json(&blob(digest));
    let mut routes = vec![answer("/v2/".into(), "application/json", json!({ "inline_string": "{}" }))];
    for reference in [VERSION, digest] {
        let body = json!({ "filename": file(&blob(digest)) });
        routes.push(answer(format!("/v2/envoy-cognito/manifests/{reference}"), media_type, body));
    }
    for part in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
        let digest = part["digest"].as_str().unwrap();
        let body = json!({ "filename": file(&blob(digest)) });
        routes.push(answer(format!("/v2/envoy-cognito/blobs/{digest}"), "application/octet-stream", body));
    }
    let name = wasm_name();
    let body = json!({ "filename": file(&name) });
    routes.push(answer(format!("/{name}"), "application/wasm", body));
    let context = typed(
        "transport_sockets.tls.v3.DownstreamTlsContext",
        json!({ "common_tls_context": { "tls_certificates": [{
            "certificate_chain": { "inline_string": certificate.certificate },
            "private_key": { "inline_string": certificate.key },
        }] } }),
    );
    listener(port, routes.into(), Some(json!({ "name": "tls", "typed_config": context })))
}
