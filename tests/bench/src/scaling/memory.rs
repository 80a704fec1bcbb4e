//! Resident memory of Envoy's process: per worker, and per session.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{Visitor, chains};
use crate::lab::{Lab, Site};
use crate::load::{Load, one};
use crate::mint::Mint;
use crate::process::memory;
use crate::report::Table;
use crate::request::navigation;
use crate::rounds::CONNECTIONS;

/// Requests before the first measurement, over enough connections to reach every worker.
const WARM_UP: usize = 5_000;
const WARM_UP_CONNECTIONS: usize = 128;
/// Sessions that are made and used at once.
const BATCH: usize = 10_000;
/// Sessions in all, and the batches that it takes to get there from the stage before.
const STAGES: [(usize, usize); 3] = [(BATCH, 1), (3 * BATCH, 2), (5 * BATCH, 2)];

pub fn run(lab: &Lab, visitor: &Visitor, _rounds: usize) -> Result<Value, String> {
    Ok(json!({ "workers": of_workers(lab, visitor)?, "sessions": of_sessions(lab, visitor)? }))
}

/// Envoy's memory by number of workers. What remains from compiling the filter varies by more than a worker's memory,
/// so the difference only shows with many workers.
fn of_workers(lab: &Lab, visitor: &Visitor) -> Result<Value, String> {
    println!(
        "\nMemory of Envoy in MB, by workers; a worker's own is a fifteenth of what sixteen take over one\n"
    );
    const WORKERS: [u32; 4] = [1, 2, 4, 16];
    let heads = ["chain", "1", "2", "4", "16", "a worker", "added, 1", "added, a worker"];
    let mut table = Table::new(&heads);
    let mut rows = Vec::new();
    let mut bare = None;
    for (name, chain) in chains() {
        let mut taken = [0.0; WORKERS.len()];
        for (taken, workers) in taken.iter_mut().zip(WORKERS) {
            let site = lab.site(&chain, workers)?;
            send(&site, one(navigation("/page", &visitor.cookies)), WARM_UP, WARM_UP_CONNECTIONS)?;
            *taken = megabytes(&site)?;
        }
        let [one, two, four, sixteen] = taken;
        let worker = (sixteen - one) / 15.0;
        let (bare_one, bare_worker) = *bare.get_or_insert((one, worker));
        let figures = [one, two, four, sixteen, worker, one - bare_one, worker - bare_worker];
        let cells = figures.iter().map(|figure| format!("{figure:.1}"));
        table.row(&std::iter::once(name.to_owned()).chain(cells).collect::<Vec<_>>());
        rows.push(json!({
            "chain": name,
            "mb": { "1": one, "2": two, "4": four, "16": sixteen },
            "mb_a_worker": worker,
            "added_mb": one - bare_one,
            "added_mb_a_worker": worker - bare_worker,
        }));
    }
    table.print();
    Ok(Value::Array(rows))
}

/// How memory grows while more and more sessions are used, each once.
fn of_sessions(lab: &Lab, visitor: &Visitor) -> Result<Value, String> {
    println!("\nMemory of Envoy in MB, by sessions used; what it grows by without a filter is taken off\n");
    let [(_, none), _, (_, ours)] = chains();
    let sites = [lab.site(&none, 1)?, lab.site(&ours, 1)?];
    let taken = || Ok::<_, String>([megabytes(&sites[0])?, megabytes(&sites[1])?]);
    for site in &sites {
        // As many requests as with many sessions, so that the number of requests isn't the cause of growth.
        send(site, one(navigation("/page", &visitor.cookies)), BATCH, CONNECTIONS)?;
    }
    let mut table = Table::new(&["sessions", "no filter", "ours", "grown", "bytes a session"]);
    let [mut none, mut ours] = taken()?;
    table.row(&["1".to_owned(), format!("{none:.2}"), format!("{ours:.2}"), String::new(), String::new()]);
    let mut rows = vec![json!({ "sessions": 1, "no_filter_mb": none, "ours_mb": ours })];
    for (sessions, batches) in STAGES {
        for _ in 0..batches {
            let requests = Rc::new(visitor.mint.navigations(BATCH, Mint::session)?);
            sites.iter().try_for_each(|site| send(site, Rc::clone(&requests), BATCH, CONNECTIONS))?;
        }
        let now = taken()?;
        let grown = (now[1] - ours) - (now[0] - none);
        [none, ours] = now;
        let each = grown * MEGABYTE / (batches * BATCH) as f64;
        let megabytes = [none, ours, grown].map(|figure| format!("{figure:.2}"));
        let cells = std::iter::once(sessions.to_string()).chain(megabytes);
        table.row(&cells.chain(std::iter::once(format!("{each:.0}"))).collect::<Vec<_>>());
        rows.push(json!({
            "sessions": sessions,
            "no_filter_mb": none,
            "ours_mb": ours,
            "grown_mb": grown,
            "bytes_a_session": each,
        }));
    }
    table.print();
    Ok(Value::Array(rows))
}

const MEGABYTE: f64 = 1024.0 * 1024.0;

fn megabytes(site: &Site) -> Result<f64, String> {
    Ok(memory(site.envoy.pid())? as f64 / MEGABYTE)
}

fn send(site: &Site, requests: Rc<Vec<Vec<u8>>>, count: usize, connections: usize) -> Result<(), String> {
    let load = Load { address: site.address, requests, status: 200 };
    load.run(0, count, connections, false).map(drop)
}
