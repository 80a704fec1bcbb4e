//! The order of the house: which module may know which, and what the core may never reach for. `src/lib.rs`
//! lists the modules in reading order, and that list is what this test goes by; `src/tool.rs` does the same for the
//! command, which stands beside the host: it uses the filter, and the filter knows nothing of it.

// A test that can't go on may panic; the lints are for the filter.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have, its tests not counted.
const MAX_LINES: usize = 400;

/// One file below `src`.
struct Source {
    /// Relative to `src`.
    path: String,
    text: String,
}

impl Source {
    /// The top-level module that it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The first sentence of what it says of itself.
    fn summary(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix("//! "));
        let text = lines.collect::<Vec<_>>().join(" ");
        let end = text.match_indices(". ").map(|(at, _)| at + 1).next().unwrap_or(text.len());
        text[..end].to_owned()
    }

    fn is_host(&self) -> bool {
        self.module() == "host"
    }

    /// Whether it is the command's, of which nothing is in the filter.
    fn is_tool(&self) -> bool {
        ["main", "tool"].contains(&self.module())
    }

    /// Whether it is of the core, which is all of the filter but its host.
    fn is_core(&self) -> bool {
        !self.is_host() && !self.is_tool()
    }

    /// Whether all of it is test code. Such a file is declared behind `#[cfg(test)]`, which
    /// [`test_files_are_compiled_for_tests_alone`] sees to.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }

    /// Numbered lines of what is compiled into the filter: no tests, no comments.
    fn code(&self) -> Vec<(usize, &str)> {
        let mut code = Vec::new();
        for (number, line) in self.without_tests() {
            let line = line.split("//").next().unwrap_or_default();
            // `//` within a text, as in a URL, would cut off half of it; what is looked for isn't there.
            if !line.trim().is_empty() {
                code.push((number, line));
            }
        }
        code
    }

    /// Numbered lines without test modules.
    fn without_tests(&self) -> Vec<(usize, &str)> {
        let mut kept = Vec::new();
        if self.is_test() {
            return kept;
        }
        let mut lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        while let Some((number, line)) = lines.next() {
            if line != "#[cfg(test)]" {
                kept.push((number, line));
                continue;
            }
            // Either `mod tests;`, or everything up to the brace that closes `mod tests {`.
            let declaration = lines.next().map_or("", |(_, line)| line);
            if declaration.ends_with('{') {
                lines.by_ref().find(|(_, line)| *line == "}");
            }
        }
        kept
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
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
    files.sort();
    assert!(files.len() > 30, "{} files are not all of the filter", files.len());
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
    };
    files.into_iter().map(read).collect()
}

/// The modules in the order in which a file declares them: `lib.rs` those of the filter, `tool.rs` those of the
/// command.
fn floors<'s>(sources: &'s [Source], file: &str) -> Vec<&'s str> {
    let map = sources.iter().find(|source| source.path == file).unwrap();
    let modules = map.code().into_iter().filter_map(|(_, line)| {
        line.trim_start_matches("pub ").strip_prefix("mod ")?.trim_end().strip_suffix(';')
    });
    let modules: Vec<&str> = modules.collect();
    assert!(modules.len() > 15, "{modules:?}");
    modules
}

/// The modules that a line of code names by `crate::`, in `crate::{a, b::c}` too.
fn named_modules(line: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut named = Vec::new();
    for (at, found) in line.match_indices("crate::") {
        let rest = &line[at + found.len()..];
        if rest == "{" {
            // A group over several lines is not read; spelling it out is as clear.
            named.push(rest);
        }
        let Some(group) = rest.strip_prefix('{') else {
            named.push(&rest[..word(rest)]);
            continue;
        };
        let mut depth = 0;
        let mut at_start = true;
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                ' ' => {}
                _ if at_start => {
                    let name = &group[index..];
                    named.push(&name[..word(name)]);
                    at_start = false;
                }
                _ => {}
            }
            if depth < 0 {
                break;
            }
        }
    }
    named
}

/// Fails with all violations at once: whoever moves a module wants to see the whole of it.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Where code of `sources` has one of `words`.
fn occurrences<'s>(sources: impl Iterator<Item = &'s Source>, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("src/{}:{number}: {word}", source.path));
            }
        }
    }
    found
}

#[test]
fn every_file_says_first_what_it_is() {
    let sources = sources();
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    assert_none(
        &silent.map(|source| format!("src/{} doesn't begin with `//!`", source.path)).collect::<Vec<_>>(),
    );
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let sources = sources();
    let floors = floors(&sources, "lib.rs");
    let floor = |module: &str| floors.iter().position(|known| *known == module);
    let (mut violations, mut uses) = (Vec::new(), 0);
    for source in sources.iter().filter(|source| source.path != "lib.rs" && !source.is_tool()) {
        let own = source.module();
        let Some(own_floor) = floor(own) else {
            violations.push(format!("src/{}: `{own}` is not in src/lib.rs", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for used in named_modules(line).into_iter().filter(|used| *used != own) {
                uses += 1;
                if floor(used).is_none_or(|used| used > own_floor) {
                    violations.push(format!("src/{}:{number}: `{own}` uses `{used}`", source.path));
                }
            }
        }
    }
    assert!(uses > 100, "only {uses} uses were seen");
    assert_none(&violations);
}

#[test]
fn a_module_of_the_command_uses_only_what_stands_above_it() {
    let sources = sources();
    let floors = floors(&sources, "tool.rs");
    let floor = |module: &str| floors.iter().position(|known| *known == module);
    let (mut violations, mut uses) = (Vec::new(), 0);
    for source in &sources {
        let Some(own) = source.path.strip_prefix("tool/").map(|path| path.split(['/', '.']).next().unwrap())
        else {
            continue;
        };
        let Some(own_floor) = floor(own) else {
            violations.push(format!("src/{}: `{own}` is not in src/tool.rs", source.path));
            continue;
        };
        for (number, line) in source.code() {
            let inner = line.replace("crate::tool::", "crate::");
            let named = if inner == line { Vec::new() } else { named_modules(&inner) };
            for used in named.into_iter().filter(|used| *used != own) {
                uses += 1;
                if floor(used).is_none_or(|used| used >= own_floor) {
                    violations.push(format!("src/{}:{number}: `{own}` uses `{used}`", source.path));
                }
            }
        }
    }
    assert!(uses > 50, "only {uses} uses were seen");
    assert_none(&violations);
}

#[test]
fn the_filter_knows_nothing_of_the_command() {
    let sources = sources();
    let needed =
        ["crate::tool", "clap", "anstream", "anstyle", "annotate_snippets", "jsonc_parser", "saphyr_parser"];
    assert_none(&occurrences(sources.iter().filter(|source| !source.is_tool()), &needed));
    let tool = occurrences(sources.iter().filter(|source| source.is_tool()), &needed);
    assert!(tool.len() > 5, "it is looked for under its right names");
}

#[test]
fn every_module_of_the_lists_has_a_file() {
    let sources = sources();
    let missing = |module: &&&str| !sources.iter().any(|source| source.module() == **module);
    assert_eq!(floors(&sources, "lib.rs").iter().filter(missing).collect::<Vec<_>>(), [&""; 0]);
    let missing = |module: &&&str| !sources.iter().any(|source| source.path == format!("tool/{module}.rs"));
    assert_eq!(floors(&sources, "tool.rs").iter().filter(missing).collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn the_map_of_the_documentation_is_the_code() {
    let sources = sources();
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    let drawn: Vec<&str> =
        map.lines().filter(|line| line.starts_with("| `") && line.contains(".rs` |")).collect();
    let (core, tool) = (floors(&sources, "lib.rs"), floors(&sources, "tool.rs"));
    let tool = tool.iter().map(|module| format!("tool/{module}"));
    let modules =
        core.iter().map(|module| (*module).to_owned()).chain(["main".into(), "tool".into()]).chain(tool);
    let mut expected = Vec::new();
    for module in modules {
        let (file, folder) = (format!("{module}.rs"), format!("{module}/"));
        // The command's modules have entries of their own.
        let belongs = |path: &str| path == file || path.starts_with(&folder) && module != "tool";
        let mut files: Vec<_> =
            sources.iter().filter(|file| belongs(&file.path) && !file.is_test()).collect();
        files.sort_by_key(|found| (found.path != file, &found.path));
        expected.extend(files.iter().map(|file| format!("| `{}` | {} |", file.path, file.summary())));
    }
    let missing = expected.iter().filter(|line| !drawn.contains(&line.as_str()));
    let strays = drawn.iter().filter(|line| !expected.iter().any(|known| known == **line));
    let missing = missing.map(|line| format!("docs/architecture.md lacks: {line}"));
    assert_none(
        &missing
            .chain(strays.map(|line| format!("no such file, or not its words: {line}")))
            .collect::<Vec<_>>(),
    );
    assert_eq!(drawn, expected, "in reading order");
}

#[test]
fn only_the_host_knows_the_host() {
    let sources = sources();
    assert_none(&occurrences(sources.iter().filter(|source| !source.is_host()), &["proxy_wasm"]));
    let host = occurrences(sources.iter().filter(|source| source.is_host()), &["proxy_wasm"]);
    assert!(!host.is_empty(), "it is looked for under its right name");
}

#[test]
fn one_file_alone_has_unsafe_code() {
    let sources = sources();
    let others = sources.iter().filter(|source| source.path != "host/abi.rs");
    assert_none(&occurrences(others, &["unsafe"]));
}

#[test]
fn the_core_asks_no_clock_and_no_environment() {
    let sources = sources();
    let core = sources.iter().filter(|source| source.is_core());
    let reaching_out =
        ["SystemTime::now", "Instant::now", "std::env", "std::fs", "std::net", "std::thread", "getrandom"];
    assert_none(&occurrences(core, &reaching_out));
}

#[test]
fn nothing_panics_outside_tests() {
    let panics = [".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!", "assert!("];
    assert_none(&occurrences(sources().iter(), &panics));
}

#[test]
fn no_file_is_long() {
    let too_long = |source: &Source| {
        let lines = source.without_tests().len();
        (lines > MAX_LINES).then(|| format!("src/{} has {lines} lines", source.path))
    };
    assert_none(&sources().iter().filter_map(too_long).collect::<Vec<_>>());
}

#[test]
fn test_files_are_compiled_for_tests_alone() {
    let mut violations = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let declares = line.ends_with("mod tests;") || line.ends_with("mod tests {");
            if declares && (index == 0 || lines[index - 1] != "#[cfg(test)]") {
                violations.push(format!("src/{}:{}: {line}", source.path, index + 1));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn grouped_imports_are_read_too() {
    assert_eq!(named_modules("use crate::a::{b, c};"), ["a"]);
    assert_eq!(named_modules("use crate::{a::{b, c}, d, e::f};"), ["a", "d", "e"]);
    assert_eq!(named_modules("fn f(x: &crate::a::X) -> crate::b_c::Y {"), ["a", "b_c"]);
    assert_eq!(named_modules("use std::fmt;"), [""; 0]);
}
