//! The kustomizations.

use std::fs;

use rig::Scratch;
use serde_json::Value;

use crate::files::{self, files, list, read, root, text};
use crate::rendered::{assert_valid, documents, of, printed, warnings};

const FOLDERS: [&str; 2] = ["envoy/istio", "envoy/envoy-gateway"];

fn build(folder: &str) -> Vec<Value> {
    documents(&printed("KUSTOMIZE", &["build", folder]))
}

/// What tells a document from the others.
fn key(document: &Value) -> String {
    format!("{} {}", document["kind"], document["metadata"]["name"])
}

#[test]
fn they_build_what_the_manifests_say() {
    for folder in FOLDERS {
        let mut built = build(folder);
        let kustomization = files::document(&format!("{folder}/kustomization.yaml"));
        let resources = list(&kustomization["resources"]).iter();
        let mut written: Vec<_> =
            resources.flat_map(|file| files::documents(&format!("{folder}/{}", text(file)))).collect();
        built.sort_by_key(key);
        written.sort_by_key(key);
        assert_eq!(built, written, "{folder}");
        assert_valid(&built);
        assert_eq!(warnings(&built), [""; 0], "{folder}");
    }
}

#[test]
fn their_settings_reach_every_place() {
    for folder in FOLDERS {
        let scratch = Scratch::new().unwrap();
        for file in files(folder, "yaml") {
            let name = file.rsplit('/').next().unwrap();
            let mut content = read(&file);
            if name == "kustomization.yaml" {
                for (from, to) in [
                    ("=myapp.auth.us-east-1.amazoncognito.com", "=auth.example.org"),
                    ("=cognito-idp.us-east-1.amazonaws.com", "=cognito-idp.eu-west-1.amazonaws.com"),
                    ("=https://app.example.com", "=https://www.example.org"),
                    ("=app.example.com", "=www.example.org"),
                    ("registry.example.com/envoy-cognito:", "registry.example.org/other:"),
                ] {
                    assert!(content.contains(from) || from == "=app.example.com", "{folder}: {from}");
                    content = content.replace(from, to);
                }
            }
            fs::write(scratch.path().join(name), content).unwrap();
        }
        let built = build(scratch.path().to_str().unwrap());
        let all = built.iter().map(ToString::to_string).collect::<String>();
        for old in ["amazoncognito.com", "us-east-1.amazonaws", "app.example.com", "registry.example.com"] {
            assert!(!all.contains(old), "{folder}: {old}");
        }
        assert_valid(&built);
        assert_eq!(warnings(&built), [""; 0], "{folder}");
    }
}

#[test]
fn an_overlay_can_add_rules_and_another_image() {
    let scratch = Scratch::new().unwrap();
    let base = root().join("envoy/istio").canonicalize().unwrap();
    // kustomize takes no absolute paths to folders.
    let up = "../".repeat(scratch.path().canonicalize().unwrap().components().count() - 1);
    let overlay = format!(
        "resources: [\"{up}{}\"]
patches:
  - patch: |
      apiVersion: extensions.istio.io/v1alpha1
      kind: WasmPlugin
      metadata: {{ name: envoy-cognito, namespace: istio-ingress }}
      spec:
        pluginConfig:
          rules: [{{ path: \"/**\", roles_any: [staff] }}]
",
        base.display().to_string().trim_start_matches('/')
    );
    fs::write(scratch.path().join("kustomization.yaml"), overlay).unwrap();
    let built = build(scratch.path().to_str().unwrap());
    let plugin = of(&built, "WasmPlugin", None);
    assert_eq!(
        plugin["spec"]["pluginConfig"]["rules"],
        serde_json::json!([{ "path": "/**", "roles_any": ["staff"] }])
    );
    assert_eq!(plugin["spec"]["pluginConfig"]["session"]["keys"][0], "${SESSION_KEY}");
    assert_eq!(warnings(&built), [""; 0]);
}

#[test]
fn the_dashboard_is_in_a_config_map_that_the_sidecar_finds() {
    let built = build("envoy/grafana");
    assert_valid(&built);
    assert_eq!(built.len(), 2);
    let map = of(&built, "ConfigMap", Some("envoy-cognito-dashboard"));
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(text(&map["data"]["envoy-cognito.json"]), read("envoy/grafana/dashboard.json"));
    assert_eq!(*of(&built, "PrometheusRule", None), files::document("envoy/grafana/prometheus-rule.yaml"));
}
