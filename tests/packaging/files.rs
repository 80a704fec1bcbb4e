//! The files of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize as _;
use serde_json::Value;

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[track_caller]
pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The filter that `make build` builds.
#[track_caller]
pub fn wasm() -> PathBuf {
    let path = root().join("target/wasm32-wasip1/release/envoy_cognito.wasm");
    assert!(path.is_file(), "{} is missing: run `make build`", path.display());
    path
}

/// The native modules that are built, by machine. `make build-native` builds that of this machine, `make dist` both.
#[track_caller]
pub fn modules() -> BTreeMap<&'static str, PathBuf> {
    let own = root().join("target/native/libenvoy_cognito.so");
    assert!(own.is_file(), "{} is missing: run `make build-native`", own.display());
    let built = |machine| root().join(format!("target/native/{machine}/libenvoy_cognito.so"));
    let mut modules: BTreeMap<_, _> = ["aarch64", "x86_64"].map(|machine| (machine, built(machine))).into();
    modules.retain(|_, file| file.is_file());
    modules.insert(std::env::consts::ARCH, own);
    modules
}

/// The native module of this machine.
#[track_caller]
pub fn module() -> PathBuf {
    modules().remove(std::env::consts::ARCH).unwrap()
}

/// The files of a folder with that extension, as paths in the repository.
#[track_caller]
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let mut names: Vec<_> =
        wanted.map(|path| format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap())).collect();
    names.sort();
    names
}

/// All documents of a YAML file.
#[track_caller]
pub fn documents(file: &str) -> Vec<Value> {
    let text = read(file);
    let documents = yaml_serde::Deserializer::from_str(&text).map(Value::deserialize);
    documents.map(|document| document.unwrap_or_else(|error| panic!("{file}: {error}"))).collect()
}

/// The only document of a YAML file.
#[track_caller]
pub fn document(file: &str) -> Value {
    let mut documents = documents(file);
    assert_eq!(documents.len(), 1, "{file}");
    documents.remove(0)
}

/// The document with that kind.
#[track_caller]
pub fn of_kind(file: &str, kind: &str) -> Value {
    let mut found = documents(file);
    found.retain(|document| document["kind"] == kind);
    assert_eq!(found.len(), 1, "{file}: {kind}");
    found.remove(0)
}

/// The items of a list that must exist.
#[track_caller]
pub fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A program of this workspace, built by cargo.
pub fn program(package: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--locked", "--quiet", "--message-format", "json", "--package", package];
    let built = Command::new(cargo).current_dir(root()).args(arguments).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back().unwrap()
}
