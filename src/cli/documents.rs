//! Text and its structure: a file, the parsers of JSON and YAML, and trees whose every value knows its place.

pub mod embedded;
pub mod finding;
pub mod json;
pub mod parsing;
pub mod recognition;
pub mod source;
pub mod tree;
pub mod yaml;
