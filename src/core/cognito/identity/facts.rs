//! The claims that rules ask for: how a session keeps them, and how rules see them. In contrast to claims for headers
//! they keep their type.

use crate::cognito::attributes::UserAttributes;
use crate::cognito::identity::Identity;
use crate::cognito::identity::claim::{List, is_single};
use crate::json::Json;
use crate::oidc::jwt::Claims;
use crate::rules::{Facts, Value};
use crate::time::UnixTime;

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
    let value = |name: &String| {
        let claim = claims.get(name).filter(|claim| !claim.is_empty());
        if let Some(claim) = claim {
            return claim.compact();
        }
        let attributes = attributes.filter(|_| !OF_SIGN_IN.contains(&name.as_str()));
        let attribute = attributes.and_then(|attributes| attributes.get(name));
        let attribute = attribute.filter(|attribute| !attribute.is_empty());
        match attribute.and_then(Json::text) {
            Some(text) if is_flag(name) => text,
            _ => attribute.map(Json::compact).unwrap_or_default(),
        }
    };
    names.iter().map(|name| (name.clone(), value(name))).collect()
}

impl Identity {
    /// The claims that rules ask for. `names` are all such claims.
    pub fn facts(&self, names: &[String]) -> Facts {
        let values = |name: &String| {
            let (_, kept) = self.facts.iter().find(|(known, _)| known == name)?;
            Some(values(name, Json::unread(kept)))
        };
        Facts::new(names.iter().map(values).collect())
    }

    /// When the person entered credentials, if rules ask for it and the token says so.
    pub fn authenticated_at(&self) -> Option<UnixTime> {
        let (_, kept) = self.facts.iter().find(|(name, _)| name == AUTH_TIME)?;
        Some(UnixTime::from_secs(kept.parse().ok()?))
    }

    /// After a refresh, when the person signed in is what it was before: a refresh isn't a sign-in (OIDC Core, section
    /// 12.2). So are the strength and the methods of the sign-in if the new token doesn't say.
    pub fn keep_sign_in_of(&mut self, before: &Self) {
        for (name, new) in self.facts.iter_mut().filter(|(name, _)| OF_SIGN_IN.contains(&name.as_str())) {
            let old = before.facts.iter().find(|(known, old)| known == name && !old.is_empty());
            if let Some((_, old)) = old
                && (new.is_empty() || name == AUTH_TIME)
            {
                new.clone_from(old);
            }
        }
    }
}

/// The values in a claim.
fn values(name: &str, claim: Json<'_>) -> Vec<Value> {
    if let Some(text) = claim.text() {
        let list = List::in_text(&text).filter(|_| !is_single(name));
        return match list {
            Some(list) => list.items.into_iter().map(Value::Text).collect(),
            // Addresses are compared without regard to case.
            None if name == "email" => vec![Value::Text(text.to_ascii_lowercase())],
            None => vec![Value::Text(text)],
        };
    }
    let items = claim.items().unwrap_or_else(|| vec![claim]);
    items.into_iter().filter_map(value).collect()
}

fn value(item: Json<'_>) -> Option<Value> {
    let scalar = |scalar: &str| match scalar {
        "true" => Some(Value::Flag(true)),
        "false" => Some(Value::Flag(false)),
        _ => item.number().map(Value::Number),
    };
    item.text().map(Value::Text).or_else(|| scalar(item.scalar()?))
}
