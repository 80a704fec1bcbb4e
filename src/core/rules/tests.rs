//! Rules: what they decide, and that the automaton decides as a list read from the top would.

mod automaton;
mod cost;
mod decisions;
mod matching;
mod spellings;

use super::*;

fn matches(path: &str) -> Matches {
    Matches { path: Some(Pattern::parse(path).unwrap()), ..Matches::default() }
}

fn rule(allow: Allow) -> Rule {
    Rule { allow, number: 0, ..DEFAULT.clone() }
}

fn draft(path: &str, allow: Allow) -> Draft {
    Draft { rule: rule(allow), matches: matches(path), shadow: false }
}

fn roles(path: &str, any: &[&str], all: &[&str]) -> Draft {
    let owned = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect();
    let rule = Rule { roles_any: owned(any), roles_all: owned(all), ..rule(Allow::SignedIn) };
    Draft { rule, matches: matches(path), shadow: false }
}

fn in_shadow(draft: Draft) -> Draft {
    Draft { shadow: true, ..draft }
}

/// Compiles drafts. The number of each rule is its index.
fn compile(drafts: Vec<Draft>) -> (Rules, Vec<NeverMatches>) {
    let number = |(number, draft): (usize, Draft)| Draft { rule: Rule { number, ..draft.rule }, ..draft };
    Rules::compile(drafts.into_iter().enumerate().map(number).collect())
}

fn rules(drafts: Vec<Draft>) -> Rules {
    let (rules, never) = compile(drafts);
    assert_eq!(never, []);
    rules
}

/// The result for a request: `pass`, `sign in` or `forbidden`.
fn outcome(rules: &Rules, method: &str, host: &str, path: &str, who: Option<&[&str]>) -> &'static str {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    let roles: Option<Vec<String>> = who.map(|roles| roles.iter().map(|role| (*role).to_owned()).collect());
    let facts = Facts::default();
    let now = UnixTime::default();
    let who = roles.as_ref().map(|roles| Who { roles, pool: "us", facts: &facts, now });
    let host = crate::http::host::of_authority(host).unwrap_or_default();
    match rules.find(&Target { path: &path, method, host: &host }).verdict(who) {
        Verdict::Pass => "pass",
        Verdict::SignIn(_) => "sign in",
        Verdict::StepUp(_) => "step up",
        Verdict::Forbidden(_) => "forbidden",
    }
}

fn get(rules: &Rules, path: &str, who: Option<&[&str]>) -> &'static str {
    outcome(rules, "GET", "app.example.com", path, who)
}

fn allow(rules: &Rules, path: &str) -> Allow {
    let path = RequestPath::parse(path.as_bytes()).unwrap();
    rules.find(&Target { path: &path, method: "GET", host: "" }).allow()
}

fn of_four() -> Rules {
    rules(vec![
        draft("/public/secret", Allow::Nobody),
        draft("/public/**", Allow::Everyone),
        draft("/hello", Allow::Optional),
        draft("/internal/**", Allow::Nobody),
    ])
}
