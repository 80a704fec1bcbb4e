//! What it costs to deny sessions: signing out when many are denied already, a request when there is a long deny list,
//! and how long other workers accept a session after it was signed out.

use std::rc::Rc;
use std::time::{Duration, Instant};

use envoy_cognito_core::session::Session;
use rig::{Connection, PATIENCE, RawRequest, eventually};
use serde_json::{Value, json};

use crate::cases::Cases;
use crate::lab::{Chain, HOST, Lab, Site};
use crate::load::{Load, one};
use crate::mint::Mint;
use crate::request::navigation;
use crate::rounds::CONNECTIONS;

/// Sign-outs per round.
const SIGN_OUTS: usize = 64;
/// Requests per round.
const REQUESTS: usize = 600;
/// How many sessions are denied before sign-outs are measured.
const DENIED: usize = 10_000;
/// The workers of the Envoy that is timed, and its connections: enough for each worker to have some.
const WORKERS: u32 = 4;
const TIMED_CONNECTIONS: usize = 32;
const TIMED_SIGN_OUTS: usize = 20;

type Start = fn(Value) -> Chain;

/// Measures it for both artifacts. Returns the section for the report.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!("\nDenied sessions, and a deny list");
    let first = lab.site(&Chain::Cognito(json!({})), 1)?;
    let cookies = lab.sign_in(&first)?;
    let mint = Mint::new(lab, &cookies)?;
    drop(first);
    let artifacts: [(&str, Start); 2] = [("wasm", Chain::Cognito), ("native", Chain::CognitoNative)];
    let mut report = serde_json::Map::new();
    for (name, start) in artifacts {
        println!("\nThe artifact: {name}");
        let figures = json!({
            "sign_outs": sign_outs(lab, &mint, start, rounds)?,
            "deny_list": deny_list(lab, &mint, &cookies, start, rounds)?,
            "last_accepted_ms": last_accepted(lab, &mint, start)?,
        });
        report.insert(name.to_owned(), figures);
    }
    Ok(Value::Object(report))
}

/// Sign-outs of so many people. Their cookies have no refresh token, so nothing is revoked at Cognito.
fn sign_out_requests(mint: &Mint, count: usize) -> Result<Rc<Vec<Vec<u8>>>, String> {
    let request = |_| {
        let cookies = mint.cookies(&mint.session()?)?;
        let identity = cookies.split("; ").next().unwrap_or_default();
        Ok(navigation("/.auth/sign-out", identity))
    };
    (0..count).map(request).collect::<Result<_, String>>().map(Rc::new)
}

fn sign_outs(lab: &Lab, mint: &Mint, start: Start, rounds: usize) -> Result<Value, String> {
    println!("\nSign-outs, by the number of sessions that are denied ({rounds} rounds of {SIGN_OUTS})\n");
    let none = lab.site(&Chain::None, 1)?;
    let [few, many] = [lab.site(&start(json!({})), 1)?, lab.site(&start(json!({})), 1)?];
    let filling = Load { address: many.address, requests: sign_out_requests(mint, DENIED)?, status: 302 };
    filling.run(0, DENIED, CONNECTIONS, false)?;
    let mut cases = Cases::new(SIGN_OUTS);
    for (name, site) in [("none at first", &few), ("10,000 at first", &many)] {
        let requests = sign_out_requests(mint, SIGN_OUTS * (rounds + 1))?;
        let base = cases.add(&format!("no filter, {name}"), &none, Rc::clone(&requests), 200, None);
        cases.add(name, site, requests, 302, Some(base));
    }
    Ok(cases.measure(rounds)?.print_growth("denied"))
}

fn deny_list(lab: &Lab, mint: &Mint, cookies: &str, start: Start, rounds: usize) -> Result<Value, String> {
    println!("\nA signed-in request, by the entries of the deny list ({rounds} rounds of {REQUESTS})\n");
    let list = json!({ "revocations": { "cluster": "revocations", "path": "/revoked.json", "every": "1h" } });
    let none = lab.site(&Chain::None, 1)?;
    let sites = [lab.site(&start(json!({})), 1)?, lab.site(&start(list), 1)?];
    await_list(&sites[1], mint)?;
    let mut cases = Cases::new(REQUESTS);
    let page = one(navigation("/page", cookies));
    let base = cases.add("no filter", &none, page.clone(), 200, None);
    for (name, site) in [("no list", &sites[0]), ("10,000 entries", &sites[1])] {
        cases.add(name, site, page.clone(), 200, Some(base));
    }
    Ok(cases.measure(rounds)?.print_growth("deny list"))
}

/// Waits until a session that the list names is denied: a list that isn't applied must not be measured.
fn await_list(site: &Site, mint: &Mint) -> Result<(), String> {
    let listed = Session { id: 1_u128.to_be_bytes(), ..mint.session()? };
    let request = RawRequest::get("/page").host(HOST).header("x-forwarded-proto", "https");
    let request = request.header("cookie", mint.cookies(&listed)?);
    let denied = eventually(PATIENCE, || {
        rig::send(site.address, &request).is_ok_and(|answer| answer.status == 401).then_some(())
    });
    denied.ok_or_else(|| format!("the deny list isn't applied:\n{}", site.envoy.log()))
}

/// How long after a sign-out its cookies were accepted for the last time, by any of several workers.
fn last_accepted(lab: &Lab, mint: &Mint, start: Start) -> Result<Value, String> {
    let site = lab.site(&start(json!({})), WORKERS)?;
    let failed = |error: std::io::Error| error.to_string();
    let open = |_| Connection::open(site.address).map_err(failed);
    let mut connections = (0..TIMED_CONNECTIONS).map(open).collect::<Result<Vec<_>, _>>()?;
    let mut latest = Vec::new();
    for _ in 0..TIMED_SIGN_OUTS {
        latest.push(time_sign_out(&site, mint, &mut connections)?.as_secs_f64() * 1_000.0);
    }
    latest.sort_by(f64::total_cmp);
    let (median, max) = (latest[latest.len() / 2], latest[latest.len() - 1]);
    println!(
        "From a sign-out to the last request with its cookies that one of {WORKERS} workers accepted: {median:.0} ms, \
         at most {max:.0} ms ({TIMED_SIGN_OUTS} sign-outs). After a second, none was accepted.\n"
    );
    Ok(json!({ "median": median, "max": max }))
}

fn time_sign_out(site: &Site, mint: &Mint, connections: &mut [Connection]) -> Result<Duration, String> {
    let cookies = mint.cookies(&mint.session()?)?;
    let request = |path: &str| {
        let request = RawRequest::get(path).host(HOST).header("x-forwarded-proto", "https");
        request.header("cookie", &cookies)
    };
    let ask = |connection: &mut Connection, path: &str| {
        connection.send(&request(path)).map(|answer| answer.status).map_err(|error| error.to_string())
    };
    for connection in &mut *connections {
        if ask(connection, "/page")? != 200 {
            return Err(format!("a session isn't accepted:\n{}", site.envoy.log()));
        }
    }
    ask(&mut connections[0], "/.auth/sign-out")?;
    let at = Instant::now();
    let mut last = Duration::ZERO;
    while at.elapsed() < Duration::from_millis(1_500) {
        for connection in &mut *connections {
            let asked = at.elapsed();
            if ask(connection, "/page")? == 200 {
                last = asked;
            }
        }
    }
    if last >= Duration::from_secs(1) {
        return Err(format!("accepted {last:?} after the sign-out"));
    }
    Ok(last)
}
