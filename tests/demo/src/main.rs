//! The demo: the filter in a real Envoy, with a stand-in for Cognito and a sample app, until Ctrl-C.
//!
//! `demo [FILTER]`: the file of the filter, instead of what `make build` makes. `make demo` passes one that compiles faster.
//! `DEMO_CHECK=1` performs one sign-in by itself instead, prints what the app received, and exits.
//! `DEMO_PORT` names another port than 8080; with 0 all ports are free ones.

mod check;

use std::env;
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore as _;
use rig::{Envoy, Options, free_ports};
use sample_app::SampleApp;
use stand_in::{Config, StandIn};

/// As `envoy/demo.yaml` spells them: Envoy's listener, the stand-in's domain and issuer, the app. The last is the
/// stand-in's admin page, which Envoy doesn't know.
const PORTS: [u16; 5] = [8080, 9230, 9231, 9232, 9233];
const BOOTSTRAP: &str = include_str!("../../../envoy/demo.yaml");
const WASM: &str = "target/wasm32-wasip1/release/envoy_cognito.wasm";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo can't go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let ports = ports()?;
    for port in ports {
        TcpListener::bind(local(port))
            .map_err(|error| format!("port {port} is not free ({error}); try DEMO_PORT=0 make demo"))?;
    }
    let [envoy_port, domain, idp, app, admin] = ports;
    let _cognito = StandIn::start_with(Config::demo(), local(domain), local(idp), Some(local(admin)))?;
    let _app = SampleApp::start_at(local(app))?;
    let envoy = Envoy::try_start(&bootstrap(ports), &options())?;
    let address = format!("http://localhost:{envoy_port}");
    if env::var("DEMO_CHECK").is_ok_and(|check| !check.is_empty() && check != "0") {
        return check::sign_in(&address);
    }
    println!("{}", greeting(&address, domain, admin));
    follow(&envoy)
}

fn ports() -> Result<[u16; PORTS.len()], Box<dyn Error>> {
    match env::var("DEMO_PORT") {
        Ok(port) if port == "0" => free_ports(PORTS.len()).try_into().map_err(|_| "no free ports".into()),
        Ok(port) => {
            let [_, rest @ ..] = PORTS;
            let [domain, idp, app, admin] = rest;
            let port = port.parse().map_err(|_| format!("DEMO_PORT={port} is not a port"))?;
            Ok([port, domain, idp, app, admin])
        }
        Err(_) => Ok(PORTS),
    }
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// `envoy/demo.yaml` with these ports, and with the given filter or that of this checkout.
fn bootstrap(ports: [u16; PORTS.len()]) -> String {
    let built = || format!("{}/../../{WASM}", env!("CARGO_MANIFEST_DIR"));
    let mut bootstrap = BOOTSTRAP.replace(WASM, &env::args().nth(1).unwrap_or_else(built));
    for (spelt, port) in PORTS.iter().zip(ports) {
        for before in ["port_value: ", "127.0.0.1:"] {
            bootstrap = bootstrap.replace(&format!("{before}{spelt}"), &format!("{before}{port}"));
        }
    }
    bootstrap
}

/// The pool of `tests/stand-in/demo.json`, and a new session key.
fn options() -> Options {
    let mut key = [0; 32];
    rand::thread_rng().fill_bytes(&mut key);
    let options = Options { component_log_level: "wasm:info".to_owned(), ..Options::default() };
    options
        .env("COGNITO_US_EAST_1_POOL_ID", "us-east-1_UFeMzbuJe")
        .env("COGNITO_US_EAST_1_CLIENT_ID", "2jvuq8gkhfoh7u4fdfihiditj5")
        .env("COGNITO_US_EAST_1_CLIENT_SECRET", "ldjkr0pn1jmo9lule3ge06ju13rhmsffda1vama1f80frlcvplf")
        .env("SESSION_KEY", STANDARD.encode(key))
}

fn greeting(address: &str, domain: u16, admin: u16) -> String {
    format!(
        "
envoy-cognito is running. Open

    {address}

and sign in as jsmith with the password The@Password (John Smith,
custom:roles authp/admin|authp/user, custom:timezone America/New_York).

What to look at:
    {address}/              the sample app, and the headers it gets
    {address}/json          the same as JSON
    {address}/.auth/me      who the filter says you are
    {address}/public/page   open to everyone
    {address}/hello         says who you are only if you are signed in
    {address}/admin         needs the role authp/admin, which John Smith has
    {address}/finance       needs the role finance, which he hasn't; Alice Doe has it,
                                        who is adoe with the same password
    {address}/internal/x    closed to everyone
    {address}/.auth/sign-out

Without a browser:
    curl -i {address}/             401: no redirect for scripts
    curl -i -H 'accept: text/html' {address}/    302 to the sign-in page

The stand-in for Cognito is at http://127.0.0.1:{domain}. At http://127.0.0.1:{admin} you can
change people and their groups, and let Cognito fail. Envoy's configuration is envoy/demo.yaml:
change the filter's in it and start the demo again, to try a setting. Ctrl-C stops all of it.

The filter's log (that it is insecure is right for http://localhost, and for nothing else):
"
    )
}

/// Shows the filter's log lines as they come, until Envoy ends.
fn follow(envoy: &Envoy) -> Result<(), Box<dyn Error>> {
    let mut shown = 0;
    while envoy.alive() {
        let log = envoy.log();
        let new = log.get(shown..).unwrap_or_default();
        let whole = new.rfind('\n').map_or(0, |end| end + 1);
        for line in new.get(..whole).unwrap_or_default().lines() {
            if let Some(at) = line.find("envoy_cognito event=") {
                println!("    {}", line.get(at..).unwrap_or(line));
            }
        }
        shown += whole;
        thread::sleep(Duration::from_millis(200));
    }
    Err(format!("Envoy has ended:\n{}", envoy.log()).into())
}
