//! Rendered manifests, and the programs that render them.

use std::path::PathBuf;
use std::process::{Command, Output};

use rig::Scratch;
use serde::Deserialize as _;
use serde_json::Value;

use crate::files::{list, root, text};
use crate::schemas::faults;

/// The program that an environment variable names.
#[track_caller]
pub fn program(variable: &str) -> PathBuf {
    let file =
        std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} isn't set: use `make test-charts`"));
    // Tests run in the folder of their package, `make` in that of the repository.
    root().join(file)
}

/// Runs it in the folder of the repository.
#[track_caller]
pub fn run(variable: &str, arguments: &[&str]) -> Output {
    let program = program(variable);
    let output = Command::new(&program).current_dir(root()).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// What it prints, if it succeeds without warnings.
#[track_caller]
pub fn printed(variable: &str, arguments: &[&str]) -> String {
    let output = run(variable, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The documents of a stream, without empty ones.
pub fn documents(stream: &str) -> Vec<Value> {
    let documents = yaml_serde::Deserializer::from_str(stream).map(|one| Value::deserialize(one).unwrap());
    documents.filter(|document| !document.is_null()).collect()
}

/// The only document of that kind, or the one with that name.
#[track_caller]
pub fn of<'a>(documents: &'a [Value], kind: &str, name: Option<&str>) -> &'a Value {
    let is_it = |document: &&Value| {
        document["kind"] == kind && name.is_none_or(|name| document["metadata"]["name"] == name)
    };
    let found: Vec<_> = documents.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{kind} {name:?}");
    found[0]
}

/// Each document is what the schema of its kind says. Those without a schema here are Kubernetes' own.
#[track_caller]
pub fn assert_valid(documents: &[Value]) {
    for document in documents {
        let (kind, name) = (text(&document["kind"]), &document["metadata"]["name"]);
        match faults(document) {
            Some(faults) => assert!(faults.is_empty(), "{kind} {name}: {faults:#?}"),
            None => assert!(document["apiVersion"] == "v1" && kind == "ConfigMap", "{document}"),
        }
        let known = document["metadata"]
            .as_object()
            .unwrap()
            .keys()
            .all(|key| ["name", "namespace", "labels", "annotations"].contains(&key.as_str()));
        assert!(known && name.is_string(), "{document}");
    }
}

/// What `envoy-cognito check` says of the documents, as JSON. There may be no errors.
#[track_caller]
pub fn checked(documents: &[Value]) -> Value {
    let scratch = Scratch::new().unwrap();
    let file = scratch.path().join("rendered.yaml");
    let stream: String = documents.iter().map(|one| format!("---\n{}\n", one)).collect();
    std::fs::write(&file, stream).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_envoy-cognito"))
        .args(["check", "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&check.stdout).unwrap_or_else(|_| panic!("{check:?}"));
    assert!(check.status.success(), "{said:#}");
    assert_eq!(list(&said["configurations"]).len(), 1, "{said:#}");
    said
}

/// The warnings of [`checked`].
#[track_caller]
pub fn warnings(documents: &[Value]) -> Vec<String> {
    let said = checked(documents);
    let found = list(&said["warnings"]).iter().map(|warning| text(&warning["message"]).to_owned());
    found.collect()
}
