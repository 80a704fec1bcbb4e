//! Compares `docs/security-cases.md` with the tests: every case number has a row, and every row names existing tests, or
//! says why there is none.

// A test may panic if it can't continue; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The numbers of all cases. Other numbers were never used, or were merged into another case.
const NUMBERS: [u32; 141] = [
    1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 30, 31, 32,
    33, 34, 35, 36, 37, 39, 40, 42, 43, 44, 45, 46, 47, 48, 49, 54, 55, 56, 59, 60, 61, 63, 64, 65, 66, 67,
    68, 69, 71, 73, 74, 75, 76, 77, 78, 79, 81, 83, 84, 85, 87, 88, 89, 90, 91, 93, 95, 96, 97, 99, 100, 101,
    102, 105, 106, 107, 108, 109, 110, 112, 113, 114, 115, 116, 119, 120, 121, 122, 123, 124, 125, 127, 128,
    129, 133, 134, 135, 136, 137, 138, 141, 142, 143, 145, 146, 149, 150, 152, 154, 156, 157, 158, 159, 160,
    161, 162, 164, 165, 166, 167, 168, 169, 170, 171, 173, 174, 175, 176, 177, 178, 190, 191, 192,
];

const TABLE: &str = "docs/security-cases.md";

fn read(file: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// One row: what is tried, the result, and the tests or the reason.
struct Row {
    line: String,
    shown: String,
}

/// The rows by their numbers.
fn rows() -> BTreeMap<u32, Row> {
    let mut rows = BTreeMap::new();
    for line in read(TABLE).lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Ok(number) = cells[0].parse() else { continue };
        assert_eq!(cells.len(), 4, "{line}");
        assert!(cells[0].len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{line}");
        let row = Row { line: line.to_owned(), shown: cells[3].to_owned() };
        assert!(rows.insert(number, row).is_none(), "{number:03} is there twice");
    }
    rows
}

/// The tests that a row names, as `binary::module::test`.
fn tests(row: &Row) -> Vec<&str> {
    row.shown.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

fn says_why(row: &Row) -> bool {
    ["doesn't apply: ", "not proven here: "]
        .iter()
        .any(|start| row.shown.split_once(start).is_some_and(|(_, why)| why.len() > 15))
}

/// The files that may contain a test of that module.
fn files(test: &str) -> Vec<String> {
    let parts: Vec<&str> = test.split("::").collect();
    let [binary, modules @ .., _] = parts.as_slice() else { panic!("{test}") };
    match (*binary, modules) {
        ("core", [modules @ .., "tests"]) => {
            let module = modules.join("/");
            vec![format!("src/core/{module}/tests.rs"), format!("src/core/{module}.rs")]
        }
        ("core", modules) => vec![format!("src/core/{}.rs", modules.join("/"))],
        ("flows" | "envoy", modules) => vec![format!("tests/{binary}/{}.rs", modules.join("/"))],
        ("properties" | "replay", []) => vec![format!("tests/fuzz-targets/tests/{binary}.rs")],
        ("stories", [module]) => vec![format!("tests/browser/tests/stories/{module}.rs")],
        ("layers" | "docs", []) => vec![format!("tests/{binary}.rs")],
        _ => panic!("{test}: no test has such a name"),
    }
}

/// Whether there is such a test: a function of that name after `#[test]`, or a story in the list of trials.
fn exists(test: &str) -> bool {
    let name = test.rsplit("::").next().unwrap();
    let is_there =
        |file: &String| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file).is_file();
    let sources: Vec<String> =
        files(test).iter().filter(|file| is_there(file)).map(|file| read(file)).collect();
    if test.starts_with("stories::") {
        let told = read("tests/browser/tests/stories/main.rs")
            .split_whitespace()
            .any(|word| word.trim_end_matches(';') == name);
        return told && sources.iter().any(|source| source.contains(&format!("pub fn {name}()")));
    }
    sources.iter().any(|source| {
        source.contains(&format!("#[test]\n    fn {name}()"))
            || source.contains(&format!("#[test]\nfn {name}()"))
    })
}

#[test]
fn every_case_has_its_row_and_no_row_is_made_up() {
    let found: Vec<u32> = rows().into_keys().collect();
    assert_eq!(found, NUMBERS);
}

#[test]
fn every_row_names_a_test_or_says_why_there_is_none() {
    for row in rows().values() {
        assert!(!tests(row).is_empty() || says_why(row), "{}", row.line);
        let excused = ["doesn't apply", "not proven here"].iter().any(|words| row.shown.contains(words));
        assert_eq!(excused, says_why(row), "a reason follows a colon: {}", row.line);
    }
}

#[test]
fn every_test_that_a_row_names_is_there() {
    let rows = rows();
    let named: Vec<(&str, &str)> =
        rows.values().flat_map(|row| tests(row).into_iter().map(|test| (test, row.line.as_str()))).collect();
    assert!(named.len() > NUMBERS.len(), "{}", named.len());
    let missing: Vec<_> = named.iter().filter(|(test, _)| !exists(test)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A test with a case number in its name proves that case, so the case's row must name it.
#[test]
fn every_test_with_a_case_s_number_stands_in_its_row() {
    let rows = rows();
    for (binary, file) in cases_files() {
        for name in read(&file).lines().filter_map(|line| line.strip_prefix("fn case_")?.split('(').next()) {
            let module = Path::new(&file).file_stem().unwrap().to_str().unwrap();
            let test = format!("{binary}::{module}::case_{name}");
            for number in
                name.split('_').map_while(|part| part.parse::<u32>().ok().filter(|_| part.len() == 3))
            {
                let row = rows.get(&number).unwrap_or_else(|| panic!("{test}: no case has that number"));
                assert!(tests(row).contains(&test.as_str()), "{test} is missing in: {}", row.line);
            }
        }
    }
}

/// The files of such tests, with their binary.
fn cases_files() -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    for binary in ["flows", "envoy"] {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("tests").join(binary);
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with("cases_") {
                files.push((binary, format!("tests/{binary}/{name}")));
            }
        }
    }
    assert!(files.len() >= 8, "{files:?}");
    files
}
