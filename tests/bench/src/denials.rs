//! What it costs to deny sessions: signing out when many are denied already, a request when there is a long deny list,
//! and how long other workers accept a session after it was signed out.

use std::rc::Rc;
use std::time::Duration;

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
const TIMED_ROUNDS: usize = 6;
/// How long after a sign-out its cookies are tried.
const LATER: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(400),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(1_200),
];
/// How long nothing is sent before a sign-out, so that workers have no counts to pass on.
const QUIET: Duration = Duration::from_millis(1_200);

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
    let [few, many] = [lab.site(&start(json!({})), 1)?, lab.site(&start(json!({})), 1)?];
    let filling = Load { address: many.address, requests: sign_out_requests(mint, DENIED)?, status: 302 };
    filling.run(0, DENIED, CONNECTIONS, false)?;
    let mut cases = Cases::new(SIGN_OUTS);
    for (name, site) in [("none at first", &few), ("10,000 at first", &many)] {
        let requests = sign_out_requests(mint, SIGN_OUTS * (rounds + 1))?;
        cases.add(name, site, requests, 302, None);
    }
    Ok(cases.measure(rounds)?.print_whole("denied"))
}

fn deny_list(lab: &Lab, mint: &Mint, cookies: &str, start: Start, rounds: usize) -> Result<Value, String> {
    println!("\nA signed-in request, by the entries of the deny list ({rounds} rounds of {REQUESTS})\n");
    let list = json!({ "revocations": { "cluster": "revocations", "path": "/revoked.json", "every": "1h" } });
    let sites = [lab.site(&start(json!({})), 1)?, lab.site(&start(list), 1)?];
    await_list(&sites[1], mint)?;
    let mut cases = Cases::new(REQUESTS);
    let page = one(navigation("/page", cookies));
    for (name, site) in [("no list", &sites[0]), ("10,000 entries", &sites[1])] {
        cases.add(name, site, page.clone(), 200, None);
    }
    Ok(cases.measure(rounds)?.print_whole("deny list"))
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
///
/// Each sign-out is tried once, some time later. Nothing else is sent in between or just before: a worker that counts
/// requests is woken ten times in a second, and would know sooner than an idle one.
fn last_accepted(lab: &Lab, mint: &Mint, start: Start) -> Result<Value, String> {
    let site = lab.site(&start(json!({})), WORKERS)?;
    let failed = |error: std::io::Error| error.to_string();
    let open = |_| Connection::open(site.address).map_err(failed);
    let mut connections = (0..TIMED_CONNECTIONS).map(open).collect::<Result<Vec<_>, _>>()?;
    let mut latest = Duration::ZERO;
    for _ in 0..TIMED_ROUNDS {
        for wait in LATER {
            let accepted = accepted_after(wait, mint, &mut connections)?;
            if accepted > 0 && wait >= Duration::from_secs(1) {
                return Err(format!("{accepted} requests were accepted {wait:?} after the sign-out"));
            }
            if accepted > 0 {
                latest = latest.max(wait);
            }
        }
    }
    let (latest, tried) = (latest.as_millis(), TIMED_ROUNDS * LATER.len());
    println!(
        "From a sign-out to the last request with its cookies that one of {WORKERS} idle workers accepted: {latest} ms \
         ({tried} sign-outs, tried up to 1,200 ms later). After a second, none was accepted.\n"
    );
    Ok(json!({ "latest_accepted_ms": u64::try_from(latest).unwrap_or(u64::MAX), "sign_outs": tried }))
}

/// How many of the connections accept a session so long after it was signed out at the first of them.
fn accepted_after(wait: Duration, mint: &Mint, connections: &mut [Connection]) -> Result<usize, String> {
    let cookies = mint.cookies(&mint.session()?)?;
    let ask = |connection: &mut Connection, path: &str| {
        let request = RawRequest::get(path).host(HOST).header("x-forwarded-proto", "https");
        let answer = connection.send(&request.header("cookie", &cookies));
        answer.map(|answer| answer.status).map_err(|error| error.to_string())
    };
    for connection in &mut *connections {
        if ask(connection, "/page")? != 200 {
            return Err("a session isn't accepted before it is signed out".to_owned());
        }
    }
    std::thread::sleep(QUIET);
    ask(&mut connections[0], "/.auth/sign-out")?;
    std::thread::sleep(wait);
    let mut accepted = 0;
    for connection in &mut *connections {
        accepted += usize::from(ask(connection, "/page")? == 200);
    }
    Ok(accepted)
}
