//! The Helm chart.

use std::fs;

use rig::Scratch;
use serde_json::{Value, json};

use crate::chart_values::{bad_values, merged};
use crate::files::{self, document, files, list, read, root, text};
use crate::rendered::{assert_valid, checked, documents, of, printed, run, warnings};

const CHART: &str = "envoy/helm";
const ISTIO: &str = "envoy/helm/ci/istio-values.yaml";
const ENVOY_GATEWAY: &str = "envoy/helm/ci/envoy-gateway-values.yaml";

/// A file with the values of `file`, changed by `values`.
fn values(file: &str, values: &Value) -> (Scratch, String) {
    let scratch = Scratch::new().unwrap();
    let path = scratch.path().join("values.yaml");
    fs::write(&path, merged(document(file), values).to_string()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (scratch, path)
}

fn arguments<'a>(namespace: &'a str, file: &'a str) -> [&'a str; 7] {
    ["template", "envoy-cognito", CHART, "--namespace", namespace, "--values", file]
}

#[track_caller]
fn rendered(namespace: &str, file: &str, changes: &Value) -> Vec<Value> {
    let (_scratch, file) = values(file, changes);
    let rendered = documents(&printed("HELM", &arguments(namespace, &file)));
    assert_valid(&rendered);
    for document in &rendered {
        assert_eq!(
            document["metadata"]["labels"]["app.kubernetes.io/instance"], "envoy-cognito",
            "{document}"
        );
    }
    rendered
}

/// Renders with changes that can't be rendered, and returns what Helm says.
#[track_caller]
fn refused(file: &str, changes: &Value) -> String {
    let (_scratch, file) = values(file, changes);
    let output = run("HELM", &arguments("app", &file));
    assert!(!output.status.success(), "{changes}");
    String::from_utf8(output.stderr).unwrap()
}

/// The filter's settings in the manifests that the chart doesn't set itself.
fn settings() -> Value {
    let config = &document("envoy/istio/wasm-plugin.yaml")["spec"]["pluginConfig"];
    json!({ "config": { "public_url": config["public_url"], "rules": config["rules"] } })
}

#[test]
fn for_istio_it_renders_what_the_manifests_say() {
    let rendered = rendered("istio-ingress", ISTIO, &settings());
    let mut plugin = document("envoy/istio/wasm-plugin.yaml");
    let own = of(&rendered, "WasmPlugin", Some("envoy-cognito"));
    // The chart lists variables by their names.
    sort_by_name(&mut plugin["spec"]["vmConfig"]["env"]);
    assert_eq!(
        (&own["spec"], &own["metadata"]["namespace"]),
        (&plugin["spec"], &plugin["metadata"]["namespace"])
    );
    for host in files::documents("envoy/istio/cognito-hosts.yaml") {
        let name = text(&host["metadata"]["name"]).replace("cognito-", "envoy-cognito-");
        assert_eq!(of(&rendered, text(&host["kind"]), Some(&name))["spec"], host["spec"]);
    }
    assert_eq!(rendered.len(), 5);
    assert_eq!(warnings(&rendered), [""; 0]);
}

fn sort_by_name(variables: &mut Value) {
    variables.as_array_mut().unwrap().sort_by_key(|variable| text(&variable["name"]).to_owned());
}

#[test]
fn for_envoy_gateway_it_renders_what_the_manifests_say() {
    for (native, folder) in [(false, "envoy/envoy-gateway"), (true, "envoy/envoy-gateway/native")] {
        let image = if native {
            "registry.example.com/envoy-cognito-native"
        } else {
            "registry.example.com/envoy-cognito"
        };
        let own = json!({ "image": { "repository": image }, "envoyGateway": { "native": native } });
        let rendered = rendered("app", ENVOY_GATEWAY, &merged(settings(), &own));
        let mut policy = document(&format!("{folder}/extension-policy.yaml"));
        if !native {
            policy["spec"]["wasm"][0]["env"]["hostKeys"]
                .as_array_mut()
                .unwrap()
                .sort_by_key(|name| text(name).to_owned());
        }
        assert_eq!(
            of(&rendered, "EnvoyExtensionPolicy", Some("envoy-cognito"))["spec"],
            policy["spec"],
            "{folder}"
        );
        let mut proxy = document(&format!("{folder}/envoy-proxy.yaml"));
        sort_by_name(&mut proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["container"]["env"]);
        assert_eq!(of(&rendered, "EnvoyProxy", Some("envoy-cognito"))["spec"], proxy["spec"], "{folder}");
        let guard = document("envoy/envoy-gateway/security-policy.yaml");
        assert_eq!(of(&rendered, "SecurityPolicy", Some("envoy-cognito"))["spec"], guard["spec"], "{folder}");
        assert_eq!(rendered.len(), 3);
        assert_eq!(warnings(&rendered), [""; 0], "{folder}");
    }
}

#[test]
fn a_traffic_extension_has_what_a_wasm_plugin_has() {
    let plugin = rendered("istio-ingress", ISTIO, &json!({}));
    let extension =
        rendered("istio-ingress", ISTIO, &json!({ "istio": { "kind": "TrafficExtension", "priority": 7 } }));
    let mut spec = of(&plugin, "WasmPlugin", None)["spec"].clone();
    let mut own = of(&extension, "TrafficExtension", None)["spec"].clone();
    assert_eq!(own["priority"].take(), 7);
    let outer = ["selector", "phase"].map(|name| (own[name].take(), spec[name].take()));
    assert!(outer.iter().all(|(own, other)| own == other && !own.is_null()), "{outer:?}");
    spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!(own["wasm"], spec);
}

#[test]
fn a_gateway_of_the_gateway_api_gets_its_variables_by_a_config_map() {
    let changes = json!({ "istio": { "gateway": "app" }, "secret": { "name": "sign-in", "keys": { "SESSION_KEY": "key" } } });
    let rendered = rendered("app", ISTIO, &changes);
    let spec = &of(&rendered, "WasmPlugin", None)["spec"];
    assert!(spec["selector"].is_null(), "{spec}");
    assert_eq!(
        spec["targetRefs"],
        json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "app" }])
    );
    let map = of(&rendered, "ConfigMap", Some("envoy-cognito-gateway"));
    let deployment = documents(text(&map["data"]["deployment"])).remove(0);
    // The same as the patch of a Deployment, except for what this test changes.
    let patch = read("envoy/istio/gateway-env.yaml")
        .replace("name: envoy-cognito, key: SESSION_KEY", "name: envoy-cognito, key: key");
    let mut patch = documents(&patch.replace("{ name: envoy-cognito,", "{ name: sign-in,")).remove(0);
    sort_by_name(&mut patch["spec"]["template"]["spec"]["containers"][0]["env"]);
    assert_eq!(deployment, json!({ "spec": patch["spec"] }));
}

#[test]
fn only_variables_of_the_configuration_are_asked_for() {
    let public = json!({ "config": { "client_secret": null, "client_id": "2jvuq8gkhfoh7u4fdfihiditj5", "headers": { "claims": { "x-a": "custom:$${b}" } } } });
    // Helm itself removes what is null, so the file must say it.
    let (_scratch, _) = values(ISTIO, &json!({}));
    let scratch = Scratch::new().unwrap();
    let file = scratch.path().join("values.yaml");
    let mut all = document(ISTIO);
    for (name, value) in public["config"].as_object().unwrap() {
        all["config"][name.as_str()] = value.clone();
    }
    fs::write(&file, all.to_string()).unwrap();
    let rendered = documents(&printed("HELM", &arguments("istio-ingress", file.to_str().unwrap())));
    let spec = &of(&rendered, "WasmPlugin", None)["spec"];
    let named: Vec<_> =
        list(&spec["vmConfig"]["env"]).iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(named, ["COGNITO_USER_POOL_ID", "SESSION_KEY"]);
    assert!(spec["pluginConfig"].get("client_secret").is_none(), "{spec}");
    assert_eq!(spec["pluginConfig"]["headers"]["claims"]["x-a"], "custom:$${b}");
    checked(&rendered);
}

#[test]
fn several_pools_have_their_clusters_and_share_hosts() {
    let pool = |name: &str, region: &str| {
        let prefix = name.to_uppercase();
        json!({
            "name": name, "label": name, "hosts": [format!("{name}.example.com")],
            "user_pool_id": format!("${{{prefix}_POOL_ID}}"), "client_id": format!("${{{prefix}_CLIENT_ID}}"),
            "domain": format!("{name}.auth.{region}.amazoncognito.com"),
        })
    };
    let pools = json!([pool("us", "us-east-1"), pool("de", "eu-central-1"), pool("at", "eu-central-1")]);
    for (file, names) in [
        (
            ISTIO,
            [
                "outbound|443||us.auth.us-east-1.amazoncognito.com",
                "outbound|443||cognito-idp.eu-central-1.amazonaws.com",
            ],
        ),
        (ENVOY_GATEWAY, ["cognito_us_domain", "cognito_de_idp"]),
    ] {
        let mut all = document(file);
        all["config"] =
            json!({ "pools": pools, "user_pool_id": null, "client_id": null, "client_secret": null });
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().join("values.yaml");
        fs::write(&path, all.to_string()).unwrap();
        let rendered = documents(&printed("HELM", &arguments("gateways", path.to_str().unwrap())));
        assert_valid(&rendered);
        assert_eq!(warnings(&rendered), [""; 0], "{file}");
        let config = rendered
            .iter()
            .find_map(|one| one["spec"].get("pluginConfig").or_else(|| one.pointer("/spec/wasm/0/config")));
        let config = config.unwrap();
        assert!(config.get("clusters").is_none(), "{config}");
        assert_eq!(
            (text(&config["pools"][0]["clusters"]["domain"]), text(&config["pools"][2]["clusters"]["idp"])),
            names.into()
        );
        let hosts = match file {
            ISTIO => rendered.iter().filter(|one| one["kind"] == "ServiceEntry").count(),
            _ => list(&of(&rendered, "EnvoyProxy", None)["spec"]["bootstrap"]["jsonPatches"]).len(),
        };
        assert_eq!(hosts, 5, "three domains and two Regions");
    }
}

#[test]
fn other_hosts_have_clusters_too() {
    let changes = json!({
        "hosts": { "idp": "issuer-cognito-idp.us-east-1.amazonaws.com", "api": "cognito-idp.us-east-1.amazonaws.com" },
        "extraClusters": { "revocations": "sessions.example.com" },
        "config": {
            "domain": "auth.example.com", "user_pool_id": "us-east-1_UFeMzbuJe",
            "endpoints": { "jwks": "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe/.well-known/jwks.json" },
            "revocations": { "cluster": "revocations", "path": "/list.json" },
        },
    });
    let rendered = rendered("app", ENVOY_GATEWAY, &changes);
    let patches = &of(&rendered, "EnvoyProxy", None)["spec"]["bootstrap"]["jsonPatches"];
    let names: Vec<_> = list(patches).iter().map(|patch| text(&patch["value"]["name"])).collect();
    assert_eq!(names, ["cognito_domain", "cognito_idp", "cognito_api", "revocations"]);
    let config = &of(&rendered, "EnvoyExtensionPolicy", None)["spec"]["wasm"][0]["config"];
    assert_eq!(
        config["clusters"],
        json!({ "domain": "cognito_domain", "idp": "cognito_idp", "api": "cognito_api" })
    );
    assert_eq!(warnings(&rendered), [""; 0]);
}

/// Envoy Gateway's clusters have the names that the configuration uses. Istio's are named after their hosts, of which each
/// may only be registered once.
#[test]
fn clusters_of_one_host_exist_under_each_name_that_is_used() {
    let host = "cognito-idp.us-east-1.amazonaws.com";
    let changes = json!({ "extraClusters": { "first": host, "second": "other.example.com", "third": "other.example.com" } });
    let gateway = rendered("app", ENVOY_GATEWAY, &changes);
    let patches = &of(&gateway, "EnvoyProxy", None)["spec"]["bootstrap"]["jsonPatches"];
    let names: Vec<_> = list(patches).iter().map(|patch| text(&patch["value"]["name"])).collect();
    assert_eq!(names, ["cognito_domain", "cognito_idp", "first", "second", "third"]);
    let istio = rendered("istio-ingress", ISTIO, &changes);
    let entries = istio.iter().filter(|document| document["kind"] == "ServiceEntry");
    let hosts: Vec<_> = entries.map(|entry| text(&entry["spec"]["hosts"][0])).collect();
    assert_eq!(hosts, ["myapp.auth.us-east-1.amazoncognito.com", host, "other.example.com"]);
}

#[test]
fn the_region_must_be_known() {
    let custom = json!({ "config": { "domain": "auth.example.com" } });
    let said = refused(ISTIO, &custom);
    assert!(
        said.contains("region: is needed, because neither domain (\"auth.example.com\") nor user_pool_id"),
        "{said}"
    );
    let told = rendered("app", ISTIO, &merged(custom, &json!({ "region": "eu-west-1" })));
    of(&told, "ServiceEntry", Some("envoy-cognito-idp"));
    assert!(told.iter().any(|one| one["spec"]["hosts"][0] == "cognito-idp.eu-west-1.amazonaws.com"));
    let said = refused(ISTIO, &json!({ "config": { "domain": "${COGNITO_DOMAIN}" } }));
    assert!(said.contains("config.domain: must be a host name"), "{said}");
}

#[test]
fn digests_secrets_and_names_are_used() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let changes = json!({
        "image": { "digest": digest, "tag": "unused", "pullSecret": "registry" },
        "fullnameOverride": "sign-in", "envoyGateway": { "accessLog": false },
    });
    let gateway = rendered("app", ENVOY_GATEWAY, &changes);
    let image = &of(&gateway, "EnvoyExtensionPolicy", Some("sign-in"))["spec"]["wasm"][0]["code"]["image"];
    assert_eq!(
        *image,
        json!({ "url": format!("registry.example.com/envoy-cognito@{digest}"), "pullSecretRef": { "name": "registry" } })
    );
    assert!(of(&gateway, "EnvoyProxy", Some("sign-in"))["spec"]["telemetry"].is_null());
    let istio = rendered("app", ISTIO, &json!({ "image": { "tag": "1.2.3", "pullSecret": "registry" } }));
    let spec = &of(&istio, "WasmPlugin", None)["spec"];
    assert_eq!(
        (&spec["url"], &spec["imagePullSecret"]),
        (&json!("oci://registry.example.com/envoy-cognito:1.2.3"), &json!("registry"))
    );
    let own =
        rendered("app", ENVOY_GATEWAY, &json!({ "envoyGateway": { "envoyProxy": false, "guard": false } }));
    assert_eq!(own.len(), 1);
}

#[test]
fn it_can_bring_the_dashboard_and_the_alerts() {
    let changes = json!({
        "dashboard": { "enabled": true, "namespace": "monitoring", "annotations": { "grafana_folder": "Gateways" } },
        "prometheusRule": { "enabled": true, "labels": { "release": "kube-prometheus-stack" } },
    });
    let rendered = rendered("istio-ingress", ISTIO, &changes);
    let map = of(&rendered, "ConfigMap", Some("envoy-cognito-dashboard"));
    assert_eq!(
        (&map["metadata"]["namespace"], &map["metadata"]["labels"]["grafana_dashboard"]),
        (&json!("monitoring"), &json!("1"))
    );
    assert_eq!(map["metadata"]["annotations"], json!({ "grafana_folder": "Gateways" }));
    let dashboard: Value = serde_json::from_str(text(&map["data"]["envoy-cognito.json"])).unwrap();
    assert_eq!(dashboard, serde_json::from_str::<Value>(&read("envoy/grafana/dashboard.json")).unwrap());
    let rules = of(&rendered, "PrometheusRule", None);
    assert_eq!(rules["spec"], document("envoy/grafana/rules.yaml"));
    assert_eq!(
        (&rules["metadata"]["namespace"], &rules["metadata"]["labels"]["release"]),
        (&json!("istio-ingress"), &json!("kube-prometheus-stack"))
    );
}

#[test]
fn bad_values_are_refused_with_a_clear_message() {
    for (bad, place, message) in bad_values() {
        let said = refused(ENVOY_GATEWAY, &bad);
        let clear = said.contains(&format!("at '{place}'")) && said.contains(message);
        assert!(clear || in_other_words(&said, place), "{bad}: {said}");
    }
    // Without any values, it says what is needed.
    let output = run("HELM", &["template", "x", CHART]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    for place in ["/platform", "/image/repository"] {
        assert!(said.contains(&format!("at '{place}'")) || in_other_words(&said, place), "{said}");
    }
}

/// Helm 3.18.0 says it differently: `image.repository: …`.
fn in_other_words(said: &str, place: &str) -> bool {
    let place = place.trim_start_matches('/').replace('/', ".");
    let place = if place.is_empty() { "(root)" } else { &place };
    is_helm_3() && said.contains(&format!("\n- {place}: "))
}

fn is_helm_3() -> bool {
    printed("HELM", &["version", "--short"]).starts_with("v3.")
}

#[test]
fn helm_lint_finds_nothing() {
    for file in files("envoy/helm/ci", "yaml") {
        let said = printed("HELM", &["lint", "--strict", CHART, "--values", &file]);
        assert!(said.contains("1 chart(s) linted, 0 chart(s) failed"), "{said}");
        assert!(!said.contains("[WARNING]") && !said.contains("[ERROR]"), "{said}");
    }
}

#[test]
fn the_notes_say_what_is_left_to_do() {
    if is_helm_3() {
        println!("skipped: without a cluster, only Helm 4 prints them");
        return;
    }
    for (file, changes, wanted) in [
        (ISTIO, json!({}), "envVarFrom:\n    - name: COGNITO_CLIENT_ID"),
        (
            ENVOY_GATEWAY,
            json!({}),
            "parametersRef: { group: gateway.envoyproxy.io, kind: EnvoyProxy, name: envoy-cognito }",
        ),
        (
            ENVOY_GATEWAY,
            json!({ "envoyGateway": { "envoyProxy": false } }),
            "The EnvoyProxy of the Gateway app needs the filter's variables and clusters",
        ),
    ] {
        let (_scratch, path) = values(file, &merged(settings(), &changes));
        let said = printed(
            "HELM",
            &["install", "envoy-cognito", CHART, "--dry-run=client", "--namespace", "app", "--values", &path],
        );
        let notes = said.split("NOTES:").nth(1).unwrap();
        assert!(notes.contains(wanted), "{notes}");
        assert!(
            notes.contains("https://app.example.com/.auth/callback")
                && notes.contains("https://app.example.com/.auth/signed-out"),
            "{notes}"
        );
    }
}

#[test]
fn the_archive_of_a_release_renders_the_same() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().to_str().unwrap();
    let made = std::process::Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["run", "--locked", "--quiet", "--package", "xtask", "--", "chart", folder])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let archive = format!("{folder}/envoy-cognito-chart-{}.tgz", env!("CARGO_PKG_VERSION"));
    let with = |chart: &str| {
        printed(
            "HELM",
            &[
                "template",
                "envoy-cognito",
                chart,
                "--values",
                ISTIO,
                "--set",
                "dashboard.enabled=true,prometheusRule.enabled=true",
            ],
        )
    };
    assert_eq!(with(&archive), with(CHART));
    let shown = printed("HELM", &["show", "chart", &archive]);
    assert!(
        shown.contains("name: envoy-cognito")
            && shown.contains(concat!("version: ", env!("CARGO_PKG_VERSION"))),
        "{shown}"
    );
    assert_eq!(printed("HELM", &["show", "values", &archive]).trim(), read("envoy/helm/values.yaml").trim());
}
