//! `docs/command.md` shows what the command really prints.

use std::fs;

use crate::{File, run, settings};

const PAGE: &str = "docs/command.md";

/// The blocks of the page: the text after the fence, and the lines.
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

/// Compares the output that the page shows for a command with the real one. If `UPDATE` is set, updates the page
/// instead.
#[track_caller]
fn assert_shown(command: &str, printed: &str) {
    let line = format!("$ envoy-cognito {command}\n");
    let blocks = blocks();
    let (_, block) = blocks.iter().find(|(_, text)| text.starts_with(&line)).expect("its example");
    let fresh = format!("{line}{}\n", printed.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        let page = settings::read(PAGE).replace(block, &fresh);
        fs::write(settings::root().join(PAGE), page).unwrap();
    } else {
        assert_eq!(*block, fresh, "`UPDATE=1 cargo test --test tool guide` puts it right");
    }
}

#[test]
fn what_check_prints_is_what_the_page_shows() {
    let blocks = blocks();
    let file = &blocks.iter().find(|(kind, _)| kind == "yaml faulty").expect("a faulty configuration").1;
    let scratch = File::new("guide.yaml", file);
    let printed =
        run(&["check", scratch.path()]).outcome().expect(1).out.replace(scratch.path(), "faulty.yaml");
    assert_shown("check faulty.yaml", &printed);
    let printed = run(&["check", "envoy/envoy.yaml"]).outcome().expect(0).out;
    assert_shown("check envoy/envoy.yaml", &printed);
}

#[test]
fn every_command_and_option_is_described() {
    let page = settings::read(PAGE);
    for command in ["check", "key", "schema", "show-cookie", "revoke", "envoy", "completions"] {
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
