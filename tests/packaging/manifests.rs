//! The API servers would accept the manifests: each is validated against the schema of its kind, and an unknown field
//! is an error.

use serde_json::{Value, json};

use crate::files::{document, documents, files, list, of_kind, read, text};
use crate::schemas::{faults, schema_of};

fn manifests() -> Vec<(String, Value)> {
    let folders = ["envoy/istio", "envoy/envoy-gateway", "envoy/envoy-gateway/native"];
    let files = folders.into_iter().flat_map(|folder| files(folder, "yaml"));
    // Helm values and kustomizations, which aren't sent to an API server in this form.
    let files =
        files.filter(|file| !file.ends_with("/mesh-config.yaml") && !file.ends_with("/kustomization.yaml"));
    files
        .flat_map(|file| documents(&file).into_iter().map(move |document| (file.clone(), document)))
        .collect()
}

#[test]
fn every_custom_resource_is_what_its_schema_says() {
    let mut held = 0;
    for (file, manifest) in manifests() {
        if let Some(faults) = faults(&manifest) {
            assert!(faults.is_empty(), "{file}: {faults:#?}");
            held += 1;
        }
    }
    assert!(held >= 15, "{held}");
}

#[test]
fn a_wrong_manifest_is_found_out() {
    let plugin = document("envoy/istio/wasm-plugin.yaml");
    let extension = document("envoy/istio/traffic-extension.yaml");
    let policy = document("envoy/envoy-gateway/extension-policy.yaml");
    let proxy = document("envoy/envoy-gateway/envoy-proxy.yaml");
    let native_policy = document("envoy/envoy-gateway/native/extension-policy.yaml");
    let native_proxy = document("envoy/envoy-gateway/native/envoy-proxy.yaml");
    let guard = document("envoy/envoy-gateway/security-policy.yaml");
    for (manifest, place, value) in [
        (&guard, "/spec/authorization/defaultAction", json!("Refuse")),
        (&guard, "/spec/authorization/rules/0/cel", json!({ "expression": "true" })),
        (&guard, "/spec/authorization/rules/0", json!({ "cel": "true" })),
        (&native_policy, "/spec/dynamicModule/0/name", json!("envoy_cognito")),
        (&native_policy, "/spec/dynamicModule/0/filterName", json!(1)),
        (&native_proxy, "/spec/dynamicModules/0/source/type", json!("Image")),
        (&native_proxy, "/spec/dynamicModules/0/source/local", json!({ "libraryName": "x" })),
        (&native_proxy, "/spec/dynamicModules/0/source", Value::Null),
        (&plugin, "/spec/failStrategy", json!("FAIL_CLOSED")),
        (&plugin, "/spec/phase", json!("AUTHENTICATION")),
        (&plugin, "/spec/vmConfig/env/0/valueFrom", json!("SECRET")),
        (&plugin, "/spec/vmConfig/env/0", json!({ "valueFrom": "HOST" })),
        (&plugin, "/spec/url", Value::Null),
        (&extension, "/spec/phase", json!("UNSPECIFIED_PHASE")),
        (&extension, "/spec/wasm/failStrategy", json!("FAIL_CLOSED")),
        (&extension, "/spec/wasm/vmConfig/env/0/valueFrom", json!("SECRET")),
        (&extension, "/spec/wasm/url", Value::Null),
        (&extension, "/spec", plugin["spec"].clone()),
        (&policy, "/spec/wasm/0/code/type", json!("OCI")),
        (&policy, "/spec/wasm/0/env", json!({ "host_env_keys": ["A"] })),
        (&policy, "/spec/wasm/0/failOpen", json!("false")),
        (&policy, "/spec/targetRefs/0", json!({ "kind": "Gateway" })),
        (&proxy, "/spec/bootstrap/jsonPatches/0/op", json!("append")),
        (
            &proxy,
            "/spec/provider/kubernetes/envoyDeployment/container/env/0",
            json!({ "name": "A", "from": "B" }),
        ),
    ] {
        let mut wrong = manifest.clone();
        *wrong.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}")) = value;
        assert!(!faults(&wrong).unwrap().is_empty(), "{place}");
        assert!(faults(manifest).unwrap().is_empty(), "{place}");
    }
}

#[test]
fn what_is_kubernetes_own_has_its_form() {
    let mut seen = 0;
    for (file, manifest) in manifests() {
        let (version, kind) = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
        assert!(
            manifest["metadata"]["name"].is_string() && manifest["metadata"]["namespace"].is_string(),
            "{file}"
        );
        if schema_of(version, kind).is_some() {
            continue;
        }
        let keys: Vec<&String> = manifest.as_object().unwrap().keys().collect();
        match (version, kind) {
            ("v1", "Secret") => {
                assert_eq!(keys, ["apiVersion", "kind", "metadata", "stringData", "type"], "{file}");
                let values = manifest["stringData"].as_object().unwrap();
                // Nobody can run with a published secret by mistake.
                assert!(!values.is_empty() && values.values().all(|value| value == "change me"), "{file}");
            }
            ("apps/v1", "Deployment") => {
                assert_eq!(keys, ["apiVersion", "kind", "metadata", "spec"], "{file}");
                let containers = list(&manifest["spec"]["template"]["spec"]["containers"]);
                assert_eq!(containers[0]["name"], "istio-proxy", "{file}");
                assert_eq!(
                    containers[0].as_object().unwrap().len(),
                    2,
                    "a patch names nothing besides: {file}"
                );
            }
            _ => panic!("{file}: {version} {kind}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn nothing_fails_open() {
    assert_eq!(document("envoy/istio/wasm-plugin.yaml")["spec"]["failStrategy"], "FAIL_RELOAD");
    assert_eq!(document("envoy/istio/wasm-plugin.yaml")["spec"]["phase"], "AUTHN");
    assert_eq!(document("envoy/istio/traffic-extension.yaml")["spec"]["phase"], "AUTHN");
    assert_eq!(document("envoy/istio/traffic-extension.yaml")["spec"]["wasm"]["failStrategy"], "FAIL_RELOAD");
    let policy = document("envoy/envoy-gateway/extension-policy.yaml");
    assert_eq!(list(&policy["spec"]["wasm"])[0]["failOpen"], false);
    // Envoy Gateway has no setting that would hold requests back while a module is downloaded.
    let proxy = document("envoy/envoy-gateway/native/envoy-proxy.yaml");
    let source = &list(&proxy["spec"]["dynamicModules"])[0]["source"];
    assert!(source["type"] == "Local" && source["remote"].is_null(), "{source}");
    let guard = document("envoy/envoy-gateway/security-policy.yaml");
    assert_eq!(guard["spec"]["authorization"]["defaultAction"], "Deny");
    // All routes of the gateway: a route without the filter would let headers through that clients made up.
    assert_eq!(list(&policy["spec"]["targetRefs"])[0]["kind"], "Gateway");
    assert_eq!(guard["spec"]["targetRefs"], policy["spec"]["targetRefs"]);
}

#[test]
fn the_app_is_asked_for_identity_headers_in_forms_that_are_safe() {
    let policy = document("envoy/istio/authorization-policy.yaml");
    assert_eq!(policy["spec"]["action"], "ALLOW");
    let mut conditions = 0;
    for rule in list(&policy["spec"]["rules"]) {
        assert!(
            !list(&rule["from"][0]["source"]["principals"]).is_empty(),
            "the headers are the gateway's to give"
        );
        for condition in rule["when"].as_array().into_iter().flatten() {
            let (key, values) = (text(&condition["key"]), list(&condition["values"]));
            assert!(key.starts_with("request.headers[") && !key.contains("roles"), "{key}");
            let safe = |value: &Value| value == "*" || !text(value).contains('*');
            assert!(values.iter().all(safe), "{condition}");
            conditions += 1;
        }
    }
    assert_eq!(conditions, 1);
}

#[test]
fn the_parts_of_each_folder_fit_together() {
    let env = of_kind("envoy/istio/gateway-env.yaml", "Deployment");
    let secret = document("envoy/istio/secret.yaml");
    let plugin = document("envoy/istio/wasm-plugin.yaml");
    let telemetry = document("envoy/istio/telemetry.yaml");
    let namespace = &secret["metadata"]["namespace"];
    for (file, manifest) in manifests().iter().filter(|(file, _)| file.starts_with("envoy/istio/")) {
        let is_the_apps = file.ends_with("/authorization-policy.yaml");
        assert!(is_the_apps || manifest["metadata"]["namespace"] == *namespace, "{file}");
    }
    assert_eq!(plugin["spec"]["selector"], telemetry["spec"]["selector"]);
    let provider = &document("envoy/istio/mesh-config.yaml")["meshConfig"]["extensionProviders"][0];
    assert_eq!(telemetry["spec"]["accessLogging"][0]["providers"][0]["name"], provider["name"]);
    assert_from_secret(&env["spec"]["template"]["spec"]["containers"][0]["env"], &secret);

    let secret = document("envoy/envoy-gateway/secret.yaml");
    let proxy = document("envoy/envoy-gateway/envoy-proxy.yaml");
    assert_from_secret(
        &proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"]["env"],
        &secret,
    );
    let gateway = of_kind("envoy/envoy-gateway/gateway.yaml", "Gateway");
    let parameters = &gateway["spec"]["infrastructure"]["parametersRef"];
    assert_eq!((&parameters["kind"], &parameters["name"]), (&proxy["kind"], &proxy["metadata"]["name"]));
    assert_eq!(gateway["metadata"]["namespace"], proxy["metadata"]["namespace"]);
    let route = of_kind("envoy/envoy-gateway/gateway.yaml", "HTTPRoute");
    let policy = document("envoy/envoy-gateway/extension-policy.yaml");
    for target in [&route["spec"]["parentRefs"][0], &policy["spec"]["targetRefs"][0]] {
        assert_eq!(target["name"], gateway["metadata"]["name"]);
    }
    assert_eq!(
        route["spec"]["rules"][0]["matches"][0]["path"]["value"], "/",
        "the filter's own paths need a route"
    );
}

#[test]
fn the_traffic_extension_says_the_same_as_the_wasm_plugin() {
    let mut plugin = document("envoy/istio/wasm-plugin.yaml");
    let mut extension = document("envoy/istio/traffic-extension.yaml");
    assert_eq!(
        (plugin["kind"].take(), extension["kind"].take()),
        (json!("WasmPlugin"), json!("TrafficExtension"))
    );
    let wasm = extension["spec"].as_object_mut().unwrap().remove("wasm").unwrap();
    extension["spec"].as_object_mut().unwrap().extend(wasm.as_object().unwrap().clone());
    assert_eq!(plugin, extension);
}

#[test]
fn the_native_manifests_differ_in_the_module_alone() {
    let wasm = document("envoy/envoy-gateway/envoy-proxy.yaml");
    let mut native = document("envoy/envoy-gateway/native/envoy-proxy.yaml");
    let module = native["spec"].as_object_mut().unwrap().remove("dynamicModules").unwrap()[0].take();
    let envoys = &mut native["spec"]["provider"]["kubernetes"]["envoyDeployment"];
    let volume = envoys.as_object_mut().unwrap().remove("pod").unwrap()["volumes"][0].take();
    let mount = envoys["container"].as_object_mut().unwrap().remove("volumeMounts").unwrap()[0].take();
    assert_eq!(native, wasm);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(volume["image"]["reference"], format!("registry.example.com/envoy-cognito-native:{version}"));
    assert_eq!(volume["name"], mount["name"]);
    // The image's file, in the folder where the image is mounted.
    let path = format!("{}/libenvoy_cognito-{version}.so", text(&mount["mountPath"]));
    assert_eq!(module["source"]["local"]["path"], path);

    let mut wasm = document("envoy/envoy-gateway/extension-policy.yaml");
    let mut native = document("envoy/envoy-gateway/native/extension-policy.yaml");
    let filter = wasm["spec"].as_object_mut().unwrap().remove("wasm").unwrap()[0].take();
    let own = native["spec"].as_object_mut().unwrap().remove("dynamicModule").unwrap()[0].take();
    assert_eq!(native, wasm);
    assert_eq!((&own["config"], &own["name"]), (&filter["config"], &module["name"]));
}

/// Every variable comes from a key of the Secret, and every key is used for one.
#[track_caller]
fn assert_from_secret(env: &Value, secret: &Value) {
    let keys: Vec<&str> = secret["stringData"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut named: Vec<&str> = Vec::new();
    for variable in list(env) {
        let from = &variable["valueFrom"]["secretKeyRef"];
        assert_eq!(from["name"], secret["metadata"]["name"]);
        assert_eq!(from["key"], variable["name"]);
        named.push(text(&variable["name"]));
    }
    named.sort_unstable();
    assert_eq!(named, keys);
}

#[test]
fn every_access_log_says_all_that_the_filter_leaves_for_it() {
    let labels = &document("envoy/istio/mesh-config.yaml")["meshConfig"]["extensionProviders"][0]["envoyFileAccessLog"]
        ["logFormat"]["labels"];
    let proxy = document("envoy/envoy-gateway/envoy-proxy.yaml");
    let json = &proxy["spec"]["telemetry"]["accessLog"]["settings"][0]["format"]["json"];
    assert_eq!(labels, json);
    let listener = document("envoy/envoy.yaml")["static_resources"]["listeners"][0].take();
    let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(labels, &manager["access_log"][0]["typed_config"]["log_format"]["json_format"]);
    let described = read("docs/operations.md");
    let states = described.matches("| `%FILTER_STATE(").count();
    assert!(states >= 5, "{states}");
    for line in described.lines().filter_map(|line| line.strip_prefix("| `%FILTER_STATE(")) {
        let state = format!("%FILTER_STATE({}", line.split('`').next().unwrap());
        assert!(labels.as_object().unwrap().values().any(|label| *label == state), "{state}");
    }
    assert_eq!(labels["path"], "%PATH(NQ)%", "a query may hold an authorization code");
}
