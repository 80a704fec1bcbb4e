//! Text and its structure: files, the parsers of JSON and YAML, and trees in which every value knows its place.

pub mod embedded;
pub mod finding;
pub mod json;
pub mod parsing;
pub mod recognition;
pub mod source;
pub mod tree;
pub mod yaml;
