//! The chains side by side: what a signed-in request costs, and every other kind of request.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::cases::{Cases, Measured};
use crate::goals::{self, Ratio};
use crate::lab::{Chain, Lab, Site};
use crate::load::one;
use crate::prices;
use crate::request::{navigation, program};
use crate::tokens;

/// Requests per round; fewer for bearer tokens, which each must be signed.
const REQUESTS: usize = 1_500;
const NEW_TOKENS: usize = 150;

pub const NOTHING: &str = "does nothing";
pub const CALLS: &str = "makes the same calls";
pub const SIGNED_IN: &str = "signed in";
pub const NATIVE_NOTHING: &str = "native, does nothing";
pub const NATIVE_CALLS: &str = "native, makes the same calls";
pub const NATIVE_SIGNED_IN: &str = "native, signed in";
pub const OAUTH2: &str = "oauth2";
pub const OAUTH2_AND_JWT: &str = "oauth2 + jwt_authn, token cache";
const OAUTH2_AND_JWT_UNCACHED: &str = "oauth2 + jwt_authn";

/// What is compared with what.
const RATIOS: [(&str, &str); 12] = [
    (SIGNED_IN, OAUTH2_AND_JWT),
    (SIGNED_IN, OAUTH2),
    (SIGNED_IN, OAUTH2_AND_JWT_UNCACHED),
    (SIGNED_IN, NOTHING),
    (SIGNED_IN, CALLS),
    (CALLS, OAUTH2_AND_JWT),
    (NATIVE_SIGNED_IN, OAUTH2_AND_JWT),
    (NATIVE_SIGNED_IN, OAUTH2),
    (NATIVE_SIGNED_IN, NATIVE_NOTHING),
    (NATIVE_SIGNED_IN, NATIVE_CALLS),
    (NATIVE_CALLS, OAUTH2_AND_JWT),
    (NATIVE_SIGNED_IN, SIGNED_IN),
];

/// Measures them. Returns the section for the report.
///
/// # Errors
/// If something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!(
        "\nChains: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let mut cases = Cases::new(REQUESTS);
    let none = lab.site(&Chain::None, 1)?;
    let nothing = lab.site(&Chain::Nothing, 1)?;
    let bearer = json!({ "bearer": { "enabled": true } });
    let ours = lab.site(&Chain::Cognito(bearer.clone()), 1)?;
    let nothing_native = lab.site(&Chain::NothingNative, 1)?;
    let native = lab.site(&Chain::CognitoNative(bearer), 1)?;

    let cookies = lab.sign_in(&ours)?;
    lab.expect(&ours, &cookies, "x-auth-user: jsmith")?;
    let page = one(navigation("/page", &cookies));
    let base = cases.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    cases.add(NOTHING, &nothing, page.clone(), 200, Some(base));
    cases.add(SIGNED_IN, &ours, page.clone(), 200, Some(base));
    lab.expect(&native, &cookies, "x-auth-user: jsmith")?;
    cases.add(NATIVE_NOTHING, &nothing_native, page.clone(), 200, Some(base));
    cases.add(NATIVE_SIGNED_IN, &native, page, 200, Some(base));
    let admin = one(navigation("/admin/page", &cookies));
    cases.add("signed in, role asked for", &ours, admin, 200, Some(base));
    let public = one(navigation("/public/page", &cookies));
    cases.add("public path, with a session", &ours, public, 200, Some(base));
    cases.add("403", &ours, one(navigation("/finance/page", &cookies)), 403, Some(base));

    let _sites = add_envoys_own(lab, &none, &mut cases, true)?;

    let bare = one(navigation("/public/page", ""));
    let base = cases.add("no filter, no cookies", &none, bare.clone(), 200, None);
    cases.add("public path", &ours, bare, 200, Some(base));
    cases.add("302 to Cognito", &ours, one(navigation("/page", "")), 302, Some(base));
    cases.add("401", &ours, one(program("/api/thing", None)), 401, Some(base));

    let new = tokens::access_tokens(lab, &cookies, NEW_TOKENS * (rounds + 1))?;
    let known = one(program("/api/thing", new.first().map(String::as_str)));
    let base = cases.add("no filter, bearer token", &none, known.clone(), 200, None);
    cases.add("bearer token, remembered", &ours, known, 200, Some(base));
    let new = Rc::new(new.iter().map(|token| program("/api/thing", Some(token))).collect());
    cases.add("bearer token, new", &ours, new, 200, Some(base));
    cases.send(NEW_TOKENS);
    Ok(summary(&cases.measure(rounds)?))
}

/// Adds Envoy's own filters for the same job, each signed in. Returns their Envoys.
fn add_envoys_own(lab: &Lab, none: &Site, cases: &mut Cases, all: bool) -> Result<Vec<Site>, String> {
    let chains = [
        (OAUTH2, Chain::OAuth2, "authorization: Bearer"),
        (OAUTH2_AND_JWT, Chain::OAuth2AndJwt { cache: true }, "x-auth-user: jsmith"),
        (OAUTH2_AND_JWT_UNCACHED, Chain::OAuth2AndJwt { cache: false }, "x-auth-user: jsmith"),
    ];
    let mut sites = Vec::new();
    let mut base = None;
    for (name, chain, sign) in chains.into_iter().take(if all { 3 } else { 2 }) {
        let site = lab.site(&chain, 1)?;
        let cookies = lab.sign_in(&site)?;
        lab.expect(&site, &cookies, sign)?;
        let page = one(navigation("/page", &cookies));
        let base = *base
            .get_or_insert_with(|| cases.add("no filter, oauth2's cookies", none, page.clone(), 200, None));
        cases.add(name, &site, page, 200, Some(base));
        sites.push(site);
    }
    Ok(sites)
}

/// Only the signed-in request, to optimise it.
///
/// # Errors
/// As [`run`].
pub fn signed_in(lab: &Lab, rounds: usize) -> Result<Value, String> {
    let measured = measure_signed_in(lab, rounds)?;
    Ok(summary(&measured))
}

/// Measures the signed-in request. `BENCH_BUILDS` names other builds of the filter to compare with, separated by
/// spaces.
///
/// # Errors
/// As [`run`].
pub fn measure_signed_in(lab: &Lab, rounds: usize) -> Result<Measured, String> {
    println!(
        "\nSigned in: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let mut cases = Cases::new(REQUESTS);
    let none = lab.site(&Chain::None, 1)?;
    let chains = [
        (NOTHING, Chain::Nothing),
        (SIGNED_IN, Chain::Cognito(json!({}))),
        (CALLS, Chain::Calls(prices::WASM)),
        (NATIVE_NOTHING, Chain::NothingNative),
        (NATIVE_SIGNED_IN, Chain::CognitoNative(json!({}))),
        (NATIVE_CALLS, Chain::CallsNative(prices::NATIVE)),
    ];
    let mut sites = Vec::new();
    for (_, chain) in &chains {
        sites.push(lab.site(chain, 1)?);
    }
    let cookies = lab.sign_in(&sites[1])?;
    for site in [&sites[1], &sites[4]] {
        lab.expect(site, &cookies, "x-auth-user: jsmith")?;
    }
    let page = one(navigation("/page", &cookies));
    let base = cases.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    for ((name, _), site) in chains.iter().zip(&sites) {
        cases.add(name, site, page.clone(), 200, Some(base));
    }
    sites.extend(add_envoys_own(lab, &none, &mut cases, false)?);
    let builds = std::env::var("BENCH_BUILDS").unwrap_or_default();
    for file in builds.split_whitespace() {
        let site = lab.site(&Chain::Build(file.into()), 1)?;
        cases.add(file, &site, page.clone(), 200, Some(base));
        sites.push(site);
    }
    cases.measure(rounds)
}

/// Prints the results and compares them.
fn summary(measured: &Measured) -> Value {
    let rows = measured.print("chain");
    let ratios = RATIOS.iter().filter_map(|(case, other)| Ratio::of(measured, case, other, None));
    json!({ "rows": rows, "ratios": goals::print(&ratios.collect::<Vec<_>>()) })
}
