//! The chains side by side: what a signed-in request costs, and every other kind of request.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::lab::{Chain, Lab, Site};
use crate::load::Load;
use crate::report::{Table, figure};
use crate::request::{navigation, program};
use crate::rounds::{Case, Summary, added, measure};
use crate::tokens;

/// Requests a round; of bearer tokens, which each have to be signed, fewer.
const REQUESTS: usize = 1_500;
const NEW_TOKENS: usize = 150;

/// Measures them. Gives what to write into the report.
///
/// # Errors
/// Where something can't be measured.
pub fn run(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!(
        "\nChains: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let mut bench = Bench::default();
    let none = lab.site(&Chain::None, 1)?;
    let nothing = lab.site(&Chain::Nothing, 1)?;
    let ours = lab.site(&Chain::Cognito(json!({ "bearer": { "enabled": true } })), 1)?;

    let cookies = lab.sign_in(&ours)?;
    expect(&lab.seen(&ours, &cookies)?, "x-auth-user: jsmith")?;
    let page = one(navigation("/page", &cookies));
    let base = bench.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    bench.add("does nothing", &nothing, page.clone(), 200, Some(base));
    bench.add("signed in", &ours, page, 200, Some(base));
    let admin = one(navigation("/admin/page", &cookies));
    bench.add("signed in, role asked for", &ours, admin, 200, Some(base));
    let public = one(navigation("/public/page", &cookies));
    bench.add("public path, with a session", &ours, public, 200, Some(base));
    bench.add("403", &ours, one(navigation("/finance/page", &cookies)), 403, Some(base));

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
        expect(&lab.seen(&site, &cookies)?, sign)?;
        let page = one(navigation("/page", &cookies));
        let base = *native_base
            .get_or_insert_with(|| bench.add("no filter, oauth2's cookies", &none, page.clone(), 200, None));
        bench.add(name, &site, page, 200, Some(base));
        native_sites.push(site);
    }

    let bare = one(navigation("/public/page", ""));
    let base = bench.add("no filter, no cookies", &none, bare.clone(), 200, None);
    bench.add("public path", &ours, bare, 200, Some(base));
    bench.add("302 to Cognito", &ours, one(navigation("/page", "")), 302, Some(base));
    bench.add("401", &ours, one(program("/api/thing", None)), 401, Some(base));

    let new = tokens::access_tokens(lab, &cookies, NEW_TOKENS * (rounds + 1))?;
    let known = one(program("/api/thing", new.first().map(String::as_str)));
    let base = bench.add("no filter, bearer token", &none, known.clone(), 200, None);
    bench.add("bearer token, remembered", &ours, known, 200, Some(base));
    let new = Rc::new(new.iter().map(|token| program("/api/thing", Some(token))).collect());
    bench.add("bearer token, new", &ours, new, 200, Some(base));
    if let Some(case) = bench.cases.last_mut() {
        case.requests = NEW_TOKENS;
    }
    bench.report(rounds)
}

/// The signed-in request alone, for whoever makes it faster. `BENCH_BUILDS` names other builds of the filter to
/// compare with, separated by spaces.
///
/// # Errors
/// As [`run`].
pub fn signed_in(lab: &Lab, rounds: usize) -> Result<Value, String> {
    println!(
        "\nSigned in: CPU time of Envoy for one request, one worker, {rounds} rounds of {REQUESTS} requests\n"
    );
    let mut bench = Bench::default();
    let none = lab.site(&Chain::None, 1)?;
    let nothing = lab.site(&Chain::Nothing, 1)?;
    let ours = lab.site(&Chain::Cognito(json!({})), 1)?;
    let cookies = lab.sign_in(&ours)?;
    expect(&lab.seen(&ours, &cookies)?, "x-auth-user: jsmith")?;
    let page = one(navigation("/page", &cookies));
    let base = bench.add("no filter, the session's cookies", &none, page.clone(), 200, None);
    bench.add("does nothing", &nothing, page.clone(), 200, Some(base));
    bench.add("signed in", &ours, page.clone(), 200, Some(base));
    let builds = std::env::var("BENCH_BUILDS").unwrap_or_default();
    let mut sites = Vec::new();
    for file in builds.split_whitespace() {
        let site = lab.site(&Chain::Build(file.into()), 1)?;
        bench.add(file, &site, page.clone(), 200, Some(base));
        sites.push(site);
    }
    bench.report(rounds)
}

#[derive(Default)]
struct Bench {
    cases: Vec<Case>,
}

impl Bench {
    fn add(
        &mut self,
        name: &str,
        site: &Site,
        requests: Rc<Vec<Vec<u8>>>,
        status: u16,
        baseline: Option<usize>,
    ) -> usize {
        self.cases.push(Case {
            name: name.to_owned(),
            pid: site.envoy.pid(),
            load: Load { address: site.address, requests, status },
            baseline,
            requests: REQUESTS,
        });
        self.cases.len() - 1
    }

    fn report(&self, rounds: usize) -> Result<Value, String> {
        let costs = measure(&self.cases, rounds)?;
        let mut table =
            Table::new(&["chain", "bytes", "CPU µs", "min", "spread", "added µs", "spread", "req/s"]);
        let mut json = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            let (cpu, rate) = (Summary::of(&costs[number].cpu), Summary::of(&costs[number].throughput));
            let over = added(&self.cases, &costs, number).map(|figures| Summary::of(&figures));
            let bytes = case.load.requests.first().map_or(0, Vec::len);
            table.row(&[
                case.name.clone(),
                bytes.to_string(),
                figure(cpu.median),
                figure(cpu.min),
                figure(cpu.spread),
                over.map_or_else(String::new, |over| figure(over.median)),
                over.map_or_else(String::new, |over| figure(over.spread)),
                format!("{:.0}", rate.median),
            ]);
            json.push(json!({
                "chain": case.name,
                "request_bytes": bytes,
                "cpu_us": { "median": cpu.median, "min": cpu.min, "spread": cpu.spread },
                "added_us": over.map(|over| json!({ "median": over.median, "min": over.min, "spread": over.spread })),
                "requests_per_second": rate.median,
            }));
        }
        table.print();
        Ok(json!({ "rows": json, "ratios": self.ratios(&costs) }))
    }

    /// What the goals are about: how what the filter adds compares with what others add.
    fn ratios(&self, costs: &[crate::rounds::Costs]) -> Value {
        let of = |name: &str| {
            let number = self.cases.iter().position(|case| case.name == name)?;
            Some(Summary::of(&added(&self.cases, costs, number)?).median)
        };
        let goals = [
            ("oauth2 + jwt_authn, token cache", Some(0.33)),
            ("oauth2", Some(0.5)),
            ("does nothing", Some(1.5)),
            ("oauth2 + jwt_authn", None),
        ];
        let mut table = Table::new(&["signed in, added, as against", "ratio", "goal"]);
        let mut json = serde_json::Map::new();
        for (other, goal) in goals {
            let (Some(ours), Some(theirs)) = (of("signed in"), of(other)) else { continue };
            let ratio = ours / theirs;
            table.row(&[
                other.to_owned(),
                format!("{ratio:.2}"),
                goal.map_or_else(String::new, |goal| format!("{goal}")),
            ]);
            json.insert(other.to_owned(), json!({ "ratio": ratio, "goal": goal }));
        }
        table.print();
        Value::Object(json)
    }
}

fn one(request: Vec<u8>) -> Rc<Vec<Vec<u8>>> {
    Rc::new(vec![request])
}

/// What isn't let through as it should be must not be measured as if it were.
fn expect(seen: &str, sign: &str) -> Result<(), String> {
    let found = seen.to_ascii_lowercase().contains(&sign.to_ascii_lowercase());
    if found { Ok(()) } else { Err(format!("the upstream should have been sent `{sign}`:\n{seen}")) }
}
