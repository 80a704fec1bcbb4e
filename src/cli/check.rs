//! `envoy-cognito check`: reports every error in configurations, and what valid ones need at Cognito and in Envoy.

pub mod checked;
mod claims;
pub mod clusters;
pub mod files;
pub mod issuers;
pub mod locating;
pub mod machine;
pub mod masks;
pub mod needs;
pub mod reading;
pub mod registration;
pub mod report;
pub mod stand_ins;

use std::io::Write;
use std::process::ExitCode;

use crate::arguments::Check;
use crate::check::checked::Checked;
use crate::documents::finding::Severity;
use crate::documents::source::Source;
use crate::envoy::variables::Environment;
use crate::output::{Failure, cant_write, print};

/// Checks the files and prints a report. The exit code is 1 if there are errors.
///
/// # Errors
/// If a file can't be read, or no file contains a configuration of the filter.
pub fn run(arguments: &Check, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let environment = Environment::with_files(&arguments.variables.env_file)?;
    let (mut sources, mut failures) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        match Source::read(file) {
            Ok(source) => sources.push(source),
            Err(failure) => failures.push(failure),
        }
    }
    let files = checked::check(sources, &environment, arguments.allow_unset);
    let (mut files, others): (Vec<Checked>, Vec<Checked>) = files.into_iter().partition(Checked::is_ours);
    // If one file has a configuration, the others don't need one.
    if files.is_empty() {
        failures.extend(others.iter().map(Checked::refusal));
    } else if !arguments.json {
        others.iter().for_each(|file| anstream::eprintln!("note: {}", file.refusal()));
    }
    if arguments.strict {
        let findings = files.iter_mut().flat_map(|file| &mut file.findings);
        findings
            .filter(|finding| finding.severity == Severity::Warning)
            .for_each(|finding| finding.severity = Severity::Fault);
    }
    print_report(&files, &failures, arguments.json, out)?;
    if !failures.is_empty() {
        return Err(failures.join("\n       "));
    }
    let faults: usize = files.iter().map(|file| file.count(Severity::Fault)).sum();
    Ok(if faults > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn print_report(
    files: &[Checked],
    failures: &[Failure],
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let written = if json {
        machine::write(files, failures, &mut text)
    } else if files.is_empty() {
        Ok(())
    } else {
        report::write(files, &mut text)
    };
    written.map_err(|error| cant_write(&error))?;
    print(out, &String::from_utf8_lossy(&text)).map(|_| ())
}
