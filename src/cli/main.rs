//! `envoy-cognito`, the command: everything about a configuration that can be known without running Envoy. It reads
//! configurations with the filter's own core, so it accepts and refuses what the filter does. The filter doesn't use
//! this package.

#![forbid(unsafe_code)]
// A binary exports nothing, and rustc finds unused items whatever their visibility.
#![allow(unreachable_pub)]
// The style lints are for shipped code only.
#![cfg_attr(test, allow(clippy::pedantic, missing_docs))]

mod arguments;
mod bootstrap;
mod check;
mod cookie;
mod documents;
mod envoy;
mod key;
mod output;
mod revoke;
mod schema;
mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::{CommandFactory as _, Parser as _};

use crate::arguments::{Arguments, Color, Command};
use crate::output::{Failure, print};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let choice = match arguments.color {
        Color::Auto => AutoStream::choice(&io::stdout()),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    let mut out = AutoStream::new(io::stdout().lock(), choice);
    run(&arguments.command, &mut out).unwrap_or_else(|failure| {
        anstream::eprintln!("{BAD}error{BAD:#}: {failure}");
        ExitCode::from(2)
    })
}

const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

fn run(command: &Command, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match command {
        Command::Check(arguments) => check::run(arguments, out),
        Command::Key => key::run(out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "envoy-cognito", &mut script);
            print(out, &String::from_utf8_lossy(&script))
        }
        Command::Schema => print(out, &schema::text()),
        Command::ShowCookie(arguments) => cookie::run(arguments, out),
        Command::Revoke(arguments) => revoke::run(arguments, out),
        Command::Envoy(arguments) => bootstrap::run(arguments, out),
    }
}
