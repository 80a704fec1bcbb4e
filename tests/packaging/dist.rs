//! The output of `make dist`, read as its recipients read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::process::Command;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rig::Scratch;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::files::{list, modules, program, read, root, text, wasm};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Files, by name.
type Files = BTreeMap<String, Vec<u8>>;

/// A release without the native command, and with the native modules that are built. `time` is the value of SOURCE_DATE_EPOCH.
fn release(time: Option<&str>) -> Files {
    static XTASK: LazyLock<std::path::PathBuf> = LazyLock::new(|| program("xtask"));
    let folder = Scratch::new().unwrap();
    // The folder is created anew, and its previous content deleted.
    let target = folder.path().join("dist");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("of-another-version.wasm"), "").unwrap();
    let mut command = Command::new(&*XTASK);
    command
        .current_dir(root())
        .args(["dist", "--no-command"])
        .args([&wasm(), &target])
        .args(modules().values())
        .env_remove("SOURCE_DATE_EPOCH");
    let output = command.envs(time.map(|time| ("SOURCE_DATE_EPOCH", time))).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect()
}

static RELEASE: LazyLock<Files> = LazyLock::new(|| release(None));

fn file(name: &str) -> &'static [u8] {
    let name = name.replace("VERSION", VERSION);
    RELEASE.get(&name).unwrap_or_else(|| panic!("there is no {name}: {:?}", RELEASE.keys()))
}

fn json(content: &[u8]) -> Value {
    serde_json::from_slice(content).unwrap()
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of a tar archive in order, with their modification times.
fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>, u64)> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert!(
            header.entry_type().is_file() && header.mode().unwrap() == 0o644,
            "readable by whoever runs it"
        );
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0), "whoever built it");
        let (name, time) = (entry.path().unwrap().to_str().unwrap().to_owned(), header.mtime().unwrap());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (name, content, time)
    });
    entries.collect()
}

#[test]
fn the_chart_has_all_its_files_below_its_name() {
    let mut tar = Vec::new();
    GzDecoder::new(file("envoy-cognito-chart-VERSION.tgz")).read_to_end(&mut tar).unwrap();
    let chart = unpacked(&tar);
    assert_eq!(chart[0].0, "envoy-cognito/Chart.yaml", "Helm reads it first");
    for (name, content, _) in &chart {
        let own = name.strip_prefix("envoy-cognito/").unwrap();
        assert!(!own.starts_with("ci/"), "{name}");
        assert_eq!(*content, fs::read(root().join("envoy/helm").join(own)).unwrap(), "{name}");
    }
    for own in [
        "values.yaml",
        "values.schema.json",
        "README.md",
        "files/dashboard.json",
        "templates/_helpers.tpl",
        "templates/istio/hosts.yaml",
    ] {
        assert!(chart.iter().any(|(name, ..)| *name == format!("envoy-cognito/{own}")), "{own}");
    }
}

#[test]
fn two_releases_of_the_same_sources_are_the_same() {
    let again = release(None);
    assert_eq!(again.keys().collect::<Vec<_>>(), RELEASE.keys().collect::<Vec<_>>());
    for (name, content) in &again {
        assert!(RELEASE[name] == *content, "{name} differs");
    }
}

#[test]
fn a_release_has_what_it_needs_and_nothing_of_another() {
    let names: BTreeSet<String> = RELEASE.keys().map(|name| name.replace(VERSION, "VERSION")).collect();
    let mut expected: BTreeSet<String> = [
        "CHANGELOG.md",
        "LICENSE",
        "SHA256SUMS",
        "THIRD-PARTY-NOTICES.txt",
        "envoy-cognito-VERSION.oci.tar",
        "envoy-cognito-chart-VERSION.tgz",
        "envoy-cognito-native-VERSION.oci.tar",
        "envoy_cognito-VERSION.cdx.json",
        "envoy_cognito-VERSION.wasm",
    ]
    .map(str::to_owned)
    .into();
    for (machine, built) in modules() {
        let name = format!("libenvoy_cognito-VERSION-{machine}");
        expected.extend([format!("{name}.so"), format!("{name}.cdx.json")]);
        assert!(file(&format!("{name}.so")) == fs::read(built).unwrap(), "{machine}");
    }
    assert_eq!(names, expected);
    assert!(file("envoy_cognito-VERSION.wasm") == fs::read(wasm()).unwrap());
    assert!(file("LICENSE") == read("LICENSE").as_bytes());
}

#[test]
fn the_checksums_are_those_of_all_other_files() {
    let sums = String::from_utf8(file("SHA256SUMS").to_vec()).unwrap();
    let sums: BTreeMap<&str, &str> =
        sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    assert_eq!(sums.len() + 1, RELEASE.len());
    for (name, sum) in sums {
        assert_eq!(sha256(file(name)), sum, "{name}");
    }
}

/// The content for a descriptor, as in a registry. Type, size and digest must match the descriptor.
#[track_caller]
fn blob<'a>(blobs: &'a Files, descriptor: &Value, media_type: &str) -> &'a [u8] {
    assert_eq!(descriptor["mediaType"], media_type);
    let digest = text(&descriptor["digest"]).strip_prefix("sha256:").unwrap();
    let content = &blobs[&format!("blobs/sha256/{digest}")];
    assert_eq!(sha256(content), digest);
    assert_eq!(descriptor["size"], content.len());
    content
}

#[test]
fn the_image_is_what_istio_and_envoy_gateway_load() {
    let layout = unpacked(file("envoy-cognito-VERSION.oci.tar"));
    let blobs: Files = layout.into_iter().map(|(name, content, _)| (name, content)).collect();
    assert_eq!(json(&blobs["oci-layout"])["imageLayoutVersion"], "1.0.0");
    let index = json(&blobs["index.json"]);
    assert_eq!((&index["schemaVersion"], list(&index["manifests"]).len()), (&Value::from(2), 1));
    let described = &index["manifests"][0];
    assert_eq!(described["annotations"]["org.opencontainers.image.ref.name"], VERSION);
    let manifest = json(blob(&blobs, described, "application/vnd.oci.image.manifest.v1+json"));
    assert_eq!(manifest["schemaVersion"], 2);
    let config = json(blob(&blobs, &manifest["config"], "application/vnd.oci.image.config.v1+json"));
    // Both use the last layer, which must have this type, and in it the first file with this name.
    let layer = list(&manifest["layers"]).last().unwrap();
    let layer = blob(&blobs, layer, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_eq!(layer[4..8], [0; 4], "gzip knows no time");
    let mut content = Vec::new();
    GzDecoder::new(layer).read_to_end(&mut content).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"], Value::from(vec![format!("sha256:{}", sha256(&content))]));
    let files = unpacked(&content);
    assert_eq!(files.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["plugin.wasm"]);
    assert!(files[0].1 == file("envoy_cognito-VERSION.wasm"));
    // The layout contains nothing that isn't referenced.
    assert_eq!((blobs.len(), list(&manifest["layers"]).len()), (5, 1));
}

#[test]
fn the_image_of_the_native_module_has_one_file_for_each_machine() {
    let layout = unpacked(file("envoy-cognito-native-VERSION.oci.tar"));
    let blobs: Files = layout.into_iter().map(|(name, content, _)| (name, content)).collect();
    let index_type = "application/vnd.oci.image.index.v1+json";
    let described = &json(&blobs["index.json"])["manifests"];
    assert_eq!(list(described).len(), 1);
    assert_eq!(described[0]["annotations"]["org.opencontainers.image.ref.name"], VERSION);
    let index = json(blob(&blobs, &described[0], index_type));
    let manifests = list(&index["manifests"]);
    assert_eq!(manifests.len(), modules().len());
    for described in manifests {
        let machine = match text(&described["platform"]["architecture"]) {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            other => panic!("{other}"),
        };
        let manifest = json(blob(&blobs, described, "application/vnd.oci.image.manifest.v1+json"));
        let config = json(blob(&blobs, &manifest["config"], "application/vnd.oci.image.config.v1+json"));
        assert_eq!(
            (&config["architecture"], &config["os"]),
            (&described["platform"]["architecture"], &Value::from("linux"))
        );
        assert_eq!(list(&manifest["layers"]).len(), 1);
        let layer = blob(&blobs, &manifest["layers"][0], "application/vnd.oci.image.layer.v1.tar+gzip");
        let mut content = Vec::new();
        GzDecoder::new(layer).read_to_end(&mut content).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], Value::from(vec![format!("sha256:{}", sha256(&content))]));
        let files = unpacked(&content);
        // One name on all machines, which the shipped configurations use.
        let names: Vec<&str> = files.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, [format!("libenvoy_cognito-{VERSION}.so")]);
        assert!(files[0].1 == file(&format!("libenvoy_cognito-VERSION-{machine}.so")));
    }
    // The layout's two files, the index, and three blobs an image.
    assert_eq!(blobs.len(), 3 + 3 * manifests.len());
}

#[test]
fn a_time_is_in_it_only_if_it_is_given() {
    let dated = release(Some("1767225600"));
    let sbom = "envoy_cognito-VERSION.cdx.json".replace("VERSION", VERSION);
    assert_eq!(json(&dated[&sbom])["metadata"]["timestamp"], "2026-01-01T00:00:00Z");
    assert!(json(&RELEASE[&sbom])["metadata"]["timestamp"].is_null());
    let image = "envoy-cognito-VERSION.oci.tar".replace("VERSION", VERSION);
    assert!(unpacked(&dated[&image]).iter().all(|(.., time)| *time == 1_767_225_600));
    assert!(unpacked(&RELEASE[&image]).iter().all(|(.., time)| *time == 0));
    let wasm = format!("envoy_cognito-{VERSION}.wasm");
    assert!(dated[&wasm] == RELEASE[&wasm]);
}

/// A file that Envoy loads, and its bill of materials.
struct Artifact {
    /// Its name in the bill.
    name: &'static str,
    package: &'static str,
    target: String,
    file: String,
    bill: String,
}

fn artifacts() -> Vec<Artifact> {
    let mut artifacts = vec![Artifact {
        name: "envoy-cognito",
        package: "envoy-cognito-proxy-wasm",
        target: "wasm32-wasip1".to_owned(),
        file: "envoy_cognito-VERSION.wasm".to_owned(),
        bill: "envoy_cognito-VERSION.cdx.json".to_owned(),
    }];
    artifacts.extend(modules().into_keys().map(|machine| Artifact {
        name: "envoy-cognito-native",
        package: "envoy-cognito-native",
        target: format!("{machine}-unknown-linux-gnu"),
        file: format!("libenvoy_cognito-VERSION-{machine}.so"),
        bill: format!("libenvoy_cognito-VERSION-{machine}.cdx.json"),
    }));
    artifacts
}

/// Names and versions of packages, from `cargo tree`.
fn tree(artifact: &Artifact, edges: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let Artifact { package, target, .. } = artifact;
    let arguments =
        format!("tree --locked --package {package} --target {target} --prefix none --format {{p}} --edges");
    let output =
        Command::new(cargo).current_dir(root()).args(arguments.split(' ')).arg(edges).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines = printed.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_bill_of_materials_lists_what_is_built() {
    for artifact in artifacts() {
        let bill = json(file(&artifact.bill));
        let own = &bill["metadata"]["component"];
        assert_eq!((text(&own["name"]), text(&own["version"])), (artifact.name, VERSION));
        assert_eq!(own["hashes"][0]["content"], sha256(file(&artifact.file)));
        let named = |wanted: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
            let components = list(&bill["components"]).iter().filter(|component| wanted(component));
            let crates = components.filter(|component| text(&component["purl"]).starts_with("pkg:cargo/"));
            crates
                .map(|component| format!("{} v{}", text(&component["name"]), text(&component["version"])))
                .collect()
        };
        let built = |edges| {
            let mut all = tree(&artifact, edges);
            for own in [artifact.package, "envoy-cognito-core"] {
                assert!(all.remove(&format!("{own} v{VERSION}")), "{own}");
            }
            all
        };
        assert_eq!(named(&|_| true), built("normal"), "{}", artifact.bill);
        let linked = named(&|component| component["scope"] == "required");
        assert_eq!(linked, built("normal,no-proc-macro"), "{}", artifact.bill);
        let has = |name: &str| linked.iter().any(|one| one.starts_with(&format!("{name} ")));
        let is_wasm = artifact.target == "wasm32-wasip1";
        assert_eq!((has("proxy-wasm"), has("ring"), has("syn")), (is_wasm, !is_wasm, false));
        let others = list(&bill["components"]).iter().filter(|component| {
            component["scope"] == "required" && !text(&component["purl"]).starts_with("pkg:cargo/")
        });
        let others: Vec<&str> = others.map(|component| text(&component["name"])).collect();
        let expected: &[&str] = if is_wasm { &["rust-std"] } else { &["rust-std", "zig-runtime"] };
        assert_eq!(others, expected, "{}", artifact.bill);
    }
}

/// The source locations in the messages of panics also contain names of crates.
#[test]
fn every_crate_that_a_file_itself_names_is_on_its_bill() {
    for artifact in artifacts() {
        let (content, bill) = (file(&artifact.file), json(file(&artifact.bill)));
        let strings = String::from_utf8_lossy(content);
        let mut named = BTreeSet::new();
        for place in strings.split("/cargo/").skip(1) {
            named.extend(place.split('/').next().map(str::to_owned));
        }
        assert!(named.len() >= 5, "{named:?}");
        let linked = list(&bill["components"]).iter().filter(|component| component["scope"] == "required");
        let linked: BTreeSet<String> = linked
            .map(|component| format!("{}-{}", text(&component["name"]), text(&component["version"])))
            .collect();
        assert!(named.is_subset(&linked), "{}: {:?}", artifact.bill, named.difference(&linked));
    }
}

#[test]
fn the_bill_of_materials_says_where_each_crate_comes_from() {
    let (lock, allowed) = (read("Cargo.lock"), read("deny.toml"));
    for artifact in artifacts() {
        let bill = json(file(&artifact.bill));
        let (mut refs, mut checked) =
            (BTreeSet::from([text(&bill["metadata"]["component"]["bom-ref"]).to_owned()]), 0);
        for component in list(&bill["components"]) {
            refs.insert(text(&component["bom-ref"]).to_owned());
            let (name, version) = (text(&component["name"]), text(&component["version"]));
            let license = text(&component["licenses"][0]["expression"]);
            let is_allowed = |one: &str| {
                let one = one.trim_matches(['(', ')']);
                allowed.contains(one.split(" WITH ").next().unwrap())
            };
            assert!(
                !license.contains('/') && license.split(" OR ").any(|all| all.split(" AND ").all(is_allowed)),
                "{name}: {license}"
            );
            if text(&component["purl"]).starts_with("pkg:cargo/") {
                let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
                let entry = lock
                    .split_once(&entry)
                    .unwrap_or_else(|| panic!("{name}"))
                    .1
                    .split("\n\n")
                    .next()
                    .unwrap();
                let sum = text(&component["hashes"][0]["content"]);
                assert!(entry.contains(&format!("checksum = \"{sum}\"")), "{name}: {sum}");
                checked += 1;
            }
        }
        assert!(checked >= 40, "{checked}");
        // The dependencies of every package.
        let mut described = BTreeSet::new();
        for dependency in list(&bill["dependencies"]) {
            described.insert(text(&dependency["ref"]).to_owned());
            for other in list(&dependency["dependsOn"]) {
                assert!(refs.contains(text(other)), "{other}");
            }
        }
        refs.retain(|one| one.starts_with("pkg:cargo/"));
        assert_eq!(described, refs, "{}", artifact.bill);
    }
}

#[test]
fn the_bill_of_materials_has_the_form_of_cyclonedx() {
    let schema: Value = serde_json::from_str(&read("tests/packaging/cyclonedx/bom-1.5.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults = |document: &Value| {
        validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect::<Vec<_>>()
    };
    for artifact in artifacts() {
        let bill = json(file(&artifact.bill));
        assert_eq!(faults(&bill), Vec::<String>::new(), "{}", artifact.bill);
        for (place, value) in [
            ("/specVersion", Value::from(15)),
            ("/serialNumber", Value::from("1")),
            ("/components/0/type", Value::from("crate")),
            ("/components/0/hashes/0/content", Value::from("xyz")),
        ] {
            let mut wrong = bill.clone();
            *wrong.pointer_mut(place).unwrap() = value;
            assert!(!faults(&wrong).is_empty(), "{place}");
        }
    }
}

#[test]
fn every_package_that_is_linked_has_its_licence_in_the_notices() {
    let notices = String::from_utf8(file("THIRD-PARTY-NOTICES.txt").to_vec()).unwrap();
    let (listed, texts) = notices.split_once("\n---").unwrap();
    let (listed, without) = listed.split_once("\nThese come without a text").unwrap_or((listed, ""));
    for package in artifacts().iter().flat_map(|artifact| tree(artifact, "normal,no-proc-macro")) {
        let package = package.replace(" v", " ");
        if package.starts_with("envoy-cognito-") {
            continue;
        }
        assert!(listed.contains(&format!("\n{package}: ")), "{package}");
        assert!(
            texts.contains(&package) != without.contains(&package),
            "{package}: a text, or it is said that there is none"
        );
    }
    assert!(texts.contains("Permission is hereby granted") && texts.contains("Apache License"));
    // Of what Zig links.
    assert!(
        texts.contains("The LLVM Project is under the Apache License v2.0")
            && texts.contains("Zig contributors")
    );
}
