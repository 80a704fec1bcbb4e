//! Rules: who may see what. The first that matches decides; where none does, one must be signed in.
//!
//! All rules together are compiled into one automaton at load, which reads a request's host,
//! path and method once, whatever the number of rules.

mod automaton;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::http::host::HostPattern;
use crate::http::path::{Pattern, Reading, RequestPath};
use crate::rules::automaton::Automaton;

/// Whom a rule lets in, most liberal first: the order is what "stricter" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allow {
    /// Anybody. Who is signed in is said if it is known as it is; nobody waits for it.
    Everyone,
    /// Anybody, and who is signed in matters.
    Optional,
    /// Whoever is signed in, and has the roles that the rule names.
    SignedIn,
    /// Not a soul.
    Nobody,
}

/// What somebody without a session gets where a rule wants one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// A navigation is sent to sign in, everything else is told so.
    Auto,
    /// Every `GET` is sent to sign in.
    Redirect,
    /// Nobody is sent anywhere.
    Reject,
}

/// What a rule says, once it is found.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name that the operator gave it.
    pub name: Option<String>,
    /// Its place in the document, from 0.
    pub number: usize,
    /// Whom it lets in.
    pub allow: Allow,
    /// One of these roles is needed, where there are any.
    pub roles_any: Vec<String>,
    /// All of these roles are needed.
    pub roles_all: Vec<String>,
    /// The account must be in one of these pools, where there are any.
    pub pools: Vec<String>,
    /// What somebody without a session gets.
    pub unauthenticated: Unauthenticated,
}

/// The rule behind all others.
static DEFAULT: Rule = Rule {
    name: None,
    number: usize::MAX,
    allow: Allow::SignedIn,
    roles_any: Vec::new(),
    roles_all: Vec::new(),
    pools: Vec::new(),
    unauthenticated: Unauthenticated::Auto,
};

impl Rule {
    /// What logs call it: its name, else its number in the document, from 0.
    pub fn label(&self) -> Cow<'static, str> {
        match &self.name {
            Some(name) => Cow::Owned(name.clone()),
            None if self.number == usize::MAX => Cow::Borrowed("default"),
            None => Cow::Owned(self.number.to_string()),
        }
    }

    fn verdict(&self, who: Option<Who<'_>>) -> Verdict<'_> {
        match (self.allow, who) {
            (Allow::Everyone | Allow::Optional, _) => Verdict::Pass,
            (Allow::Nobody, _) => Verdict::Forbidden(self),
            (Allow::SignedIn, None) => Verdict::SignIn(self),
            (Allow::SignedIn, Some(who)) if self.is_met_by(who) => Verdict::Pass,
            (Allow::SignedIn, Some(_)) => Verdict::Forbidden(self),
        }
    }

    fn is_met_by(&self, who: Who<'_>) -> bool {
        let has = |role: &String| who.roles.contains(role);
        (self.roles_any.is_empty() || self.roles_any.iter().any(has))
            && self.roles_all.iter().all(has)
            && (self.pools.is_empty() || self.pools.iter().any(|pool| pool == who.pool))
    }
}

/// Which requests a rule is for.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Which paths; all where it is absent.
    pub path: Option<Pattern>,
    /// Which methods, byte for byte; all where there are none.
    pub methods: Vec<String>,
    /// Which hosts; all where there are none.
    pub hosts: Vec<HostPattern>,
}

/// A rule that is not compiled yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says.
    pub rule: Rule,
    /// Which requests it is for.
    pub matches: Matches,
    /// Whether it decides nothing and only tells what it would.
    pub shadow: bool,
}

/// A rule that no request ever meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverMatches {
    /// Its place among the drafts.
    pub rule: usize,
    /// The place of an earlier one that takes its requests, or the first of several that share them.
    pub behind: usize,
}

/// Somebody who is signed in, as far as rules care.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The roles they hold.
    pub roles: &'a [String],
    /// The name of their pool.
    pub pool: &'a str,
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The path.
    pub path: &'a RequestPath<'a>,
    /// The method, byte for byte.
    pub method: &'a str,
    /// The host, as [`crate::http::host::of_authority`] reads it.
    pub host: &'a str,
}

/// What rules say of a request.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'r> {
    /// It may pass.
    Pass,
    /// This rule wants to know who is there.
    SignIn(&'r Rule),
    /// This rule doesn't let them in.
    Forbidden(&'r Rule),
}

/// All rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// In order, each with whether it is in shadow mode.
    list: Vec<(Rule, bool)>,
    /// Finds the first rule that decides.
    enforced: Automaton,
    /// Finds the first rule of all, as if those in shadow mode decided too; where there are such.
    all: Option<Automaton>,
}

impl Rules {
    /// Compiles rules in the order in which they are tried. Gives those as well that can never match.
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
                // Rules in shadow mode take nothing away from those that decide.
                let _ = all.add(&matches, place);
            }
            rules.push((rule, shadow));
        }
        (Self { list: rules, enforced, all }, never)
    }

    /// Finds the rules for a request. Where the client's spelling of the path isn't the canonical one, each
    /// reading may meet a rule of its own, and all must let the request pass: no spelling opens a door.
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
            // The default is no rule that is there for what is left.
            decides(path, *as_spelt).or((!lacks_names).then_some(&DEFAULT))
        }));
        let mut shadow: Vec<&Rule> = tells(canonical, false).into_iter().collect();
        shadow.extend(spelt.and_then(|path| tells(path, true)));
        shadow.extend(others.iter().filter_map(|reading| tells(&reading.path, reading.as_spelt)));
        Ruling { canonical: decides(canonical, false).unwrap_or(&DEFAULT), others: found, shadow }
    }
}

/// The rules that a request has met.
#[derive(Clone, Debug)]
pub struct Ruling<'r> {
    canonical: &'r Rule,
    /// Those of other readings of the path, the client's spelling first.
    others: Vec<&'r Rule>,
    /// Those in shadow mode that come first for one reading or another.
    shadow: Vec<&'r Rule>,
}

impl<'r> Ruling<'r> {
    /// Whom the stricter of the rules lets in, roles left aside: what there is to know before it is known
    /// who is there.
    pub fn allow(&self) -> Allow {
        self.others.iter().fold(self.canonical.allow, |allow, rule| allow.max(rule.allow))
    }

    /// The rule for the canonical path, which speaks for the request where no other decides.
    pub const fn rule(&self) -> &'r Rule {
        self.canonical
    }

    /// Whether the request may pass. Every rule that it has met must let it.
    pub fn verdict(&self, who: Option<Who<'_>>) -> Verdict<'r> {
        let mut verdict = self.canonical.verdict(who);
        for rule in &self.others {
            match (verdict, rule.verdict(who)) {
                (Verdict::Forbidden(_), _) => break,
                (_, forbidden @ Verdict::Forbidden(_)) => verdict = forbidden,
                (Verdict::Pass, sign_in) => verdict = sign_in,
                (Verdict::SignIn(_), _) => {}
            }
        }
        verdict
    }

    /// The rule in shadow mode that wouldn't have let the request pass, were it in force.
    pub fn shadow(&self, who: Option<Who<'_>>) -> Option<&'r Rule> {
        self.shadow.iter().copied().find(|rule| !matches!(rule.verdict(who), Verdict::Pass))
    }
}
