//! The chains side by side: what a signed-in request costs, and every other kind of request.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::cases::{Cases, Measured};
use crate::lab::{Chain, Lab, Site};
use crate::load::one;
use crate::report::Table;
use crate::request::{navigation, program};
use crate::tokens;

/// Requests per round; fewer for bearer tokens, which each must be signed.
const REQUESTS: usize = 1_500;
const NEW_TOKENS: usize = 150;

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
    cases.add("does nothing", &nothing, page.clone(), 200, Some(base));
    cases.add("signed in", &ours, page.clone(), 200, Some(base));
    lab.expect(&native, &cookies, "x-auth-user: jsmith")?;
    cases.add("native, does nothing", &nothing_native, page.clone(), 200, Some(base));
    cases.add("native, signed in", &native, page, 200, Some(base));
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
    report(cases, rounds)
}

/// Adds Envoy's own filters for the same job, each signed in. Returns their Envoys.
fn add_envoys_own(lab: &Lab, none: &Site, cases: &mut Cases, all: bool) -> Result<Vec<Site>, String> {
    let chains = [
        ("oauth2", Chain::OAuth2, "authorization: Bearer"),
        ("oauth2 + jwt_authn, token cache", Chain::OAuth2AndJwt { cache: true }, "x-auth-user: jsmith"),
        ("oauth2 + jwt_authn", Chain::OAuth2AndJwt { cache: false }, "x-auth-user: jsmith"),
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

/// Only the signed-in request, to optimise it. `BENCH_BUILDS` names other builds of the filter to compare with,
/// separated by spaces.
///
/// # Errors
/// As [`run`].
pub fn signed_in(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!(
        "\nSigned in: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let mut cases = Cases::new(REQUESTS);
    let none = lab.site(&Chain::None, 1)?;
    let chains = [
        ("does nothing", Chain::Nothing),
        ("signed in", Chain::Cognito(json!({}))),
        ("native, does nothing", Chain::NothingNative),
        ("native, signed in", Chain::CognitoNative(json!({}))),
    ];
    let mut sites = Vec::new();
    for (_, chain) in &chains {
        sites.push(lab.site(chain, 1)?);
    }
    let cookies = lab.sign_in(&sites[1])?;
    for site in [&sites[1], &sites[3]] {
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
    report(cases, rounds)
}

/// Prints the results and compares them with the goals.
fn report(cases: Cases, rounds: usize) -> Result<Value, String> {
    let measured = cases.measure(rounds)?;
    let rows = measured.print("chain");
    Ok(json!({ "rows": rows, "ratios": ratios(&measured) }))
}

/// The goals: the ratio of what the filter adds to what others add.
fn ratios(measured: &Measured) -> Value {
    let of = |name: &str| Some((measured.added(name)?.median, measured.least_added(name)?));
    let cached = "oauth2 + jwt_authn, token cache";
    let goals = [
        ("signed in", cached, Some(0.5)),
        ("signed in", "oauth2", None),
        ("signed in", "oauth2 + jwt_authn", None),
        ("signed in", "does nothing", None),
        ("native, signed in", cached, Some(0.2)),
        ("native, signed in", "oauth2", Some(0.25)),
        ("native, signed in", "native, does nothing", Some(2.0)),
        ("native, signed in", "signed in", None),
    ];
    let mut table = Table::new(&["added by", "as against", "ratio", "by the least", "goal"]);
    let mut rows = Vec::new();
    for (case, other, goal) in goals {
        let (Some(ours), Some(theirs)) = (of(case), of(other)) else { continue };
        let (ratio, by_the_least) = (ours.0 / theirs.0, ours.1 / theirs.1);
        table.row(&[
            case.to_owned(),
            other.to_owned(),
            format!("{ratio:.2}"),
            format!("{by_the_least:.2}"),
            goal.map_or_else(String::new, |goal| format!("{goal}")),
        ]);
        rows.push(json!({
            "case": case, "against": other, "ratio": ratio, "by_the_least": by_the_least, "goal": goal,
        }));
    }
    table.print();
    Value::Array(rows)
}
