//! Latency with few connections, so that requests seldom wait for each other.

use serde_json::{Value, json};

use super::{Visitor, chains};
use crate::lab::Lab;
use crate::load::{Load, one};
use crate::report::{Table, figure};
use crate::request::navigation;
use crate::rounds::{micros, quantile, sorted};

const CONNECTIONS: usize = 4;
/// Requests per round.
const REQUESTS: usize = 1_000;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

pub fn run(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    println!(
        "\nLatency in µs of a signed-in request, one worker, {CONNECTIONS} connections, {rounds} rounds of \
         {REQUESTS} requests\n"
    );
    let page = one(navigation("/page", &visitor.cookies));
    let mut sites = Vec::new();
    for (name, chain) in chains() {
        sites.push((name, lab.site(&chain, 1)?, Vec::new()));
    }
    for round in 0..=rounds {
        for (_, site, took) in &mut sites {
            let load = Load { address: site.address, requests: page.clone(), status: 200 };
            let tally = load.run(0, REQUESTS, CONNECTIONS, true)?;
            // The first round doesn't count.
            if round > 0 {
                took.extend(tally.latencies.into_iter().map(micros));
            }
        }
    }
    Ok(print(&sites.iter().map(|(name, _, took)| (*name, sorted(took))).collect::<Vec<_>>()))
}

/// Prints the latencies of each chain, sorted, the one without a filter first. Returns them for the report.
fn print(chains: &[(&str, Vec<f64>)]) -> Value {
    let mut table = Table::new(&["chain", "p50", "p99", "p99.9", "added p50", "p99", "p99.9"]);
    let mut rows = Vec::new();
    let mut bare = None;
    for (name, took) in chains {
        let at = QUANTILES.map(|(_, share)| quantile(took, share));
        let bare = *bare.get_or_insert(at);
        let added = [at[0] - bare[0], at[1] - bare[1], at[2] - bare[2]];
        let cells = at.iter().chain(&added).map(|value| figure(*value));
        table.row(&std::iter::once((*name).to_owned()).chain(cells).collect::<Vec<_>>());
        let told = |figures: [f64; 3]| -> Value {
            QUANTILES
                .iter()
                .zip(figures)
                .map(|((name, _), figure)| ((*name).to_owned(), json!(figure)))
                .collect()
        };
        rows.push(json!({ "chain": name, "us": told(at), "added_us": told(added) }));
    }
    table.print();
    Value::Array(rows)
}
