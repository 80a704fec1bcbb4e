//! A person's identity, taken from verified claims, and the request headers that tell the app about it.

mod claim;
mod encoding;
pub mod headers;

use serde::{Deserialize, Serialize};

use crate::cognito::attributes::UserAttributes;
pub use crate::cognito::identity::claim::Shown;
use crate::cognito::identity::claim::{List, kept, single};
pub use crate::cognito::identity::encoding::join_roles;
use crate::json::Json;
use crate::oidc::jwt::Claims;

/// A signed-in person: everything that the identity cookie keeps from the tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `sub`: stable, and unique in the pool.
    pub subject: String,
    /// `cognito:username`.
    pub username: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// The roles, in the order of the claims, without duplicates.
    pub roles: Vec<String>,
    /// Claims that `headers.claims` configures and the token has, by claim name: texts as they are, everything else
    /// as JSON. See [`Shown`].
    pub claims: Vec<(String, String)>,
}

/// Where roles come from.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// Claims that are lists of roles, or texts that are split.
    pub claims: Vec<String>,
    /// The separator for splitting a text.
    pub separator: String,
}

/// The prefix of roles that represent an access token's scopes.
const SCOPE: &str = "scope:";

impl Identity {
    /// The identity from an ID token and the attributes that it lacks.
    pub fn of_id_token(
        claims: &Claims,
        attributes: Option<&UserAttributes>,
        settings: &RoleSettings,
        wanted: &[String],
    ) -> Self {
        // An empty claim counts as absent, so the attribute is used.
        let full = |claim: &Json<'_>| !claim.is_empty();
        let claim = |name: &str| claims.get(name).filter(full).or_else(|| attributes?.get(name));
        let mut roles = Roles::default();
        for value in settings.claims.iter().filter_map(|name| claim(name)) {
            roles.add_claim(value, &settings.separator);
        }
        let username = claim("cognito:username").and_then(single);
        Self::told(claims.subject(), username, roles, wanted, &claim)
    }

    /// The identity from an API client's access token. Its roles are its groups, and its scopes with a prefix.
    pub fn of_access_token(claims: &Claims, wanted: &[String]) -> Self {
        let claim = |name: &str| claims.get(name);
        let mut roles = Roles::default();
        if let Some(groups) = claim("cognito:groups").and_then(listed) {
            roles.add_list(&groups);
        }
        let scopes = claims.text("scope").unwrap_or_default();
        scopes.split_ascii_whitespace().for_each(|scope| roles.add(format!("{SCOPE}{scope}")));
        Self::told(claims.subject(), claim("username").and_then(single), roles, wanted, &claim)
    }

    /// What pages call the person: the user name, else the email, else the `sub`.
    pub fn shown_name(&self) -> &str {
        self.username.as_deref().or(self.email.as_deref()).unwrap_or(&self.subject)
    }

    fn told<'c>(
        subject: &str,
        username: Option<String>,
        roles: Roles,
        wanted: &[String],
        claim: &dyn Fn(&str) -> Option<Json<'c>>,
    ) -> Self {
        let kept = |name: &String| Some((name.clone(), kept(name, claim(name)?)?));
        Self {
            subject: subject.to_owned(),
            username,
            email: claim("email").and_then(single),
            name: claim("name").and_then(single),
            roles: roles.0,
            claims: wanted.iter().filter_map(kept).collect(),
        }
    }
}

/// The list in a claim: a JSON list, or a list written as text.
fn listed(claim: Json<'_>) -> Option<List> {
    claim.text().map_or_else(|| List::of(claim), |text| List::in_text(&text))
}

/// Collects roles in order, without duplicates.
#[derive(Default)]
struct Roles(Vec<String>);

impl Roles {
    fn add(&mut self, role: String) {
        if !self.0.contains(&role) {
            self.0.push(role);
        }
    }

    /// Adds the roles in a claim: a list, or a text that is split.
    fn add_claim(&mut self, claim: Json<'_>, separator: &str) {
        match (listed(claim), claim.text().or_else(|| claim.scalar().map(str::to_owned))) {
            (Some(list), _) => self.add_list(&list),
            (None, Some(text)) => text.split(separator).for_each(|role| self.add_found(role.trim())),
            // An object holds no roles.
            (None, None) => {}
        }
    }

    fn add_list(&mut self, list: &List) {
        list.items.iter().for_each(|role| self.add_found(role));
    }

    /// Adds a role from a claim. A name that looks like a scope is left out: a group or an attribute of that name
    /// would grant what only an access token's scope may grant.
    fn add_found(&mut self, role: &str) {
        if !role.is_empty() && !role.starts_with(SCOPE) {
            self.add(role.to_owned());
        }
    }
}
