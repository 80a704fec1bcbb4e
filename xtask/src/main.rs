//! Build steps that cargo can't do.
//!
//! `xtask trim FILE` removes everything from a built filter that isn't needed. `xtask dist FILE FOLDER` makes the
//! files of a release from it, including the native command. `--no-command` leaves out the command, which takes some
//! time to build.

// A binary exports nothing, and rustc finds unused items whatever their visibility.
#![allow(unreachable_pub)]

mod archive;
mod cargo;
mod dist;
mod document;
mod image;
mod notices;
mod sbom;
mod trim;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: xtask trim FILE | xtask dist [--no-command] FILE FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["trim", file] => trim::trim(Path::new(file)),
        ["dist", "--no-command", file, folder] => dist::dist(Path::new(file), Path::new(folder), false),
        ["dist", file, folder] => dist::dist(Path::new(file), Path::new(folder), true),
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
