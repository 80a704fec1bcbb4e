//! Kubernetes manifests, and the places of errors in them.

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
            "10:17 spec.failStrategy: FAIL_OPEN lets every request through unchecked when the filter fails",
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
    assert!(
        warnings[0]
            .contains("no ServiceEntry in these files has the host myapp.auth.us-east-1.amazoncognito.com")
    );
}

#[test]
fn kubernetes_reads_yaml_in_another_way() {
    // Envoy doesn't support merge keys, and for Kubernetes a tag makes a text.
    let text = WASM_PLUGIN
        .replace(
            "metadata: { name: sign-in }",
            "metadata: { name: sign-in, labels: &same { prompt: !!str y } }",
        )
        .replace("    domain:", "    authorize_params: { <<: *same }\n    domain:");
    check(&text).arguments(&["--json"]).outcome().expect(0);
    let text = envoy(&(settings() + "authorize_params: { <<: { prompt: x } }\n"), CLUSTERS);
    assert!(faults(&text)[0].contains("authorize_params.<<"), "{:?}", faults(&text));
}

/// The definitions in `tests/packaging/crds`, and a CEL rule of Istio.
#[test]
fn an_api_server_holds_a_wasm_plugin_to_its_schema() {
    let host = "{ name: SESSION_KEY, valueFrom: HOST }";
    let env = "spec.vmConfig.env[0]";
    for (variable, fault) in [
        (
            "{ name: SESSION_KEY, valueFrom: HOST, value: x }",
            format!("{env}: `SESSION_KEY` has both a `value` and `valueFrom: HOST`, which Istio refuses"),
        ),
        (
            "{ name: SESSION_KEY, valueFrom: HOST, value: '' }",
            format!("{env}: `SESSION_KEY` has both a `value` and `valueFrom: HOST`, which Istio refuses"),
        ),
        (
            "{ name: SESSION_KEY, valueFrom: HOST }\n      - { name: X, value: 12345 }",
            "spec.vmConfig.env[1].value: a number where text is needed".to_owned(),
        ),
        (
            "{ name: SESSION_KEY, valueFrom: HOST }\n      - { name: on, value: x }",
            "spec.vmConfig.env[1].name: true or false where text is needed".to_owned(),
        ),
        (
            "{ name: SESSION_KEY, valueFrom: host }",
            format!("{env}: `valueFrom: host` is neither INLINE nor HOST"),
        ),
    ] {
        let found = faults(&WASM_PLUGIN.replace(host, variable));
        assert!(found.iter().any(|found| found.ends_with(&fault)), "{variable}: {found:?}");
    }
    // Null counts as absent.
    let null = WASM_PLUGIN.replace(host, "{ name: SESSION_KEY, valueFrom: HOST, value: null }");
    check(&null).arguments(&["--strict"]).outcome().expect(0);
    for (from, to, fault) in [
        ("phase: AUTHN", "phase: authn", "spec.phase: is not one of AUTHN, AUTHZ, STATS"),
        ("phase: AUTHN", "phase: 10", "spec.phase: is not one of AUTHN, AUTHZ, STATS"),
        ("url: oci", "pluginName: 12\n  url: oci", "spec.pluginName: a number where text is needed"),
        (
            "vmConfig:\n    env:\n",
            "vmConfig:\n    env: {}\n    envs:\n",
            "spec.vmConfig.env: a list is needed",
        ),
    ] {
        let found = faults(&WASM_PLUGIN.replace(from, to));
        assert!(found.iter().any(|found| found.ends_with(fault)), "{to}: {found:?}");
    }
    let unknown = WASM_PLUGIN.replace("phase: AUTHN", "phase: AUTHN\n  failStrategi: FAIL_OPEN");
    let warnings = check(&unknown).arguments(&["--json"]).outcome().expect(0).findings("warnings");
    assert!(warnings[0].contains("did you mean `failStrategy`?"), "{warnings:?}");
}

#[test]
fn an_api_server_takes_no_text_for_a_boolean() {
    let policy = |fields: &str| {
        format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nspec:\n  wasm:\n    - name: sign-in\n      {fields}\n      config:\n{}",
            indented(&good(), 8)
        )
    };
    let path = "spec.wasm[0].";
    for (fields, fault) in [
        ("failOpen: \"true\"", "failOpen: true or false is needed"),
        ("failOpen: 1", "failOpen: true or false is needed"),
        ("failOpen: y", "failOpen: lets every request through unchecked when the filter fails"),
        ("env: { hostKeys: [ 12 ] }", "env.hostKeys[0]: a number where text is needed"),
        ("env: { hostKeys: X }", "env.hostKeys: a list is needed"),
    ] {
        let found = faults(&policy(fields));
        assert!(found.iter().any(|found| found.ends_with(&format!("{path}{fault}"))), "{fields}: {found:?}");
    }
}

/// A patch with the filter, in the different forms in which it may be written.
fn patch(kind: &str, plugin: &str) -> String {
    format!(
        "apiVersion: x/v1\nkind: {kind}\nspec:\n  configPatches:\n    - patch:\n        value:\n          name: sign-in\n          typed_config:\n            \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n            config:\n              name: envoy_cognito\n              {plugin}\n              configuration:\n                \"@type\": type.googleapis.com/google.protobuf.Struct\n                value:\n{}",
        indented(&good(), 18)
    )
}

/// Read as by protobuf's parser for Go, which ignores unknown fields (Istio) or rejects them (Envoy Gateway).
#[test]
fn patches_are_read_by_other_rules_than_envoys() {
    let said = |text: &str| {
        let json = check(text).arguments(&["--json"]).outcome().json();
        let all = ["faults", "warnings"].map(|kind| {
            let list = json[kind].as_array().unwrap().iter();
            list.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        });
        let [faults, warnings] = all;
        (faults, warnings)
    };
    let reload = "failure_policy: FAIL_RELOAD\n              ";
    for kind in ["EnvoyFilter", "EnvoyPatchPolicy"] {
        assert_eq!(said(&patch(kind, "failure_policy: FAIL_RELOAD")), (vec![], vec![]), "{kind}");
        for (plugin, fault) in [
            ("fail_open: \"true\"", "true or false is needed"),
            ("allow_on_headers_stop_iteration: { value: true }", "true or false is needed"),
            (
                "vm_config: { environment_variables: { key_values: { A: 12345 } } }",
                "a number where text is needed",
            ),
            (
                "vm_config: { environment_variables: { key_values: { A: null } } }",
                "nothing where text is needed",
            ),
            ("vm_config: { environment_variables: { host_env_keys: A } }", "a list is needed"),
            ("root_id: 12", "a number where text is needed"),
        ] {
            let (faults, _) = said(&patch(kind, &format!("{reload}{plugin}")));
            assert_eq!(faults, [fault], "{kind}: {plugin}");
        }
        let (faults, warnings) =
            said(&patch(kind, &format!("{reload}allow_on_headers_stop_iteration: true")));
        assert!(
            faults.is_empty() && warnings[0].starts_with("the filter needs it only with"),
            "{faults:?} {warnings:?}"
        );
    }
    let lower = said(&patch("EnvoyFilter", "failure_policy: fail_reload"));
    assert!(lower.0.is_empty() && lower.1[0].contains("that Istio knows, so Istio ignores it"), "{lower:?}");
    assert_eq!(
        said(&patch("EnvoyPatchPolicy", "failure_policy: fail_reload")).0,
        ["is not one of Envoy's failure policies"]
    );
    let unknown = said(&patch("EnvoyFilter", &format!("{reload}root: x")));
    assert!(unknown.0.is_empty() && unknown.1[0].starts_with("Istio ignores it"), "{unknown:?}");
    let unknown = said(&patch("EnvoyPatchPolicy", &format!("{reload}root: x")));
    assert!(unknown.0[0].contains("no such field"), "{unknown:?}");
    // Istio keeps this as a `Struct`; Envoy itself reads it as a message.
    let typed = patch("EnvoyFilter", "failure_policy: fail_reload\n              fail_open: \"no\"");
    let typed = typed
        .replace("envoy.extensions.filters.http.wasm.v3.Wasm", "xds.type.v3.TypedStruct")
        .replace("            config:\n", "            type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n            value: { config: {\n");
    let (start, rest) = typed.split_once("value: { config: {\n").unwrap();
    let typed = format!("{start}value:\n             config:\n{rest}");
    assert_eq!(said(&typed), (vec![], vec![]));
}

#[test]
fn all_documents_for_kubernetes_are_read_but_of_a_file_in_it_only_the_first() {
    let map = |name: &str, text: &str| {
        format!("---\napiVersion: v1\nkind: ConfigMap\ndata:\n  {name}: |\n{}", indented(text, 4))
    };
    let bootstrap = envoy("user_pool_id: us-east-1_UFeMzbuJe\nclient: x\n", CLUSTERS);
    let two = format!("{}{}", map("a.yaml", "wasm: 1\n"), map("b.yaml", &bootstrap));
    assert!(faults(&two).iter().any(|fault| fault.contains("client: unknown setting")), "{:?}", faults(&two));
    let behind = map("envoy.yaml", &format!("admin: {{}}\n---\n{bootstrap}"));
    let found = faults(&behind);
    assert!(
        found.len() == 1 && found[0].contains("data.envoy.yaml: Envoy reads only the first document"),
        "{found:?}"
    );
    let json = map("envoy.json", &bootstrap);
    assert!(faults(&json)[0].contains("data.envoy.json: not JSON"), "{:?}", faults(&json));
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
            "10:17 spec.wasm[1].failOpen: lets every request through unchecked when the filter fails",
            "15:20 client_id: the environment variable CLIENT_ID is not set in the VM",
        ]
    );
    assert_eq!(outcome.json()["faults"][1]["help"], "add CLIENT_ID to `env.hostKeys`");
    let good = text
        .replace("hostKeys: [ SESSION_KEY ]", "hostKeys: [ SESSION_KEY, CLIENT_ID ]")
        .replace("failOpen: true", "");
    let warnings = check(&good).arguments(&["--json"]).outcome().expect(0).findings("warnings");
    assert!(
        warnings[0].contains("the filter calls clusters that Envoy Gateway doesn't create"),
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
    assert!(faults(&filter).iter().any(|fault| fault.contains("user_pool_id: `x` is not a valid pool id")));
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
            "9:5 data.x.yaml: `domain` is set twice in one object",
            // Envoy uses the last one.
            "9:13 domain: `https://x` has a scheme; write only the host, such as myapp.auth.us-east-1.amazoncognito.com",
        ]
    );
    assert!(faults(&with("rules: [\n"))[0].contains("data.x.yaml: not YAML: "));
}

/// Without a field that has Envoy pass bodies, a wasm filter reads none.
#[test]
fn forms_are_only_kept_where_envoy_passes_bodies() {
    let warnings = |text: &str| check(text).arguments(&["--json"]).outcome().expect(0).findings("warnings");
    let about_forms = |text: &str| {
        let found = warnings(text).into_iter();
        found
            .filter(|warning| warning.contains("keep_form") || warning.contains("iteration"))
            .collect::<Vec<_>>()
    };
    let reload = "failure_policy: FAIL_RELOAD";
    let allowed = "allow_on_headers_stop_iteration: true";
    for (settings, is_on) in
        [("", false), ("pages: { keep_form: false }", false), ("pages: { keep_form: true }", true)]
    {
        let more = format!("{settings}\n");
        let patched = |plugin: &str| format!("{}{}", patch("EnvoyFilter", plugin), indented(&more, 18));
        let held = about_forms(&patched(reload));
        assert_eq!(held.len(), usize::from(is_on), "{settings}: {held:?}");
        assert!(held.iter().all(|warning| warning.contains("has no effect")), "{held:?}");
        let passed = about_forms(&patched(&format!("{reload}\n              {allowed}")));
        assert_eq!(passed.len(), usize::from(!is_on), "{settings}: {passed:?}");
        let plugin = format!("{WASM_PLUGIN}    {more}");
        let plugin = about_forms(&plugin);
        assert_eq!(plugin.len(), usize::from(is_on), "{settings}: {plugin:?}");
        assert!(plugin.iter().all(|warning| warning.contains("no field of Istio WasmPlugin")), "{plugin:?}");
    }
}
