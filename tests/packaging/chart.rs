//! The Helm chart, as far as it can be tested without Helm. `tests/charts` renders it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::files::{document, files, read, root, text};
use crate::schemas::faults;

#[path = "../shared/chart_values.rs"]
mod chart_values;

use chart_values::{bad_values, merged};

const CHART: &str = "envoy/helm";

fn schema() -> Value {
    serde_json::from_str(&read("envoy/helm/values.schema.json")).unwrap()
}

/// The chart's values with those of a file.
fn values(file: &str) -> Value {
    merged(document("envoy/helm/values.yaml"), &document(file))
}

/// Compares a file with what it must have, or makes it so if `UPDATE` is set.
#[track_caller]
fn assert_is_copy(file: &str, content: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join(file), content).unwrap();
    }
    assert!(read(file) == content, "{file} is out of date: UPDATE=1 cargo test --test packaging chart");
}

/// Helm reads no files outside of the chart.
#[test]
fn the_chart_has_the_dashboard_and_the_alerts() {
    for name in ["dashboard.json", "rules.yaml"] {
        assert_is_copy(&format!("{CHART}/files/{name}"), &read(&format!("envoy/grafana/{name}")));
    }
}

/// Helm's regular expressions are Go's, which have no lookaheads, and a pattern with one makes Helm refuse the whole
/// schema. The filter itself checks what these patterns say.
fn remove_lookaheads(schema: &mut Value) -> usize {
    let mut removed = 0;
    if let Some(object) = schema.as_object_mut() {
        if object.get("pattern").and_then(Value::as_str).is_some_and(|pattern| pattern.contains("(?!")) {
            object.remove("pattern");
            removed += 1;
        }
        removed += object.values_mut().map(remove_lookaheads).sum::<usize>();
    }
    removed + schema.as_array_mut().into_iter().flatten().map(remove_lookaheads).sum::<usize>()
}

#[test]
fn the_schema_of_the_values_has_the_filters_own_for_its_configuration() {
    let text = read("envoy/helm/values.schema.json");
    let mut own: Value = serde_json::from_str(&read("docs/configuration.schema.json")).unwrap();
    own.as_object_mut().unwrap().remove("$schema").unwrap();
    assert!(remove_lookaheads(&mut own) > 0);
    // A line of its own, so that the rest stays as it was written by hand.
    let is_line = |line: &&str| {
        line.trim_start()
            .starts_with("{\"additionalProperties\":false,\"description\":\"The configuration of")
    };
    let line = text.lines().find(is_line).expect("the line");
    let indent = &line[..line.len() - line.trim_start().len()];
    assert_is_copy("envoy/helm/values.schema.json", &text.replace(line, &format!("{indent}{own}")));
}

#[test]
fn the_smallest_values_of_both_platforms_are_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let smallest = files("envoy/helm/ci", "yaml");
    assert_eq!(smallest.len(), 2);
    for file in smallest {
        let faults: Vec<_> = validator.iter_errors(&values(&file)).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{file}: {faults:#?}");
    }
    // What must be set has no default that would seem to work.
    assert!(!validator.is_valid(&document("envoy/helm/values.yaml")));
}

#[test]
fn bad_values_are_refused_where_they_are() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let good = values("envoy/helm/ci/envoy-gateway-values.yaml");
    for (bad, place, _) in bad_values() {
        let faults: BTreeSet<_> = validator
            .iter_errors(&merged(good.clone(), &bad))
            .map(|error| error.instance_path().to_string())
            .collect();
        assert!(faults.contains(place), "{bad}: {faults:?}");
    }
}

/// The paths of all values. What a user fills freely has no paths below it.
fn paths(value: &Value, of: &str, found: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{of}{name}");
        if path != "config" && path != "istio.selector" && !path.ends_with(".labels") {
            paths(value, &format!("{path}."), found);
        }
        found.insert(path);
    }
}

fn paths_of_schema(schema: &Value, of: &str, found: &mut BTreeSet<String>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{of}{name}");
        paths_of_schema(schema, &format!("{path}."), found);
        found.insert(path);
    }
}

#[test]
fn every_value_is_in_the_schema_and_has_a_comment() {
    let (mut values, mut schemas) = (BTreeSet::new(), BTreeSet::new());
    paths(&document("envoy/helm/values.yaml"), "", &mut values);
    paths_of_schema(&schema(), "", &mut schemas);
    // Helm's own.
    schemas.remove("global");
    assert_eq!(values, schemas);
    let (text, mut block, mut before) = (read("envoy/helm/values.yaml"), String::new(), "");
    let mut described = BTreeSet::new();
    for line in text.lines() {
        if let Some((name, rest)) =
            line.split_once(':').filter(|(name, _)| !name.trim_start().starts_with(['#', '-']))
        {
            let path =
                if name.starts_with(' ') { format!("{block}.{}", name.trim()) } else { name.to_owned() };
            if !name.starts_with(' ') && rest.is_empty() {
                block = name.to_owned();
            }
            if before.trim_start().starts_with("# ") {
                described.insert(path);
            }
        }
        before = line;
    }
    assert_eq!(described, values);
}

#[test]
fn the_chart_is_of_this_version() {
    let chart = document("envoy/helm/Chart.yaml");
    assert_eq!(
        (text(&chart["version"]), text(&chart["appVersion"])),
        (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(chart["apiVersion"], "v2");
}

#[test]
fn the_prometheus_rule_is_what_its_schema_says() {
    let mut rule = document("envoy/grafana/prometheus-rule.yaml");
    assert_eq!(faults(&rule), Some(Vec::new()));
    rule["spec"]["groups"][0]["rules"][0]["for"] = json!("five minutes");
    assert!(!faults(&rule).unwrap().is_empty());
}

/// A kustomization names what is there.
#[test]
fn kustomizations_name_files_that_are_there() {
    for folder in ["envoy/istio", "envoy/envoy-gateway", "envoy/grafana"] {
        let kustomization = document(&format!("{folder}/kustomization.yaml"));
        for file in kustomization["resources"].as_array().unwrap() {
            assert!(root().join(folder).join(text(file)).is_file(), "{folder}: {file}");
        }
        // Secrets are made elsewhere: this one has no values.
        assert!(!kustomization["resources"].as_array().unwrap().contains(&json!("secret.yaml")), "{folder}");
    }
}
