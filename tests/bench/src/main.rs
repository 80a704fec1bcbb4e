//! `make bench`: what the filter costs in a real Envoy, compared with Envoy's own filters for the same job.
//! Everything is measured in one run on one machine, and only ratios are meaningful on other machines. Tables are
//! printed; all figures go to `target/bench.json`. `BENCH_ROUNDS` sets the number of rounds.
//!
//! Arguments name the parts to run: `chains`, `scaling`, `conditions`, `sign-in`, `denials`, which run without arguments;
//! `signed-in`, `bodies` and `prices`, to optimise the filter; `goals`, which prints all goals in one table.

mod bodies;
mod cases;
mod chains;
mod denials;
mod goals;
mod lab;
mod load;
mod mint;
mod native;
mod prices;
mod process;
mod report;
mod request;
mod rounds;
mod scaling;
mod sign_in;
mod tokens;
mod upstream;

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use lab::Lab;

const ROUNDS: usize = 50;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThis can't be measured: {error}");
            ExitCode::FAILURE
        }
    }
}

type Part = fn(&Lab, usize) -> Result<Value, String>;

/// The parts, and whether they run by default.
const PARTS: [(&str, Part, bool); 9] = [
    ("chains", chains::run, true),
    ("signed-in", chains::signed_in, false),
    ("bodies", bodies::run, false),
    ("goals", goals::run, false),
    ("prices", prices::run, false),
    ("scaling", scaling::run, true),
    ("conditions", scaling::conditions, true),
    ("sign-in", sign_in::run, true),
    ("denials", denials::run, true),
];

fn run() -> Result<(), String> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| PARTS.iter().all(|(part, ..)| part != name)) {
        return Err(format!("there is no part called {unknown}"));
    }
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(rounds) => rounds.parse().map_err(|_| format!("BENCH_ROUNDS={rounds} is not a number"))?,
        Err(_) => ROUNDS,
    };
    let lab = Lab::new()?;
    let mut report = Map::new();
    for (name, part, always) in PARTS {
        if (wanted.is_empty() && always) || wanted.iter().any(|wanted| wanted == name) {
            report.insert(name.to_owned(), part(&lab, rounds)?);
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench.json");
    std::fs::write(file, format!("{:#}\n", json!(report))).map_err(|error| format!("{file}: {error}"))?;
    println!("All figures are in target/bench.json.");
    Ok(())
}
