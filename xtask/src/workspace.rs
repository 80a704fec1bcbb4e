//! The packages of this workspace that are released, and those that are linked into them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::cargo::{Build, COMMAND, CORE, FILTER, Id, NATIVE, PRODUCT, host, lock_file};
use crate::native::Machine;

/// A package that is needed to build something that is released.
#[derive(Debug)]
pub struct Package {
    pub license: Option<String>,
    pub description: Option<String>,
    /// SHA-256 of the packed crate, from `Cargo.lock`.
    pub checksum: Option<String>,
    /// The folder with its files.
    pub folder: PathBuf,
    /// Whether its code is part of the built file. A macro's code isn't: it only generates code at build time.
    pub linked: bool,
    /// The packages that it depends on.
    pub dependencies: BTreeSet<Id>,
}

pub type Packages = BTreeMap<Id, Package>;

/// What is released, and all packages that are needed to build it.
#[derive(Debug)]
pub struct Workspace {
    pub version: String,
    pub license: String,
    pub filter: Component,
    /// The native module for each machine that it is built for.
    pub modules: BTreeMap<Machine, Component>,
    /// The native command.
    pub command: NativeCommand,
}

/// A file that Envoy loads.
#[derive(Debug)]
pub struct Component {
    pub id: Id,
    pub description: String,
    pub packages: Packages,
    /// The packages that it depends on directly.
    pub direct: BTreeSet<Id>,
}

#[derive(Debug)]
pub struct NativeCommand {
    pub build: Build,
    pub packages: Packages,
}

impl Workspace {
    /// Reads it, with the native module for these machines.
    pub fn read(machines: &[Machine]) -> Result<Self, String> {
        let checksums = checksums(&lock_file()?);
        let build = Build { package: FILTER, target: "wasm32-wasip1".to_owned() };
        let metadata = build.metadata()?;
        let own = own(&metadata, FILTER)?;
        let mut modules = BTreeMap::new();
        for machine in machines {
            let build = Build { package: NATIVE, target: machine.target() };
            modules.insert(*machine, component(NATIVE, &build, &build.metadata()?, &checksums)?);
        }
        let native = Build { package: COMMAND, target: host()? };
        let command_packages = packages(&native, &native.metadata()?, &checksums)?;
        Ok(Self {
            version: text(own, "version").unwrap_or_default().to_owned(),
            license: text(own, "license").unwrap_or_default().to_owned(),
            filter: component(PRODUCT, &build, &metadata, &checksums)?,
            modules,
            command: NativeCommand { build: native, packages: command_packages },
        })
    }
}

/// A package of this workspace.
fn own<'m>(metadata: &'m Value, name: &str) -> Result<&'m Value, String> {
    let mut own = list(metadata, "packages").iter().filter(|package| text(package, "source").is_none());
    own.find(|package| text(package, "name") == Some(name))
        .ok_or_else(|| format!("there is no package {name}"))
}

fn component(
    name: &str,
    build: &Build,
    metadata: &Value,
    checksums: &BTreeMap<Id, String>,
) -> Result<Component, String> {
    let own = own(metadata, build.package)?;
    // The direct dependencies of the core count as its own.
    let mut direct = build.tree("normal", &["--depth", "1"])?;
    direct.extend(Build { package: CORE, ..build.clone() }.tree("normal", &["--depth", "1"])?);
    direct.retain(|id| !is_own(id));
    Ok(Component {
        id: (name.to_owned(), text(own, "version").unwrap_or_default().to_owned()),
        description: text(own, "description").unwrap_or_default().to_owned(),
        packages: packages(build, metadata, checksums)?,
        direct,
    })
}

/// Whether a package belongs to this workspace. Such packages aren't listed, only their dependencies are.
fn is_own((name, _): &Id) -> bool {
    [FILTER, NATIVE, CORE, COMMAND].contains(&name.as_str())
}

/// The packages that a build needs, apart from the workspace's own.
fn packages(build: &Build, metadata: &Value, checksums: &BTreeMap<Id, String>) -> Result<Packages, String> {
    let (mut all, linked) = (build.tree("normal", &[])?, build.tree("normal,no-proc-macro", &[])?);
    all.retain(|id| !is_own(id));
    let mut packages = BTreeMap::new();
    for package in list(metadata, "packages") {
        let Some(id) = id(package).filter(|id| all.contains(id)) else { continue };
        let manifest = PathBuf::from(text(package, "manifest_path").unwrap_or_default());
        let read = Package {
            license: text(package, "license").map(|license| license.replace('/', " OR ")),
            description: text(package, "description")
                .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
            checksum: checksums.get(&id).cloned(),
            folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
            linked: linked.contains(&id),
            dependencies: dependencies(metadata, package, &all),
        };
        packages.insert(id, read);
    }
    match all.iter().find(|id| !packages.contains_key(*id)) {
        Some((name, version)) => Err(format!("cargo knows nothing of {name} {version}")),
        None => Ok(packages),
    }
}

/// The dependencies of a package that are in `all`.
fn dependencies(metadata: &Value, package: &Value, all: &BTreeSet<Id>) -> BTreeSet<Id> {
    let known = list(metadata, "packages");
    let nodes = metadata.get("resolve").map(|resolve| list(resolve, "nodes")).unwrap_or_default();
    let node = nodes.iter().find(|node| node.get("id") == package.get("id"));
    let used = node.map(|node| list(node, "deps")).unwrap_or_default().iter();
    used.filter(|used| list(used, "dep_kinds").iter().any(|kind| text(kind, "kind").is_none()))
        .filter_map(|used| known.iter().find(|known| known.get("id") == used.get("pkg")))
        .filter_map(id)
        .filter(|id| all.contains(id))
        .collect()
}

/// `Cargo.lock` is a list of packages, each with lines like `name = "x"`.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let value = |entry: &str, key: &str| {
        let line =
            |line: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned());
        entry.lines().find_map(line)
    };
    let checksum =
        |entry| Some(((value(entry, "name")?, value(entry, "version")?), value(entry, "checksum")?));
    lock.split("[[package]]").skip(1).filter_map(checksum).collect()
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
