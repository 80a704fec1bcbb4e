//! The documentation, held to what the filter reads: every configuration that it shows is accepted, every
//! setting is described, with its default and its choices, and nothing is described that isn't there.
//!
//! Which settings there are is asked of the filter itself. A setting's name stands in the sources of the
//! configuration as a literal, so all literals are offered to it in each section: what it doesn't call
//! unknown, it knows. A new setting is found like this without anybody's help.

// A test that can't go on may panic; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use envoy_cognito::config::Config;
use envoy_cognito::config::reader::Fault;
use serde_json::{Map, Value, json};

const CONFIGURATION: &str = "docs/configuration.md";
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const MIGRATION: &str = "docs/migration.md";
/// What the reader of a page doesn't see, before a block of another product.
const THEIRS: &str = "<!-- theirs -->";
/// No setting, and no choice of one.
const PROBE: &str = "zz-probe";

/// The smallest configuration.
fn smallest() -> Value {
    json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": {"keys": [KEY]},
    })
}

/// The variables that the examples name.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "COGNITO_US_EAST_1_POOL_ID" => "us-east-1_UFeMzbuJe",
        "COGNITO_US_EAST_1_CLIENT_ID" => "2jvuq8gkhfoh7u4fdfihiditj5",
        "COGNITO_US_EAST_1_CLIENT_SECRET" => "an-app-clients-secret",
        "COGNITO_EU_WEST_1_POOL_ID" => "eu-west-1_aBcDeFgHi",
        "COGNITO_EU_WEST_1_CLIENT_ID" => "5t3vuq8gkhfoh7u4fdfihiditk",
        "SESSION_KEY" => KEY,
        "OLD_SESSION_KEY" => OTHER_KEY,
        _ => return None,
    };
    Some(value.to_owned())
}

fn parse(document: &Value) -> Result<Config, Vec<Fault>> {
    Config::parse(document.to_string().as_bytes(), &environment)
}

fn words(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(Fault::to_string).collect()
}

/// Lays `patch` over `document`, object by object.
fn merge(document: &mut Value, patch: &Value) {
    if let (Value::Object(known), Value::Object(patch)) = (&mut *document, patch) {
        for (key, value) in patch {
            merge(known.entry(key).or_insert_with(|| json!({})), value);
        }
    } else {
        *document = patch.clone();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Files of a directory with that extension, as paths below the repository.
fn files(directory: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let wanted = paths.iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap())).collect()
}

fn yaml(place: &str, text: &str) -> Value {
    yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{place} is no YAML: {error}"))
}

/// The YAML blocks of a Markdown file, each with the place where it stands, but for those of other products. YAML that
/// a shell command is given counts as well.
fn blocks(file: &str) -> Vec<(String, Value)> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, String)>);
    let text = read(file);
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        let start = line.trim() == "```yaml" && before != THEIRS || line.ends_with("<<'EOF_YAML'");
        before = line;
        match (&mut open, line.trim()) {
            (None, _) if start => open = Some((index + 1, String::new())),
            (Some(_), "```" | "EOF_YAML") => {
                let (number, text) = open.take().unwrap();
                let place = format!("{file}:{number}");
                let value = yaml(&place, &text);
                blocks.push((place, value));
            }
            (Some((_, text)), _) => text.extend([line, "\n"]),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "{file}: a block has no end");
    blocks
}

/// The filter's configurations in a part of Envoy's, which hands them over as a `Struct`.
fn embedded(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            let is_struct = fields
                .get("@type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind == "type.googleapis.com/google.protobuf.Struct");
            match fields.get("value").filter(|_| is_struct) {
                Some(configuration) => found.push(configuration.clone()),
                None => fields.values().for_each(|value| embedded(value, found)),
            }
        }
        Value::Array(items) => items.iter().for_each(|value| embedded(value, found)),
        _ => {}
    }
}

/// A part of a configuration, laid over the smallest one; a whole one as it is.
fn completed(part: &Value) -> Value {
    let has_keys = part["session"]["keys"].is_array();
    if has_keys && (part["user_pool_id"].is_string() || part["pools"].is_array()) {
        return part.clone();
    }
    let mut whole = match part.get("pools") {
        Some(_) => json!({"session": {"keys": [KEY]}}),
        None => smallest(),
    };
    merge(&mut whole, part);
    whole
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
            // A part of Envoy's own, which `tests/envoy/metrics.rs` has Envoy read.
            if found.is_empty() && block.get("access_log").is_none() {
                found.push(completed(&block));
            }
            found.iter().for_each(|document| assert_accepted(&place, document));
            *count.entry(file.clone()).or_insert(0) += found.len();
        }
    }
    assert!(count[CONFIGURATION] >= 10 && count["README.md"] >= 2, "{count:?}");
    assert!(count[MIGRATION] >= 4 && count["docs/cognito.md"] >= 1, "{count:?}");
}

#[test]
fn every_configuration_for_envoy_is_accepted() {
    let files = files("envoy", "yaml");
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let mut found = Vec::new();
        embedded(&yaml(&file, &read(&file)), &mut found);
        assert!(!found.is_empty(), "{file} has no configuration of the filter");
        found.iter().for_each(|document| assert_accepted(&file, document));
    }
}

/// A setting by its path: `session.cookie.name`, `rules[].path`.
type Setting = String;

/// A document with `value` at that path, in the first item of each list on the way.
fn with(setting: &str, value: Value) -> Value {
    setting.rsplit('.').fold(value, |value, step| match step.strip_suffix("[]") {
        Some(list) => json!({list: [value]}),
        None => json!({step: value}),
    })
}

fn below(section: &str, key: &str) -> Setting {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// What faults call a setting in the first item of its list.
fn as_fault(setting: &str) -> String {
    setting.replace("[]", "[0]")
}

fn faults_of(patch: &Value) -> Vec<Fault> {
    let mut document = smallest();
    merge(&mut document, patch);
    parse(&document).err().unwrap_or_default()
}

/// Whether the filter calls that setting unknown.
fn is_unknown(setting: &str, faults: &[Fault]) -> bool {
    let path = as_fault(setting);
    faults.iter().any(|fault| fault.path == path && fault.message.starts_with("unknown setting"))
}

/// Every literal in the sources of the configuration that could be the name of a setting.
fn vocabulary() -> BTreeSet<String> {
    let mut sources = read("src/config.rs");
    for file in files("src/config", "rs").into_iter().filter(|file| !file.ends_with("/tests.rs")) {
        sources.push_str(&read(&file));
    }
    let plain = |text: &&str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    // What stands between any two quotes is a literal, or is no word.
    sources.split('"').filter(plain).map(str::to_owned).collect()
}

/// The settings of a section and below, as the filter knows them. Sections aren't settings; lists of
/// sections are, by their bare name.
fn settings_below(section: &str, vocabulary: &BTreeSet<String>, found: &mut BTreeSet<Setting>) {
    let place = |value| if section.is_empty() { value } else { with(section, value) };
    let all: Map<String, Value> = vocabulary.iter().map(|word| (word.clone(), Value::Null)).collect();
    let faults = faults_of(&place(Value::Object(all)));
    for word in vocabulary.iter().filter(|word| !is_unknown(&below(section, word), &faults)) {
        let setting = below(section, word);
        let list = format!("{setting}[]");
        let knows_below = |outer: &str| {
            is_unknown(&below(outer, PROBE), &faults_of(&with(&below(outer, PROBE), Value::Null)))
        };
        if knows_below(&setting) {
            settings_below(&setting, vocabulary, found);
        } else if knows_below(&list) {
            found.insert(setting);
            settings_below(&list, vocabulary, found);
        } else {
            found.insert(setting);
        }
    }
}

/// All settings that the filter knows.
fn settings() -> BTreeSet<Setting> {
    let mut found = BTreeSet::new();
    settings_below("", &vocabulary(), &mut found);
    found
}

/// Settings as the documentation has to describe them: what a pool has of its own is described once.
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

/// What stands between backticks, where a text is nothing else.
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
        let faults: Vec<Fault> =
            probes.into_iter().flat_map(|probe| faults_of(&with(&setting, probe))).collect();
        let path = as_fault(&setting);
        let about = faults.iter().filter(|fault| fault.path.starts_with(&path));
        let lists = about.filter_map(|fault| {
            let (_, list) =
                fault.message.split_once("is not one of ").or(fault.message.split_once("these may: "))?;
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
        }
        document
    };
    let read = |setting: &str, value: &Value| {
        let mut document = base(setting);
        match setting.strip_prefix("rules[].") {
            Some(key) => document["rules"][0][key] = value.clone(),
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
    use envoy_cognito::metrics::{JWKS_AGE_S, Metric, TOKEN_EXCHANGE_MS, Tally};

    let page = read("docs/operations.md");
    let counters = Tally::begin().take().into_iter().filter_map(|metric| match metric {
        Metric::Counter(name, _) => Some(name.into_owned()),
        _ => None,
    });
    for name in counters.chain([JWKS_AGE_S, TOKEN_EXCHANGE_MS].map(str::to_owned)) {
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
    use envoy_cognito::identity::{X_AUTH, X_AUTH_REQUEST, X_FORWARDED, X_TOKEN};

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
