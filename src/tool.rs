//! The command.
pub mod source;
pub mod tree;
pub mod json;
pub mod yaml;
pub mod embedded;
pub fn run() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
