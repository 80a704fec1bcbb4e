//! CPU time of Envoy for a signed-in request, as one quantity grows and all others stay.

use std::rc::Rc;

use serde_json::{Value, json};

use super::Visitor;
use crate::cases::Cases;
use crate::lab::{Chain, Lab, Site};
use crate::load::{Load, one};
use crate::mint::Mint;
use crate::request::navigation;
use crate::rounds::CONNECTIONS;

/// Requests per round: few, so that there can be many cases.
const REQUESTS: usize = 600;
/// The number of the last rule, whatever the number of rules, so that the requests are the same.
const LAST: usize = 1_000;

/// The request meets the last rule of many.
pub fn rules(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    heading("Rules: the request meets the last one", rounds);
    let none = lab.site(&Chain::None, 1)?;
    let page = one(navigation(&format!("/app-{LAST}/page"), &visitor.cookies));
    let mut cases = Cases::new(REQUESTS);
    let base = cases.add("no filter", &none, page.clone(), 200, None);
    let mut sites = Vec::new();
    for count in [1, 10, 100, 1_000] {
        let site = lab.site(&Chain::Cognito(json!({ "rules": rules_of(count) })), 1)?;
        cases.add(&count.to_string(), &site, page.clone(), 200, Some(base));
        sites.push(site);
    }
    Ok(cases.measure(rounds)?.print_growth("rules"))
}

/// `count` rules for apps; every third applies only to writing methods, except the last.
fn rules_of(count: usize) -> Vec<Value> {
    let rule = |number: usize| {
        let mut rule =
            json!({ "path": format!("/app-{number}/**"), "roles_any": [format!("app-{number}/user")] });
        if number == LAST {
            rule["roles_any"] = json!(["authp/admin", "authp/user"]);
        } else if number.is_multiple_of(3) {
            rule["methods"] = json!(["POST", "PUT", "DELETE"]);
        }
        rule
    };
    (LAST + 1 - count..=LAST).map(rule).collect()
}

/// The request meets the last of many rules that ask for claims and for a recent, strong sign-in, compared with one rule
/// that asks for roles alone.
pub fn conditions(lab: &Lab, rounds: usize) -> Result<Value, String> {
    heading("Rules with claims, max_age and acr_any, beside one with roles alone", rounds);
    let with_conditions = |count: usize| {
        let rules = rules_of(count).into_iter().map(|mut rule| {
            rule["claims"] = json!({ "email": ["*@example.com", "*@example.org"], "email_verified": true });
            rule["max_age"] = json!("12h");
            rule["acr_any"] = json!(["urn:cognito:loa:1", "urn:cognito:loa:4"]);
            rule
        });
        Chain::Cognito(json!({ "rules": rules.collect::<Vec<_>>() }))
    };
    let none = lab.site(&Chain::None, 1)?;
    let roles = lab.site(&Chain::Cognito(json!({ "rules": rules_of(1) })), 1)?;
    let mut sites = vec![lab.site(&with_conditions(1), 1)?];
    // A session that knows the claims; the others can open it too.
    let cookies = lab.sign_in(&sites[0])?;
    let page = one(navigation(&format!("/app-{LAST}/page"), &cookies));
    let mut cases = Cases::new(REQUESTS);
    let base = cases.add("no filter", &none, page.clone(), 200, None);
    cases.add("roles alone", &roles, page.clone(), 200, Some(base));
    cases.add("1 with conditions", &sites[0], page.clone(), 200, Some(base));
    for count in [10, 1_000] {
        let site = lab.site(&with_conditions(count), 1)?;
        cases.add(&format!("{count} with conditions"), &site, page.clone(), 200, Some(base));
        sites.push(site);
    }
    Ok(cases.measure(rounds)?.print_growth("rules"))
}

/// The app has cookies of its own.
pub fn foreign_cookies(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    heading("Foreign cookies beside ours", rounds);
    let sites = Sites::start(lab)?;
    let mut cases = Cases::new(REQUESTS);
    for count in [0, 1, 10, 50] {
        let cookies = among_others(&visitor.cookies, count);
        sites.compare(&mut cases, &count.to_string(), one(navigation("/page", &cookies)));
    }
    Ok(cases.measure(rounds)?.print_growth("cookies"))
}

/// The cookies among many others, as analytics scripts set them.
fn among_others(ours: &str, count: usize) -> String {
    let other = |number: usize| {
        format!("_ga_{:010}=GS1.1.1754550000.{number}.1.1754553600.60.0.0.{number}", number * 7_919)
    };
    let before = (0..count / 2).map(other);
    let after = (count / 2..count).map(other);
    before.chain(std::iter::once(ours.to_owned())).chain(after).collect::<Vec<_>>().join("; ")
}

/// Many people use the app in turn, each for the second time. The largest number exceeds a worker's cache, so each
/// session is decrypted again.
pub fn sessions(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    heading("Sessions that are used in turn", rounds);
    let none = lab.site(&Chain::None, 1)?;
    let mut cases = Cases::new(REQUESTS);
    let mut sites = Vec::new();
    for count in [1, 100, 1_000, 10_000, 30_000] {
        let requests = Rc::new(visitor.mint.navigations(count, Mint::session)?);
        // A separate Envoy for each, so that many sessions don't evict few.
        let ours = lab.site(&Chain::Cognito(json!({})), 1)?;
        let load = Load { address: ours.address, requests: Rc::clone(&requests), status: 200 };
        load.run(0, count, CONNECTIONS, false)?;
        let base = cases.add(&format!("no filter, {count}"), &none, Rc::clone(&requests), 200, None);
        cases.add(&count.to_string(), &ours, requests, 200, Some(base));
        sites.push(ours);
    }
    Ok(cases.measure(rounds)?.print_growth("sessions"))
}

/// Envoy has several workers.
pub fn workers(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    heading("Workers", rounds);
    let page = one(navigation("/page", &visitor.cookies));
    let mut cases = Cases::new(REQUESTS);
    let mut kept = Vec::new();
    for count in [1, 2] {
        let sites = Sites::start_with(lab, count)?;
        sites.compare(&mut cases, &count.to_string(), page.clone());
        kept.push(sites);
    }
    Ok(cases.measure(rounds)?.print_growth("workers"))
}

/// The identity has more claims.
pub fn identity(lab: &Lab, visitor: &Visitor, rounds: usize) -> Result<Value, String> {
    heading("Bytes of the identity cookie, by the number of roles", rounds);
    let sites = Sites::start(lab)?;
    let mut cases = Cases::new(REQUESTS);
    for bytes in [300, 600, 1_000, 2_000] {
        let session = visitor.mint.session_of_size(bytes)?;
        let name =
            format!("{}, {} roles", visitor.mint.identity_bytes(&session)?, session.identity.roles.len());
        let page = navigation("/page", &visitor.mint.cookies(&session)?);
        sites.compare(&mut cases, &name, one(page));
    }
    Ok(cases.measure(rounds)?.print_growth("identity cookie"))
}

/// An Envoy with the filter and one without.
struct Sites {
    none: Site,
    ours: Site,
}

impl Sites {
    fn start(lab: &Lab) -> Result<Self, String> {
        Self::start_with(lab, 1)
    }

    fn start_with(lab: &Lab, workers: u32) -> Result<Self, String> {
        let none = lab.site(&Chain::None, workers)?;
        Ok(Self { none, ours: lab.site(&Chain::Cognito(json!({})), workers)? })
    }

    /// Adds a case of the same requests with the filter and without.
    fn compare(&self, cases: &mut Cases, name: &str, requests: Rc<Vec<Vec<u8>>>) {
        let base = cases.add(&format!("no filter, {name}"), &self.none, requests.clone(), 200, None);
        cases.add(name, &self.ours, requests, 200, Some(base));
    }
}

fn heading(what: &str, rounds: usize) {
    println!("\n{what} ({rounds} rounds of {REQUESTS} requests)\n");
}
