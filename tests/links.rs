//! Links of the documentation: to a file that is there, and to a heading that it has.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every page that people read.
fn pages() -> Vec<PathBuf> {
    let (mut pages, mut folders) = (Vec::new(), vec![root().join("docs"), root().join("envoy")]);
    let mut take = |path: PathBuf| {
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    };
    for entry in fs::read_dir(root()).unwrap() {
        take(entry.unwrap().path());
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { take(path) }
        }
    }
    pages
}

/// The lines of a page that aren't code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    })
}

/// What a heading is called in a link, as GitHub and GitLab call it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// Where the links and pictures of a page lead: Markdown's, and those of the HTML within.
fn targets(text: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for line in prose(text) {
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"'), ("href=\"", '"')] {
            for (at, _) in line.match_indices(opening) {
                let rest = &line[at + opening.len()..];
                targets.extend(rest.split(closing).next());
            }
        }
    }
    targets
}

#[test]
fn every_link_leads_somewhere() {
    let (mut broken, mut followed) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&text).into_iter().filter(|target| !target.contains("://")) {
            followed += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.clone() } else { page.with_file_name("").join(file) };
            let is_there = file.exists()
                && (heading.is_empty()
                    || fs::read_to_string(&file).is_ok_and(|text| anchors(&text).contains(heading)));
            if !is_there {
                broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(followed > 60, "only {followed} links were seen");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn a_heading_is_called_what_the_platforms_call_it() {
    assert_eq!(anchor(" What isn't promised"), "what-isnt-promised");
    assert_eq!(anchor(" `roles`, and more: a-b_c"), "roles-and-more-a-b_c");
}
