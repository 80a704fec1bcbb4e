//! Build steps that cargo can't do.
//!
//! `xtask trim FILE` removes everything from a built wasm filter that isn't needed. `xtask dist FILE FOLDER MODULE…`
//! makes the files of a release from it and from built native modules, including the native command. `--no-command`
//! leaves out the command, which takes some time to build. `xtask chart FOLDER` makes only the archive of the Helm chart.

// A binary exports nothing, and rustc finds unused items whatever their visibility.
#![allow(unreachable_pub)]

mod archive;
mod cargo;
mod chart;
mod dist;
mod document;
mod image;
mod native;
mod notices;
mod sbom;
mod trim;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str =
    "usage: xtask trim FILE | xtask dist [--no-command] FILE FOLDER [MODULE...] | xtask chart FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["trim", file] => trim::trim(Path::new(file)),
        ["dist", "--no-command", file, folder, natives @ ..] => dist(file, folder, natives, false),
        ["dist", file, folder, natives @ ..] => dist(file, folder, natives, true),
        ["chart", folder] => chart::write(Path::new(folder)),
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

fn dist(wasm: &str, folder: &str, natives: &[&str], with_command: bool) -> Result<(), String> {
    let natives: Vec<&Path> = natives.iter().map(Path::new).collect();
    dist::dist(Path::new(wasm), Path::new(folder), &natives, with_command)
}
