//! Rules: who may access what. The first rule that matches decides; if none does, one must be signed in.
//!
//! At load, all rules are compiled into one automaton. It reads a request's host, path and method once,
//! whatever the number of rules.

mod automaton;
mod conditions;
pub mod glob;
#[cfg(test)]
mod tests;

use std::ops::Deref;
use std::sync::Arc;

use crate::http::host::HostPattern;
use crate::http::path::{Pattern, Reading, RequestPath};
use crate::rules::automaton::Automaton;
pub use crate::rules::conditions::{
    Condition, Facts, StepUp, UnknownClaim, Unmet, flag_value, number_value, text_value,
};
use crate::time::UnixTime;

/// Who may pass, in order of strictness: a later variant is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allow {
    /// Anyone. Identity headers are added if a session is already valid; no refresh is awaited.
    Everyone,
    /// Anyone. Identity headers are added if there is a session; it is refreshed if necessary.
    Optional,
    /// People who are signed in and have the rule's roles.
    SignedIn,
    /// Nobody: always 403.
    Nobody,
}

/// The answer to a request without a session if a rule requires one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// A navigation is redirected to sign in; other requests are refused.
    Auto,
    /// Every `GET` is redirected to sign in.
    Redirect,
    /// No request is redirected.
    Reject,
}

/// The name of a rule in logs. It is part of every decision, so cloning it doesn't copy the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(Option<Arc<str>>);

impl Label {
    /// The configured name, or else the index in the document, from 0.
    pub fn new(name: Option<&str>, number: usize) -> Self {
        Self(Some(name.map_or_else(|| number.to_string().into(), Arc::from)))
    }
}

impl Deref for Label {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or("default")
    }
}

/// What a rule decides after it has matched.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name that the operator gave it.
    pub name: Option<String>,
    /// Its place in the document, from 0.
    pub number: usize,
    /// Its name in logs.
    pub label: Label,
    /// Who may pass.
    pub allow: Allow,
    /// One of these roles is required, unless the list is empty.
    pub roles_any: Vec<String>,
    /// All of these roles are required.
    pub roles_all: Vec<String>,
    /// The account must be in one of these pools, unless the list is empty.
    pub pools: Vec<String>,
    /// All of these are required of the person's claims.
    pub claims: Vec<Condition>,
    /// The sign-in that is required.
    pub step_up: Option<StepUp>,
    /// The answer to a request without a session.
    pub unauthenticated: Unauthenticated,
}

/// The rule that applies if no other rule matches.
static DEFAULT: Rule = Rule {
    name: None,
    number: usize::MAX,
    label: Label(None),
    allow: Allow::SignedIn,
    roles_any: Vec::new(),
    roles_all: Vec::new(),
    pools: Vec::new(),
    claims: Vec::new(),
    step_up: None,
    unauthenticated: Unauthenticated::Auto,
};

impl Rule {
    fn verdict(&self, who: Option<Who<'_>>) -> Verdict<'_> {
        match (self.allow, who) {
            (Allow::Everyone | Allow::Optional, _) => Verdict::Pass,
            (Allow::Nobody, _) => Verdict::Forbidden(self),
            (Allow::SignedIn, None) => Verdict::SignIn(self),
            (Allow::SignedIn, Some(who)) if !self.is_met_by(who) => Verdict::Forbidden(self),
            (Allow::SignedIn, Some(who)) if self.asks_for_claims() => self.verdict_by_claims(who),
            (Allow::SignedIn, Some(_)) => Verdict::Pass,
        }
    }

    /// Whether it depends on claims beyond roles.
    const fn asks_for_claims(&self) -> bool {
        !self.claims.is_empty() || self.step_up.is_some()
    }

    fn verdict_by_claims(&self, who: Who<'_>) -> Verdict<'_> {
        let mut is_known = true;
        for condition in &self.claims {
            match condition.is_met_by(who.facts) {
                Some(true) => {}
                // Another sign-in wouldn't change it.
                Some(false) => return Verdict::Forbidden(self),
                None => is_known = false,
            }
        }
        let unmet = self.step_up.as_ref().map_or(Ok(None), |step_up| step_up.unmet(who.facts, who.now));
        match (is_known, unmet) {
            (true, Ok(None)) => Verdict::Pass,
            (true, Ok(Some(_))) => Verdict::StepUp(self),
            // What isn't known is known after another sign-in.
            _ => Verdict::SignIn(self),
        }
    }

    fn is_met_by(&self, who: Who<'_>) -> bool {
        let has = |role: &String| who.roles.contains(role);
        (self.roles_any.is_empty() || self.roles_any.iter().any(has))
            && self.roles_all.iter().all(has)
            && (self.pools.is_empty() || self.pools.iter().any(|pool| pool == who.pool))
    }
}

/// Which requests a rule matches.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// The paths; all paths if absent.
    pub path: Option<Pattern>,
    /// The methods, byte for byte; all methods if empty.
    pub methods: Vec<String>,
    /// The hosts; all hosts if empty.
    pub hosts: Vec<HostPattern>,
}

/// A rule before compilation.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it decides.
    pub rule: Rule,
    /// Which requests it matches.
    pub matches: Matches,
    /// Whether it is in shadow mode: it decides nothing, and only reports what it would decide.
    pub shadow: bool,
}

/// A rule that can never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverMatches {
    /// Its index among the drafts.
    pub rule: usize,
    /// The index of the earlier rule that matches its requests, or of the first one if there are several.
    pub behind: usize,
}

/// A person who is signed in, as far as rules need to know.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The person's roles.
    pub roles: &'a [String],
    /// The name of the person's pool.
    pub pool: &'a str,
    /// The person's claims.
    pub facts: &'a Facts,
    /// The time.
    pub now: UnixTime,
}

/// The parts of a request that rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The path.
    pub path: &'a RequestPath<'a>,
    /// The method, byte for byte.
    pub method: &'a str,
    /// The host, in the form of [`crate::http::host::of_authority`].
    pub host: &'a str,
}

/// What rules decide about a request.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'r> {
    /// It may pass.
    Pass,
    /// This rule requires a sign-in. If somebody is signed in, it requires claims that the session doesn't know.
    SignIn(&'r Rule),
    /// This rule requires another sign-in of the person: a later or a stronger one.
    StepUp(&'r Rule),
    /// This rule refuses the person.
    Forbidden(&'r Rule),
}

/// All rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// In order, each with whether it is in shadow mode.
    list: Vec<(Rule, bool)>,
    /// Finds the first rule that decides.
    enforced: Automaton,
    /// Finds the first rule as if rules in shadow mode decided too; `None` if there are no such rules.
    all: Option<Automaton>,
    /// The claims that they ask for.
    claims: Vec<String>,
}

impl Rules {
    /// Compiles rules; the order of the drafts is the order of matching. Also returns the rules that can never
    /// match.
    pub fn compile(drafts: Vec<Draft>) -> (Self, Vec<NeverMatches>) {
        let hosts = drafts.iter().any(|draft| !draft.matches.hosts.is_empty());
        let methods = drafts.iter().any(|draft| !draft.matches.methods.is_empty());
        let mut enforced = Automaton::new(hosts, methods);
        let mut all = drafts.iter().any(|draft| draft.shadow).then(|| enforced.clone());
        let mut never = Vec::new();
        let mut rules = Vec::with_capacity(drafts.len());
        for (place, Draft { rule, matches, shadow }) in drafts.into_iter().enumerate() {
            let automaton = all.as_mut().filter(|_| shadow).unwrap_or(&mut enforced);
            if let Some(behind) = automaton.add(&matches, place) {
                never.push(NeverMatches { rule: place, behind });
            }
            if let Some(all) = all.as_mut().filter(|_| !shadow) {
                // Rules in shadow mode don't make the others unreachable.
                let _ = all.add(&matches, place);
            }
            rules.push((rule, shadow));
        }
        (Self { list: rules, enforced, all, claims: Vec::new() }, never)
    }

    /// The same rules, whose conditions name their claims by their index in this list.
    #[must_use]
    pub fn asking_for(self, claims: Vec<String>) -> Self {
        Self { claims, ..self }
    }

    /// All rules, in order.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.list.iter().map(|(rule, _)| rule)
    }

    /// The names of the claims that rules ask for, apart from roles.
    pub fn claims(&self) -> &[String] {
        &self.claims
    }

    /// What the rules with this [`StepUp::id`] ask for.
    pub fn step_up(&self, id: u32) -> Option<&StepUp> {
        self.all().filter_map(|rule| rule.step_up.as_ref()).find(|step_up| step_up.id == id)
    }

    /// The scopes that rules ask for, as roles.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let roles = self.list.iter().flat_map(|(rule, _)| rule.roles_any.iter().chain(&rule.roles_all));
        roles.filter_map(|role| role.strip_prefix("scope:"))
    }

    /// Finds the rules for a request. If the client's spelling of the path isn't the canonical one, each
    /// reading may match another rule. All these rules must let the request pass, so no spelling bypasses a
    /// rule.
    pub fn find(&self, target: &Target<'_>) -> Ruling<'_> {
        let first = |automaton: &Automaton, path: &[u8], as_spelt: bool| {
            let place = automaton.first(target.host, path, as_spelt, target.method)?;
            self.list.get(place)
        };
        let decides =
            |path: &[u8], as_spelt: bool| first(&self.enforced, path, as_spelt).map(|(rule, _)| rule);
        let tells = |path: &[u8], as_spelt: bool| {
            let (rule, shadow) = first(self.all.as_ref()?, path, as_spelt)?;
            shadow.then_some(rule)
        };
        let (canonical, spelt) = (target.path.canonical(), target.path.other_spelling());
        let others = target.path.other_readings();
        let mut found: Vec<&Rule> =
            spelt.map(|path| decides(path, true).unwrap_or(&DEFAULT)).into_iter().collect();
        found.extend(others.iter().filter_map(|Reading { path, as_spelt, lacks_names }| {
            // For a path with names left out, the default rule doesn't count.
            decides(path, *as_spelt).or((!lacks_names).then_some(&DEFAULT))
        }));
        let mut shadow: Vec<&Rule> = tells(canonical, false).into_iter().collect();
        shadow.extend(spelt.and_then(|path| tells(path, true)));
        shadow.extend(others.iter().filter_map(|reading| tells(&reading.path, reading.as_spelt)));
        Ruling { canonical: decides(canonical, false).unwrap_or(&DEFAULT), others: found, shadow }
    }
}

/// The rules that match a request.
#[derive(Clone, Debug)]
pub struct Ruling<'r> {
    canonical: &'r Rule,
    /// The rules for the other readings of the path, the client's spelling first.
    others: Vec<&'r Rule>,
    /// The rules in shadow mode that match first for at least one reading.
    shadow: Vec<&'r Rule>,
}

impl<'r> Ruling<'r> {
    /// Who may pass by the strictest of the rules, apart from roles. This is known before it is known who sent
    /// the request.
    pub fn allow(&self) -> Allow {
        self.others.iter().fold(self.canonical.allow, |allow, rule| allow.max(rule.allow))
    }

    /// The rule for the canonical path, which is reported if no other rule decides.
    pub const fn rule(&self) -> &'r Rule {
        self.canonical
    }

    /// Whether the decision depends on claims beyond roles.
    pub fn asks_for_claims(&self) -> bool {
        self.canonical.asks_for_claims() || self.others.iter().any(|rule| rule.asks_for_claims())
    }

    /// Whether the request may pass. Every rule that it matches must allow it.
    pub fn verdict(&self, who: Option<Who<'_>>) -> Verdict<'r> {
        let mut verdict = self.canonical.verdict(who);
        for rule in &self.others {
            match (verdict, rule.verdict(who)) {
                (Verdict::Forbidden(_), _) => break,
                (_, forbidden @ Verdict::Forbidden(_)) => verdict = forbidden,
                (Verdict::Pass, sign_in) => verdict = sign_in,
                (Verdict::SignIn(_) | Verdict::StepUp(_), _) => {}
            }
        }
        verdict
    }

    /// The first rule in shadow mode that would refuse the request if it were enforced. A rule doesn't count if the
    /// session doesn't know the claims that it asks for: nothing waits for a rule that isn't enforced.
    pub fn shadow(&self, who: Option<Who<'_>>) -> Option<&'r Rule> {
        let passes = |rule: &Rule| match rule.verdict(who) {
            Verdict::Pass => true,
            Verdict::SignIn(_) => who.is_some(),
            Verdict::StepUp(_) | Verdict::Forbidden(_) => false,
        };
        self.shadow.iter().copied().find(|rule| !passes(rule))
    }
}
