//! A real Envoy as the ingress gateway's proxy.

use std::time::Duration;

use control_planes::environment;
use rig::{Envoy, Options, free_port, static_cluster};
use serde_json::{Value, json};

use crate::istiod::{Istiod, PATIENCE};

/// Istio's own proxy calls itself this.
const VERSION: &str = "1.31.1";

/// Starts the gateway's proxy and waits until it has its configuration from istiod.
pub fn start(istiod: &Istiod) -> Envoy {
    start_within(istiod, PATIENCE).unwrap_or_else(|error| panic!("{error}\n--- istiod:\n{}", istiod.log()))
}

/// The same for a proxy that may never be ready.
pub fn start_within(istiod: &Istiod, ready_within: Duration) -> Result<Envoy, String> {
    let mut options = Options { ready_within, ..Options::default() };
    for (name, value) in environment() {
        options = options.env(name, value);
    }
    Envoy::try_start(&bootstrap(istiod.xds_port).to_string(), &options)
}

/// The bootstrap that Istio's pilot-agent makes for a gateway (`envoy_bootstrap.json`), without pilot-agent itself: xDS
/// comes from istiod directly, and there are neither certificates nor `istio.workload.BootstrapExtension`.
fn bootstrap(xds_port: u16) -> Value {
    let ads = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    let mut xds = static_cluster("xds-grpc", ([127, 0, 0, 1], xds_port).into());
    xds["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    }});
    let included = [
        "reporter=",
        "cluster_manager",
        "listener_manager",
        "server",
        "cluster.xds-grpc",
        "wasm",
        "component",
        "istio",
    ];
    let included: Vec<Value> = included.into_iter().map(|prefix| json!({ "prefix": prefix })).collect();
    json!({
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": free_port() } } },
        // Not the address of the app and of the stand-in: istiod would take the proxy for one of them.
        "node": {
            "id": "router~192.0.2.1~istio-ingressgateway-1.istio-ingress~istio-ingress.svc.cluster.local",
            "cluster": "istio-ingressgateway.istio-ingress",
            "metadata": {
                "NAME": "istio-ingressgateway-1",
                "NAMESPACE": "istio-ingress",
                "SERVICE_ACCOUNT": "istio-ingressgateway",
                "CLUSTER_ID": "Kubernetes",
                "ISTIO_VERSION": VERSION,
                "INSTANCE_IPS": "192.0.2.1",
                "LABELS": { "istio": "ingressgateway" },
            },
        },
        "layered_runtime": { "layers": [
            { "name": "global config", "static_layer": {
                "re2.max_program_size.error_level": "32768",
                "envoy.reloadable_features.http_reject_path_with_fragment": false,
                "envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update": false,
            } },
            { "name": "admin", "admin_layer": {} },
        ] },
        "bootstrap_extensions": [{
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
                "buffer_size_kb": 64,
            },
        }],
        "stats_flush_interval": "0.5s",
        "stats_config": {
            "use_all_default_tags": false,
            "stats_matcher": { "inclusion_list": { "patterns": included } },
        },
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "set_node_on_first_message_only": true,
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            },
        },
        "static_resources": { "clusters": [xds] },
    })
}
