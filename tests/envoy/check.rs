//! What `envoy-cognito check` reports about a file, compared with what Envoy does with the same file.

use std::path::Path;
use std::process::Command;

use rig::{Envoy, Options, Scratch};
use serde_json::Value;

use crate::world::SESSION_KEY;

/// A module that does nothing, so Envoy loads it quickly: `memory`, `malloc`, and callbacks that return true.
const MODULE: &str = "AGFzbQEAAAABFARgAABgAX8Bf2ACf38AYAJ/fwF/AwUEAAECAwUDAQABB34HBm1lbW9yeQIAF3Byb3h5X2FiaV92ZXJzaW9uXzBfMl8xAAALX2luaXRpYWxpemUAAAZtYWxsb2MAARdwcm94eV9vbl9jb250ZXh0X2NyZWF0ZQACEXByb3h5X29uX3ZtX3N0YXJ0AAMScHJveHlfb25fY29uZmlndXJlAAMKEgQCAAsFAEGACAsCAAsEAEEBCw==";

/// A bootstrap that is valid for both, with `@name@` where a case inserts text.
const BOOTSTRAP: &str = r#"static_resources:
  listeners:
    - name: app
      address: { socket_address: { address: 127.0.0.1, port_value: 1 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: app
                route_config: {}
                http_filters:
                  - name: sign-in
                    @filter@
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        name: envoy_cognito
                        @plugin@
                        vm_config:
                          runtime: envoy.wasm.runtime.v8
                          code: { local: { inline_bytes: "@module@" } }
                          @vm@
                        configuration:
                          "@type": type.googleapis.com/google.protobuf.Struct
                          value:
                            user_pool_id: us-east-1_UFeMzbuJe
                            client_id: 2jvuq8gkhfoh7u4fdfihiditj5
                            domain: myapp.auth.us-east-1.amazoncognito.com
                            session: { keys: [ "@key@" ] }
                            @settings@
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
@domain@
@idp@
"#;

const CLUSTER: &str = r#"    - name: @name@
      type: LOGICAL_DNS
      connect_timeout: @timeout@
      load_assignment:
        cluster_name: @name@
        endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: @host@, port_value: @port@ } } } } ] } ]
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          @tls@
          common_tls_context:
            validation_context:
              trusted_ca: { filename: "@ca@" }
              match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: @host@ } } ]
"#;

/// The bootstrap with a text in place of the default at one place.
fn bootstrap(place: &str, text: &str) -> String {
    let usual =
        [("plugin", "failure_policy: FAIL_RELOAD"), ("timeout", "2s"), ("port", "443"), ("key", SESSION_KEY)];
    let ca = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("tests/fixtures/authority.pem");
    let cluster = |name: &str, host: &str, tls: &str| {
        let text = CLUSTER.replace("@name@", name).replace("@tls@", tls).replace("@host@", host);
        text.replace("@ca@", ca.to_str().expect("a path"))
    };
    let own = if place == "tls" { text } else { "sni: myapp.auth.us-east-1.amazoncognito.com" };
    let domain = cluster("cognito_domain", "myapp.auth.us-east-1.amazoncognito.com", own);
    let idp = cluster(
        "cognito_idp",
        "cognito-idp.us-east-1.amazonaws.com",
        "sni: cognito-idp.us-east-1.amazonaws.com",
    );
    let idp = idp.replace("@port@", "443").replace("@timeout@", "2s");
    let mut whole = BOOTSTRAP.replace("@domain@", &domain).replace("@idp@", &idp).replace("@module@", MODULE);
    whole = whole.replace(&format!("@{place}@"), text);
    for (place, text) in usual {
        whole = whole.replace(&format!("@{place}@"), text);
    }
    for place in ["filter", "vm", "settings"] {
        whole = whole.replace(&format!("@{place}@"), "");
    }
    whole
}

/// Whether Envoy accepts a file; the error is Envoy's message.
fn envoys(name: &str, text: &str) -> Result<(), String> {
    let options =
        Options { log_level: "critical".into(), component_log_level: String::new(), ..Options::default() };
    Envoy::validate_as(name, text, &options)
}

/// The command's report about a file: errors, and warnings.
fn ours(name: &str, text: &str) -> [Vec<String>; 2] {
    let folder = Scratch::new().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("written");
    let run = Command::new(env!("CARGO_BIN_EXE_envoy-cognito")).args(["check", "--json"]).arg(&file).output();
    let printed: Value = serde_json::from_slice(&run.expect("it runs").stdout).expect("a document");
    assert_eq!(printed["errors"].as_array().map_or(0, Vec::len), 0, "{printed}");
    ["faults", "warnings"].map(|kind| {
        let findings = printed[kind].as_array().expect("a list");
        findings.iter().map(|finding| format!("{}: {}", finding["path"], finding["message"])).collect()
    })
}

/// Compares the command's report about a file with Envoy's result. `said` is part of what the command reports
/// although Envoy accepts the file.
#[track_caller]
fn hold(what: &str, name: &str, text: &str, said: &str) {
    let envoys = envoys(name, text);
    let [faults, warnings] = ours(name, text);
    match &envoys {
        Err(_) => {
            assert!(!faults.is_empty(), "Envoy refuses {what}, but the command accepts it: {envoys:?}")
        }
        Ok(()) if said.is_empty() => {
            assert!(
                faults.is_empty() && warnings.is_empty(),
                "Envoy accepts {what}: {faults:?} {warnings:?}"
            );
        }
        Ok(()) => {
            let mut all = faults.iter().chain(&warnings);
            assert!(all.any(|finding| finding.contains(said)), "{what}: {faults:?} {warnings:?}");
        }
    }
}

/// [`hold`] for each text at a place. `->` precedes what the command reports although Envoy accepts the file.
#[track_caller]
fn hold_all(place: &str, texts: &[&str]) {
    for text in texts {
        let (text, said) = text.split_once(" -> ").unwrap_or((text, ""));
        hold(&format!("`{text}`"), "envoy.yaml", &bootstrap(place, text), said);
    }
}

#[test]
fn booleans_are_what_envoy_takes_them_for() {
    hold_all(
        "filter",
        &[
            "disabled: true -> the filter is disabled",
            "disabled: \"true\" -> the filter is disabled",
            "disabled: 'yes' -> the filter is disabled",
            "disabled: \"1\" -> the filter is disabled",
            "disabled: 't' -> the filter is disabled",
            "disabled: !!str \"on\" -> the filter is disabled",
            "disabled: ! Y -> the filter is disabled",
            "disabled: \"0\"",
            "disabled: 'No'",
            "disabled: null",
            "disabled: \"on\"",
            "disabled: \" true\"",
            "disabled: \"\"",
            "disabled: 1",
            "disabled: []",
            "disabled: ! on",
            "isOptional: \"F\"",
            "optional: true",
        ],
    );
    hold_all(
        "plugin",
        &[
            "fail_open: \"true\" -> lets every request through",
            "failOpen: 'Y' -> lets every request through",
            "failure_policy: FAIL_RELOAD\n                        fail_open: \"no\"",
            "failure_policy: FAIL_RELOAD\n                        fail_open: 1",
            "failure_policy: FAIL_RELOAD\n                        fail_open: true",
        ],
    );
    hold_all("tls", &["auto_host_sni: \"yes\"", "auto_host_sni: \"on\"", "autoHostSni: 1"]);
}

#[test]
fn pauses_that_only_hold_back_headers_cause_a_warning() {
    let with = |value: &str| format!("failure_policy: FAIL_RELOAD\n                        {value}");
    let said = "the filter needs it only with";
    for value in [
        "allow_on_headers_stop_iteration: true",
        "allow_on_headers_stop_iteration: \"yes\"",
        "allow_on_headers_stop_iteration: { value: true }",
        "allowOnHeadersStopIteration: { value: \"1\" }",
    ] {
        hold(value, "envoy.yaml", &bootstrap("plugin", &with(value)), said);
    }
    for value in
        ["false", "{}", "{ value: false }", "{ value: null }", "null", "1", "{ value: 1 }", "{ on: true }"]
    {
        let value = with(&format!("allow_on_headers_stop_iteration: {value}"));
        hold(&value, "envoy.yaml", &bootstrap("plugin", &value), "");
    }
}

#[test]
fn enums_numbers_and_durations_are_what_envoy_takes_them_for() {
    hold_all(
        "plugin",
        &[
            "failure_policy: fail_reload",
            "failurePolicy: Fail_Reload",
            "failure_policy: 1",
            "failure_policy: \"1\"",
            "failure_policy: !!str \"1\"",
            "failure_policy: fail_open -> lets every request through",
            "failure_policy: \"3\" -> lets every request through",
            "failure_policy: fail-reload",
            "failure_policy: \"1.0\"",
            "failure_policy: 99",
            "failure_policy: \"\"",
            "failure_policy: true",
        ],
    );
    hold_all(
        "port",
        &[
            "\"443\"",
            "0x1bb",
            "+443",
            "\"0443\"",
            "8443 -> connects to port 8443",
            "-1",
            "\"\"",
            "true",
            "443.5",
        ],
    );
    hold_all("timeout", &["0.5s", "\"2s\"", "2", "2m", "\"\"", "1.0000000001s", "soon"]);
}

#[test]
fn texts_are_texts_and_fields_are_fields() {
    hold_all(
        "vm",
        &[
            "environment_variables: { key_values: { CLIENT_ID: \"12345\" } }",
            "environment_variables: { key_values: { CLIENT_ID: 12345 } }",
            "environment_variables: { key_values: { CLIENT_ID: yes } }",
            "environment_variables: { key_values: { CLIENT_ID: ! 12345 } }",
            "environment_variables: { key_values: { CLIENT_ID: 12345678901 } }",
            "environment_variables: { key_values: { CLIENT_ID: 1.5, 12: x, ~: y } }",
            "environment_variables: { key_values: { CLIENT_ID: [ x ] } }",
            "environment_variables: { key_values: { CLIENT_ID: null } }",
            "environment_variables: { key_values: [ CLIENT_ID ] }",
            "environment_variables: { host_env_keys: HOME }",
            "environment_variables: { hostEnvKeys: [ [ HOME ], PATH ] }",
            "environment_variables: { host_env_keys: [ 12 ] }",
            "environment_variables: { host_env_keys: [ on ] }",
            "environment_variables: { host_env_keys: { HOME: x } }",
            "environment_variables: { host_env_keys: [ HOME, HOME ] }",
            "environment_variables: { host_env_keys: [ A ], key_values: { A: x } }",
            "environment_variables: [ HOME ]",
            "enviroment_variables: {}",
            "vm_id: 12",
            "vmId: on",
            "vm_id: '12'",
            "!ignore anything: { x: y }",
            "allow_precompiled: 'y'",
            "allow_precompiled: 1",
        ],
    );
    hold_all("tls", &["sni: 12", "sni: [ x ]"]);
    let policy = "failure_policy: FAIL_RELOAD\n                        ";
    for (more, said) in [
        ("root_id: x", ""),
        ("root_id: 12", ""),
        ("failure_polcy: FAIL_CLOSED", ""),
        ("reload_config: { backoff: { base_interval: 1s } }", ""),
        ("reload_config: { backoff: { base_interval: 1 } }", ""),
        ("!ignore failure_policy: FAIL_OPEN", ""),
    ] {
        hold(more, "envoy.yaml", &bootstrap("plugin", &format!("{policy}{more}")), said);
    }
}

#[test]
fn settings_are_read_as_envoy_hands_them_on() {
    hold_all(
        "settings",
        &["!ignore clent_id: x", "!ignore x: &name { title: App }\n                            pages: *name"],
    );
    // For the filter it makes no difference, but Envoy stops before that.
    hold_all("settings", &["endpoints: { authorize: https://x.example.com/a?b=c }"]);
    let [faults, _] = ours("envoy.yaml", &bootstrap("settings", "pages: { title: !!str \"yes\" }"));
    assert_eq!(faults, ["\"pages.title\": \"true or false where text is needed\""]);
}

#[test]
fn one_item_is_a_list_of_one() {
    let text = bootstrap("", "");
    let single = text.replace("                  - name: sign-in\n", "                    name: sign-in\n");
    let (start, rest) =
        single.split_once("                  - name: envoy.filters.http.router").expect("a router");
    let (_, rest) = rest.split_once("  clusters:").expect("clusters");
    let text = format!("{start}  clusters:{rest}");
    // Envoy rejects the list because it has no router. The point is that the filter is found in it.
    let [faults, _] = ours("envoy.yaml", &text);
    assert!(faults.iter().any(|fault| fault.contains("no router follows")), "{faults:?}");
    assert!(envoys("envoy.yaml", &text).is_err());
}

/// The bootstrap as JSON.
fn as_json() -> String {
    let tree: Value = yaml_serde::from_str(&bootstrap("", "")).expect("YAML");
    tree.to_string()
}

#[test]
fn a_files_name_says_what_is_in_it() {
    let (yaml, json) = (bootstrap("", ""), as_json());
    for name in [
        "envoy.yaml",
        "envoy.YML",
        "envoy.json",
        "envoy.JSON",
        "envoy.conf",
        "envoy",
        "yaml",
        "envoy.yaml.bak",
    ] {
        hold(name, name, &yaml, "");
        hold(name, name, &json, "");
    }
    // By JSON's own parser, which is lenient; by YAML's parser, for which these are something else, or nothing.
    let lenient = [
        ("a comma", json.replacen("]}", ",]}", 1)),
        ("two commas", json.replacen("]}", ",,]}", 1)),
        ("no quotes", json.replacen("\"static_resources\"", "static_resources", 1)),
        ("an odd key without quotes", json.replacen("\"static_resources\"", "static-resources", 1)),
        ("apostrophes", json.replacen("\"static_resources\"", "'static_resources'", 1)),
        ("a comment", json.replacen('{', "{ // x\n", 1)),
        ("a byte order mark", format!("\u{feff}{json}")),
        ("two documents", format!("{json}{json}")),
        ("a number for a text", json.replacen("\"envoy.wasm.runtime.v8\"", "12", 1)),
    ];
    for (what, text) in &lenient {
        hold(what, "envoy.json", text, "");
    }
    hold("a byte order mark", "envoy.yaml", &format!("\u{feff}{yaml}"), "");
    hold("a text for a number", "envoy.json", &json.replacen("\"FAIL_RELOAD\"", "\"1\"", 1), "");
}

#[test]
fn the_first_document_is_all_that_envoy_reads() {
    let good = bootstrap("", "");
    let none = "admin: { access_log_path: /dev/null }\n";
    for (what, text, said) in [
        ("comments in front", format!("# one\n---\n# two\n{good}"), ""),
        ("an empty one in front", format!("---\n---\n{good}"), ""),
        ("nothing but a comment in front", format!("---\n# one\n---\n{good}"), ""),
        ("null in front", format!("--- ~\n---\n{good}"), ""),
        ("an end", format!("{good}...\n"), ""),
        ("an empty one behind", format!("{good}---\n"), ""),
        ("another one behind", format!("{good}---\n{none}"), "only the first document of a file"),
        ("what is wrong behind", format!("{good}---\nnope: 1\n"), "only the first document of a file"),
        ("what can't be read behind", format!("{good}---\n[ }}: {{\n"), "only the first document of a file"),
        ("the filter behind", format!("{none}---\n{good}"), "only the first document of a file"),
    ] {
        hold(what, "envoy.yaml", &text, said);
    }
    let [faults, _] = ours("envoy.yaml", &format!("node: {{ id: x }}\n---\n{good}"));
    assert_eq!(faults.len(), 1, "Envoy doesn't read the document with the filter: {faults:?}");
}
