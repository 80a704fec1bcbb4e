//! The settings of the rules.

mod conditions;

use std::sync::Arc;

use crate::cognito::identity::is_scope;
use crate::cognito::pool::{Pool, Pools};
use crate::config::reader::Section;
use crate::http::host::HostPattern;
use crate::http::path::Pattern;
use crate::rules::{Allow, Draft, Label, Matches, Rule, Rules, Unauthenticated};

/// The maximum number of patterns in all rules, each with every host and method. Nobody writes that many, and a
/// mistake must not fill the memory of every worker.
const MAX_PATTERNS: usize = 50_000;

/// Reads the list `rules` at the root of the document.
pub(crate) fn read(root: &Section<'_>, pools: &Pools) -> Rules {
    let sections = root.sections("rules");
    let mut claims = Vec::new();
    let read = |(number, section)| read_rule(section, number, pools, &mut claims);
    let drafts: Vec<Draft> = sections.iter().enumerate().map(read).collect();
    check_names(&sections, &drafts);
    let patterns = |Matches { hosts, methods, .. }: &Matches| hosts.len().max(1) * methods.len().max(1);
    if drafts.iter().map(|draft| patterns(&draft.matches)).sum::<usize>() > MAX_PATTERNS {
        root.fault(
            "rules",
            format!("have more than {MAX_PATTERNS} patterns, counted with hosts and methods"),
        );
        return Rules::default();
    }
    if !sections.iter().zip(&drafts).all(|(section, draft)| is_whole(section, draft)) {
        return Rules::default();
    }
    let labels: Vec<String> = drafts.iter().map(describe).collect();
    let (rules, never) = Rules::compile(drafts);
    for dead in never {
        if let (Some(section), Some(by)) = (sections.get(dead.rule), labels.get(dead.behind)) {
            section.fault_here(format!("can never match: {by} comes first and matches all of it"));
        }
    }
    rules.asking_for(claims)
}

/// Whether all conditions of a rule could be read. A rule without its path would match everything, and all
/// later rules would be reported as unreachable.
fn is_whole(section: &Section<'_>, Draft { matches, .. }: &Draft) -> bool {
    !section.is_empty()
        && section.has("path") == matches.path.is_some()
        && section.has("hosts") != matches.hosts.is_empty()
        && section.has("methods") != matches.methods.is_empty()
}

/// How errors in other rules refer to a rule.
fn describe(draft: &Draft) -> String {
    let number = draft.rule.number;
    match &draft.rule.name {
        Some(name) => format!("rules[{number}] (`{name}`)"),
        None => format!("rules[{number}]"),
    }
}

fn read_rule(section: &Section<'_>, number: usize, pools: &Pools, claims: &mut Vec<String>) -> Draft {
    if section.is_empty() {
        section.fault_here("is empty: set `path` or `allow`");
    }
    let choices = [
        ("everyone", Allow::Everyone),
        ("optional", Allow::Optional),
        ("signed_in", Allow::SignedIn),
        ("nobody", Allow::Nobody),
    ];
    let allow = section.choice("allow", &choices, Allow::SignedIn);
    let name = section.text("name");
    let wanted_pools = read_pools(section, pools);
    let possible = |pool: &&Arc<Pool>| wanted_pools.is_empty() || wanted_pools.contains(&pool.name);
    let possible: Vec<&Arc<Pool>> = pools.iter().filter(possible).collect();
    let rule = Rule {
        label: Label::new(name.as_deref(), number),
        name,
        number,
        allow,
        roles_any: read_roles(section, "roles_any", &possible),
        roles_all: read_roles(section, "roles_all", &possible),
        claims: conditions::read_claims(section, claims),
        step_up: conditions::read_step_up(section, claims),
        pools: wanted_pools,
        unauthenticated: read_unauthenticated(section, allow),
    };
    for key in ["roles_any", "roles_all", "pools", "claims", "max_age", "acr_any", "amr_any"] {
        if allow != Allow::SignedIn && section.has_items(key) {
            section.fault(key, "requires `allow: signed_in`, which is the default");
        }
    }
    let matches =
        Matches { path: read_path(section), methods: read_methods(section), hosts: read_hosts(section) };
    let shadow = section.choice("mode", &[("enforce", false), ("shadow", true)], false);
    section.finish();
    Draft { rule, matches, shadow }
}

/// A list that must not be empty if it is present.
fn read_list(section: &Section<'_>, key: &'static str) -> Vec<(usize, String)> {
    let list = section.texts(key).unwrap_or_default();
    if section.has(key) && !section.has_items(key) {
        section.fault(key, "is empty; remove it if it doesn't matter");
    }
    list
}

fn read_roles(section: &Section<'_>, key: &'static str, pools: &[&Arc<Pool>]) -> Vec<String> {
    let list = read_list(section, key);
    for (index, role) in &list {
        if let Some(why) = why_nobody_has(role, pools) {
            section.fault(&format!("{key}[{index}]"), why);
        }
    }
    list.into_iter().map(|(_, role)| role).collect()
}

/// Why nobody in any of these pools can have this role; `None` if somebody may.
pub(crate) fn why_nobody_has(role: &str, pools: &[&Arc<Pool>]) -> Option<String> {
    if role.trim() != role || role.is_empty() {
        Some(format!("`{role}` is not a valid role: nobody could have it"))
    } else if !is_scope(role) && !pools.is_empty() && !pools.iter().any(|pool| pool.roles.can_grant(role)) {
        Some(format!("nobody can have `{role}`: `roles.map` renames it or drops it"))
    } else {
        None
    }
}

fn read_pools(section: &Section<'_>, pools: &Pools) -> Vec<String> {
    let list = read_list(section, "pools");
    for (index, name) in &list {
        if name.is_empty() || !pools.iter().any(|pool| pool.name == *name) {
            section.fault(&format!("pools[{index}]"), format!("`{name}` is not the name of a pool"));
        }
    }
    list.into_iter().map(|(_, name)| name).collect()
}

fn read_unauthenticated(section: &Section<'_>, allow: Allow) -> Unauthenticated {
    let choices = [
        ("auto", Unauthenticated::Auto),
        ("redirect", Unauthenticated::Redirect),
        ("reject", Unauthenticated::Reject),
    ];
    let choice = section.choice("unauthenticated", &choices, Unauthenticated::Auto);
    if choice != Unauthenticated::Auto && allow != Allow::SignedIn {
        section.fault("unauthenticated", "requires `allow: signed_in`; here nobody must sign in");
    }
    choice
}

fn read_path(section: &Section<'_>) -> Option<Pattern> {
    let text = section.text("path")?;
    match Pattern::parse(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            section.fault("path", format!("`{text}` {error}"));
            None
        }
    }
}

/// Methods, compared byte for byte (RFC 9110, section 9.1).
fn read_methods(section: &Section<'_>) -> Vec<String> {
    let list = read_list(section, "methods");
    for (index, method) in &list {
        let at = format!("methods[{index}]");
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(token) {
            section.fault(&at, format!("`{method}` is not a valid method"));
        } else if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let upper = method.to_ascii_uppercase();
            section.fault(&at, format!("`{method}`: methods are case-sensitive; did you mean `{upper}`?"));
        }
    }
    list.into_iter().map(|(_, method)| method).collect()
}

fn read_hosts(section: &Section<'_>) -> Vec<HostPattern> {
    let list = read_list(section, "hosts");
    let count = list.len();
    let read = |(index, text): (usize, String)| match HostPattern::parse(&text) {
        Ok(host) => Some(host),
        Err(error) => {
            section.fault(&format!("hosts[{index}]"), format!("`{text}` {error}"));
            None
        }
    };
    let hosts: Vec<HostPattern> = list.into_iter().filter_map(read).collect();
    // With only some of its hosts, it would be another rule than the one that was meant.
    if hosts.len() == count { hosts } else { Vec::new() }
}

/// Names identify rules in logs, so they must be unique.
fn check_names(sections: &[Section<'_>], drafts: &[Draft]) {
    for (place, section) in sections.iter().enumerate() {
        let name_of = |draft: &Draft| draft.rule.name.clone();
        let Some(name) = drafts.get(place).and_then(name_of) else { continue };
        if name.trim().is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            section.fault("name", "must be one line of at most 64 characters");
        }
        if drafts.iter().take(place).any(|earlier| earlier.rule.name.as_ref() == Some(&name)) {
            section.fault("name", format!("`{name}` is the name of an earlier rule"));
        }
    }
}

#[cfg(test)]
mod tests;
