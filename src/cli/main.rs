//! `envoy-cognito`, the command: what there is to know of a configuration without running Envoy. It reads configurations with the
//! filter's own core, so what it says is what the filter would say.
//!
//! The modules are in reading order; each uses only what stands above it, and none is used by the filter.

#![forbid(unsafe_code)]

// Floor 0: text and places in it.
mod source;
//
mod tree;
//
mod embedded;
mod json;
//
mod yaml;

// Floor 1: documents, and where the filter's configuration stands in them.
mod finding;
mod protobuf;
mod variables;
//
mod messages;
//
mod contents;
mod crds;
mod placement;
//
mod envoy;
mod kubernetes;
mod masks;
//
mod parsing;
//
mod documents;

// Floor 2: what the core says of it, and what follows from it.
mod locating;
mod stand_ins;
//
mod reading;
//
mod needs;
//
mod clusters;
mod registration;

// Floor 3: the stories.
mod check;
//
mod machine;
mod report;
//
mod arguments;
mod cookie;
mod key;
mod schema;
mod unsealing;
//
mod bootstrap;

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anstream::{AutoStream, ColorChoice};
use clap::{CommandFactory as _, Parser as _};
use envoy_cognito_core::config::Config;
use envoy_cognito_core::time::UnixTime;

use crate::arguments::{Arguments, Check, Color, Command, ShowCookie};
use crate::check::Checked;
use crate::finding::Severity;
use crate::source::Source;
use crate::variables::Environment;

/// Why the command couldn't do its job, in words.
type Failure = String;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let choice = match arguments.color {
        Color::Auto => AutoStream::choice(&io::stdout()),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let mut out = AutoStream::new(io::stdout().lock(), choice);
    let outcome = match arguments.command {
        Command::Check(arguments) => check(&arguments, &mut out),
        Command::Key => print_key(&mut out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "envoy-cognito", &mut script);
            say(&mut out, &String::from_utf8_lossy(&script))
        }
        Command::Schema => say(&mut out, &schema::text()),
        Command::ShowCookie(arguments) => show_cookie(&arguments, &mut out),
        Command::Envoy(arguments) => match bootstrap::write(&arguments) {
            Ok(text) => say(&mut out, &text),
            Err(wrong) => Err(wrong.join("\n       ")),
        },
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            anstream::eprintln!("{BAD}error{BAD:#}: {failure}");
            ExitCode::from(2)
        }
    }
}

const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// Writes a text. Whoever closes the pipe has read enough.
fn say(out: &mut dyn Write, text: &str) -> Result<ExitCode, Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("can't write: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn print_key(out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let key = key::fresh().map_err(|error| format!("the system has no randomness: {error}"))?;
    say(out, &format!("{key}\n"))
}

fn check(arguments: &Check, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let environment = environment(&arguments.variables.env_file)?;
    let (mut sources, mut failures) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        match read(file) {
            Ok(source) => sources.push(source),
            Err(failure) => failures.push(failure),
        }
    }
    let files = check::check(sources, &environment, arguments.allow_unset);
    let (mut files, others): (Vec<Checked>, Vec<Checked>) = files.into_iter().partition(Checked::is_ours);
    // Beside a file that has one, others may be without.
    if files.is_empty() {
        failures.extend(others.iter().map(Checked::refusal));
    } else if !arguments.json {
        others.iter().for_each(|file| anstream::eprintln!("note: {}", file.refusal()));
    }
    if arguments.strict {
        let warnings = files.iter_mut().flat_map(|file| &mut file.findings);
        warnings
            .filter(|finding| finding.severity == Severity::Warning)
            .for_each(|finding| finding.severity = Severity::Fault);
    }
    let mut text = Vec::new();
    let written = if arguments.json {
        machine::write(&files, &failures, &mut text)
    } else if files.is_empty() {
        Ok(())
    } else {
        report::write(&files, &mut text)
    };
    written.map_err(|error| format!("can't write: {error}"))?;
    say(out, &String::from_utf8_lossy(&text))?;
    if !failures.is_empty() {
        return Err(failures.join("\n       "));
    }
    let faults: usize = files.iter().map(|file| file.count(Severity::Fault)).sum();
    Ok(if faults > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Reads a file, or standard input for `-`.
fn read(path: &Path) -> Result<Source, Failure> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let bytes = if is_stdin {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{name}: not a text in UTF-8"))?;
    let stripped = text.strip_prefix('\u{feff}').map(str::to_owned);
    let has_mark = stripped.is_some();
    Ok(Source { name, text: stripped.unwrap_or(text), has_mark })
}

/// The environment, and what files add to it.
fn environment(files: &[std::path::PathBuf]) -> Result<Environment, Failure> {
    let mut added = HashMap::new();
    for file in files {
        let Source { name, text, .. } = read(file)?;
        let pairs =
            Environment::read_file(&text).map_err(|line| format!("{name}:{line}: not a line NAME=value"))?;
        added.extend(pairs);
    }
    Ok(Environment::new(added))
}

fn show_cookie(arguments: &ShowCookie, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let environment = environment(&arguments.variables.env_file)?;
    let source = read(&arguments.config)?;
    let host = match &arguments.host {
        Some(said) => Some(cookie::host(said).ok_or_else(|| format!("--host: `{said}` is no host"))?),
        None => None,
    };
    let configs = unsealing::configs(&source, arguments.key_env.as_deref(), host.is_some(), &environment)?;
    let is_known = |config: &Config| {
        config.public_url.is_some()
            || config.pools.iter().all(|pool| pool.cookies.attributes.domain.is_some())
    };
    if host.is_none() && !configs.iter().all(is_known) {
        return Err(
            "name the host that the cookie belongs to by --host: the configuration has no public_url"
                .to_owned(),
        );
    }
    if arguments.file.is_none() && io::stdin().is_terminal() {
        anstream::eprintln!("Paste the cookie, or a whole Cookie header; then press Ctrl-D:");
    }
    let pasted = read(arguments.file.as_deref().unwrap_or(Path::new("-")))?.text;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixTime::from_secs(since.as_secs());
    let shown = cookie::show(&cookie::Request { configs: &configs, host, pasted, now })?;
    let mut text = Vec::new();
    let written = if arguments.json {
        serde_json::to_writer_pretty(&mut text, &shown).map_err(io::Error::from).and_then(|()| writeln!(text))
    } else {
        shown.write(now, &mut text)
    };
    written.map_err(|error| format!("can't write: {error}"))?;
    say(out, &String::from_utf8_lossy(&text))?;
    Ok(if shown.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
