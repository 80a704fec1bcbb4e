//! The report of `check` for people.

use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use crate::check::checked::{Checked, Configuration, Needs};
use crate::check::needs::Need;
use crate::check::registration::Registration;
use crate::documents::finding::{Finding, Severity};

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Writes the whole report, with colours. The caller removes them for an output that can't show them.
///
/// # Errors
/// If the output can't be written.
pub fn write(files: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for file in files {
        let (notes, others): (Vec<&Finding>, Vec<&Finding>) =
            file.findings.iter().partition(|finding| finding.severity == Severity::Note);
        others.iter().try_for_each(|finding| write_finding(file, finding, out))?;
        notes.iter().try_for_each(|finding| write_note(file, finding, out))?;
        if !notes.is_empty() {
            writeln!(out)?;
        }
        for configuration in &file.configurations {
            write_configuration(file, configuration, out)?;
        }
    }
    write_summary(files, out)
}

/// Writes what couldn't be checked. There is nothing to correct, so its line isn't shown.
fn write_note(file: &Checked, note: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let (line, column) = file.source.position(note.span.start);
    writeln!(out, "{BOLD}note{BOLD:#}: {}:{line}:{column}: {}", file.source.name, title(note))
}

fn title(finding: &Finding) -> String {
    match finding.path.as_str() {
        "" => finding.message.clone(),
        path => format!("{path}: {}", finding.message),
    }
}

fn write_finding(file: &Checked, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let level = if finding.severity == Severity::Warning { Level::WARNING } else { Level::ERROR };
    // One line, however many lines the value has.
    let line = file.source.line_of(finding.span.start);
    let text = file.shown.get(line.clone()).unwrap_or_default();
    let within = |at: usize| at.clamp(line.start, line.end) - line.start;
    let span = within(finding.span.start)..within(finding.span.end);
    let (number, _) = file.source.position(line.start);
    let snippet = Snippet::source(text)
        .line_start(number)
        .path(file.source.name.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let mut group = level.primary_title(title(finding)).element(snippet);
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    writeln!(out, "{}\n", Renderer::styled().render(&[group]))
}

fn write_configuration(file: &Checked, configuration: &Configuration, out: &mut dyn Write) -> io::Result<()> {
    let (line, _) = file.source.position(configuration.at);
    let place = match configuration.path.as_str() {
        "" => String::new(),
        path => format!(", {path}"),
    };
    let what = format!("{}:{line}: {}{place}", file.source.name, configuration.kind.name());
    let Some(Needs { registrations, clusters }) = &configuration.needs else {
        // The errors are already reported.
        return Ok(());
    };
    // The filter accepts it, but there may be errors around it.
    let verdict =
        if file.count(Severity::Fault) == 0 { format!("{GOOD}good{GOOD:#} ") } else { String::new() };
    writeln!(out, "{verdict}{BOLD}{what}{BOLD:#}\n")?;
    for registration in registrations {
        write_registration(registration, out)?;
    }
    write_clusters(clusters, out)
}

fn write_registration(registration: &Registration, out: &mut dyn Write) -> io::Result<()> {
    let Registration { pool, user_pool_id, client_id, .. } = registration;
    let name = if pool.is_empty() { String::new() } else { format!(" `{pool}`") };
    writeln!(
        out,
        "{BOLD}Register at Cognito{BOLD:#}, for the app client {client_id} of the user pool{name} {user_pool_id}:"
    )?;
    let secret = if registration.has_secret { "with a secret" } else { "without a secret: a public client" };
    let none = String::new();
    let rows: [(&str, &[String]); 5] = [
        ("callback URLs", &registration.callback_urls),
        ("sign-out URLs", &registration.sign_out_urls),
        ("scopes", &registration.scopes),
        ("readable attributes", &registration.read_attributes),
        ("claims from a trigger", &registration.other_claims),
    ];
    for (label, items) in rows {
        // Each URL is on a line of its own, easy to copy.
        let lines: Vec<String> = if label.ends_with("URLs") {
            items.to_vec()
        } else if items.is_empty() {
            Vec::new()
        } else {
            vec![items.join(", ")]
        };
        for (index, line) in lines.iter().enumerate() {
            writeln!(out, "  {:<20} {line}", if index == 0 { label } else { none.as_str() })?;
        }
    }
    writeln!(out, "  {:<20} authorization code", "grant")?;
    writeln!(out, "  {:<20} {secret}", "kind")?;
    if !registration.not_writable.is_empty() {
        let names = registration.not_writable.join(", ");
        writeln!(
            out,
            "  {:<20} {names}: access depends on it, so no app client of the pool may have write access",
            "not writable"
        )?;
    }
    for remark in &registration.remarks {
        writeln!(out, "  {BAD}note{BAD:#}{:<16} {remark}", "")?;
    }
    let words = [
        "show the current settings",
        "add the above to the current settings; update-user-pool-client resets every setting that it isn't given",
        "review that file, then apply it",
    ];
    writeln!(out)?;
    for (command, words) in registration.commands.iter().zip(words) {
        writeln!(out, "  {DIM}# {words}{DIM:#}")?;
        for line in command.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    writeln!(out)
}

fn write_clusters(needs: &[Need], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{BOLD}Envoy clusters{BOLD:#} that the filter calls:")?;
    let width = needs.iter().map(|need| need.cluster.chars().count()).max().unwrap_or_default();
    for need in needs {
        let Need { cluster, host, port, tls, is_free, uses } = need;
        if *is_free {
            writeln!(out, "  {cluster:<width$}  any address, Host {host}  ({})", uses.join(", "))?;
            continue;
        }
        let security = if *tls { format!("TLS, SNI {host}") } else { "no TLS".to_owned() };
        writeln!(out, "  {cluster:<width$}  {host}:{port}  {security}  ({})", uses.join(", "))?;
    }
    writeln!(out)
}

fn write_summary(files: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    let count = |severity| files.iter().map(|file| file.count(severity)).sum::<usize>();
    let (faults, warnings) = (count(Severity::Fault), count(Severity::Warning));
    let style = if faults == 0 { GOOD } else { BAD };
    writeln!(
        out,
        "{style}{}, {}{style:#} in {}",
        counted(faults, "error"),
        counted(warnings, "warning"),
        counted(files.len(), "file"),
    )
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
