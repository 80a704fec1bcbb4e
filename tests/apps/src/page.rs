//! `docs/apps.md`: the parts that are run.

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/apps.md");

/// The section of an app: the filter's settings, and the app's own file.
pub struct Section {
    pub filter: Value,
    pub app: &'static str,
}

/// The section with this title.
pub fn section(title: &str) -> Section {
    let sections = PAGE.split("\n## ");
    let section = sections.into_iter().find(|section| section.lines().next() == Some(title));
    let blocks: Vec<&str> = section.unwrap_or_else(|| panic!("no section {title}")).split("\n```").collect();
    // Text and blocks alternate; a block begins with its language.
    let block = |languages: &[&str]| {
        let mut found = blocks.iter().skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
        found.find(|(language, _)| languages.contains(language)).map(|(_, text)| text)
    };
    let yaml = block(&["yaml"]).expect("the filter's settings");
    let filter = yaml_serde::from_str(yaml).unwrap_or_else(|error| panic!("{title}: {error}"));
    Section { filter, app: block(&["python", "js"]).expect("the app's part") }
}
