//! The report of `check` for programs: one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use crate::check::checked::Checked;
use crate::check::needs::Need;
use crate::check::registration::Registration;
use crate::documents::finding::{Finding, Severity};

#[derive(Serialize)]
struct Document<'r> {
    /// Whether there are no errors.
    good: bool,
    faults: Vec<Place<'r>>,
    warnings: Vec<Place<'r>>,
    notes: Vec<Place<'r>>,
    configurations: Vec<Configuration<'r>>,
    /// Files that couldn't be checked at all.
    errors: &'r [String],
}

#[derive(Serialize)]
struct Place<'r> {
    file: &'r str,
    line: usize,
    column: usize,
    path: &'r str,
    document_path: &'r str,
    message: &'r str,
    help: Option<&'r str>,
}

#[derive(Serialize)]
struct Configuration<'r> {
    file: &'r str,
    line: usize,
    column: usize,
    kind: &'static str,
    document_path: &'r str,
    good: bool,
    registrations: &'r [Registration],
    clusters: Vec<Cluster<'r>>,
}

#[derive(Serialize)]
struct Cluster<'r> {
    name: &'r str,
    host: &'r str,
    port: Option<u16>,
    tls: Option<bool>,
    sni: Option<&'r str>,
    uses: &'r [&'static str],
}

/// Writes the report.
///
/// # Errors
/// If the output can't be written.
pub fn write(files: &[Checked], errors: &[String], out: &mut dyn Write) -> io::Result<()> {
    let of = |severity: Severity| {
        let findings = files.iter().flat_map(|file| file.findings.iter().map(move |finding| (file, finding)));
        findings
            .filter(|(_, finding)| finding.severity == severity)
            .map(|(file, finding)| place(file, finding))
            .collect::<Vec<_>>()
    };
    let faults = of(Severity::Fault);
    let document = Document {
        good: faults.is_empty() && errors.is_empty(),
        faults,
        warnings: of(Severity::Warning),
        notes: of(Severity::Note),
        configurations: files.iter().flat_map(configurations).collect(),
        errors,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn place<'r>(file: &'r Checked, finding: &'r Finding) -> Place<'r> {
    let (line, column) = file.source.position(finding.span.start);
    Place {
        file: &file.source.name,
        line,
        column,
        path: &finding.path,
        document_path: &finding.document_path,
        message: &finding.message,
        help: finding.help.as_deref(),
    }
}

fn configurations(file: &Checked) -> impl Iterator<Item = Configuration<'_>> {
    file.configurations.iter().map(|configuration| {
        let (line, column) = file.source.position(configuration.at);
        let needs = configuration.needs.as_ref();
        Configuration {
            file: &file.source.name,
            line,
            column,
            kind: configuration.kind.name(),
            document_path: &configuration.path,
            good: needs.is_some(),
            registrations: needs.map_or(&[], |needs| &needs.registrations),
            clusters: needs.map_or(Vec::new(), |needs| needs.clusters.iter().map(cluster).collect()),
        }
    })
}

fn cluster(need: &Need) -> Cluster<'_> {
    Cluster {
        name: &need.cluster,
        host: &need.host,
        port: (!need.is_free).then_some(need.port),
        tls: (!need.is_free).then_some(need.tls),
        sni: need.tls.then_some(need.host.as_str()),
        uses: &need.uses,
    }
}
