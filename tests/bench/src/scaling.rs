//! What the filter costs as rules, cookies, sessions, workers and identities grow; and its memory, start-up time and
//! latency.

mod latency;
mod memory;
mod requests;
mod start_up;

use serde_json::{Map, Value, json};

use crate::lab::{Chain, Lab};
use crate::mint::Mint;

type Section = fn(&Lab, &Visitor, usize) -> Result<Value, String>;

const SECTIONS: [(&str, Section); 8] = [
    ("rules", requests::rules),
    ("foreign_cookies", requests::foreign_cookies),
    ("sessions", requests::sessions),
    ("workers", requests::workers),
    ("identity", requests::identity),
    ("memory", memory::run),
    ("start_up", start_up::run),
    ("latency", latency::run),
];

/// A signed-in person.
struct Visitor {
    cookies: String,
    mint: Mint,
}

/// Measures it all. Returns the section for the report.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!("\nScaling: what a signed-in request costs as things grow, and what else the filter takes");
    let site = lab.site(&Chain::Cognito(json!({})), 1)?;
    let cookies = lab.sign_in(&site)?;
    let visitor = Visitor { mint: Mint::new(lab, &cookies)?, cookies };
    drop(site);
    let mut report = Map::new();
    for (name, section) in SECTIONS {
        report.insert(name.to_owned(), section(lab, &visitor, rounds)?);
    }
    Ok(Value::Object(report))
}

/// Only what rules with claims and step-up cost, which is part of the report as `conditions`.
///
/// # Errors
/// If it can't be measured.
pub fn conditions(lab: &Lab, rounds: usize) -> Result<Value, String> {
    requests::conditions(lab, rounds)
}

/// The chains for comparisons in which requests don't grow.
fn chains() -> [(&'static str, Chain); 3] {
    [("no filter", Chain::None), ("does nothing", Chain::Nothing), ("ours", Chain::Cognito(json!({})))]
}
