//! The links in the instructions have existing targets.

use crate::files::{files, read, root};

const PAGES: [&str; 8] = [
    "CHANGELOG.md",
    "docs/control-planes.md",
    "docs/install.md",
    "envoy/README.md",
    "envoy/istio/README.md",
    "envoy/envoy-gateway/README.md",
    "envoy/grafana/README.md",
    "envoy/helm/README.md",
];

/// A heading's anchor on GitHub.
fn anchor(heading: &str) -> String {
    let plain = heading.to_lowercase();
    let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_the_instructions_leads_somewhere() {
    let mut followed = 0;
    for page in PAGES {
        let text = read(page);
        let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("https://")) {
            let (path, heading) =
                link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let target = match path {
                "" => root().join(page),
                path => root().join(page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page}: {link}");
            if let Some(heading) = heading {
                let text = std::fs::read_to_string(&target).unwrap();
                let known = text
                    .lines()
                    .filter_map(|line| line.strip_prefix('#'))
                    .map(|line| line.trim_start_matches('#').trim());
                assert!(known.map(anchor).any(|known| known == heading), "{page}: {link}");
            }
            followed += 1;
        }
    }
    assert!(followed >= 8, "{followed}");
}

#[test]
fn every_file_of_a_folder_is_in_its_instructions() {
    for folder in ["envoy/istio", "envoy/envoy-gateway", "envoy/grafana"] {
        let page = read(&format!("{folder}/README.md"));
        for file in files(folder, "yaml") {
            let name = file.rsplit('/').next().unwrap();
            assert!(page.contains(name), "{folder}/README.md doesn't mention {name}");
        }
    }
}

#[test]
fn the_instructions_name_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        read("CHANGELOG.md").lines().any(|line| line.starts_with("## ") && line.contains(version)),
        "{version}"
    );
    for page in [
        "docs/install.md",
        "envoy/istio/wasm-plugin.yaml",
        "envoy/istio/traffic-extension.yaml",
        "envoy/envoy-gateway/extension-policy.yaml",
        "envoy/Dockerfile",
    ] {
        assert!(read(page).contains(&format!("envoy-cognito:{version}")), "{page}");
    }
    for page in ["docs/install.md", "envoy/envoy-gateway/README.md", "envoy/envoy-native.yaml"] {
        assert!(read(page).contains(&format!("libenvoy_cognito-{version}.so")), "{page}");
    }
}
