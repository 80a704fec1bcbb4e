//! Which settings there are, asked of the filter itself, and the configurations that the documentation shows.
//!
//! A setting's name stands in the sources of the configuration as a literal, so all literals are offered to the filter
//! in each section: what it doesn't call unknown, it knows. A new setting is found like this without anybody's help.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use envoy_cognito_core::config::Config;
use envoy_cognito_core::config::reader::ConfigError;
use serde_json::{Map, Value, json};

pub const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
/// What the reader of a page doesn't see, before a block of another product.
pub const THEIRS: &str = "<!-- theirs -->";
/// No setting, and no choice of one.
pub const PROBE: &str = "zz-probe";

/// The smallest configuration.
pub fn smallest() -> Value {
    json!({
        "user_pool_id": "us-east-1_UFeMzbuJe",
        "client_id": "2jvuq8gkhfoh7u4fdfihiditj5",
        "domain": "myapp.auth.us-east-1.amazoncognito.com",
        "session": {"keys": [KEY]},
    })
}

/// The variables that the examples name.
pub fn environment(name: &str) -> Option<String> {
    let value = match name {
        "COGNITO_US_EAST_1_POOL_ID" => "us-east-1_UFeMzbuJe",
        "COGNITO_US_EAST_1_CLIENT_ID" => "2jvuq8gkhfoh7u4fdfihiditj5",
        "COGNITO_US_EAST_1_CLIENT_SECRET" => "an-app-clients-secret",
        "COGNITO_EU_WEST_1_POOL_ID" => "eu-west-1_aBcDeFgHi",
        "COGNITO_EU_WEST_1_CLIENT_ID" => "5t3vuq8gkhfoh7u4fdfihiditk",
        "SESSION_KEY" => KEY,
        "OLD_SESSION_KEY" => OTHER_KEY,
        "PGADMIN_SECRET" => "a-secret-of-envoy-and-the-app",
        "sds:client-secret" => "an-app-clients-secret",
        "sds:session-key" => KEY,
        "sds:old-session-key" => OTHER_KEY,
        _ => return None,
    };
    Some(value.to_owned())
}

pub fn parse(document: &Value) -> Result<Config, Vec<ConfigError>> {
    Config::parse(document.to_string().as_bytes(), &environment)
}

/// Lays `patch` over `document`, object by object.
pub fn merge(document: &mut Value, patch: &Value) {
    if let (Value::Object(known), Value::Object(patch)) = (&mut *document, patch) {
        for (key, value) in patch {
            merge(known.entry(key).or_insert_with(|| json!({})), value);
        }
    } else {
        *document = patch.clone();
    }
}

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Files of a directory with that extension, as paths below the repository.
pub fn files(directory: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let wanted = paths.iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap())).collect()
}

pub fn yaml(place: &str, text: &str) -> Value {
    yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{place} is no YAML: {error}"))
}

/// The YAML blocks of a Markdown file, each with the place where it stands, but for those of other products. YAML that
/// a shell command is given counts as well.
pub fn blocks(file: &str) -> Vec<(String, Value)> {
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
pub fn embedded(value: &Value, found: &mut Vec<Value>) {
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
pub fn completed(part: &Value) -> Value {
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

/// A setting by its path: `session.cookie.name`, `rules[].path`.
pub type Setting = String;

/// A document with `value` at that path, in the first item of each list on the way.
pub fn with(setting: &str, value: Value) -> Value {
    setting.rsplit('.').fold(value, |value, step| match step.strip_suffix("[]") {
        Some(list) => json!({list: [value]}),
        None => json!({step: value}),
    })
}

pub fn below(section: &str, key: &str) -> Setting {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// What faults call a setting in the first item of its list.
pub fn as_fault(setting: &str) -> String {
    setting.replace("[]", "[0]")
}

pub fn faults_of(patch: &Value) -> Vec<ConfigError> {
    let mut document = smallest();
    merge(&mut document, patch);
    parse(&document).err().unwrap_or_default()
}

/// Whether the filter calls that setting unknown.
pub fn is_unknown(setting: &str, faults: &[ConfigError]) -> bool {
    let path = as_fault(setting);
    faults.iter().any(|fault| fault.path == path && fault.message.starts_with("unknown setting"))
}

/// Every literal in the sources of the configuration that could be the name of a setting.
pub fn vocabulary() -> BTreeSet<String> {
    let mut sources = read("src/core/config.rs");
    for file in files("src/core/config", "rs").into_iter().filter(|file| !file.ends_with("/tests.rs")) {
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
pub fn settings_below(section: &str, vocabulary: &BTreeSet<String>, found: &mut BTreeSet<Setting>) {
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
pub fn settings() -> BTreeSet<Setting> {
    let mut found = BTreeSet::new();
    settings_below("", &vocabulary(), &mut found);
    found
}
