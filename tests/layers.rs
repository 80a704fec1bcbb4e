//! The structure of the sources, as far as cargo doesn't enforce it: within a package, no two modules depend on each
//! other, and no file is too long. The `Cargo.toml`s ensure that the core doesn't depend on a host, and that the filter
//! doesn't depend on the command.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The packages' folders, below `src`.
const ROOMS: [&str; 4] = ["core", "proxy-wasm", "native", "cli"];

/// The maximum number of lines of a file, without its tests.
const MAX_LINES: usize = 400;

/// The modules of a package by their paths (`http/cookie`), each with its text, without tests and comments.
fn modules(room: &str) -> BTreeMap<String, String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../src")).join(room);
    let (mut files, mut folders): (Vec<PathBuf>, _) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let is_tests = |name: &OsStr| name == "tests.rs" || name == "tests";
    let is_code = |path: &&PathBuf| !path.strip_prefix(&root).unwrap().iter().any(is_tests);
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = path.strip_prefix(&root).unwrap().with_extension("").display().to_string();
        (name, lines.collect::<Vec<_>>().join("\n"))
    };
    files.iter().filter(is_code).map(read).collect()
}

/// The modules that a text names with `crate::…`. Groups such as `crate::{a, b}` aren't read.
fn named(text: &str, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = text.match_indices("crate::").map(|(at, found)| {
        let rest = &text[at + found.len()..];
        rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())].replace("::", "/")
    });
    // The longest part of the path that is a module: behind it stand the names of items.
    let module = |path: String| {
        let parts: Vec<&str> = path.split('/').collect();
        (1..=parts.len()).rev().map(|end| parts[..end].join("/")).find(|known| modules.contains_key(known))
    };
    paths.filter_map(module).collect()
}

/// A circle of dependencies from a module back to itself, if there is one.
fn circle(from: &str, uses: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let (mut seen, mut ways) = (BTreeSet::new(), vec![vec![from.to_owned()]]);
    while let Some(way) = ways.pop() {
        for next in uses.get(way.last().unwrap().as_str()).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(next.clone());
            if next == from {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push(longer);
            }
        }
    }
    None
}

#[test]
fn no_two_modules_need_each_other() {
    for room in ROOMS {
        let modules = modules(room);
        let uses: BTreeMap<&str, BTreeSet<String>> = modules
            .iter()
            .map(|(name, text)| (name.as_str(), named(text, &modules)))
            .map(|(name, mut uses)| {
                uses.remove(name);
                (name, uses)
            })
            .collect();
        assert!(uses.values().map(BTreeSet::len).sum::<usize>() >= 5, "src/{room}: they use each other");
        let circles: Vec<_> = modules.keys().filter_map(|name| circle(name, &uses)).collect();
        assert!(circles.is_empty(), "src/{room}: {circles:#?}");
    }
}

#[test]
fn no_two_folders_need_each_other() {
    for room in ["core", "cli"] {
        let modules = modules(room);
        let folder = |module: &str| module.split('/').next().unwrap().to_owned();
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, text) in &modules {
            let used = named(text, &modules).iter().map(|used| folder(used)).collect::<BTreeSet<_>>();
            uses.entry(folder(name))
                .or_default()
                .extend(used.into_iter().filter(|used| *used != folder(name)));
        }
        let uses: BTreeMap<&str, BTreeSet<String>> =
            uses.iter().map(|(name, used)| (name.as_str(), used.clone())).collect();
        let circles: Vec<_> = uses.keys().filter_map(|name| circle(name, &uses)).collect();
        assert!(circles.is_empty(), "src/{room}: {circles:#?}");
    }
}

#[test]
fn only_the_abis_of_the_hosts_have_unsafe_code() {
    let mut with = Vec::new();
    for room in ROOMS {
        let unsafe_modules = modules(room).into_iter().filter(|(_, text)| text.contains("unsafe "));
        with.extend(unsafe_modules.map(|(name, _)| format!("{room}/{name}")));
    }
    assert_eq!(with, ["proxy-wasm/abi", "native/abi/callbacks", "native/abi/handles", "native/abi/hooks"]);
}

#[test]
fn no_file_is_long() {
    for room in ROOMS {
        for (name, text) in modules(room) {
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "src/{room}/{name}.rs has {lines} lines");
        }
    }
}

#[test]
fn a_circle_is_found_and_a_line_is_none() {
    let uses = |pairs: [(&'static str, &str); 3]| {
        pairs.map(|(from, to)| (from, BTreeSet::from([to.to_owned()]))).into_iter().collect()
    };
    assert_eq!(circle("a", &uses([("a", "b"), ("b", "c"), ("c", "a")])).unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(circle("a", &uses([("a", "b"), ("b", "c"), ("c", "d")])), None);
    let modules = BTreeMap::from([("http/cookie".to_owned(), String::new())]);
    assert_eq!(named("use crate::http::cookie::Cookies;", &modules).len(), 1);
    assert_eq!(named("use crate::http::Request;", &modules).len(), 0);
}
