//! What the filter costs as things grow: rules, cookies, sessions, workers, identities; and what it takes of
//! memory, of the time to start, and of the time to an answer.

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

/// Somebody who is signed in.
struct Visitor {
    cookies: String,
    mint: Mint,
}

/// Measures it all. Gives what to write into the report.
///
/// # Errors
/// Where something can't be measured.
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

/// The chains that are compared where it isn't requests that grow.
fn chains() -> [(&'static str, Chain); 3] {
    [("no filter", Chain::None), ("does nothing", Chain::Nothing), ("ours", Chain::Cognito(json!({})))]
}
