//! What each call of Envoy costs: modules that make the same calls as this filter and compute nothing.

use serde_json::{Value, json};

use crate::cases::{Cases, Measured};
use crate::lab::{Chain, Lab};
use crate::load::one;
use crate::report::{Table, figure};
use crate::request::navigation;

/// Requests per round.
const REQUESTS: usize = 1_500;

/// The calls of the dynamic module for a signed-in request.
pub const NATIVE: &str = "+worker +read +state +remove +add +route +response";

/// The calls of the wasm filter for a signed-in request.
pub const WASM: &str = "+time +read +state +remove +add +lookup";

/// A call, the calls that are made with it, and those that are made without it.
type Price = (&'static str, &'static str, &'static str);

/// A kind of module, the calls that only it makes, the chain with some calls, and all calls for a signed-in request.
type Kind = (&'static str, &'static [Price], fn(&'static str) -> Chain, &'static str);

/// The calls of both kinds of module.
const PRICES: [Price; 8] = [
    ("all request headers", "+read", ""),
    ("five fields for the access log", "+state", ""),
    ("remove the `cookie` header", "+remove", ""),
    ("add five headers", "+remove +add", "+remove"),
    ("add five headers before it", "+first +remove", "+remove"),
    ("set five headers instead", "+remove +set", "+remove"),
    ("look for a response header", "+lookup", ""),
    ("all response headers", "+response", ""),
];

const ONLY_NATIVE: [Price; 2] =
    [("the worker's number", "+worker", ""), ("choose the route again", "+route", "")];

const ONLY_WASM: [Price; 1] = [("the time", "+time", "")];

/// The prices of a kind of module.
fn prices(own: &'static [Price]) -> impl Iterator<Item = &'static Price> {
    own.iter().chain(&PRICES)
}

/// Measures them. Returns the section for the report.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!(
        "\nPrices: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let signed_in = lab.site(&Chain::Cognito(json!({})), 1)?;
    let cookies = lab.sign_in(&signed_in)?;
    let page = one(navigation("/page", &cookies));
    let mut cases = Cases::new(REQUESTS);
    let none = lab.site(&Chain::None, 1)?;
    let base = cases.add("no filter", &none, page.clone(), 200, None);
    let mut sites = Vec::new();
    let kinds: [Kind; 2] =
        [("native", &ONLY_NATIVE, Chain::CallsNative, NATIVE), ("wasm", &ONLY_WASM, Chain::Calls, WASM)];
    for (kind, own, chain, all) in kinds {
        let mut sets = vec!["", all];
        for set in prices(own).flat_map(|(_, with, without)| [*with, *without]) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        for set in sets {
            let site = lab.site(&chain(set), 1)?;
            cases.add(&name(kind, set), &site, page.clone(), 200, Some(base));
            sites.push(site);
        }
    }
    let measured = cases.measure(rounds)?;
    let rows = measured.print("calls");
    let tables = kinds.map(|(kind, own, ..)| table(&measured, kind, own));
    Ok(json!({ "rows": rows, "native": tables[0], "wasm": tables[1] }))
}

fn name(kind: &str, set: &str) -> String {
    format!("{kind} {set}")
}

fn table(measured: &Measured, kind: &str, own: &'static [Price]) -> Value {
    let mut table = Table::new(&[kind, "median, µs", "least, µs"]);
    let mut rows = Vec::new();
    for (what, with, without) in prices(own) {
        let (with, without) = (name(kind, with), name(kind, without));
        let (Some(median), Some(least)) =
            (measured.median_between(&without, &with), measured.least_between(&without, &with))
        else {
            continue;
        };
        table.row(&[(*what).to_owned(), figure(median), figure(least)]);
        rows.push(json!({ "call": what, "median_us": median, "least_us": least }));
    }
    table.print();
    Value::Array(rows)
}
