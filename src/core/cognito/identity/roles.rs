//! Roles: where they come from, and how they are renamed.

use crate::cognito::identity::claim::{List, is_single};
use crate::json::Json;
use crate::rules::glob::Glob;

/// The prefix of roles that represent an access token's scopes.
pub(super) const SCOPE: &str = "scope:";

/// The claim of a person's groups, in ID tokens and access tokens.
pub(super) const GROUPS: &str = "cognito:groups";

/// Where roles come from.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// Claims that are lists of roles, or texts that are split.
    pub claims: Vec<String>,
    /// The separator for splitting a text.
    pub separator: String,
    /// What becomes of the values of claims; the first entry that matches a value counts.
    pub map: Vec<Mapping>,
    /// Whether values of `claims` that no entry matches are roles.
    pub keep_unmapped: bool,
}

/// An entry of [`RoleSettings::map`].
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The claim whose values it is for.
    pub claim: String,
    /// Which values it is for.
    pub from: Glob,
    /// The roles that they become, in which `*` is what the `*` of `from` stands for; none if it is empty.
    pub to: Vec<Glob>,
}

/// Whether a role represents a scope of an access token.
pub fn is_scope(role: &str) -> bool {
    role.starts_with(SCOPE)
}

impl RoleSettings {
    /// The first entry for a value of a claim.
    fn entry(&self, claim: &str, value: &str) -> Option<&Mapping> {
        self.map.iter().find(|entry| entry.claim == claim && entry.from.matches(value))
    }

    /// Whether anybody can have this role, whatever their claims. `true` if in doubt.
    pub fn can_grant(&self, role: &str) -> bool {
        let is_unmapped = |claim: &str| self.entry(claim, role).is_none();
        let is_kept = || is_unmapped(GROUPS) || self.claims.iter().any(|claim| is_unmapped(claim));
        if self.map.is_empty() || is_scope(role) || (self.keep_unmapped && is_kept()) {
            return true;
        }
        let makes_it = |entry: &Mapping, to: &Glob| match to.captured(role) {
            _ if to.as_str() == role => true,
            // Unless an earlier entry takes that value.
            Some(captured) => {
                let first = self.entry(&entry.claim, &entry.from.filled(captured));
                first.is_some_and(|first| std::ptr::eq(first, entry))
            }
            None => false,
        };
        self.map.iter().any(|entry| entry.to.iter().any(|to| makes_it(entry, to)))
    }
}

/// Collects roles in order, without duplicates.
pub(super) struct Roles<'s> {
    settings: &'s RoleSettings,
    pub(super) found: Vec<String>,
}

impl<'s> Roles<'s> {
    pub(super) const fn new(settings: &'s RoleSettings) -> Self {
        Self { settings, found: Vec::new() }
    }

    pub(super) fn add(&mut self, role: String) {
        if !self.found.contains(&role) {
            self.found.push(role);
        }
    }

    /// Adds the roles in the claims of an ID token: first the claims that contain roles, then those that only the map
    /// names. An address that nobody has verified grants nothing: in many pools, people can enter any.
    pub(super) fn add_claims<'c>(&mut self, claim: &dyn Fn(&str) -> Option<Json<'c>>) {
        let settings = self.settings;
        settings.claims.iter().for_each(|name| self.add_verified(name, claim, settings.keep_unmapped));
        for entry in &settings.map {
            if !settings.claims.contains(&entry.claim) {
                self.add_verified(&entry.claim, claim, false);
            }
        }
    }

    fn add_verified<'c>(&mut self, name: &str, claim: &dyn Fn(&str) -> Option<Json<'c>>, keeps: bool) {
        let is_verified = match name {
            "email" => is_true(claim("email_verified")),
            "phone_number" => is_true(claim("phone_number_verified")),
            _ => true,
        };
        if is_verified && let Some(value) = claim(name) {
            self.add_claim(name, value, keeps);
        }
    }

    /// Adds the roles in a claim: a list, or a text that is split. `keeps` is whether a value is a role if the map
    /// doesn't mention it.
    fn add_claim(&mut self, name: &str, claim: Json<'_>, keeps: bool) {
        // Nobody's name or address is a list.
        let is_single = is_single(name);
        match (listed(claim), claim.text().or_else(|| claim.scalar().map(str::to_owned))) {
            (_, Some(text)) if is_single => self.add_value(name, text.trim(), keeps),
            (Some(list), _) => list.items.iter().for_each(|value| self.add_value(name, value, keeps)),
            (None, Some(text)) => {
                let separator = self.settings.separator.as_str();
                text.split(separator).for_each(|value| self.add_value(name, value.trim(), keeps));
            }
            // An object holds no roles.
            (None, None) => {}
        }
    }

    /// Adds the groups in an access token. In contrast to other claims, they are never written as one text.
    pub(super) fn add_groups(&mut self, groups: Json<'_>) {
        let list = listed(groups).unwrap_or_default();
        list.items.iter().for_each(|group| self.add_value(GROUPS, group, self.settings.keep_unmapped));
    }

    /// Adds the roles that a value of a claim means.
    fn add_value(&mut self, claim: &str, value: &str, keeps: bool) {
        let settings = self.settings;
        // Addresses are compared without regard to case.
        let folded = if claim == "email" { value.to_ascii_lowercase() } else { value.to_owned() };
        match settings.entry(claim, &folded) {
            Some(entry) => {
                let captured = entry.from.captured(&folded).unwrap_or_default();
                entry.to.iter().for_each(|to| self.add_found(to.filled(captured).trim()));
            }
            None if keeps => self.add_found(value),
            None => {}
        }
    }

    /// Adds a role from a claim. A name that looks like a scope is left out: a group or an attribute of that name
    /// would grant what only an access token's scope may grant.
    fn add_found(&mut self, role: &str) {
        if !role.is_empty() && !is_scope(role) {
            self.add(role.to_owned());
        }
    }
}

/// Whether a claim is `true`, or the text that `userInfo` and `GetUser` send for it.
fn is_true(claim: Option<Json<'_>>) -> bool {
    claim.is_some_and(|claim| claim.scalar() == Some("true") || claim.text().as_deref() == Some("true"))
}

/// The list in a claim: a JSON list, or a list written as text.
fn listed(claim: Json<'_>) -> Option<List> {
    claim.text().map_or_else(|| List::of(claim), |text| List::in_text(&text))
}
