//! The kinds of document that may contain a configuration, and the places of errors in them.

use serde_json::json;

use crate::{CLIENT_SECRET, File, SESSION_KEY, check, good, indented, run, settings};

/// Parts of an Envoy configuration around the filter's settings, as a `Struct`.
pub fn envoy(settings: &str, more: &str) -> String {
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
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        name: envoy_cognito
                        failure_policy: FAIL_RELOAD
                        vm_config:
                          environment_variables:
                            host_env_keys: [ CLIENT_ID ]
                            key_values: {{ SESSION_KEY: {SESSION_KEY} }}
                        configuration:
                          \"@type\": type.googleapis.com/google.protobuf.Struct
                          value:
{}                  - name: envoy.filters.http.router
{more}",
        indented(settings, 28)
    )
}

/// The filter's settings with variables.
pub fn settings() -> String {
    good().replace(SESSION_KEY, "${SESSION_KEY}").replace("2jvuq8gkhfoh7u4fdfihiditj5", "${CLIENT_ID}")
}

/// The clusters that these settings need.
pub const CLUSTERS: &str = "  clusters:
    - name: cognito_domain
      connect_timeout: 2s
      load_assignment: { endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: myapp.auth.us-east-1.amazoncognito.com, port_value: 443 } } } } ] } ] }
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: myapp.auth.us-east-1.amazoncognito.com
          common_tls_context:
            validation_context:
              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
              match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: myapp.auth.us-east-1.amazoncognito.com } } ]
    - name: cognito_idp
      connect_timeout: 2s
      load_assignment: { endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: cognito-idp.us-east-1.amazonaws.com, port_value: 443 } } } } ] } ] }
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: cognito-idp.us-east-1.amazonaws.com
          common_tls_context:
            validation_context:
              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
              match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: cognito-idp.us-east-1.amazonaws.com } } ]
";

#[track_caller]
pub fn faults(text: &str) -> Vec<String> {
    check(text).arguments(&["--json"]).outcome().expect(1).faults()
}

#[test]
fn the_files_that_are_shipped_are_good() {
    let manifests = |folder: &str| settings::files(folder, "yaml");
    let mut sets: Vec<Vec<String>> =
        ["envoy.yaml", "envoy-native.yaml", "demo.yaml", "docker.yaml", "docker-native.yaml"]
            .iter()
            .map(|name| vec![format!("envoy/{name}")])
            .collect();
    // Files that belong together are checked together.
    sets.extend(["envoy/istio", "envoy/envoy-gateway", "envoy/envoy-gateway/native"].map(manifests));
    for set in sets {
        let files: Vec<&str> = set.iter().map(String::as_str).collect();
        let outcome = run(&["check", "--json"]).arguments(&files).outcome().expect(0);
        assert_eq!(outcome.findings("warnings"), [""; 0], "{files:?}");
        // For Istio, the same filter as a WasmPlugin and as a TrafficExtension.
        let filters = if files.contains(&"envoy/istio/wasm-plugin.yaml") { 2 } else { 1 };
        assert_eq!(outcome.json()["configurations"].as_array().unwrap().len(), filters, "{files:?}");
    }
}

#[test]
fn a_bootstrap_is_read_as_envoy_reads_it() {
    let outcome = check(&envoy(&settings(), CLUSTERS)).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(outcome.findings("warnings"), [""; 0]);
    assert_eq!(
        outcome.findings("notes"),
        ["23:40 client_id: the value of CLIENT_ID couldn't be checked: it isn't set here"]
    );
    let configuration = &outcome.json()["configurations"][0];
    assert_eq!(configuration["kind"], "Envoy configuration");
    assert_eq!(configuration["registrations"][0]["client_id"], "${CLIENT_ID}");
    assert_eq!(
        configuration["clusters"][0],
        json!({
            "name": "cognito_domain", "host": "myapp.auth.us-east-1.amazoncognito.com", "port": 443, "tls": true,
            "sni": "myapp.auth.us-east-1.amazoncognito.com", "uses": ["tokens", "revocation"],
        })
    );
    // Without quotes, Envoy doesn't read these as texts.
    let text = envoy(&(settings() + "scopes: [ openid, on, 12, 1.5, 12345678901 ]\n"), CLUSTERS);
    assert_eq!(
        faults(&text),
        [
            "26:47 scopes[1]: true or false where text is needed",
            "26:51 scopes[2]: a number where text is needed"
        ]
    );
}

#[test]
fn names_must_be_handed_to_the_vm() {
    let text = envoy(&(settings() + "client_secret: ${CLIENT_SECRET}\n"), CLUSTERS);
    // A variable of this process doesn't reach the VM.
    let outcome = check(&text).env("CLIENT_SECRET", "x").arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        ["26:44 client_secret: the environment variable CLIENT_SECRET is not set in the VM"]
    );
    assert_eq!(
        outcome.json()["faults"][0]["help"],
        "add CLIENT_SECRET to `vm_config.environment_variables.host_env_keys`"
    );
    let path = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.\
                config.configuration.value.client_secret";
    assert_eq!(outcome.json()["faults"][0]["document_path"], path);
    // Values in the document are used, and variables of this process are checked.
    let outcome = check(&envoy(&settings(), CLUSTERS))
        .env("CLIENT_ID", "a b")
        .arguments(&["--json"])
        .outcome()
        .expect(1);
    assert_eq!(outcome.faults(), ["23:40 client_id: `a b` is not a valid app client id"]);
    let short = envoy(&settings(), CLUSTERS).replace(SESSION_KEY, "c2hvcnQ=");
    assert_eq!(faults(&short), ["25:48 session.keys[0]: 5 bytes, 32 are needed"]);
}

#[test]
fn what_envoy_does_when_the_filter_fails_is_looked_at() {
    let with = |policy: &str| envoy(&settings(), CLUSTERS).replace("failure_policy: FAIL_RELOAD", policy);
    let path = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config";
    assert_eq!(
        faults(&with("failure_policy: FAIL_OPEN")),
        [format!(
            "14:41 {path}.failure_policy: FAIL_OPEN lets every request through unchecked when the filter fails"
        )]
    );
    assert_eq!(
        faults(&with("fail_open: true")),
        [format!("14:25 {path}.fail_open: lets every request through unchecked when the filter fails")]
    );
    // Envoy accepts these too.
    for policy in ["failure_policy: fail_reload", "failure_policy: 1"] {
        let outcome = check(&with(policy)).arguments(&["--json", "--strict"]).outcome().expect(0);
        assert_eq!(outcome.findings("warnings"), [""; 0], "{policy}");
    }
    assert!(faults(&with("failure_policy: 3"))[0].contains("lets every request through unchecked"));
    for policy in ["failure_policy: FAIL_CLOSED", "root_id: x"] {
        let outcome = check(&with(policy)).arguments(&["--json"]).outcome().expect(0);
        assert_eq!(outcome.findings("warnings").len(), 1, "{policy}");
        // For people who want warnings to be errors.
        check(&with(policy)).arguments(&["--strict"]).outcome().expect(1);
    }
}

#[test]
fn the_filter_stands_before_the_router() {
    let text = envoy(&settings(), CLUSTERS)
        .replace("http_filters:\n", "http_filters:\n                  - name: envoy.filters.http.router\n");
    let found = faults(&text);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("10:21 ") && found[0].contains("no request reaches the filter"),
        "{found:?}"
    );
    let without =
        envoy(&settings(), CLUSTERS).replace("                  - name: envoy.filters.http.router\n", "");
    let outcome = check(&without).arguments(&["--json"]).outcome().expect(0);
    assert!(outcome.findings("warnings")[0].contains("no router follows"), "{outcome:?}");
    // Envoy rejects a connection manager that ends like this; an excerpt may continue.
    let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let whole = without.replace(
        "                http_filters:",
        &format!("                \"@type\": {manager}\n                http_filters:"),
    );
    assert!(faults(&whole)[0].contains("no router follows"), "{:?}", faults(&whole));
}

#[test]
fn a_route_can_neither_contain_nor_disable_the_filter() {
    let routes = |settings: &str| {
        let more = format!(
            "                route_config:
                  virtual_hosts:
                    - domains: [ \"*\" ]
                      typed_per_filter_config:
{}",
            indented(settings, 24)
        );
        envoy(&self::settings(), &format!("{more}{CLUSTERS}"))
    };
    let path = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].typed_per_filter_config";
    for off in ["sign-in: { disabled: true }", "sign-in:\n  disabled: true"] {
        let outcome = check(&routes(off)).arguments(&["--json"]).outcome().expect(0);
        let warnings = outcome.findings("warnings");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains(&format!(" {path}.sign-in.disabled: requests don't go through")),
            "{warnings:?}"
        );
    }
    for other in ["other: { disabled: true }", "sign-in: { disabled: false }"] {
        check(&routes(other)).arguments(&["--strict"]).outcome().expect(0);
    }
    let own = format!(
        "sign-in:\n  config:\n    name: envoy_cognito\n    failure_policy: FAIL_RELOAD\n    configuration:\n      '@type': type.googleapis.com/google.protobuf.Struct\n      value:\n{}",
        indented(&good(), 8)
    );
    assert_eq!(
        faults(&routes(&own)),
        [format!("31:25 {path}.sign-in: Envoy doesn't support a wasm filter for a single route")]
    );
}

#[test]
fn a_matcher_lets_requests_past_the_filter() {
    let text = format!(
        "http_filters:
  - name: sign-in
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher
      extension_config:
        name: sign-in
        typed_config:
          config:
            name: envoy_cognito
            failure_policy: FAIL_RELOAD
            configuration:
              \"@type\": type.googleapis.com/google.protobuf.Struct
              value:
{}  - name: envoy.filters.http.router
",
        indented(&good(), 16)
    );
    let warnings = check(&text).arguments(&["--json"]).outcome().expect(0).findings("warnings");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("5:7 http_filters[0].typed_config.extension_config: a matcher"),
        "{warnings:?}"
    );
}

#[test]
fn the_vm_is_handed_each_variable_once() {
    let text = envoy(&settings(), CLUSTERS).replace("[ CLIENT_ID ]", "[ CLIENT_ID, CLIENT_ID ]");
    let found = faults(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("17:57 ") && found[0].contains("host_env_keys[1]: is listed twice"),
        "{found:?}"
    );
}

#[test]
fn bytes_are_read_in_either_alphabet() {
    let json = json!({"user_pool_id": "us-east-1_UFeMzbuJe", "client_id": "??>>", "domain": "x.example.com"})
        .to_string();
    use base64::Engine as _;
    for engine in
        [base64::engine::general_purpose::STANDARD, base64::engine::general_purpose::URL_SAFE_NO_PAD]
    {
        let text = format!(
            "configuration:\n  '@type': type.googleapis.com/google.protobuf.BytesValue\n  value: {}\n",
            engine.encode(&json)
        );
        let found = faults(&text);
        assert!(found[1].starts_with("3:10 client_id: `??>>` is not a valid app client id"), "{found:?}");
    }
}

#[test]
fn a_template_is_told_from_what_it_makes() {
    let text = format!("{{{{- if .Values.on }}}}\n{}{{{{- end }}}}\n", good());
    let file = File::new("template.yaml", &text);
    let outcome = run(&["check", "--json", file.path()]).outcome().expect(1);
    let fault = &outcome.json()["faults"][0];
    assert!(fault["message"].as_str().unwrap().starts_with("not YAML: "), "{fault}");
    assert!(fault["help"].as_str().unwrap().contains("helm template"), "{fault}");
}

#[test]
fn json_within_yaml_has_its_faults_in_its_own_lines() {
    let text = "config:
  name: envoy_cognito
  failure_policy: FAIL_RELOAD
  configuration:
    \"@type\": type.googleapis.com/google.protobuf.StringValue
    value: |
      {
        \"user_pool_id\": \"us-east-1_UFeMzbuJe\",
        \"client_id\": \"abc\", \"client_secret\": \"hunter2-and-so-on\", \"domian\": \"x.example.com\",
        \"session\": { \"keys\": [ \"MDEyMzQ1Njc4OWFiY2RlZg==\" ] }
      }
";
    assert_eq!(
        faults(text),
        [
            "7:7 domain: is missing (for example myapp.auth.us-east-1.amazoncognito.com)",
            "9:67 domian: unknown setting; did you mean `domain`?",
            "10:32 session.keys[0]: 16 bytes, 32 are needed",
        ]
    );
    // The line is shown without its secret.
    let shown = check(text).outcome().expect(1).out;
    assert!(shown.contains("\"client_secret\": *******************, \"domian\""), "{shown}");
    let broken = text.replace("\"domian\": \"x.example.com\",", "\"domian\": x,");
    assert_eq!(faults(&broken), ["9:77 config.configuration.value: not JSON: expected value"]);
    let quoted = "configuration:
  '@type': type.googleapis.com/google.protobuf.StringValue
  value: '{\"user_pool_id\": \"x\", \"it''s\": 1,
    \"client_id\": 5}'
";
    assert!(
        faults(quoted).contains(&"4:18 client_id: a number where text is needed".to_owned()),
        "{:?}",
        faults(quoted)
    );
    let json = json!({"configuration": {
        "@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{\"user_pool_id\": \"x\", \"sesion\": 1}",
    }});
    assert!(faults(&json.to_string()).iter().any(|fault| fault.contains("sesion: unknown setting")));
}

#[test]
fn a_configuration_must_say_what_it_is() {
    let text =
        envoy(&settings(), CLUSTERS).replace("\"@type\": type.googleapis.com/google.protobuf.Struct", "x: y");
    assert!(faults(&text)[0].contains("configuration: has no `@type`"), "{:?}", faults(&text));
    let text = envoy(&settings(), CLUSTERS).replace("google.protobuf.Struct", "google.protobuf.Int32Value");
    assert!(faults(&text)[0].contains("which the filter doesn't read"), "{:?}", faults(&text));
}

#[test]
fn every_document_of_a_file_has_its_own_lines() {
    let text = format!("{}---\n# the second\n{}", good(), good().replace("client_id:", "clientid:"));
    assert_eq!(
        faults(&text),
        [
            "7:1 client_id: is missing (for example 2jvuq8gkhfoh7u4fdfihiditj5)",
            "8:1 clientid: unknown setting; did you mean `client_id`?"
        ]
    );
    // A part that can't be parsed doesn't hide the errors before it.
    let text = format!("client_id: ''\n{}---\nx: [\n", good().replace("client_id", "user"));
    let found = faults(&text);
    assert!(found.iter().any(|fault| fault.starts_with("1:12 client_id: is empty")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("not YAML")), "{found:?}");
}

#[test]
fn other_wasm_filters_are_passed_over() {
    let text = "http_filters:
  - typed_config:
      config: { name: other, vm_config: { vm_id: other }, configuration: { \"@type\": type.googleapis.com/google.protobuf.StringValue, value: hello } }
";
    let outcome = check(text).outcome().expect(2);
    assert!(outcome.err.contains("it contains another wasm filter"), "{}", outcome.err);
}

#[test]
fn a_filter_without_a_configuration_is_faulty() {
    let text = "name: envoy_cognito\nvm_config: { vm_id: envoy_cognito }\nfailure_policy: FAIL_RELOAD\n";
    assert_eq!(faults(text), ["1:1 configuration: is missing: the filter needs a configuration"]);
}

#[test]
fn clusters_may_stand_in_a_file_of_their_own() {
    let listeners = File::new(
        "lds.yaml",
        &envoy(&settings(), "").replace("static_resources:\n  listeners:", "resources:"),
    );
    let clusters = File::new(
        "cds.yaml",
        &CLUSTERS.replace("  clusters:", "resources:").replace("name: cognito_idp", "name: idp"),
    );
    let alone = run(&["check", "--json", listeners.path()]).outcome().expect(0);
    assert_eq!(alone.findings("warnings"), [""; 0]);
    let both = run(&["check", "--json", listeners.path(), clusters.path()]).outcome().expect(0);
    assert!(both.findings("warnings")[0].contains("the cluster `cognito_idp` is missing"), "{both:?}");
}

#[test]
fn what_envoy_leaves_out_shows_no_secret() {
    // The output of every run of the command is searched for the secret.
    let left_out = format!("{{ !ignore client_secret: {CLIENT_SECRET}, domian: x.example.com }}\n");
    assert!(faults(&left_out).iter().any(|fault| fault.contains("domian: unknown setting")));
    let shown = check(&left_out).outcome().expect(1).out;
    assert!(shown.contains("!ignore client_secret: ****"), "{shown}");
    let behind = format!("{}--- {{ client_secret: {CLIENT_SECRET} }}\n", envoy(&settings(), CLUSTERS));
    for text in [
        behind.clone(),
        format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  x.yaml: |\n{}", indented(&behind, 4)),
    ] {
        let shown = check(&text).outcome().expect(0).out;
        assert!(shown.contains("Envoy reads only the first document of a file"), "{shown}");
    }
}

#[test]
fn json_in_a_file_of_yaml_is_read_as_yaml() {
    let text = envoy(&settings(), CLUSTERS).replace("CLIENT_ID: ", "");
    let tree: serde_json::Value = yaml_serde::from_str(&text).unwrap();
    let file = File::new("envoy.yaml", &tree.to_string().replace("\"us-east-1_UFeMzbuJe\"", "1e3"));
    let outcome = run(&["check", "--json", file.path()]).outcome().expect(1);
    // In JSON this would be a number; in YAML, Envoy reads it as a text.
    assert!(outcome.faults()[0].contains("user_pool_id: `1e3` is not a valid pool id"), "{outcome:?}");
    let note = "it contains JSON, but is read as YAML, because Envoy goes by the file's name";
    assert!(outcome.findings("notes").iter().any(|found| found.ends_with(note)), "{outcome:?}");
}
