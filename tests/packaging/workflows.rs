//! The workflows only run existing, pinned things, with no more permissions than they need.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::files::{document, files, list, read, root, text};

fn workflows() -> Vec<(String, Value)> {
    let files = files(".github/workflows", "yaml");
    files.into_iter().map(|file| (file.clone(), document(&file))).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().unwrap().iter()
}

/// The commands of a job's steps, line by line.
fn lines(job: &Value) -> Vec<String> {
    let runs = list(&job["steps"]).iter().filter_map(|step| step["run"].as_str());
    runs.flat_map(str::lines).map(str::to_owned).collect()
}

fn targets_of_makefile() -> BTreeSet<String> {
    let makefile = read("Makefile");
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    let targets = phony.split(' ').filter(|target| makefile.contains(&format!("\n{target}:")));
    targets.map(str::to_owned).collect()
}

#[test]
fn they_run_what_is_there() {
    let (targets, mut made) = (targets_of_makefile(), BTreeSet::new());
    let mut tested = 0;
    for (file, workflow) in workflows() {
        for (name, job) in jobs(&workflow) {
            for line in lines(job) {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("make") => {
                        let target = words.next().unwrap().to_owned();
                        assert!(targets.contains(&target), "{file}: {name}: {line}");
                        made.insert(target);
                    }
                    Some(program) if program.starts_with('.') => {
                        let program = root().join(program);
                        let mode = program
                            .metadata()
                            .unwrap_or_else(|error| panic!("{file}: {line}: {error}"))
                            .permissions()
                            .mode();
                        assert!(mode & 0o111 != 0, "{file}: {line} can't be run");
                        tested += usize::from(program.ends_with(".ci/run"));
                    }
                    _ => {}
                }
            }
            for matrix in job["strategy"]["matrix"]["include"].as_array().into_iter().flatten() {
                assert!(!text(&matrix["runner"]).ends_with("-latest"), "{file}: {name}");
            }
            if let Some(needed) = job["needs"].as_str() {
                assert!(workflow["jobs"][needed].is_object(), "{file}: {name} needs {needed}");
            }
            assert!(job["timeout-minutes"].is_u64(), "{file}: {name} may hang for hours");
            assert!(!text(&job["runs-on"]).ends_with("-latest"), "{file}: {name}");
        }
    }
    assert_eq!(
        (tested, made),
        (2, BTreeSet::from(["compose-check".to_owned(), "dist".to_owned()])),
        "CI tests, and nothing is released untested"
    );
}

#[test]
fn ci_runs_for_every_push_and_pull_request() {
    let ci = document(".github/workflows/ci.yaml");
    assert!(
        ci["on"].as_object().unwrap().contains_key("pull_request") && ci["on"]["push"].is_object(),
        "{}",
        ci["on"]
    );
    assert_eq!(
        document(".github/workflows/release.yaml")["on"]["push"],
        serde_json::json!({ "tags": ["v*"] })
    );
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    let mut pinned = 0;
    for (file, workflow) in workflows() {
        let source = read(&file);
        for (_, job) in jobs(&workflow) {
            for action in list(&job["steps"]).iter().filter_map(|step| step["uses"].as_str()) {
                let (_, commit) = action.split_once('@').unwrap();
                assert!(
                    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{file}: {action}"
                );
                assert!(source.contains(&format!("{action} # v")), "{file}: {action}: which version is it?");
                assert!(action.starts_with("actions/"), "{file}: {action} is a stranger's");
                pinned += 1;
            }
        }
    }
    assert!(pinned >= 7, "{pinned}");
}

#[test]
fn they_may_do_no_more_than_they_need() {
    for (file, workflow) in workflows() {
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }), "{file}");
        for (name, job) in jobs(&workflow) {
            // No foreign code runs where something may be published, and no token exists where foreign code runs.
            let runs_ours =
                lines(job).iter().any(|line| line.starts_with("make ") || line.starts_with(".ci/"));
            assert!(job["permissions"].is_null() || !runs_ours, "{file}: {name}");
            for step in list(&job["steps"])
                .iter()
                .filter(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("checkout@")))
            {
                assert_eq!(step["with"]["persist-credentials"], false, "{file}: {name}");
            }
            // Names that strangers can choose, such as tags or branches, aren't inserted into scripts.
            assert!(lines(job).iter().all(|line| !line.contains("${{")), "{file}: {name}");
        }
    }
}

#[test]
fn the_release_publishes_what_is_made() {
    let release = document(".github/workflows/release.yaml");
    let publish = lines(&release["jobs"]["publish"]).join("\n");
    assert_eq!(release["jobs"]["publish"]["needs"], "images");
    assert_eq!(release["jobs"]["images"]["needs"], "build");
    // xtask defines the names and formats, and `dist.rs` tests them.
    assert!(publish.contains("oci-archive:dist/envoy-cognito-$version.oci.tar:$version"), "{publish}");
    let native = "skopeo copy --all --digestfile digest-native \"oci-archive:dist/envoy-cognito-native-$version.oci.tar:$version\"";
    assert!(publish.contains(native), "the images of all machines: {publish}");
    assert!(
        publish.contains("helm push \"dist/envoy-cognito-chart-$version.tgz\" \"oci://$name/charts\""),
        "{publish}"
    );
    assert!(publish.contains("sha256sum --check --strict SHA256SUMS"), "{publish}");
    // The images of the compose files, for both kinds of machines, from what was built and tried.
    let images = &release["jobs"]["images"];
    let machines = list(&images["strategy"]["matrix"]["include"]);
    assert_eq!(machines.iter().map(|one| text(&one["machine"])).collect::<Vec<_>>(), ["amd64", "arm64"]);
    let (saved, built) = (lines(images).join("\n"), document("envoy/docker-compose.yaml"));
    let released = document("envoy/docker-compose.released.yaml");
    for (service, own) in released["services"].as_object().unwrap() {
        let (_, name) = text(&own["image"]).split_once("}-").unwrap();
        let (image, version) = name.split_once(':').unwrap();
        assert_eq!(version, format!("${{VERSION:-{}}}", env!("CARGO_PKG_VERSION")), "{service}");
        let local = text(&built["services"][service]["image"]);
        assert!(
            saved.contains(&format!("docker save --output images/{image}.tar {local}")),
            "{service}: {saved}"
        );
        let attested = format!("subject-name: ${{{{ steps.image.outputs.name }}}}-{image}\n");
        assert!(read(".github/workflows/release.yaml").contains(&attested), "{image}");
    }
    assert!(publish.contains("for image in demo demo-native stand-in sample-app; do"), "{publish}");
    // The version has its own line, which is compared with the tag.
    let build = lines(&release["jobs"]["build"]).join("\n");
    assert!(build.contains(r#"grep -Fxq "version = \"${GITHUB_REF_NAME#v}\"" Cargo.toml"#), "{build}");
    let line = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(read("Cargo.toml").lines().filter(|found| **found == line).count(), 1);
}
