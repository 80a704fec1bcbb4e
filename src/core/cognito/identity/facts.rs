//! The claims that rules ask for: how a session keeps them, and how rules see them. In contrast to claims for headers
//! they keep their type.

use crate::cognito::attributes::UserAttributes;
use crate::cognito::identity::claim::{List, is_single};
use crate::json::Json;
use crate::oidc::jwt::Claims;
use crate::rules::{Facts, number_value, text_value};

/// When the person entered credentials (OIDC Core, section 2).
pub const AUTH_TIME: &str = "auth_time";

/// Claims about a sign-in. Only a token may have them: an attribute of that name says nothing about a sign-in.
const OF_SIGN_IN: [&str; 3] = [AUTH_TIME, "acr", "amr"];

/// Whether a claim is `true` or `false`. ID tokens have it as that, `userInfo` and `GetUser` send text.
pub fn is_flag(name: &str) -> bool {
    matches!(name, "email_verified" | "phone_number_verified")
}

/// Whether Cognito sends a claim as text, or as a list of texts: custom attributes too, whatever their type is.
pub fn is_text(name: &str) -> bool {
    is_single(name)
        || name.starts_with("custom:")
        || name.starts_with("cognito:")
        || matches!(name, "acr" | "amr")
}

/// The claims of a token that rules ask for; those that it lacks are read from attributes.
pub(super) fn of_token(
    claims: &Claims,
    attributes: Option<&UserAttributes>,
    names: &[String],
) -> Vec<(String, String)> {
    let mut kept = Vec::with_capacity(names.len());
    for name in names {
        let mut value = claims.get(name).filter(|claim| !claim.is_empty());
        let is_flag = value.is_none() && is_flag(name);
        if value.is_none() && !OF_SIGN_IN.contains(&name.as_str()) {
            value = attributes.and_then(|attributes| attributes.get(name)).filter(|claim| !claim.is_empty());
        }
        let text = value.filter(|_| is_flag).and_then(Json::text);
        kept.push((name.clone(), text.or_else(|| value.map(Json::compact)).unwrap_or_default()));
    }
    kept
}

/// What is known of the claims that rules ask for. `names` are all such claims.
pub(super) fn as_facts(kept: &[(String, String)], names: &[String]) -> Facts {
    let mut facts = Vec::with_capacity(names.len());
    for name in names {
        facts.push(find(kept, name).map(|kept| values(name, Json::unread(kept))));
    }
    Facts::new(facts)
}

/// A claim that is kept, as it was written.
pub(super) fn find<'k>(kept: &'k [(String, String)], name: &str) -> Option<&'k str> {
    kept.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// After a refresh, when the person signed in is what it was before: a refresh isn't a sign-in (OIDC Core, section
/// 12.2). So are the strength and the methods of the sign-in if the new token doesn't say.
pub(super) fn keep_sign_in(new: &mut [(String, String)], before: &[(String, String)]) {
    for (name, new) in new {
        let is_lost = new.is_empty() && OF_SIGN_IN.contains(&name.as_str());
        let old = find(before, name).filter(|old| !old.is_empty());
        if let Some(old) = old.filter(|_| is_lost || name == AUTH_TIME) {
            old.clone_into(new);
        }
    }
}

/// The values in a claim, in the form in which rules compare them.
fn values(name: &str, claim: Json<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(text) = claim.text() {
        match List::in_text(&text).filter(|_| !is_single(name)) {
            Some(list) => list.items.iter().for_each(|item| found.push(text_value(item))),
            // Addresses are compared without regard to case.
            None if name == "email" => found.push(text_value(&text.to_ascii_lowercase())),
            None => found.push(text_value(&text)),
        }
        return found;
    }
    for item in claim.items().unwrap_or_else(|| vec![claim]) {
        let scalar = || item.number().map(number_value).or_else(|| item.scalar().map(str::to_owned));
        found.extend(item.text().map(|text| text_value(&text)).or_else(scalar));
    }
    found
}
