//! `docs/command.md`, held to what the command prints.

use std::fs;

use crate::{File, run, settings};

const PAGE: &str = "docs/command.md";

/// A block of the page: what stands on its fence, and its lines.
fn blocks() -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in settings::read(PAGE).lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, text)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none());
    blocks
}

#[test]
fn the_example_of_check_is_what_it_prints() {
    let blocks = blocks();
    let file =
        blocks.iter().find(|(kind, _)| kind == "yaml faulty").expect("a faulty configuration").1.clone();
    let shown = blocks
        .iter()
        .find(|(kind, text)| kind == "console" && text.contains(" check faulty.yaml"))
        .expect("its check");
    let scratch = File::new("guide.yaml", &file);
    let printed =
        run(&["check", scratch.path()]).outcome().expect(1).out.replace(scratch.path(), "faulty.yaml");
    let (_, shown) = shown.1.split_once('\n').unwrap();
    assert_eq!(shown.trim_end(), printed.trim_end());
}

#[test]
fn the_example_of_a_good_one_is_what_it_prints() {
    let blocks = blocks();
    let shown =
        blocks.iter().find(|(_, text)| text.contains(" check envoy/envoy.yaml")).expect("a good check");
    let printed = run(&["check", "envoy/envoy.yaml"]).outcome().expect(0).out;
    let (_, shown) = shown.1.split_once('\n').unwrap();
    assert_eq!(shown.trim_end(), printed.trim_end());
}

#[test]
fn every_command_and_option_is_described() {
    let page = settings::read(PAGE);
    for command in ["check", "key", "schema", "show-cookie", "envoy", "completions"] {
        assert!(page.contains(&format!("## {command}\n")), "{command}");
        let help = run(&[command, "--help"]).outcome().expect(0).out;
        for option in help.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
            let option = option.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if !["help", "version"].contains(&option) {
                assert!(page.contains(&format!("`--{option}")), "{command} --{option}");
            }
        }
    }
}

#[test]
fn editors_are_told_of_the_schema() {
    let page = settings::read("docs/configuration.md");
    assert!(page.contains("# yaml-language-server: $schema="));
    assert!(fs::exists(settings::root().join("docs/configuration.schema.json")).unwrap());
}
