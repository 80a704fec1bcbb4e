//! The shipped configuration with the native module: it is valid, and Envoy finds the module by its name.

use std::io::Write as _;
use std::path::PathBuf;

use rig::{Envoy, Options, PATIENCE, RawRequest, Scratch, eventually, free_ports, send};
use serde_json::json;

use crate::world::SESSION_KEY;

/// The module that `make build-native` builds.
fn module() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/native/libenvoy_cognito.so");
    let path = PathBuf::from(built);
    assert!(path.is_file(), "{built} is missing: run `make build-native`");
    path
}

/// Whether this Envoy is older than the native module needs.
fn is_too_old() -> bool {
    let is_too_old = Envoy::version() < (1, 38);
    if is_too_old {
        // Printed past the test's output capture, for the summary of all tests.
        let _ = writeln!(
            std::io::stdout(),
            "\nskipped: the native module, because this Envoy is older than 1.38"
        );
    }
    is_too_old
}

#[test]
fn the_shipped_native_configuration_is_valid() {
    if is_too_old() {
        return;
    }
    let shipped = include_str!("../../envoy/envoy-native.yaml");
    // Validation also reads the certificates of authorities, and not every machine has them at that path.
    let scratch = Scratch::new().unwrap();
    let authorities = scratch.path().join("authorities.pem");
    std::fs::write(&authorities, include_str!("../fixtures/authority.pem")).unwrap();
    let here = shipped.replace("/etc/ssl/certs/ca-certificates.crt", authorities.to_str().unwrap());
    let name = format!("libenvoy_cognito-{}.so", env!("CARGO_PKG_VERSION"));
    std::fs::copy(module(), scratch.path().join(name)).unwrap();
    let folder = scratch.path().to_str().unwrap().to_owned();
    let search = Options::default().env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder);
    let options = search
        .clone()
        .env("COGNITO_US_EAST_1_POOL_ID", "us-east-1_UFeMzbuJe")
        .env("COGNITO_US_EAST_1_CLIENT_ID", "2jvuq8gkhfoh7u4fdfihiditj5")
        .env("COGNITO_US_EAST_1_CLIENT_SECRET", "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf")
        .env("SESSION_KEY", SESSION_KEY);
    Envoy::validate(&here, &options).unwrap();
    let error = Envoy::validate(&here, &search).unwrap_err();
    assert!(error.contains("the environment variable SESSION_KEY is not set"), "{error}");
    // Without the file, Envoy doesn't start without the filter.
    let other = here.replace("name: envoy_cognito-", "name: envoy_cognito-no-");
    assert!(Envoy::validate(&other, &options).is_err());
}

/// A listener whose requests are answered with 200 if no filter decides otherwise, and a module that can't be fetched.
fn with_remote_module(port: u16, more: &str) -> String {
    let bootstrap = json!({
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
        "static_resources": {
            "listeners": [{
                "name": "app",
                "address": { "socket_address": { "address": "127.0.0.1", "port_value": port } },
                "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "app",
                        "http_filters": [
                            {
                                "name": "sign-in",
                                "typed_config": {
                                    "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
                                    "dynamic_module_config": {
                                        "module": { "remote": {
                                            "http_uri": { "uri": "http://127.0.0.1/x.so", "cluster": "nowhere", "timeout": "1s" },
                                            "sha256": "0".repeat(64),
                                            "retry_policy": { "num_retries": 0 },
                                        } },
                                    },
                                    "filter_name": "envoy_cognito",
                                },
                            },
                            {
                                "name": "envoy.filters.http.router",
                                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                            },
                        ],
                        "route_config": { "virtual_hosts": [{
                            "name": "app", "domains": ["*"],
                            "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }],
                        }] },
                    },
                }] }],
            }],
            "clusters": [{
                "name": "nowhere", "type": "STATIC", "connect_timeout": "1s",
                "load_assignment": { "cluster_name": "nowhere", "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                    "address": { "socket_address": { "address": "127.0.0.1", "port_value": 1 } },
                } }] }] },
            }],
        },
    });
    bootstrap
        .to_string()
        .replace("\"dynamic_module_config\":{", &format!("\"dynamic_module_config\":{{{more}"))
}

/// Why `envoy-cognito check` refuses such a configuration.
#[test]
fn envoy_leaves_a_module_out_that_it_cannot_download() {
    if is_too_old() {
        return;
    }
    let port = free_ports(1)[0];
    let envoy = Envoy::start(&with_remote_module(port, ""), &Options::default());
    let passed = eventually(PATIENCE, || {
        let response = send(([127, 0, 0, 1], port).into(), &RawRequest::get("/")).ok()?;
        (response.status == 200).then_some(())
    });
    assert!(passed.is_some(), "it would no longer be a fault: {}", envoy.log());
    // With this, it doesn't start.
    let refused = with_remote_module(port, "\"nack_on_cache_miss\":true,");
    let error = Envoy::validate(&refused, &Options::default()).unwrap_err();
    assert!(error.contains("Remote module not cached"), "{error}");
}
