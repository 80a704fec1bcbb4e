//! The stand-in as a program: `stand-in --help` shows its arguments. Runs until Ctrl-C or SIGTERM.

use std::error::Error;
use std::process::ExitCode;

use stand_in::{Arguments, StandIn, USAGE};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stand-in: {error}\nTry --help.");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // This must come first: the first process of a container ignores signals without a handler.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(signals);

    if std::env::args().skip(1).any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let Arguments { config, domain, idp, admin } = Arguments::read(std::env::args().skip(1))?;
    let (domain_url, idp_url) = (config.domain_url.clone(), config.idp_url.clone());
    let stand_in = StandIn::start_with(config, domain, idp, admin)?;
    // Users of these lines need the addresses at which others reach it.
    println!("domain {}", domain_url.unwrap_or_else(|| stand_in.domain_url()));
    println!("idp    {}", idp_url.unwrap_or_else(|| stand_in.idp_url()));
    if let Some(url) = stand_in.admin_url() {
        println!("admin  {url}");
    }
    if [Some(domain), Some(idp), admin].into_iter().flatten().any(|address| !address.ip().is_loopback()) {
        println!("Not only this machine may reach it, and whoever does can sign in as anybody.");
    }
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(())
}
