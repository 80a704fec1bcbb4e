//! What cargo knows of the filter and of what is linked into it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What the filter is built for.
const TARGET: &str = "wasm32-wasip1";
const FILTER: &str = "envoy-cognito";

/// A package, by name and version. There is no other of both, since all come out of one registry.
pub type Id = (String, String);

/// A package that building the filter takes.
#[derive(Debug)]
pub struct Package {
    pub license: Option<String>,
    pub description: Option<String>,
    /// SHA-256 of the packed crate, as `Cargo.lock` has it.
    pub checksum: Option<String>,
    /// Where its files are.
    pub folder: PathBuf,
    /// Whether its code is in the filter. A macro's isn't: it has written code while the filter was built.
    pub linked: bool,
    /// What it takes in turn.
    pub dependencies: BTreeSet<Id>,
}

/// The filter's own package, and all others that building it takes.
#[derive(Debug)]
pub struct Workspace {
    pub filter: Id,
    pub license: String,
    pub description: String,
    pub packages: BTreeMap<Id, Package>,
    /// The native command of the same package, if it has one: its name, and the features that it needs.
    pub command: Option<(String, Vec<String>)>,
}

impl Workspace {
    pub fn read() -> Result<Self, String> {
        let metadata =
            cargo(&["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET])?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        let known = list(&metadata, "packages");
        let own =
            known.iter().find(|package| text(package, "name") == Some(FILTER) && package["source"].is_null());
        let own = own.ok_or_else(|| format!("there is no package {FILTER}"))?;
        let filter = id(own).ok_or("a package without a name or a version")?;
        // `cargo metadata` knows what could be built; which features are on without the tests, `cargo tree` alone knows.
        let (all, linked) = (tree("normal")?, tree("normal,no-proc-macro")?);
        let checksums = checksums()?;
        let mut packages = BTreeMap::new();
        for package in known {
            let Some(id) = id(package).filter(|id| all.contains(id) && *id != filter) else { continue };
            let manifest = PathBuf::from(text(package, "manifest_path").unwrap_or_default());
            let read = Package {
                license: text(package, "license").map(|license| license.replace('/', " OR ")),
                description: text(package, "description")
                    .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
                checksum: checksums.get(&id).cloned(),
                folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
                linked: linked.contains(&id),
                dependencies: dependencies(&metadata, package, &all),
            };
            packages.insert(id, read);
        }
        if packages.len() + 1 != all.len() {
            return Err(format!(
                "cargo knows {} packages, and {} of them more closely",
                all.len(),
                packages.len() + 1
            ));
        }
        Ok(Self {
            license: text(own, "license").unwrap_or_default().to_owned(),
            description: text(own, "description").unwrap_or_default().to_owned(),
            command: command(own),
            filter,
            packages,
        })
    }

    /// What the filter itself takes.
    pub fn direct(&self) -> Result<BTreeSet<Id>, String> {
        let mut all: BTreeSet<Id> = tree_of("normal", &["--depth", "1"])?;
        all.remove(&self.filter);
        Ok(all)
    }
}

/// Builds the native command, and says where it is and what it is built for.
pub fn build_command(name: &str, features: &[String]) -> Result<(PathBuf, String), String> {
    let mut arguments = vec![
        "build",
        "--locked",
        "--release",
        "--package",
        FILTER,
        "--bin",
        name,
        "--message-format",
        "json",
    ];
    let features = features.join(",");
    if !features.is_empty() {
        arguments.extend(["--features", &features]);
    }
    let messages = cargo(&arguments)?;
    let built =
        messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let executable = message["executable"].as_str().map(PathBuf::from)?;
            (message["target"]["name"] == name).then_some(executable)
        });
    Ok((built.ok_or_else(|| format!("cargo hasn't built {name}"))?, host()?))
}

/// This machine, as compilers call it.
fn host() -> Result<String, String> {
    let version = run("rustc", &["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc doesn't say what it runs on".to_owned())
}

/// Which Rust has built the filter, whose standard library is part of it.
pub fn rust_version() -> Result<String, String> {
    let version = run("rustc", &["--version"])?;
    version.split(' ').nth(1).map(str::to_owned).ok_or_else(|| "rustc has no version".to_owned())
}

fn command(package: &Value) -> Option<(String, Vec<String>)> {
    let target = list(package, "targets").iter().find(|target| {
        text(target, "name") == Some(FILTER) && list(target, "kind").iter().any(|kind| kind == "bin")
    })?;
    let features = list(target, "required-features").iter().filter_map(Value::as_str);
    Some((FILTER.to_owned(), features.map(str::to_owned).collect()))
}

fn tree(edges: &str) -> Result<BTreeSet<Id>, String> {
    tree_of(edges, &[])
}

fn tree_of(edges: &str, more: &[&str]) -> Result<BTreeSet<Id>, String> {
    let arguments = ["tree", "--locked", "--package", FILTER, "--target", TARGET, "--edges", edges];
    let form = ["--prefix", "none", "--format", "{p}"];
    let printed = cargo(&[&arguments[..], &form[..], more].concat())?;
    let mut found = BTreeSet::new();
    for line in printed.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|version| version.strip_prefix('v')));
        let (Some(name), Some(version)) = (name, version) else { return Err(format!("cargo tree: {line}")) };
        found.insert((name.to_owned(), version.to_owned()));
    }
    Ok(found)
}

/// What of a package's dependencies is among `all`.
fn dependencies(metadata: &Value, package: &Value, all: &BTreeSet<Id>) -> BTreeSet<Id> {
    let known = list(metadata, "packages");
    let node = list(&metadata["resolve"], "nodes").iter().find(|node| node["id"] == package["id"]);
    let used = node.map(|node| list(node, "deps")).unwrap_or_default().iter();
    used.filter(|used| list(used, "dep_kinds").iter().any(|kind| kind["kind"].is_null()))
        .filter_map(|used| known.iter().find(|known| known["id"] == used["pkg"]))
        .filter_map(id)
        .filter(|id| all.contains(id))
        .collect()
}

/// Out of `Cargo.lock`: a list of packages, each with lines like `name = "x"`.
fn checksums() -> Result<BTreeMap<Id, String>, String> {
    let root = run("cargo", &["locate-project", "--workspace", "--message-format", "plain"])?;
    let lock = PathBuf::from(root.trim()).with_file_name("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let value = |entry: &str, key: &str| {
        let line = entry
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))?;
        Some(line.to_owned())
    };
    let entries = lock.split("[[package]]").skip(1);
    let found = entries.filter_map(|entry| {
        Some(((value(entry, "name")?, value(entry, "version")?), value(entry, "checksum")?))
    });
    Ok(found.collect())
}

fn id(package: &Value) -> Option<Id> {
    Some((text(package, "name")?.to_owned(), text(package, "version")?.to_owned()))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn cargo(arguments: &[&str]) -> Result<String, String> {
    // The one that runs this, where one does.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(&cargo, arguments)
}

/// What a command prints. What it says of itself is shown, as if it had been called by hand.
fn run(command: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(command)
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{command}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command} {}: {}", arguments.join(" "), output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command}: {error}"))
}
