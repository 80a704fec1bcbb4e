//! A real Envoy accepts the configuration that the manifests generate, and people can sign in with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use rig::{Bootstrap, Browser, Envoy, Filter, Listener, Options, Scratch, free_ports};
use sample_app::SampleApp;
use serde_json::{Value, json};
use stand_in::{Config, StandIn};

use crate::files::{module, read, root, text, wasm};
use crate::settings::{
    Shipped, clusters_of_envoy_gateway, envoy_gateway, envoy_gateway_native, istio, value_of,
};

/// The clusters that the filter calls, with their addresses.
type Clusters<'a> = BTreeMap<&'a str, SocketAddr>;

#[test]
fn people_are_signed_in_with_the_configuration_for_istio() {
    assert_signs_in(&istio(), &wasm());
}

#[test]
fn people_are_signed_in_with_the_configuration_for_envoy_gateway() {
    assert_signs_in(&envoy_gateway(), &wasm());
}

/// Envoy Gateway passes the configuration on as JSON, as this test does.
#[test]
fn people_are_signed_in_with_the_native_configuration_for_envoy_gateway() {
    assert_signs_in(&envoy_gateway_native(), &module());
}

/// The stand-in for Cognito is behind the configured clusters. Everything else is as shipped, except a replacement
/// for https.
fn assert_signs_in(shipped: &Shipped, filter: &Path) {
    let (cognito, app) = (StandIn::start(Config::demo()).unwrap(), SampleApp::start().unwrap());
    let mut configuration = shipped.configuration.clone();
    configuration["endpoints"] = json!({
        "issuer": cognito.issuer("us-east-1_UFeMzbuJe"),
        "authorize": format!("{}/oauth2/authorize", cognito.domain_url()),
        "token": format!("{}/oauth2/token", cognito.domain_url()),
        "revoke": format!("{}/oauth2/revoke", cognito.domain_url()),
        "logout": format!("{}/logout", cognito.domain_url()),
    });
    configuration["session"]["cookie"] = json!({ "secure": false });
    configuration["public_url"] = Value::Null;
    let clusters: Clusters = BTreeMap::from([
        (text(&shipped.configuration["clusters"]["domain"]), cognito.domain_addr()),
        (text(&shipped.configuration["clusters"]["idp"]), cognito.idp_addr()),
    ]);

    let ports = free_ports(2);
    let listener = Listener::new(ports[1], Filter::Json(configuration));
    let listener =
        shipped.variables.iter().fold(listener, |listener, name| listener.env(name, value_of(name)));
    let bootstrap = clusters.iter().fold(
        Bootstrap::new(ports[0], filter).cluster("app", app.addr()).listener(listener),
        |bootstrap, (name, address)| bootstrap.cluster(name, *address),
    );
    let envoy = Envoy::start(&bootstrap.to_string(), &Options::default());

    let address = format!("http://localhost:{}", ports[1]);
    let mut browser = Browser::new();
    let visit = browser.sign_in(&format!("{address}/reports?year=2026"), "jsmith", "The@Password");
    assert_eq!(
        (visit.status(), visit.url.as_str()),
        (200, format!("{address}/reports?year=2026").as_str()),
        "{visit}\n{}",
        envoy.log()
    );
    let seen = browser.fetch(&format!("{address}/json")).json();
    assert!(seen["headers"].to_string().contains("authp/admin,authp/user"), "{seen}");
    // The rules of the shipped configuration.
    assert_eq!(browser.fetch(&format!("{address}/admin/x")).status, 403, "nobody is called admin here");
    assert_eq!(Browser::new().fetch(&format!("{address}/healthz")).status, 200);
}

#[test]
fn envoy_takes_the_clusters_for_the_bootstrap_of_envoy_gateway() {
    // Validation also reads the certificates of authorities, and not every machine has them at that path.
    let authority = Scratch::new().unwrap();
    let authorities = authority.path().join("authorities.pem");
    std::fs::write(&authorities, read("tests/fixtures/authority.pem")).unwrap();
    let mut bootstrap = Bootstrap::new(free_ports(1)[0], root());
    for cluster in clusters_of_envoy_gateway().into_values() {
        let here =
            cluster.to_string().replace("/etc/ssl/certs/ca-certificates.crt", authorities.to_str().unwrap());
        bootstrap = bootstrap.cluster_json(serde_json::from_str(&here).unwrap());
    }
    Envoy::validate(&bootstrap.to_string(), &Options::default()).unwrap();
    let misspelt = bootstrap.to_string().replace("match_typed_subject_alt_names", "match_subject_alt_name");
    assert!(Envoy::validate(&misspelt, &Options::default()).is_err());
}
