//! The sample app as a program: `sample-app [--listen ADDR] [--front HOST:PORT --open URL]`.
//!
//! With a front, it prints what to open as soon as a server listens there. Runs until Ctrl-C or SIGTERM.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use sample_app::SampleApp;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: sample-app [--listen ADDR] [--front HOST:PORT --open URL]";

fn main() -> Result<(), Box<dyn Error>> {
    // This must come first: the first process of a container ignores signals without a handler.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(signals);

    let mut address: SocketAddr = ([127, 0, 0, 1], 9232).into();
    let (mut front, mut open) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--listen" => address = value.parse()?,
            "--front" => front = Some(value),
            "--open" => open = Some(value),
            _ => return Err(USAGE.into()),
        }
    }

    let app = SampleApp::start_at(address)?;
    println!("app {}", app.url());
    match (front, open) {
        (Some(front), Some(open)) => drop(thread::spawn(move || greet(&front, &open))),
        (None, None) => {}
        _ => return Err(USAGE.into()),
    }
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(())
}

/// Prints what to open once a server listens at the front.
fn greet(front: &str, open: &str) {
    while TcpStream::connect(front).is_err() {
        thread::sleep(Duration::from_millis(300));
    }
    println!("Open {open} and sign in as jsmith with the password The@Password.");
}
