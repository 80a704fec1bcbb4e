//! Envoy with the configuration from the page, and the servers around it. Only addresses differ.

use std::net::SocketAddr;
use std::path::Path;

use rig::{Browser, Envoy, Options, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::StandIn;

use crate::{APP, IDP, shell::Shell};

pub struct Site {
    envoy: Envoy,
    app: SampleApp,
    address: SocketAddr,
    domain: (String, SocketAddr),
}

const WASM: &str = "target/wasm32-wasip1/release/envoy_cognito.wasm";
/// The variables that the page exports for Envoy.
const VARIABLES: [&str; 4] = [
    "COGNITO_US_EAST_1_POOL_ID",
    "COGNITO_US_EAST_1_CLIENT_ID",
    "COGNITO_US_EAST_1_CLIENT_SECRET",
    "SESSION_KEY",
];

impl Site {
    pub fn start(shell: &mut Shell, cognito: &StandIn) -> Self {
        let app = SampleApp::start().unwrap();
        let ports = free_ports(2);
        let domain = shell.variable("COGNITO_US_EAST_1_DOMAIN");
        let mut bootstrap: Value = yaml_serde::from_str(&shell.file(".run/envoy.yaml")).unwrap();
        let options = Options { component_log_level: "wasm:info".to_owned(), ..Options::default() };
        let options =
            VARIABLES.iter().fold(options, |options, name| options.env(*name, shell.variable(name)));

        let wasm = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(WASM);
        assert!(wasm.is_file(), "no {WASM}: run `make build`");
        replace(&mut bootstrap["static_resources"]["listeners"], &json!(WASM), json!(wasm));
        // As it is, with TLS and names that can't be resolved here.
        Envoy::validate(&with_certificates(&bootstrap).to_string(), &options)
            .unwrap_or_else(|log| panic!("{log}"));

        replace(&mut bootstrap["admin"], &json!(9901), json!(ports[0]));
        let resources = &mut bootstrap["static_resources"];
        replace(&mut resources["listeners"], &json!(8080), json!(ports[1]));
        let clusters = &mut resources["clusters"];
        lead(clusters, "app", "127.0.0.1", app.addr());
        lead(clusters, "cognito_domain", &domain, cognito.domain_addr());
        lead(clusters, "cognito_idp", IDP.trim_start_matches("https://"), cognito.idp_addr());

        let options = Options { component_log_level: "wasm:info".to_owned(), ..Options::default() };
        let options =
            VARIABLES.iter().fold(options, |options, name| options.env(*name, shell.variable(name)));
        let envoy = Envoy::start(&bootstrap.to_string(), &options);
        let address = ([127, 0, 0, 1], ports[1]).into();
        Self { envoy, app, address, domain: (domain, cognito.domain_addr()) }
    }

    /// A browser that resolves the names in the page to this machine's servers.
    pub fn browser(&self) -> Browser {
        let (domain, at) = &self.domain;
        Browser::new().route(APP, self.address).route(&format!("https://{domain}"), *at)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A header of the latest request that reached the app.
    pub fn received(&self, name: &str) -> Option<String> {
        self.app.requests().last()?.header_str(name).map(str::to_owned)
    }

    pub fn log(&self) -> String {
        self.envoy.log()
    }
}

/// Checks that the page connects a cluster to its host, then connects it to this machine's server in plain text.
fn lead(clusters: &mut Value, name: &str, host: &str, to: SocketAddr) {
    let mut clusters = clusters.as_array_mut().unwrap().iter_mut();
    let cluster = clusters.find(|cluster| cluster["name"] == name).unwrap();
    let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    let address = &mut endpoint["address"]["socket_address"];
    assert_eq!(address["address"], host, "{name}");
    *address = json!({ "address": to.ip().to_string(), "port_value": to.port() });
    cluster["type"] = "STATIC".into();
    let cluster = cluster.as_object_mut().unwrap();
    cluster.remove("dns_lookup_family");
    if let Some(tls) = cluster.remove("transport_socket") {
        let context = &tls["typed_config"];
        assert_eq!(context["sni"], host, "{name}");
        let validation = &context["common_tls_context"]["validation_context"];
        assert_eq!(validation["match_typed_subject_alt_names"][0]["matcher"]["exact"], host, "{name}");
        assert!(validation["trusted_ca"]["filename"].is_string(), "{name}");
    }
}

/// Removes the certificate authorities if this system keeps them elsewhere, which the page mentions.
fn with_certificates(bootstrap: &Value) -> Value {
    let mut bootstrap = bootstrap.clone();
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().unwrap() {
        let context =
            cluster.pointer_mut("/transport_socket/typed_config/common_tls_context/validation_context");
        if let Some(Value::Object(context)) = context
            && !Path::new(context["trusted_ca"]["filename"].as_str().unwrap()).is_file()
        {
            // Envoy only matches the names in certificates that it trusts.
            context.remove("trusted_ca");
            context.remove("match_typed_subject_alt_names");
        }
    }
    bootstrap
}

/// Replaces a value, which must be there.
fn replace(within: &mut Value, from: &Value, to: Value) {
    fn all(within: &mut Value, from: &Value, to: &Value) -> usize {
        match within {
            value if value == from => {
                *value = to.clone();
                1
            }
            Value::Object(members) => members.values_mut().map(|value| all(value, from, to)).sum(),
            Value::Array(items) => items.iter_mut().map(|value| all(value, from, to)).sum(),
            _ => 0,
        }
    }
    assert_eq!(all(within, from, &to), 1, "{from} is not there once");
}
