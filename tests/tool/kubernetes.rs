//! Kubernetes manifests, and where faults in them are.

use serde_json::json;

use crate::documents::{CLUSTERS, envoy, faults, settings};
use crate::{check, good, indented};

const WASM_PLUGIN: &str = "apiVersion: v1
kind: Namespace
metadata: { name: app }
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: sign-in }
spec:
  url: oci://registry.example.com/envoy-cognito:1
  phase: AUTHN
  vmConfig:
    env:
      - { name: SESSION_KEY, valueFrom: HOST }
      - { name: CLIENT_ID, value: from-the-manifest }
  pluginConfig:
    user_pool_id: us-east-1_UFeMzbuJe
    client_id: ${CLIENT_ID}
    domain: myapp.auth.us-east-1.amazoncognito.com
    clusters: { domain: \"outbound|443||myapp.auth.us-east-1.amazoncognito.com\", idp: \"outbound|443||cognito-idp.us-east-1.amazonaws.com\" }
    session: { keys: [ \"${SESSION_KEY}\" ] }
";

#[test]
fn a_wasm_plugin_of_istio_is_read() {
    let outcome = check(WASM_PLUGIN).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(outcome.findings("warnings"), [""; 0]);
    let configuration = &outcome.json()["configurations"][0];
    assert_eq!(configuration["document_path"], "spec.pluginConfig");
    assert_eq!(configuration["registrations"][0]["client_id"], "from-the-manifest");
    let faulty = WASM_PLUGIN
        .replace("phase: AUTHN", "failStrategy: FAIL_OPEN")
        .replace("{ name: SESSION_KEY, valueFrom: HOST }", "{ name: OTHER, valueFrom: NOWHERE }")
        .replace("clusters: {", "cluster: {");
    let outcome = check(&faulty).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        [
            "10:17 spec.failStrategy: FAIL_OPEN lets every request through unjudged when the filter fails",
            "13:9 spec.vmConfig.env[0]: `valueFrom: NOWHERE` is neither INLINE nor HOST",
            "19:5 cluster: unknown setting; did you mean `clusters`?",
            "20:24 session.keys[0]: the environment variable SESSION_KEY is not set in the VM",
        ]
    );
    assert_eq!(
        outcome.json()["faults"][3]["help"],
        "add `{ name: SESSION_KEY, valueFrom: HOST }` to `vmConfig.env`"
    );
    assert!(outcome.findings("warnings")[0].contains("spec.phase: is missing"));
}

#[test]
fn istio_names_clusters_in_its_own_way() {
    let own = WASM_PLUGIN.replace("    clusters: {", "    #");
    let outcome = check(&own).arguments(&["--json"]).outcome().expect(0);
    let warnings = outcome.findings("warnings");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].ends_with("Istio has no cluster `cognito_domain`, unless an EnvoyFilter adds it"));
    let entry = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nspec: { hosts: [ cognito-idp.us-east-1.amazonaws.com ] }\n";
    let outcome = check(&format!("{WASM_PLUGIN}{entry}")).arguments(&["--json"]).outcome().expect(0);
    let warnings = outcome.findings("warnings");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("no ServiceEntry here makes myapp.auth.us-east-1.amazoncognito.com known"));
}

#[test]
fn kubernetes_reads_yaml_in_another_way() {
    // Merge keys are nothing to Envoy, and `y` is no word for `true` to Kubernetes.
    let text = WASM_PLUGIN
        .replace("metadata: { name: sign-in }", "metadata: { name: sign-in, labels: &same { prompt: y } }")
        .replace("    domain:", "    authorize_params: { <<: *same }\n    domain:");
    check(&text).arguments(&["--json"]).outcome().expect(0);
    let text = envoy(&(settings() + "authorize_params: { <<: { prompt: x } }\n"), CLUSTERS);
    assert!(faults(&text)[0].contains("authorize_params.<<"), "{:?}", faults(&text));
}

#[test]
fn an_extension_policy_of_envoy_gateway_is_read() {
    let text = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {{ name: sign-in }}
spec:
  wasm:
    - name: other
      code: {{ type: HTTP, http: {{ url: https://example.com/other.wasm }} }}
      config: {{ a: 1 }}
    - name: sign-in
      failOpen: true
      env: {{ hostKeys: [ SESSION_KEY ] }}
      code: {{ type: Image, image: {{ url: registry.example.com/x:1 }} }}
      config:
{}",
        indented(&settings(), 8)
    );
    let outcome = check(&text).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        [
            "10:17 spec.wasm[1].failOpen: lets every request through unjudged when the filter fails",
            "15:20 client_id: the environment variable CLIENT_ID is not set in the VM",
        ]
    );
    assert_eq!(outcome.json()["faults"][1]["help"], "add CLIENT_ID to `env.hostKeys`");
    let good = text
        .replace("hostKeys: [ SESSION_KEY ]", "hostKeys: [ SESSION_KEY, CLIENT_ID ]")
        .replace("failOpen: true", "");
    let warnings = check(&good).arguments(&["--json"]).outcome().expect(0).findings("warnings");
    assert!(
        warnings[0].contains("the filter calls clusters that Envoy Gateway doesn't have"),
        "{warnings:?}"
    );
    assert_eq!(outcome.json()["configurations"][0]["document_path"], "spec.wasm[1].config");
}

#[test]
fn lists_and_config_maps_are_looked_into() {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Service" },
        { "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin", "spec": { "phase": "AUTHN", "pluginConfig": { "user_pool_id": 1 } } },
    ]});
    let found = check(&list.to_string()).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(found.json()["configurations"][0]["document_path"], "items[1].spec.pluginConfig");
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  notes: words\n  envoy.yaml: |\n{}",
        indented(&envoy("user_pool_id: us-east-1_UFeMzbuJe\nclient: x\n", CLUSTERS), 4)
    );
    let found = faults(&map);
    assert!(found.iter().any(|fault| fault.starts_with("28:33 client: unknown setting")), "{found:?}");
    let filter = format!(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nspec:\n  configPatches:\n    - patch:\n        value:\n{}",
        indented(
            "typed_config: { config: { name: envoy_cognito, failure_policy: FAIL_RELOAD, configuration: { \"@type\": type.googleapis.com/google.protobuf.Struct, value: { user_pool_id: x } } } }",
            10
        )
    );
    assert!(faults(&filter).iter().any(|fault| fault.contains("user_pool_id: `x` is no pool id")));
}

#[test]
fn a_file_in_a_config_map_has_its_faults_too() {
    let with = |more: &str| {
        let text = indented(&format!("{}{more}", good()), 4);
        format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  x.yaml: |\n{text}  run.sh: 'wasm: ['\n")
    };
    assert_eq!(
        faults(&with("domain: https://x\n")),
        [
            "9:5 data.x.yaml: `domain` comes twice in one object",
            // The last is the one that Envoy takes.
            "9:13 domain: `https://x` has a scheme; write the host alone, as in myapp.auth.us-east-1.amazoncognito.com",
        ]
    );
    assert!(faults(&with("rules: [\n"))[0].contains("data.x.yaml: not YAML: "));
}
