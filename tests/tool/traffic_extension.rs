//! Istio's `TrafficExtension`: the fields of a `WasmPlugin`, but those of the filter itself are below `wasm`.

use crate::check;

const EXTENSION: &str = "apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: { name: sign-in }
spec:
  phase: AUTHN
  wasm:
    url: oci://registry.example.com/envoy-cognito:1
    failStrategy: FAIL_RELOAD
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

/// All that `check` says of a text: its errors and its warnings.
fn said(text: &str) -> (Vec<String>, Vec<String>) {
    let outcome = check(text).arguments(&["--json"]).outcome();
    (outcome.findings("faults"), outcome.findings("warnings"))
}

#[test]
fn a_traffic_extension_of_istio_is_read() {
    let outcome = check(EXTENSION).arguments(&["--json"]).outcome().expect(0);
    assert_eq!(outcome.findings("warnings"), [""; 0]);
    let configuration = &outcome.json()["configurations"][0];
    assert_eq!(configuration["kind"], "Istio TrafficExtension");
    assert_eq!(configuration["document_path"], "spec.wasm.pluginConfig");
    assert_eq!(configuration["registrations"][0]["client_id"], "from-the-manifest");
    let faulty = EXTENSION
        .replace("FAIL_RELOAD", "FAIL_OPEN")
        .replace("{ name: SESSION_KEY, valueFrom: HOST }", "{ name: OTHER, valueFrom: HOST, value: x }")
        .replace("clusters: {", "cluster: {");
    let (faults, warnings) = said(&faulty);
    assert_eq!(
        faults,
        [
            "8:19 spec.wasm.failStrategy: FAIL_OPEN lets every request through unchecked when the filter fails",
            "11:11 spec.wasm.vmConfig.env[0]: `OTHER` has both a `value` and `valueFrom: HOST`, which Istio refuses",
            "17:7 cluster: unknown setting; did you mean `clusters`?",
            "18:26 session.keys[0]: the environment variable SESSION_KEY is not set in the VM",
        ]
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn istio_names_the_clusters_of_a_traffic_extension_too() {
    let (faults, warnings) = said(&EXTENSION.replace("      clusters: {", "      #"));
    assert!(faults.is_empty() && warnings.len() == 2, "{faults:?} {warnings:?}");
    assert!(warnings[0].ends_with("Istio has no cluster `cognito_domain`, unless an EnvoyFilter adds it"));
}

/// The definition in `tests/packaging/crds`, with its CEL rules.
#[test]
fn an_api_server_holds_a_traffic_extension_to_its_schema() {
    for (from, to, fault) in [
        ("phase: AUTHN", "phase: UNSPECIFIED_PHASE", "spec.phase: is not one of AUTHN, AUTHZ, STATS"),
        ("FAIL_RELOAD", "RELOAD", "spec.wasm.failStrategy: is not one of FAIL_CLOSE, FAIL_OPEN, FAIL_RELOAD"),
        ("  wasm:", "  lua: { inlineCode: x }\n  wasm:", "spec.lua: Istio refuses `lua` beside `wasm`"),
        (
            "  wasm:",
            "  selector: { matchLabels: { a: b } }\n  targetRefs: [ { kind: Gateway, name: x } ]\n  wasm:",
            "spec.targetRefs: Istio refuses it beside `selector`",
        ),
        (
            "    url:",
            "    type: NETWORK\n    url:",
            "spec.wasm.type: the filter is an HTTP filter; remove the `type`",
        ),
        ("    url:", "    sha256: 12\n    url:", "spec.wasm.sha256: a number where text is needed"),
    ] {
        let (faults, _) = said(&EXTENSION.replace(from, to));
        assert!(faults.len() == 1 && faults[0].ends_with(fault), "{to}: {faults:?}");
    }
    for (from, to, warning) in [
        ("phase: AUTHN", "phase: UNSPECIFIED", "spec.phase: other filters see the request before"),
        ("phase: AUTHN", "priority: 1", "spec.phase: is missing; the filter then runs as one of the last"),
        ("  wasm:", "  targetRef: { kind: Gateway, name: x }\n  wasm:", "did you mean `targetRefs`?"),
        ("    url:", "    phase: AUTHN\n    url:", "wasm has no such field"),
    ] {
        let (faults, warnings) = said(&EXTENSION.replace(from, to));
        assert!(faults.is_empty() && warnings.len() == 1, "{to}: {faults:?} {warnings:?}");
        assert!(warnings[0].contains(warning), "{to}: {warnings:?}");
    }
}

/// A WasmPlugin of which only the kind was changed. Without kubectl's validation, an API server drops its fields.
#[test]
fn the_fields_of_a_wasm_plugin_are_missed_below_wasm() {
    let mut text = String::new();
    for line in EXTENSION.lines().filter(|line| *line != "  wasm:") {
        text += line.strip_prefix("  ").filter(|rest| rest.starts_with("  ")).unwrap_or(line);
        text += "\n";
    }
    let outcome = check(&text).arguments(&["--json"]).outcome().expect(1);
    assert_eq!(
        outcome.faults(),
        ["5:3 spec.wasm: is missing: Istio reads the fields of a wasm filter only below `wasm`"]
    );
    assert!(outcome.json()["faults"][0]["help"].as_str().unwrap().starts_with("move `url`"));
    let plain = text.replace("TrafficExtension", "WasmPlugin");
    assert_eq!(said(&plain), (vec![], vec![]));
}

#[test]
fn a_traffic_extension_of_another_filter_is_none_of_this_one() {
    let lua = "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\nmetadata: { name: x }\nspec: { lua: { inlineCode: a } }\n";
    let other = lua.replace("lua: { inlineCode: a }", "wasm: { url: \"oci://r/x:1\" }");
    for text in [lua, other.as_str()] {
        let refused = check(text).outcome().expect(2);
        assert!(refused.err.contains("it contains no configuration of this filter"), "{}", refused.err);
    }
    assert_eq!(said(&format!("{EXTENSION}---\n{lua}---\n{other}")), (vec![], vec![]));
}

#[test]
fn a_form_is_not_kept_by_a_traffic_extension() {
    let (faults, warnings) = said(&format!("{EXTENSION}      pages: {{ keep_form: true }}\n"));
    assert!(faults.is_empty() && warnings.len() == 1, "{faults:?} {warnings:?}");
    assert!(warnings[0].contains("no field of Istio TrafficExtension"), "{warnings:?}");
}

#[test]
fn a_selector_beside_targets_is_refused_in_a_wasm_plugin_too() {
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: { name: envoy-cognito }\nspec: { phase: AUTHN, url: x, selector: { matchLabels: { a: b } }, targetRef: { kind: Gateway, name: x } }\n";
    let (faults, _) = said(text);
    assert!(
        faults.iter().any(|fault| fault.ends_with("spec.targetRef: Istio refuses it beside `selector`")),
        "{faults:?}"
    );
}
