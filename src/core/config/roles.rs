//! The settings of roles: which claims they come from, and what they are renamed to.

use crate::cognito::identity::{Mapping, RoleSettings, is_scope};
use crate::cognito::user_pool::AttributesFrom;
use crate::config::reader::Section;
use crate::rules::glob::Glob;

/// Cognito's name for the scope that the user pools API requires in an access token.
const ADMIN_SCOPE: &str = "aws.cognito.signin.user.admin";

/// Reads the section `roles` of a pool.
pub(crate) fn read(root: &Section<'_>, scopes: &[String]) -> (RoleSettings, AttributesFrom) {
    let section = root.section("roles");
    let default = || vec!["cognito:groups".to_owned(), "custom:roles".to_owned()];
    let claims = section.plain_texts("claims").unwrap_or_else(default);
    let separator = section.text("separator").unwrap_or_else(|| "|".to_owned());
    if separator.is_empty() {
        section.fault("separator", "is empty");
    }
    if claims.iter().any(|claim| claim.trim().is_empty()) {
        section.fault("claims", "contains an empty name");
    }
    let choices = [
        ("id_token", AttributesFrom::IdToken),
        ("userinfo", AttributesFrom::UserInfo),
        ("get_user", AttributesFrom::GetUser),
    ];
    let attributes_from = section.choice("attributes_from", &choices, AttributesFrom::IdToken);
    if attributes_from == AttributesFrom::GetUser && !scopes.iter().any(|scope| scope == ADMIN_SCOPE) {
        section.fault("attributes_from", format!("GetUser needs `{ADMIN_SCOPE}` in `scopes`"));
    }
    let map = read_map(&section);
    let keep_unmapped = section.flag("keep_unmapped", true);
    if !keep_unmapped && map.is_empty() && !section.has_items("map") {
        section.fault("keep_unmapped", "is false, but there is no `map`: nobody would have a role");
    }
    section.finish();
    (RoleSettings { claims, separator, map, keep_unmapped }, attributes_from)
}

fn read_map(section: &Section<'_>) -> Vec<Mapping> {
    let mut map: Vec<Mapping> = Vec::new();
    for entry in section.sections("map") {
        let mapping = read_entry(&entry);
        let covers = |earlier: &Mapping| earlier.claim == mapping.claim && earlier.from.covers(&mapping.from);
        if let Some(earlier) = map.iter().position(covers)
            && !mapping.from.as_str().is_empty()
        {
            entry.fault_here(format!(
                "can never match: roles.map[{earlier}] comes first and matches all of it"
            ));
        }
        map.push(mapping);
    }
    map
}

fn read_entry(entry: &Section<'_>) -> Mapping {
    let claim = entry.required_text("claim", "cognito:groups");
    let from = entry.required_text("from", "eks-*");
    // Values of this claim are compared in lower case.
    let from = Glob::new(if claim == "email" { from.to_ascii_lowercase() } else { from });
    let mut to = Vec::new();
    for (index, text) in entry.text_or_texts("to") {
        let at = index.map_or_else(|| "to".to_owned(), |index| format!("to[{index}]"));
        let target = Glob::new(text);
        let text = target.as_str();
        if text.trim() != text || (text.is_empty() && index.is_some()) {
            entry.fault(&at, format!("`{text}` is not a valid role: nobody could have it"));
        } else if is_scope(text) {
            entry.fault(&at, format!("`{text}` would look like a scope; only access tokens have scopes"));
        } else if target.stars() > 1 || (target.stars() == 1 && from.stars() != 1) {
            entry.fault(&at, "may contain one `*`, and only if `from` contains exactly one");
        }
        if !text.is_empty() {
            to.push(target);
        }
    }
    entry.finish();
    Mapping { claim, from, to }
}
