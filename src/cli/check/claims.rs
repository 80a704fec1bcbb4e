//! What to know about rules and roles that depend on claims.

use envoy_cognito_core::cognito::pool::Pool;
use envoy_cognito_core::config::Config;
use envoy_cognito_core::rules::glob::Glob;
use envoy_cognito_core::rules::{Rule, flag_value};

use crate::documents::finding::Severity;

/// Claims that people can often change themselves, each with the claim that says whether somebody has verified it.
const ADDRESSES: [(&str, &str); 2] = [("email", "email_verified"), ("phone_number", "phone_number_verified")];

/// The methods that Cognito writes into `amr`.
const METHODS: [&str; 8] = ["pwd", "otp", "sms", "email_otp", "swk", "hwk", "mfa", "fed"];

/// Something to know about a setting: its path, how serious it is, and what it is.
pub type Remark = (String, Severity, String);

/// Everything to know.
pub fn remarks(config: &Config) -> Vec<Remark> {
    let several = config.pools.iter().any(|pool| !pool.name.is_empty());
    let mut remarks = Vec::new();
    for (number, pool) in config.pools.iter().enumerate() {
        let section = if several { format!("pools[{number}].roles") } else { "roles".to_owned() };
        remarks.extend(of_roles(pool, &section));
    }
    for rule in config.rules.all() {
        remarks.extend(unverified(config, rule));
        remarks.extend(of_step_up(rule));
    }
    remarks
}

/// Roles that come from addresses.
fn of_roles(pool: &Pool, section: &str) -> Vec<Remark> {
    let claims = pool.roles.claims.iter().enumerate().map(|(at, claim)| (format!("claims[{at}]"), claim));
    let map = pool.roles.map.iter().enumerate().map(|(at, entry)| (format!("map[{at}].claim"), &entry.claim));
    let about = |(path, claim): (String, &String)| {
        let (_, verified) = ADDRESSES.iter().find(|(address, _)| address == claim)?;
        let message = format!(
            "a role from `{claim}` counts only if `{verified}` is true: people can enter any address, so an unverified one must not grant a role. The app client must be able to read `{verified}`"
        );
        Some((format!("{section}.{path}"), Severity::Note, message))
    };
    claims.chain(map).filter_map(about).collect()
}

/// Conditions on addresses that nobody needs to have verified.
fn unverified(config: &Config, rule: &Rule) -> Vec<Remark> {
    let named = |name: &str| {
        let asks = |index: usize| config.rules.claims().get(index).is_some_and(|claim| claim == name);
        rule.claims.iter().find(|condition| asks(condition.claim))
    };
    let is_true = |wanted: &Glob| wanted.as_str() == flag_value(true);
    let about = |(address, verified): &(&str, &str)| {
        named(address)?;
        if named(verified).is_some_and(|condition| condition.any.iter().all(is_true)) {
            return None;
        }
        let message = format!(
            "`{address}` may be unverified, and people can often enter any: add `{verified}: true` to the conditions"
        );
        Some((format!("rules[{}].claims.{address}", rule.number), Severity::Warning, message))
    };
    ADDRESSES.iter().filter_map(about).collect()
}

/// Sign-ins that not every pool can provide.
fn of_step_up(rule: &Rule) -> Vec<Remark> {
    let Some(step_up) = &rule.step_up else { return Vec::new() };
    let at = |key: &str| format!("rules[{}].{key}", rule.number);
    let mut remarks = Vec::new();
    if !step_up.acr_any.is_empty() || !step_up.amr_any.is_empty() {
        let key = if step_up.acr_any.is_empty() { "amr_any" } else { "acr_any" };
        let message = "needs Cognito's Essentials or Plus plan: the Lite plan ignores acr_values and writes no acr and amr, so there nobody can meet this rule";
        remarks.push((at(key), Severity::Note, message.to_owned()));
    }
    if step_up.acr_any.iter().all(|acr| acr == "urn:cognito:loa:4") && !step_up.acr_any.is_empty() {
        let message = "urn:cognito:loa:4 needs a one-time code from an app (TOTP): nobody can meet this rule in a pool without it, or in a replica in another Region";
        remarks.push((at("acr_any"), Severity::Note, message.to_owned()));
    }
    for (index, method) in step_up.amr_any.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let message =
                format!("Cognito never writes `{method}` into amr; its methods are {}", METHODS.join(", "));
            remarks.push((at(&format!("amr_any[{index}]")), Severity::Warning, message));
        }
    }
    remarks
}
