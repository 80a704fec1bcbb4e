//! The time from starting Envoy until it says that it is ready. It is asked every ten milliseconds.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Visitor, chains};
use crate::lab::Lab;
use crate::report::Table;
use crate::rounds::Summary;

pub fn run(lab: &Lab, _visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    let starts = (rounds / 5).clamp(3, 10);
    println!("\nStart-up of Envoy with one worker, {starts} starts\n");
    let chains = chains();
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..starts {
        for ((_, chain), took) in chains.iter().zip(&mut took) {
            let begun = Instant::now();
            let site = lab.site(chain, 1)?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
            drop(site);
        }
    }
    let mut table = Table::new(&["chain", "min ms", "median ms", "spread", "added, median"]);
    let mut rows = Vec::new();
    let mut bare = None;
    for ((name, _), took) in chains.iter().zip(&took) {
        let took = Summary::of(took);
        let added = took.median - *bare.get_or_insert(took.median);
        let cells = [took.min, took.median, took.spread, added].map(|figure| format!("{figure:.0}"));
        table.row(&std::iter::once((*name).to_owned()).chain(cells).collect::<Vec<_>>());
        rows.push(json!({ "chain": name, "ms": took.to_json(), "added_ms": added }));
    }
    table.print();
    Ok(Value::Array(rows))
}
