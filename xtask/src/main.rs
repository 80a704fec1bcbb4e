//! Build steps that cargo doesn't know.
//!
//! `xtask trim FILE` takes out of a built filter what nothing needs. `xtask dist FILE FOLDER` makes of it what is released.

mod archive;
mod cargo;
mod dist;
mod image;
mod notices;
mod sbom;
mod trim;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: xtask trim FILE | xtask dist FILE FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["trim", file] => trim::trim(Path::new(file)),
        ["dist", file, folder] => dist::dist(Path::new(file), Path::new(folder)),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
