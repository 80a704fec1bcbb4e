//! The sample app as a program: `sample-app [--listen ADDR]`. Runs until Ctrl-C.

use std::error::Error;
use std::net::SocketAddr;

use sample_app::SampleApp;

fn main() -> Result<(), Box<dyn Error>> {
    let mut address: SocketAddr = ([127, 0, 0, 1], 9232).into();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {}
        ["--listen", listen] => address = listen.parse()?,
        _ => return Err("usage: sample-app [--listen ADDR]".into()),
    }

    let app = SampleApp::start_at(address)?;
    println!("app {}", app.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    Ok(())
}
