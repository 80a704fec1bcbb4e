//! `envoy-cognito show-cookie`: opens sealed cookies, for support. Tokens are never shown.

pub mod opening;
pub mod pasted;
pub mod shown;
pub mod unsealing;

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use envoy_cognito_core::config::Config;
use envoy_cognito_core::time::UnixTime;

use crate::arguments::ShowCookie;
use crate::cookie::opening::Request;
use crate::documents::source::Source;
use crate::envoy::variables::Environment;
use crate::output::{Failure, cant_write, print};

/// Reads a cookie and prints its content. The exit code is 1 if a part of it couldn't be opened.
///
/// # Errors
/// A sentence, if there is nothing to open, or no key to open it with.
pub fn run(arguments: &ShowCookie, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let environment = Environment::with_files(&arguments.variables.env_file)?;
    let source = Source::read(&arguments.config)?;
    let host = match &arguments.host {
        Some(given) => {
            Some(opening::host(given).ok_or_else(|| format!("--host: `{given}` is not a valid host"))?)
        }
        None => None,
    };
    let configs = unsealing::configs(&source, arguments.key_env.as_deref(), host.is_some(), &environment)?;
    if host.is_none() && !configs.iter().all(knows_its_host) {
        return Err(
            "the configuration has no public_url: name the host that the cookie belongs to with --host"
                .to_owned(),
        );
    }
    if arguments.file.is_none() && io::stdin().is_terminal() {
        anstream::eprintln!("Paste the cookie, or a whole Cookie header; then press Ctrl-D:");
    }
    let pasted = Source::read(arguments.file.as_deref().unwrap_or(Path::new("-")))?.text;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixTime::from_secs(since.as_secs());
    let shown = opening::show(&Request { configs: &configs, host, pasted, now })?;
    let mut text = Vec::new();
    let written = if arguments.json {
        serde_json::to_writer_pretty(&mut text, &shown).map_err(io::Error::from).and_then(|()| writeln!(text))
    } else {
        shown.write(now, &mut text)
    };
    written.map_err(|error| cant_write(&error))?;
    print(out, &String::from_utf8_lossy(&text))?;
    Ok(if shown.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Whether the configuration itself determines the host that its cookies belong to.
fn knows_its_host(config: &Config) -> bool {
    config.public_url.is_some() || config.pools.iter().all(|pool| pool.cookies.attributes.domain.is_some())
}
