//! The filter as a dynamic module: in Envoy's own configuration, and in Envoy Gateway's resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::documents::{CLUSTERS, faults, settings};
use crate::{File, SESSION_KEY, check, good, indented, run};

const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
const STRUCT: &str = "\"@type\": type.googleapis.com/google.protobuf.Struct";
const MODULE: &str = "{ name: envoy_cognito-0.1.0, metrics_namespace: wasmcustom }";

/// A listener with the module, and what follows in the bootstrap.
fn envoy(settings: &str, more: &str) -> String {
    format!(
        "static_resources:
  listeners:
    - name: app
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                http_filters:
                  - name: sign-in
                    typed_config:
                      \"@type\": {TYPE}
                      dynamic_module_config: {MODULE}
                      filter_config:
                        {STRUCT}
                        value:
{}                  - name: envoy.filters.http.router
{more}",
        indented(settings, 26)
    )
}

const PATH: &str =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config";

fn warnings(text: &str) -> Vec<String> {
    check(text).arguments(&["--json"]).outcome().expect(0).findings("warnings")
}

/// Seen with Envoy 1.40: `GenericSecretSdsApi: node 'id' and 'cluster' are required`, and it ends.
#[test]
fn secrets_by_sds_need_a_node_with_a_name() {
    let settings = good().replace(SESSION_KEY, "${sds:session-key}")
        + "sds: { session-key: { path_config_source: { path: /secrets/key.yaml } } }\n";
    let text = envoy(&settings, CLUSTERS);
    let found = warnings(&text);
    assert!(
        found.len() == 1 && found[0].contains("sds: Envoy gets secrets by SDS only if its `node`"),
        "{found:?}"
    );
    assert_eq!(warnings(&format!("node: {{ id: gateway }}\n{text}")).len(), 1);
    assert_eq!(warnings(&format!("node: {{ id: gateway, cluster: gateway }}\n{text}")), [""; 0]);
    // A listener alone says nothing about the node, and a static secret needs none.
    let listener = envoy(&settings, "").replacen("static_resources:\n  listeners:\n", "listeners:\n", 1);
    assert!(!warnings(&listener).iter().any(|warning| warning.contains("`node`")));
    let of_bootstrap = good().replace(SESSION_KEY, "${sds:session-key}");
    assert_eq!(warnings(&envoy(&of_bootstrap, CLUSTERS)), [""; 0]);
}

#[test]
fn a_module_in_a_bootstrap_is_read_like_the_wasm_filter() {
    let text = envoy(&settings(), CLUSTERS);
    let outcome = check(&text).env("SESSION_KEY", SESSION_KEY).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(outcome.findings("warnings"), [""; 0]);
    let configuration = &outcome.json()["configurations"][0];
    assert_eq!(configuration["kind"], "Envoy configuration");
    assert_eq!(configuration["document_path"], format!("{PATH}.filter_config.value"));
    assert_eq!(configuration["clusters"][0]["name"], "cognito_domain");
    // All that is wrong, with its place.
    let text = envoy(&(settings() + "scopes: [ openid, on ]\nclient_idd: x\n"), CLUSTERS);
    assert_eq!(
        faults(&text),
        [
            "20:45 scopes[1]: true or false where text is needed",
            "21:27 client_idd: unknown setting; did you mean `client_id`?"
        ]
    );
    assert!(
        faults(&envoy(&settings(), "  clusters: []\n"))[0].contains("cluster `cognito_domain` is missing")
    );
}

#[test]
fn variables_come_from_envoys_own_environment() {
    let text = envoy(&settings(), CLUSTERS);
    let outcome = check(&text).env("CLIENT_ID", "a b").arguments(&["--json"]).outcome().expect(1);
    assert_eq!(outcome.faults(), ["17:38 client_id: `a b` is not a valid app client id"]);
    // Envoy may know what this process doesn't.
    assert_eq!(
        outcome.findings("notes"),
        ["19:46 session.keys[0]: the value of SESSION_KEY couldn't be checked: it isn't set here"]
    );
}

#[test]
fn a_configuration_is_read_in_every_form_and_place() {
    let json = json!({ "user_pool_id": "us-east-1_UFeMzbuJe", "client_id": "a b" }).to_string();
    let value = |kind: &str, value: &str| {
        format!("{{ '@type': type.googleapis.com/google.protobuf.{kind}, value: {value} }}")
    };
    let filter = |config: &str| {
        format!("dynamic_module_config: {MODULE}\nfilter_name: envoy_cognito\nfilter_config: {config}\n")
    };
    let typed = |config: &str| format!("\"@type\": {TYPE}\n{}", filter(config));
    for config in [
        value("StringValue", &format!("'{json}'")),
        value("BytesValue", &STANDARD.encode(&json)),
        value("Struct", &json),
    ] {
        let texts = [
            filter(&config),
            typed(&config),
            // A file of listeners, and one of filters.
            format!(
                "resources:\n  - \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n    filter_chains:\n      - filters:\n          - typed_config:\n              http_filters:\n                - name: sign-in\n                  typed_config:\n{}                - name: envoy.filters.http.router\n",
                indented(&typed(&config), 20)
            ),
            format!(
                "resources:\n  - \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\n    name: sign-in\n    typed_config:\n{}",
                indented(&typed(&config), 6)
            ),
            format!(
                "typed_config:\n  \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n  type_url: {TYPE}\n  value:\n{}",
                indented(&filter(&config), 4)
            ),
        ];
        for text in texts {
            let found = faults(&text);
            assert!(
                found.len() == 3 && found.iter().any(|found| found.contains("client_id: `a b` is not")),
                "{found:?}\n{text}"
            );
        }
    }
}

#[test]
fn a_module_that_envoy_downloads_must_not_be_left_out() {
    let remote =
        "{ remote: { http_uri: { uri: https://example.com/x.so, cluster: x, timeout: 5s }, sha256: '00' } }";
    let with = |module: &str| envoy(&settings(), CLUSTERS).replace(MODULE, module);
    for more in ["", ", nack_on_cache_miss: false"] {
        let found = faults(&with(&format!("{{ module: {remote}, metrics_namespace: wasmcustom{more} }}")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0]
                .contains(&format!("{PATH}.dynamic_module_config.module.remote: if Envoy can't download"))
                && found[0].contains("every request passes unchecked"),
            "{found:?}"
        );
    }
    for module in [
        format!("{{ module: {remote}, metrics_namespace: wasmcustom, nack_on_cache_miss: true }}"),
        "{ module: { local: { filename: /x/libenvoy_cognito.so } }, metrics_namespace: wasmcustom }"
            .to_owned(),
    ] {
        check(&with(&module)).arguments(&["--strict"]).outcome().expect(0);
    }
    assert!(
        faults(&with("{ metrics_namespace: wasmcustom }"))[0].contains("has neither a `name` nor a `module`")
    );
}

#[test]
fn other_names_of_metrics_than_in_the_documentation_are_a_warning() {
    let with = |module: &str| envoy(&settings(), CLUSTERS).replace(MODULE, module);
    for (module, name) in [
        ("{ name: envoy_cognito }", "dynamicmodulescustom"),
        ("{ name: envoy_cognito, metrics_namespace: '' }", "dynamicmodulescustom"),
        ("{ name: envoy_cognito, metrics_namespace: mine }", "mine"),
    ] {
        let found = warnings(&with(module));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(&format!("metrics_namespace: metrics are called `{name}.envoy_cognito.…`")),
            "{found:?}"
        );
    }
}

#[test]
fn what_surrounds_a_module_is_checked_as_around_the_wasm_filter() {
    let text = envoy(&settings(), CLUSTERS);
    let unknown = text.replace("metrics_namespace", "metric_namespace");
    assert!(faults(&unknown)[0].contains("did you mean `metrics_namespace`?"), "{:?}", faults(&unknown));
    let terminal =
        text.replace("filter_config:", "terminal_filter: true\n                      filter_config:");
    assert!(faults(&terminal)[0].contains("a router must follow it"), "{:?}", faults(&terminal));
    let router = "                  - name: envoy.filters.http.router\n";
    let behind = text.replace(router, "").replace("http_filters:\n", &format!("http_filters:\n{router}"));
    assert!(faults(&behind)[0].contains("no request reaches the filter"), "{:?}", faults(&behind));
    let disabled = text.replace("name: sign-in\n", "name: sign-in\n                    disabled: true\n");
    assert!(warnings(&disabled)[0].contains("the filter is disabled unless a route enables it"));
    let route = format!(
        "typed_per_filter_config:\n  sign-in:\n    \"@type\": {TYPE}PerRoute\n    dynamic_module_config: {MODULE}\n    filter_config: {{ {STRUCT}, value: {{ user_pool_id: x }} }}\n"
    );
    let found = faults(&format!("route_config:\n{}", indented(&route, 2)));
    assert!(
        found.iter().any(|found| found.contains("the filter has no configuration of a single route")),
        "{found:?}"
    );
}

#[test]
fn other_modules_are_skipped() {
    for other in [
        format!(
            "\"@type\": {TYPE}\ndynamic_module_config: {{ name: waf }}\nfilter_name: waf\nfilter_config: {{ {STRUCT}, value: {{ a: 1 }} }}\n"
        ),
        "dynamic_module_config: { name: log }\nlogger_name: x\nlogger_config: {}\n".to_owned(),
    ] {
        let outcome = check(&other).outcome().expect(2);
        assert!(outcome.err.contains("it contains no configuration of this filter"), "{}", outcome.err);
    }
}

const POLICY: &str = "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: { name: sign-in }
spec:
  dynamicModule:
    - name: other
      config: { a: 1 }
    - name: sign-in
      config:
";

fn proxy(source: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{ name: sign-in }}
spec:
  dynamicModules:
    - {{ name: other, source: {{ type: Remote, remote: {{ url: https://example.com/other.so, sha256: '00' }} }} }}
    - name: sign-in
      source: {source}
"
    )
}

#[test]
fn a_module_in_a_policy_of_envoy_gateway_is_read() {
    let policy = |settings: &str| format!("{POLICY}{}", indented(settings, 8));
    let outcome = check(&policy(&settings())).arguments(&["--json"]).outcome().expect(0);
    let configuration = &outcome.json()["configurations"][0];
    assert_eq!(configuration["kind"], "Envoy Gateway EnvoyExtensionPolicy");
    assert_eq!(configuration["document_path"], "spec.dynamicModule[1].config");
    assert_eq!(outcome.findings("notes").len(), 2, "the variables");
    let warnings = outcome.findings("warnings");
    assert!(
        warnings.len() == 1 && warnings[0].contains("clusters that Envoy Gateway doesn't create"),
        "{warnings:?}"
    );
    let found = faults(
        &policy(&format!("{}client: x\n", good()))
            .replace("config:\n  ", "terminalFilter: true\n      config:\n  "),
    );
    assert!(
        found.len() == 2
            && found[0].contains("spec.dynamicModule[1].terminalFilter: the filter doesn't forward")
            && found[1].contains("client: unknown setting"),
        "{found:?}"
    );
}

#[test]
fn envoy_gateway_must_not_have_the_module_downloaded() {
    let policy = File::new("policy.yaml", &format!("{POLICY}{}", indented(&good(), 8)));
    let remote = "{ type: Remote, remote: { url: https://example.com/x.so, sha256: '00' } }";
    let checked = |text: &str, code: i32| {
        let proxy = File::new("proxy.yaml", text);
        let files = run(&["check", "--json", policy.path(), proxy.path()]);
        files.outcome().expect(code).faults()
    };
    let found = checked(&proxy(remote), 1);
    assert!(
        found.len() == 1
            && found[0].contains("spec.dynamicModules[1].source.remote: if Envoy can't download"),
        "{found:?}"
    );
    assert_eq!(checked(&proxy("{ type: Local, local: { path: /modules/x.so } }"), 0), [""; 0]);
    // Without the policy, the address says whose it is.
    let named = remote.replace("x.so", "libenvoy_cognito-0.1.0.so");
    assert!(faults(&proxy(&named))[0].contains("every request passes unchecked"));
}
