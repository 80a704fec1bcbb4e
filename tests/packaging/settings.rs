//! The filter accepts every shipped configuration, with the environment from the same file, and calls clusters that
//! exist.

use std::collections::{BTreeMap, BTreeSet};

use envoy_cognito_core::config::Config;
use serde_json::Value;

use crate::files::{document, documents, list, text};

/// Base64 of 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A shipped configuration: its file, its content, the variables that it may use, and the existing clusters.
pub struct Shipped {
    pub file: &'static str,
    pub configuration: Value,
    pub variables: Vec<String>,
    pub clusters: BTreeSet<String>,
}

pub fn istio() -> Shipped {
    shipped_for_istio("envoy/istio/wasm-plugin.yaml", "/spec")
}

pub fn traffic_extension() -> Shipped {
    shipped_for_istio("envoy/istio/traffic-extension.yaml", "/spec/wasm")
}

/// The filter of a manifest, which is at this place.
fn shipped_for_istio(file: &'static str, place: &str) -> Shipped {
    let spec = document(file).pointer_mut(place).unwrap().take();
    let env = list(&spec["vmConfig"]["env"]);
    assert!(
        env.iter().all(|variable| variable["valueFrom"] == "HOST"),
        "{file}: secrets come from the environment"
    );
    Shipped {
        file,
        configuration: spec["pluginConfig"].clone(),
        variables: env.iter().map(|variable| text(&variable["name"]).to_owned()).collect(),
        clusters: clusters_of_istio("envoy/istio/cognito-hosts.yaml"),
    }
}

pub fn envoy_gateway() -> Shipped {
    let file = "envoy/envoy-gateway/extension-policy.yaml";
    let policy = document(file);
    let wasm = &list(&policy["spec"]["wasm"])[0];
    Shipped {
        file,
        configuration: wasm["config"].clone(),
        variables: list(&wasm["env"]["hostKeys"]).iter().map(|name| text(name).to_owned()).collect(),
        clusters: clusters_of_envoy_gateway().keys().cloned().collect(),
    }
}

/// The native module sees all variables of the container.
pub fn envoy_gateway_native() -> Shipped {
    let file = "envoy/envoy-gateway/native/extension-policy.yaml";
    let policy = document(file);
    let proxy = document("envoy/envoy-gateway/native/envoy-proxy.yaml");
    let env = list(&proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"]["env"]);
    Shipped {
        file,
        configuration: list(&policy["spec"]["dynamicModule"])[0]["config"].clone(),
        variables: env.iter().map(|variable| text(&variable["name"]).to_owned()).collect(),
        clusters: clusters_of_envoy_gateway().keys().cloned().collect(),
    }
}

/// Istio names clusters after the hosts and ports of ServiceEntries. Only those whose DestinationRule enables TLS
/// count.
fn clusters_of_istio(file: &str) -> BTreeSet<String> {
    let documents = documents(file);
    let entries = documents.iter().filter(|document| document["kind"] == "ServiceEntry");
    let mut clusters = BTreeSet::new();
    for entry in entries {
        let (host, port) = (text(&entry["spec"]["hosts"][0]), &entry["spec"]["ports"][0]["number"]);
        let rule = documents
            .iter()
            .find(|rule| rule["kind"] == "DestinationRule" && rule["spec"]["host"] == host)
            .unwrap_or_else(|| panic!("{file}: no DestinationRule for {host}"));
        for own in [entry, rule] {
            assert_eq!(
                own["spec"]["exportTo"],
                serde_json::json!(["."]),
                "{file}: {host}: for the gateway alone"
            );
        }
        let settings = &rule["spec"]["trafficPolicy"]["portLevelSettings"][0];
        assert_eq!(settings["port"]["number"], *port, "{file}: {host}");
        let tls = &settings["tls"];
        assert_eq!((text(&tls["mode"]), text(&tls["sni"])), ("SIMPLE", host), "{file}");
        assert_eq!(tls["subjectAltNames"], serde_json::json!([host]), "{file}");
        assert!(tls["insecureSkipVerify"].is_null(), "{file}");
        clusters.insert(format!("outbound|{port}||{host}"));
    }
    clusters
}

/// The clusters that `envoy-proxy.yaml` adds to the bootstrap, by name.
pub fn clusters_of_envoy_gateway() -> BTreeMap<String, Value> {
    let proxy = document("envoy/envoy-gateway/envoy-proxy.yaml");
    let patches = list(&proxy["spec"]["bootstrap"]["jsonPatches"]).iter();
    let clusters = patches.map(|patch| {
        assert_eq!((text(&patch["op"]), text(&patch["path"])), ("add", "/static_resources/clusters/-"));
        (text(&patch["value"]["name"]).to_owned(), patch["value"].clone())
    });
    clusters.collect()
}

/// A possible value for a variable of that name.
pub fn value_of(variable: &str) -> &'static str {
    match variable {
        name if name.ends_with("POOL_ID") => "us-east-1_UFeMzbuJe",
        name if name.ends_with("CLIENT_ID") => "2jvuq8gkhfoh7u4fdfihiditj5",
        name if name.ends_with("CLIENT_SECRET") => "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf",
        "SESSION_KEY" => KEY,
        _ => panic!("{variable}"),
    }
}

#[track_caller]
fn parsed(shipped: &Shipped, value: &dyn Fn(&str) -> Option<String>) -> Result<Config, String> {
    let lookup =
        |name: &str| shipped.variables.iter().any(|known| known == name).then(|| value(name)).flatten();
    Config::parse(shipped.configuration.to_string().as_bytes(), &lookup)
        .map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect())
}

#[test]
fn the_filter_takes_the_configuration_of_every_manifest() {
    for shipped in [istio(), traffic_extension(), envoy_gateway(), envoy_gateway_native()] {
        parsed(&shipped, &|name| Some(value_of(name).to_owned()))
            .unwrap_or_else(|faults| panic!("{}: {faults}", shipped.file));
        // With the Secret as it is in the repository, nobody can sign in.
        let faults = parsed(&shipped, &|_| Some("change me".to_owned())).unwrap_err();
        assert!(
            faults.contains("session.keys[0]") && faults.contains("user_pool_id"),
            "{}: {faults}",
            shipped.file
        );
        // Every variable is used.
        for unset in &shipped.variables {
            let faults =
                parsed(&shipped, &|name| (name != unset).then(|| value_of(name).to_owned())).unwrap_err();
            assert!(faults.contains(unset.as_str()), "{}: {unset}: {faults}", shipped.file);
        }
    }
}

#[test]
fn the_filter_is_told_of_clusters_that_are_there() {
    for shipped in [istio(), traffic_extension(), envoy_gateway(), envoy_gateway_native()] {
        let told = shipped.configuration["clusters"].as_object().unwrap().values();
        let told: BTreeSet<String> = told.map(|name| text(name).to_owned()).collect();
        assert_eq!(told, shipped.clusters, "{}", shipped.file);
        assert_eq!(told.len(), 2, "{}", shipped.file);
        // The cluster for the domain connects to the domain.
        let domain = text(&shipped.configuration["domain"]);
        let cluster = text(&shipped.configuration["clusters"]["domain"]);
        let gateway = clusters_of_envoy_gateway();
        let leads_to = gateway.get(cluster).map_or(cluster.rsplit('|').next().unwrap(), |cluster| {
            text(&cluster["transport_socket"]["typed_config"]["sni"])
        });
        assert_eq!(leads_to, domain, "{}", shipped.file);
    }
}

#[test]
fn every_cluster_of_the_bootstrap_checks_certificates() {
    for (name, cluster) in clusters_of_envoy_gateway() {
        let address = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"];
        let tls = &cluster["transport_socket"]["typed_config"];
        let validation = &tls["common_tls_context"]["validation_context"];
        assert_eq!(address["address"], tls["sni"], "{name}");
        assert_eq!(validation["match_typed_subject_alt_names"][0]["matcher"]["exact"], tls["sni"], "{name}");
        assert!(validation["trusted_ca"]["filename"].is_string(), "{name}: whom to trust");
        assert_eq!(cluster["load_assignment"]["cluster_name"], name.as_str());
    }
}

/// The filters of a bootstrap, each with its configuration.
fn filters_of(file: &str) -> Vec<Value> {
    let bootstrap = document(file);
    let listeners = list(&bootstrap["static_resources"]["listeners"]).iter();
    let managers = listeners.map(|listener| &listener["filter_chains"][0]["filters"][0]["typed_config"]);
    let filters = managers.flat_map(|manager| list(&manager["http_filters"]).to_vec());
    filters
        .filter(|filter| filter["name"] == "envoy.filters.http.wasm")
        .map(|filter| filter["typed_config"]["config"].clone())
        .collect()
}

#[test]
fn every_bootstrap_says_what_a_crash_does_and_names_clusters_that_are_there() {
    for file in ["envoy/envoy.yaml", "envoy/demo.yaml", "envoy/docker.yaml"] {
        let bootstrap = document(file);
        let clusters = list(&bootstrap["static_resources"]["clusters"]).iter();
        let clusters: BTreeSet<&str> = clusters.map(|cluster| text(&cluster["name"])).collect();
        assert_eq!(clusters, BTreeSet::from(["app", "cognito_domain", "cognito_idp"]), "{file}");
        let filters = filters_of(file);
        assert_eq!(filters.len(), 1, "{file}");
        assert_eq!(filters[0]["failure_policy"], "FAIL_RELOAD", "{file}");
        let configuration = filters[0]["configuration"]["value"].to_string();
        for variable in list(&filters[0]["vm_config"]["environment_variables"]["host_env_keys"]) {
            assert!(configuration.contains(&format!("${{{}}}", text(variable))), "{file}: {variable}");
        }
    }
}

#[test]
fn a_bootstrap_with_the_native_module_differs_in_the_filter_alone() {
    for (native, wasm) in
        [("envoy/envoy-native.yaml", "envoy/envoy.yaml"), ("envoy/docker-native.yaml", "envoy/docker.yaml")]
    {
        let place = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
        let (mut native, mut wasm) = (document(native), document(wasm));
        let module = native.pointer_mut(place).unwrap().take();
        let filter = wasm.pointer_mut(place).unwrap().take();
        assert_eq!(native, wasm);
        assert_eq!(module["name"], "envoy.filters.http.dynamic_modules");
        let own = &module["typed_config"];
        assert_eq!(own["filter_config"], filter["typed_config"]["config"]["configuration"]);
        assert_eq!(
            own["dynamic_module_config"],
            serde_json::json!({
                "name": format!("envoy_cognito-{}", env!("CARGO_PKG_VERSION")),
                "metrics_namespace": "wasmcustom",
                "do_not_close": true,
            })
        );
    }
}

#[test]
fn the_containers_show_the_same_as_the_demo() {
    let (demo, docker) = (filters_of("envoy/demo.yaml"), filters_of("envoy/docker.yaml"));
    assert_eq!(demo[0]["configuration"], docker[0]["configuration"]);
}
