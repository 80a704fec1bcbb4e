//! The dashboard for Grafana and the rules for Prometheus: they ask for what a real Envoy exports, and the rules are
//! the alerts of the documentation.

use std::collections::BTreeSet;
use std::path::Path;

use promql_parser::parser::VectorSelector;
use rig::eventually;
use serde_json::Value;

use crate::alerts::promql::selectors;
use crate::alerts::{PAGE, Watched, expressions};
use crate::world::pass_on_metrics;

fn read(file: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../envoy/grafana")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("dashboard.json")).expect("JSON")
}

/// The rules of a file, which has one group.
fn rules() -> Vec<Value> {
    let document: Value = yaml_serde::from_str(&read("rules.yaml")).expect("YAML");
    list(&document["groups"][0]["rules"]).to_vec()
}

/// The panels with queries. The others are the headings of rows.
fn panels() -> Vec<Value> {
    let mut panels = list(&dashboard()["panels"]).to_vec();
    panels.retain(|panel| panel["type"] != "row");
    panels
}

/// The queries of the dashboard, with a value in the place of each of Grafana's variables.
fn queries() -> Vec<String> {
    let targets = panels().into_iter().flat_map(|panel| list(&panel["targets"]).to_vec());
    let mut found: Vec<String> = targets.map(|target| text(&target["expr"])).collect();
    // `All` in both lists.
    for (name, value) in
        [("$__rate_interval", "1m"), ("$__range", "3h"), ("$namespace", ".*"), ("$instance", ".*")]
    {
        found.iter_mut().for_each(|query| *query = query.replace(name, value));
    }
    found
}

#[test]
fn the_rules_are_the_alerts_of_the_documentation() {
    let (rules, alerts) = (rules(), expressions(PAGE));
    let own: BTreeSet<String> = rules.iter().map(|rule| text(&rule["expr"])).collect();
    assert_eq!(own, alerts.into_iter().collect());
    let names: BTreeSet<String> = rules.iter().map(|rule| text(&rule["alert"])).collect();
    assert!(names.len() == rules.len() && names.iter().all(|name| name.starts_with("EnvoyCognito")));
    let page = std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(PAGE));
    let page = page.expect("the page");
    for rule in rules {
        assert!(["critical", "warning"].contains(&text(&rule["labels"]["severity"]).as_str()), "{rule}");
        // The table has the same words for it.
        let summary = text(&rule["annotations"]["summary"]);
        assert!(page.to_lowercase().contains(&format!("\n| {} | `", summary.to_lowercase())), "{summary}");
        assert!(!text(&rule["annotations"]["description"]).is_empty(), "{rule}");
    }
}

#[test]
fn the_operator_and_prometheus_get_the_same_rules() {
    let plain: Value = yaml_serde::from_str(&read("rules.yaml")).expect("YAML");
    let resource: Value = yaml_serde::from_str(&read("prometheus-rule.yaml")).expect("YAML");
    assert_eq!(resource["spec"], plain);
}

#[test]
fn every_query_of_dashboard_and_rules_matches_a_series_of_a_real_envoy() {
    let watched = Watched::new();
    // What has a reason in its name exists after its first event.
    drop(watched.sign_in(0, 200));
    watched.refused("authorization", "Bearer x");
    watched.refused("cookie", "__Host-auth=bent");
    let rules = rules().into_iter().map(|rule| text(&rule["expr"]));
    // Prometheus itself makes the series ALERTS, while an alert fires.
    let wanted: Vec<VectorSelector> = queries()
        .into_iter()
        .chain(rules)
        .flat_map(|query| selectors(&query))
        .filter(|selector| selector.name.as_deref() != Some("ALERTS"))
        .collect();
    assert!(wanted.len() >= 45, "{}", wanted.len());
    let missing = || {
        watched.ports[..3].iter().for_each(|port| pass_on_metrics(([127, 0, 0, 1], *port).into()));
        let scrape = watched.scrape();
        wanted.iter().filter(|selector| !scrape.has(selector)).map(ToString::to_string).collect::<Vec<_>>()
    };
    let complete = eventually(rig::PATIENCE, || missing().is_empty().then_some(()));
    assert!(complete.is_some(), "{:#?}\n{}", missing(), watched.envoy.log());
}

#[test]
fn every_metric_of_the_documentation_is_on_the_dashboard() {
    let page = std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(PAGE));
    let page = page.expect("the page");
    let table = page.split("| metric | kind | counts |").nth(1).and_then(|rest| rest.split("\n\n").next());
    let rows = table.expect("the table").lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| row.split(" |").next().unwrap_or_default().split('`').step_by(2));
    let (queries, mut count) = (queries().join("\n"), 0);
    for name in names.filter(|name| name.starts_with("envoy_cognito.")) {
        let series = name.replace('.', "_");
        // A query for all reasons has the names' beginning.
        let family = ["<reason>", "not_opened", "signed_out", "revoked"]
            .iter()
            .find_map(|reason| series.strip_suffix(reason))
            .filter(|family| queries.contains(&format!("\"{family}.+\"")));
        assert!(
            family.is_some()
                || queries.contains(&format!("{series}{{"))
                || queries.contains(&format!("{series}_bucket{{")),
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn the_dashboard_is_one_that_grafana_can_import_anywhere() {
    let dashboard = dashboard();
    assert_eq!((&dashboard["uid"], &dashboard["id"]), (&"envoy-cognito".into(), &Value::Null));
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 41));
    let variables = list(&dashboard["templating"]["list"]);
    let names: Vec<String> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "namespace", "instance"]);
    assert_eq!((&variables[0]["type"], &variables[0]["query"]), (&"datasource".into(), &"prometheus".into()));
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64()), "two panels have one id: {panel}");
        let side = |name: &str| panel["gridPos"][name].as_u64().expect(name);
        assert!(side("x") + side("w") <= 24, "{panel}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "two panels overlap: {panel}");
            }
        }
    }
    for panel in panels() {
        let title = text(&panel["title"]);
        assert!(text(&panel["description"]).ends_with(['.', '`']), "{title}");
        assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{title}");
        let sources = list(&panel["targets"]).iter().chain([&panel]).map(|own| &own["datasource"]["uid"]);
        assert!(sources.into_iter().all(|uid| uid == "${datasource}"), "{title}");
        for target in list(&panel["targets"]) {
            let query = text(&target["expr"]);
            let is_chosen = query.contains("namespace=~\"$namespace\", instance=~\"$instance\"");
            assert!(is_chosen || query.contains("ALERTS{"), "{title}: {query}");
        }
    }
}
