//! The chains side by side: what a signed-in request costs, and every other kind of request.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::cases::{Cases, Measured};
use crate::lab::{Chain, Lab};
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
    let ours = lab.site(&Chain::Cognito(json!({ "bearer": { "enabled": true } })), 1)?;

    let cookies = lab.sign_in(&ours)?;
    lab.expect(&ours, &cookies, "x-auth-user: jsmith")?;
    let page = one(navigation("/page", &cookies));
    let base = cases.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    cases.add("does nothing", &nothing, page.clone(), 200, Some(base));
    cases.add("signed in", &ours, page, 200, Some(base));
    let admin = one(navigation("/admin/page", &cookies));
    cases.add("signed in, role asked for", &ours, admin, 200, Some(base));
    let public = one(navigation("/public/page", &cookies));
    cases.add("public path, with a session", &ours, public, 200, Some(base));
    cases.add("403", &ours, one(navigation("/finance/page", &cookies)), 403, Some(base));

    let natives = [
        ("oauth2", Chain::OAuth2, "authorization: Bearer"),
        ("oauth2 + jwt_authn, token cache", Chain::OAuth2AndJwt { cache: true }, "x-auth-user: jsmith"),
        ("oauth2 + jwt_authn", Chain::OAuth2AndJwt { cache: false }, "x-auth-user: jsmith"),
    ];
    let mut native_sites = Vec::new();
    let mut native_base = None;
    for (name, chain, sign) in natives {
        let site = lab.site(&chain, 1)?;
        let cookies = lab.sign_in(&site)?;
        lab.expect(&site, &cookies, sign)?;
        let page = one(navigation("/page", &cookies));
        let base = *native_base
            .get_or_insert_with(|| cases.add("no filter, oauth2's cookies", &none, page.clone(), 200, None));
        cases.add(name, &site, page, 200, Some(base));
        native_sites.push(site);
    }

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
    let nothing = lab.site(&Chain::Nothing, 1)?;
    let ours = lab.site(&Chain::Cognito(json!({})), 1)?;
    let cookies = lab.sign_in(&ours)?;
    lab.expect(&ours, &cookies, "x-auth-user: jsmith")?;
    let page = one(navigation("/page", &cookies));
    let base = cases.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    cases.add("does nothing", &nothing, page.clone(), 200, Some(base));
    cases.add("signed in", &ours, page.clone(), 200, Some(base));
    let builds = std::env::var("BENCH_BUILDS").unwrap_or_default();
    let mut sites = Vec::new();
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
    let goals = [
        ("oauth2 + jwt_authn, token cache", Some(0.33)),
        ("oauth2", Some(0.5)),
        ("does nothing", Some(1.5)),
        ("oauth2 + jwt_authn", None),
    ];
    let mut table = Table::new(&["signed in, added, as against", "ratio", "by the least", "goal"]);
    let mut json = serde_json::Map::new();
    for (other, goal) in goals {
        let (Some(ours), Some(theirs)) = (of("signed in"), of(other)) else { continue };
        let (ratio, by_the_least) = (ours.0 / theirs.0, ours.1 / theirs.1);
        table.row(&[
            other.to_owned(),
            format!("{ratio:.2}"),
            format!("{by_the_least:.2}"),
            goal.map_or_else(String::new, |goal| format!("{goal}")),
        ]);
        json.insert(other.to_owned(), json!({ "ratio": ratio, "by_the_least": by_the_least, "goal": goal }));
    }
    table.print();
    Value::Object(json)
}
