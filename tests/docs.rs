//! Compares the documentation with what the filter reads: the filter accepts every configuration in it, every setting is
//! described with its default and its choices, and nothing is described that doesn't exist. The list of settings comes
//! from the filter itself: see `tests/shared/settings.rs`.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

#[path = "docs/hosts.rs"]
mod hosts;
#[path = "docs/reasons.rs"]
mod reasons;
#[path = "shared/settings.rs"]
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use envoy_cognito_core::config::reader::ConfigError;
use serde_json::{Map, Value, json};

use crate::settings::{
    PROBE, Setting, as_fault, below, blocks, completed, embedded, faults_of, files, merge, parse, read,
    settings, smallest, with, yaml,
};

const CONFIGURATION: &str = "docs/configuration.md";
const MIGRATION: &str = "docs/migration.md";
fn words(faults: &[ConfigError]) -> Vec<String> {
    faults.iter().map(ConfigError::to_string).collect()
}

#[track_caller]
fn assert_accepted(place: &str, document: &Value) {
    if let Err(faults) = parse(document) {
        panic!("{place} is refused: {:#?}", words(&faults));
    }
}

#[test]
fn every_example_of_the_documentation_is_accepted() {
    let mut count = BTreeMap::new();
    for file in files("docs", "md").into_iter().chain(["README.md".to_owned()]) {
        for (place, block) in blocks(&file) {
            let mut found = Vec::new();
            embedded(&block, &mut found);
            // A part of Envoy's own configuration, which Envoy reads in `tests/envoy/metrics.rs`, or of Prometheus's,
            // which `tests/envoy/alerts.rs` applies.
            let is_others =
                ["access_log", "metric_relabel_configs"].iter().any(|key| block.get(key).is_some());
            if found.is_empty() && !is_others {
                found.push(completed(&block));
            }
            found.iter().for_each(|document| assert_accepted(&place, document));
            *count.entry(file.clone()).or_insert(0) += found.len();
        }
    }
    assert!(count[CONFIGURATION] >= 10 && count["README.md"] >= 1, "{count:?}");
    assert!(count[MIGRATION] >= 4 && count["docs/cognito.md"] >= 1, "{count:?}");
}

#[test]
fn every_configuration_for_envoy_is_accepted() {
    let mut files = files("envoy", "yaml");
    // Starts Envoy with one of the others.
    files.retain(|file| !file.contains("/docker-compose."));
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mut found = Vec::new();
        embedded(&yaml(&file, &read(&file)), &mut found);
        assert!(!found.is_empty(), "{file} has no configuration of the filter");
        found.iter().for_each(|document| assert_accepted(&file, document));
    }
}

/// Settings as the documentation must describe them: the settings of a pool are described once.
fn settings_to_describe() -> BTreeSet<Setting> {
    let all = settings();
    let twice = |setting: &Setting| setting.strip_prefix("pools[].").is_some_and(|own| all.contains(own));
    all.iter().filter(|setting| !twice(setting)).cloned().collect()
}

/// A row of a table of settings.
struct Row {
    default: String,
    line: String,
}

/// The text between backticks, if a cell contains nothing else.
fn code(text: &str) -> Option<&str> {
    text.strip_prefix('`')?.strip_suffix('`').filter(|code| !code.contains('`'))
}

fn cells(line: &str) -> Vec<String> {
    let cells = line.replace("\\|", "\u{0}");
    let cells = cells.trim().trim_matches('|').split('|');
    cells.map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// The rows of the tables of settings, by setting.
fn rows() -> BTreeMap<Setting, Row> {
    let (mut rows, mut in_table) = (BTreeMap::new(), false);
    for line in read(CONFIGURATION).lines() {
        let cells = cells(line);
        match cells.as_slice() {
            [first, default, _] if line.starts_with('|') => {
                if first == "setting" {
                    in_table = true;
                } else if let Some(setting) = code(first).filter(|_| in_table) {
                    let row = Row { default: default.clone(), line: line.to_owned() };
                    assert!(rows.insert(setting.to_owned(), row).is_none(), "`{setting}` is described twice");
                }
            }
            _ => in_table = false,
        }
    }
    rows
}

#[test]
fn the_settings_are_found() {
    let settings = settings();
    for known in
        ["client_id", "session.cookie.name", "rules[].path", "pools[].roles.claims", "headers.claims"]
    {
        assert!(settings.contains(known), "{known}: {settings:#?}");
    }
    for none in ["session", "rules[].session", "x-auth", "everyone", "headers.claims.x"] {
        assert!(!settings.contains(none), "{none}");
    }
}

#[test]
fn every_setting_is_described_and_nothing_else() {
    let described: BTreeSet<Setting> = rows().into_keys().collect();
    let known = settings_to_describe();
    let missing: Vec<_> = known.difference(&described).collect();
    let made_up: Vec<_> = described.difference(&known).collect();
    assert!(missing.is_empty() && made_up.is_empty(), "missing: {missing:?}, made up: {made_up:?}");
}

#[test]
fn every_setting_has_an_example() {
    fn collect(section: &str, value: &Value, used: &mut BTreeSet<Setting>) {
        if !section.is_empty() {
            used.insert(section.to_owned());
        }
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| collect(&below(section, key), value, used));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(&format!("{section}[]"), item, used)),
            _ => {}
        }
    }
    let mut used = BTreeSet::new();
    blocks(CONFIGURATION).iter().for_each(|(_, block)| collect("", block, &mut used));
    let missing: Vec<_> =
        settings_to_describe().into_iter().filter(|setting| !used.contains(setting)).collect();
    assert!(missing.is_empty(), "without an example: {missing:?}");
}

#[test]
fn every_choice_is_described() {
    let mut count = 0;
    for (setting, Row { line, .. }) in rows() {
        let probes = [json!(PROBE), json!([PROBE]), json!({PROBE: "x"})];
        let faults: Vec<ConfigError> =
            probes.into_iter().flat_map(|probe| faults_of(&with(&setting, probe))).collect();
        let path = as_fault(&setting);
        let about = faults.iter().filter(|fault| fault.path.starts_with(&path));
        let lists = about.filter_map(|fault| {
            let (_, list) = fault
                .message
                .split_once("is not one of ")
                .or(fault.message.split_once("only these can: "))?;
            Some(list)
        });
        for choice in lists.flat_map(|list| list.split(", ")) {
            assert!(line.contains(&format!("`{choice}`")), "`{setting}` may be `{choice}`: {line}");
            count += 1;
        }
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn every_default_is_what_it_says() {
    let base = |setting: &str| {
        let mut document = smallest();
        if setting.starts_with("rules[]") {
            merge(&mut document, &json!({"rules": [{"path": "/x"}]}));
        } else if setting.starts_with("roles.map[]") {
            merge(&mut document, &json!({"roles": {"map": [{"claim": "c", "from": "f"}]}}));
        }
        if setting.starts_with("revocations.") {
            merge(&mut document, &json!({"revocations": {"cluster": "revocations", "path": "/x"}}));
        }
        document
    };
    let read = |setting: &str, value: &Value| {
        let mut document = base(setting);
        match setting.split_once("[].") {
            Some(("rules", key)) => document["rules"][0][key] = value.clone(),
            Some((_, key)) => document["roles"]["map"][0][key] = value.clone(),
            None => merge(&mut document, &with(setting, value.clone())),
        }
        parse(&document).map(|config| format!("{config:?}")).map_err(|faults| words(&faults))
    };
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_UFeMzbuJe";
    let mut count = 0;
    for (setting, Row { default, .. }) in rows() {
        if setting.starts_with("pools") {
            continue;
        }
        let value = match code(&default) {
            Some(text) => {
                let text = text
                    .replace("<domain>", "myapp.auth.us-east-1.amazoncognito.com")
                    .replace("<region>", "us-east-1")
                    .replace("<user_pool_id>", "us-east-1_UFeMzbuJe")
                    .replace("<issuer>", issuer);
                yaml(&setting, &text)
            }
            None if default == "none" => Value::Null,
            // An entry of a list, which no entry needs to exist for.
            None if default == "required" && setting.contains("[].") => {
                let faults = faults_of(&with(&setting, Value::Null));
                let path = setting.replace("[]", "[0]");
                assert!(faults.iter().any(|fault| fault.path == path), "`{setting}` isn't required");
                continue;
            }
            None if default == "required" => {
                let faults = faults_of(&with(&setting, Value::Null));
                assert!(faults.iter().any(|fault| fault.path == setting), "`{setting}` isn't required");
                continue;
            }
            None => continue,
        };
        let without = format!("{:?}", parse(&base(&setting)).unwrap());
        assert_eq!(read(&setting, &value), Ok(without), "`{setting}`: {value}");
        count += 1;
    }
    assert!(count >= 40, "{count}");
    // Another value makes a difference that this would see.
    assert_ne!(read("headers.preset", &json!("none")), read("headers.preset", &Value::Null));
    assert_ne!(read("timeouts.userinfo", &json!("3s")), read("timeouts.userinfo", &Value::Null));
}

/// The schema is made from the command's table of settings.
#[test]
fn the_schema_has_the_defaults_that_the_tables_state() {
    fn collect(section: &str, schema: &Value, defaults: &mut BTreeMap<Setting, Value>) {
        for (key, shape) in schema["properties"].as_object().into_iter().flatten() {
            let setting = below(section, key);
            collect(&setting, shape, defaults);
            collect(&format!("{setting}[]"), &shape["items"], defaults);
            defaults.insert(setting, shape["default"].clone());
        }
    }
    let mut defaults = BTreeMap::new();
    collect("", &serde_json::from_str(&read("docs/configuration.schema.json")).unwrap(), &mut defaults);
    let mut count = 0;
    for (setting, Row { default, .. }) in rows() {
        let stated = code(&default).filter(|text| !text.contains('<')).map(|text| yaml(&setting, text));
        // `{}` for settings of a fixed set of names is the absence of all of them.
        let expected = stated.filter(|value| setting != "authorize_params" || *value != json!({}));
        assert_eq!(defaults[&setting], expected.unwrap_or_default(), "`{setting}`");
        count += usize::from(!defaults[&setting].is_null());
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn what_pools_share_and_what_they_have_of_their_own_is_all_named() {
    let document = read(CONFIGURATION);
    let (_, section) = document.split_once("\n## Several pools\n").unwrap();
    let (own, rest) = section.split_once("Everything else is shared:").unwrap();
    let (shared, _) = rest.split_once("\n\n").unwrap();
    let own = own.split_once("beside `pools`").unwrap().0;
    let all = settings();
    let top = |setting: &Setting| setting.split(['.', '[']).next().unwrap_or_default().to_owned();
    let of_pools: BTreeSet<String> = all
        .iter()
        .filter_map(|setting| setting.strip_prefix("pools[]."))
        .map(|own| top(&own.to_owned()))
        .collect();
    for key in all.iter().map(top).filter(|key| key != "pools") {
        let (place, other) = if of_pools.contains(&key) { (own, shared) } else { (shared, own) };
        let name = format!("`{key}`");
        assert!(place.contains(&name) && !other.contains(&name), "{name} is not where it belongs");
    }
}

#[test]
fn every_metric_is_described() {
    use envoy_cognito_core::telemetry::metrics::{Metric, Telemetry};

    let page = read("docs/operations.md");
    let names: BTreeSet<String> = Metric::all()
        .map(|metric| match metric {
            // One row describes those of all reasons; the reasons have tables of their own.
            Metric::Counter(counter, _) if counter.reason().is_some() => {
                format!("{}.<reason>", counter.base_name())
            }
            metric => metric.name().into_owned(),
        })
        .chain(Telemetry::default().take_metrics().iter().map(|metric| metric.name().into_owned()))
        .collect();
    for name in names {
        assert!(
            page.contains(&format!("`envoy_cognito.{name}`")),
            "docs/operations.md doesn't describe {name}"
        );
    }
}

/// The column called `here` of the tables of what other products have: what stands there in backticks.
fn named_as_ours() -> Vec<String> {
    let (mut found, mut column) = (Vec::new(), None);
    for line in read(MIGRATION).lines() {
        let cells = cells(line);
        match column {
            _ if !line.starts_with('|') => column = None,
            None => column = Some(cells.iter().position(|cell| cell == "here").unwrap()),
            Some(column) => {
                found.extend(cells[column].split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn what_others_are_told_of_ours_is_there() {
    use envoy_cognito_core::cognito::identity::headers::{X_AUTH, X_AUTH_REQUEST, X_FORWARDED, X_TOKEN};

    let presets = [X_AUTH, X_AUTH_REQUEST, X_FORWARDED, X_TOKEN].into_iter().flatten();
    let mut headers: BTreeSet<String> = presets.map(|(name, _)| (*name).to_owned()).collect();
    for (_, example) in blocks(MIGRATION) {
        let of_claims = example["headers"]["claims"].as_object().into_iter().flat_map(Map::keys).cloned();
        headers.extend(of_claims);
        let raw = ["forward_id_token", "forward_access_token"].map(|key| example["headers"][key].as_str());
        headers.extend(raw.into_iter().flatten().map(str::to_owned));
    }
    let paths = parse(&smallest()).unwrap().paths;
    let paths = [paths.sign_in, paths.sign_out, paths.callback, paths.me, paths.signed_out];
    let settings = settings();
    let is_setting = |name: &str| {
        settings.contains(name) || settings.iter().any(|known| known.starts_with(&format!("{name}.")))
    };
    let named = named_as_ours();
    for name in &named {
        let path = name.split('?').next().unwrap_or_default();
        let known = headers.contains(name) || paths.iter().any(|own| own == path) || is_setting(name);
        assert!(known, "docs/migration.md names `{name}` as ours");
    }
    assert!(named.len() > 100, "{}", named.len());
}
