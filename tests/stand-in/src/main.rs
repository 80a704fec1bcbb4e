//! The stand-in as a program: `stand-in [--config FILE] [--domain ADDR] [--idp ADDR] [--domain-url URL] [--idp-url URL]`.
//!
//! Without a configuration, it serves the demo's pool. The URLs are where others reach it, if that isn't where it listens.
//! Runs until Ctrl-C or SIGTERM.

use std::error::Error;
use std::net::SocketAddr;

use stand_in::{Config, StandIn};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str =
    "usage: stand-in [--config FILE] [--domain ADDR] [--idp ADDR] [--domain-url URL] [--idp-url URL]";

fn main() -> Result<(), Box<dyn Error>> {
    // This must come first: the first process of a container ignores signals without a handler.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(signals);

    let mut config = Config::demo();
    let mut domain: SocketAddr = ([127, 0, 0, 1], 9230).into();
    let mut idp: SocketAddr = ([127, 0, 0, 1], 9231).into();

    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match name.as_str() {
            "--config" => config = Config::from_json(&std::fs::read_to_string(value()?)?)?,
            "--domain" => domain = value()?.parse()?,
            "--idp" => idp = value()?.parse()?,
            "--domain-url" => config.domain_url = Some(value()?),
            "--idp-url" => config.idp_url = Some(value()?),
            _ => return Err(USAGE.into()),
        }
    }

    // Users of this line need the addresses at which others reach it.
    let (domain_url, idp_url) = (config.domain_url.clone(), config.idp_url.clone());
    let stand_in = StandIn::start_at(config, domain, idp)?;
    println!("domain {}", domain_url.unwrap_or_else(|| stand_in.domain_url()));
    println!("idp    {}", idp_url.unwrap_or_else(|| stand_in.idp_url()));
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(())
}
