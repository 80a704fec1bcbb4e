//! A whole sign-in, step by step, with signatures verified by the host and in wasm.
//!
//! The stand-in signs tokens more slowly than Envoy does anything, so Envoy waits for it as it would wait for
//! Cognito. The CPU time that Envoy uses while it waits is included.

use std::rc::Rc;

use rig::{Browser, Load};
use serde_json::{Value, json};
use url::Url;

use crate::cases::{Cases, Measured};
use crate::lab::{Chain, Lab, ORIGIN, Site};
use crate::load::one;
use crate::mint::Mint;
use crate::report::{Table, figure};
use crate::request::{navigation, program};
use crate::tokens;

/// Requests per round.
const REQUESTS: usize = 600;
/// The same for cases that need a new signed token each.
const SIGNED: usize = 32;

/// More rounds would take longer than the lifetime of codes.
const MOST_ROUNDS: usize = 200;

pub const REDIRECT: &str = "302 to Cognito";
pub const CALLBACK: &str = "callback";
pub const REFRESH: &str = "tokens expired: refresh";
/// Envoy's own filter, which redeems the code and verifies no token.
pub const OAUTH2_CALLBACK: &str = "oauth2, callback";
const BEARER: &str = "bearer token, new";

/// Measures it. Returns the section for the report.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    let measured = measure(lab, rounds)?;
    let rows = measured.print("step");
    let whole = whole(&measured);
    Ok(json!({ "rows": rows, "whole_sign_in_us": whole, "rs256": rs256(&measured) }))
}

/// Measures all steps. `BENCH_BEFORE` names an earlier build of the wasm filter, which is measured as well.
///
/// # Errors
/// As [`run`].
pub fn measure(lab: &Lab, rounds: usize) -> Result<Measured, String> {
    let rounds = rounds.min(MOST_ROUNDS);
    println!(
        "\nSign-in: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests, or of \
         {SIGNED} where tokens are signed for them\n"
    );
    let bearer = json!({ "bearer": { "enabled": true } });
    let none = lab.site(&Chain::None, 1)?;
    let ours = lab.site(&Chain::Cognito(bearer.clone()), 1)?;
    let alone = lab.site(&Chain::CognitoAlone(bearer.clone()), 1)?;
    let native = lab.site(&Chain::CognitoNative(bearer), 1)?;
    let before = match std::env::var_os("BENCH_BEFORE") {
        Some(file) => Some(lab.site(&Chain::Build(file.into()), 1)?),
        None => None,
    };
    let oauth2 = lab.site(&Chain::OAuth2, 1)?;
    let count = SIGNED * (rounds + 1);
    let mut cases = Cases::new(REQUESTS);

    let page = one(navigation("/page", ""));
    let base = cases.add("no filter, no cookies", &none, page.clone(), 200, None);
    cases.add(REDIRECT, &ours, page.clone(), 302, Some(base));
    cases.add(&native_name(REDIRECT), &native, page.clone(), 302, Some(base));
    if let Some(before) = &before {
        cases.add(&before_name(REDIRECT), before, page, 302, Some(base));
    }

    let cookies = lab.sign_in(&ours)?;
    let new = tokens::access_tokens(lab, &cookies, count)?;
    let new = Rc::new(new.iter().map(|token| program("/api/thing", Some(token))).collect());
    let mint = Mint::new(lab, &cookies)?;
    let expired = || mint.navigations(count, Mint::expired_session).map(Rc::new);
    // Codes expire soon, so these come last.
    let (by_host, in_wasm) = (callbacks(lab, &ours, count)?, callbacks(lab, &alone, count)?);
    let natively = callbacks(lab, &native, count)?;
    let by_oauth2 = callbacks(lab, &oauth2, count)?;
    let signed = [
        (CALLBACK, by_host, 302, natively, Some(in_wasm)),
        (REFRESH, expired()?, 200, expired()?, None),
        (BEARER, Rc::clone(&new), 200, Rc::clone(&new), Some(new)),
    ];
    if let Some(before) = &before {
        let again = [(CALLBACK, callbacks(lab, before, count)?, 302), (REFRESH, expired()?, 200)];
        add_before(&mut cases, &none, before, again);
    }
    for (name, requests, status, natively, in_wasm) in signed {
        let base = cases.add(&format!("no filter, {name}"), &none, Rc::clone(&requests), 200, None);
        cases.add(name, &ours, requests, status, Some(base));
        cases.send(SIGNED);
        cases.add(&native_name(name), &native, natively, status, Some(base));
        cases.send(SIGNED);
        if name == CALLBACK {
            cases.add(OAUTH2_CALLBACK, &oauth2, Rc::clone(&by_oauth2), 302, Some(base));
            cases.send(SIGNED);
        }
        if let Some(requests) = in_wasm {
            cases.add(&alone_name(name), &alone, requests, status, Some(base));
            cases.send(SIGNED);
        }
    }
    cases.measure(rounds)
}

/// A step, its requests, and the status of their answers.
type Step = (&'static str, Rc<Vec<Vec<u8>>>, u16);

/// Adds an earlier build, which needs codes and sessions of its own.
fn add_before(cases: &mut Cases, none: &Site, before: &Site, steps: [Step; 2]) {
    for (name, requests, status) in steps {
        let base = cases.add(&format!("no filter, {name}, before"), none, Rc::clone(&requests), 200, None);
        cases.add(&before_name(name), before, requests, status, Some(base));
        cases.send(SIGNED);
    }
}

fn native_name(name: &str) -> String {
    format!("native, {name}")
}

pub fn native_callback() -> String {
    native_name(CALLBACK)
}

pub fn before_name(name: &str) -> String {
    format!("before, {name}")
}

fn alone_name(name: &str) -> String {
    format!("{name}, no foreign functions")
}

/// What one sign-in adds, from the requested page to the session.
fn whole(measured: &Measured) -> Option<f64> {
    let whole = measured.added(REDIRECT)?.median + measured.added(CALLBACK)?.median;
    println!("A whole sign-in, 302 and callback, adds {whole:.0} µs.\n");
    Some(whole)
}

/// What verifying a signature in wasm costs more than by the host: a callback and a bearer token have one each.
fn rs256(measured: &Measured) -> Value {
    let mut table = Table::new(&["RS256", "by the host, added µs", "in wasm, added µs", "difference"]);
    let mut json = serde_json::Map::new();
    for name in [CALLBACK, BEARER] {
        let (by_host, in_wasm) = (measured.added(name), measured.added(&alone_name(name)));
        let (Some(by_host), Some(in_wasm)) = (by_host, in_wasm) else { continue };
        let (by_host, in_wasm) = (by_host.median, in_wasm.median);
        let difference = in_wasm - by_host;
        table.row(&[name.to_owned(), figure(by_host), figure(in_wasm), figure(difference)]);
        let figures =
            json!({ "by_host_added_us": by_host, "in_wasm_added_us": in_wasm, "difference_us": difference });
        json.insert(name.to_owned(), figures);
    }
    table.print();
    Value::Object(json)
}

/// `count` sign-ins that only lack the callback.
fn callbacks(lab: &Lab, site: &Site, count: usize) -> Result<Rc<Vec<Vec<u8>>>, String> {
    let signed_in = lab.browser(site)?;
    let callbacks: Result<_, String> = (0..count).map(|_| callback(signed_in.clone())).collect();
    callbacks.map(Rc::new)
}

/// One of them. The browser is still signed in at the hosted UI, so no page is in the way.
fn callback(mut browser: Browser) -> Result<Vec<u8>, String> {
    for cookie in browser.cookies(ORIGIN) {
        browser.remove_cookie(ORIGIN, &cookie.name);
    }
    let mut url = format!("{ORIGIN}/page");
    for _ in 0..2 {
        let visit = browser.load(Load::typed(&url).one_step())?;
        let to = visit.response.location().ok_or_else(|| format!("{url} leads nowhere: {visit}"))?;
        to.clone_into(&mut url);
    }
    let cookies = browser.cookie_header(&url);
    let callback = Url::parse(&url).map_err(|error| format!("{url}: {error}"))?;
    Ok(navigation(&callback[url::Position::BeforePath..], &cookies))
}
