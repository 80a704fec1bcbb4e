//! The blocks of a Markdown page, and how they are marked.
//!
//! Each shell block follows a comment that readers of the page don't see: `<!-- run -->`, `<!-- run: later -->`
//! for a part that the test runs in between, or `<!-- not run: why -->`. A shell block without one is an error.

use std::fs;
use std::path::Path;

pub struct Page {
    blocks: Vec<Block>,
}

pub struct Block {
    /// Its place.
    pub line: usize,
    /// The text of the comment before it.
    pub mark: String,
    language: String,
    heading: String,
    pub text: String,
}

impl Block {
    pub fn runs(&self) -> bool {
        self.mark == "run" || self.mark.starts_with("run: ")
    }
}

impl Page {
    pub fn read(file: &str) -> Self {
        let text =
            fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file)).unwrap();
        let (mut blocks, mut open) = (Vec::new(), None::<Block>);
        let (mut heading, mut mark) = (String::new(), String::new());
        for (index, line) in text.lines().enumerate() {
            if let Some(block) = &mut open {
                if line == "```" {
                    blocks.extend(open.take());
                } else {
                    block.text.extend([line, "\n"]);
                }
            } else if let Some(language) = line.strip_prefix("```") {
                open = Some(Block {
                    line: index + 1,
                    mark: std::mem::take(&mut mark),
                    language: language.to_owned(),
                    heading: heading.clone(),
                    text: String::new(),
                });
            } else if let Some(comment) =
                line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"))
            {
                comment.clone_into(&mut mark);
            } else if line.starts_with('#') {
                line.clone_into(&mut heading);
            }
        }
        let page = Self { blocks };
        for block in page.shell_blocks() {
            let known = block.runs() || block.mark.starts_with("not run: ");
            assert!(known, "{file}:{}: is this block to be run? mark it", block.line);
        }
        page
    }

    pub fn shell_blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| block.language == "sh")
    }

    /// The first block of a language with this mark.
    pub fn marked(&self, language: &str, mark: &str) -> &str {
        let found = self.blocks.iter().find(|block| block.language == language && block.mark == mark);
        &found.unwrap_or_else(|| panic!("no {language} is marked `{mark}`")).text
    }

    /// The first block of a language below a heading.
    pub fn after(&self, heading: &str, language: &str) -> String {
        let mut here = self.blocks.iter().filter(|block| block.heading.starts_with(heading));
        let found = here.find(|block| block.language == language);
        found.unwrap_or_else(|| panic!("no {language} below {heading}")).text.clone()
    }
}
