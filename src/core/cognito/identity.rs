//! A person's identity, taken from verified claims, and the request headers that tell the app about it.

pub mod asked;
mod claim;
mod encoding;
mod facts;
pub mod headers;
mod roles;
pub mod source;

use serde::{Deserialize, Serialize};

use crate::cognito::attributes::UserAttributes;
use crate::cognito::identity::asked::AskedFor;
pub use crate::cognito::identity::claim::Shown;
use crate::cognito::identity::claim::{kept, single};
pub use crate::cognito::identity::encoding::join_roles;
pub use crate::cognito::identity::facts::{AUTH_TIME, is_flag, is_text};
use crate::cognito::identity::roles::{GROUPS, Roles, SCOPE};
pub use crate::cognito::identity::roles::{Mapping, RoleSettings, is_scope};
use crate::json::Json;
use crate::oidc::jwt::Claims;
use crate::rules::Facts;
use crate::time::UnixTime;

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
    /// Claims that rules ask for, by name, as compact JSON; empty if the token doesn't have the claim. They are stored
    /// behind the session, so that sessions without them are the same as before.
    #[serde(skip)]
    pub facts: Vec<(String, String)>,
    /// What the person's sign-ins have asked for lately, the latest last. Stored behind the facts.
    #[serde(skip)]
    pub asked: Vec<AskedFor>,
}

/// The names of the claims that an identity keeps.
#[derive(Clone, Copy, Debug)]
pub struct KeptClaims<'a> {
    /// Those that headers contain.
    pub for_headers: &'a [String],
    /// Those that rules ask for.
    pub for_rules: &'a [String],
}

impl Identity {
    /// What pages call the person: the user name, else the email, else the `sub`.
    pub fn shown_name(&self) -> &str {
        self.username.as_deref().or(self.email.as_deref()).unwrap_or(&self.subject)
    }

    /// What is known of the claims that rules ask for. `names` are all such claims.
    pub fn facts(&self, names: &[String]) -> Facts {
        facts::as_facts(&self.facts, names)
    }

    /// When the person entered credentials, if rules ask for it and the token says so.
    pub fn authenticated_at(&self) -> Option<UnixTime> {
        Some(UnixTime::from_secs(facts::find(&self.facts, AUTH_TIME)?.parse().ok()?))
    }

    /// After a refresh: what is known of the sign-in stays as it was before.
    pub fn keep_sign_in_of(&mut self, before: &Self) {
        self.asked.clone_from(&before.asked);
        facts::keep_sign_in(&mut self.facts, &before.facts);
    }

    /// The identity from an ID token and the attributes that it lacks.
    pub fn of_id_token(
        claims: &Claims,
        attributes: Option<&UserAttributes>,
        settings: &RoleSettings,
        wanted: KeptClaims<'_>,
    ) -> Self {
        // An empty claim counts as absent, so the attribute is used.
        let full = |claim: &Json<'_>| !claim.is_empty();
        let claim = |name: &str| claims.get(name).filter(full).or_else(|| attributes?.get(name));
        let mut roles = Roles::new(settings);
        roles.add_claims(&claim);
        let username = claim("cognito:username").and_then(single);
        let told = Self::told(claims.subject(), username, roles, wanted.for_headers, &claim);
        Self { facts: facts::of_token(claims, attributes, wanted.for_rules), ..told }
    }

    /// The identity from an API client's access token. Its roles are its groups, renamed as in an ID token, and its
    /// scopes with a prefix.
    pub fn of_access_token(claims: &Claims, settings: &RoleSettings, wanted: KeptClaims<'_>) -> Self {
        let claim = |name: &str| claims.get(name);
        let mut roles = Roles::new(settings);
        if let Some(groups) = claim(GROUPS) {
            roles.add_groups(groups);
        }
        let scopes = claims.text("scope").unwrap_or_default();
        scopes.split_ascii_whitespace().for_each(|scope| roles.add(format!("{SCOPE}{scope}")));
        let username = claim("username").and_then(single);
        let told = Self::told(claims.subject(), username, roles, wanted.for_headers, &claim);
        Self { facts: facts::of_token(claims, None, wanted.for_rules), ..told }
    }

    fn told<'c>(
        subject: &str,
        username: Option<String>,
        roles: Roles<'_>,
        wanted: &[String],
        claim: &dyn Fn(&str) -> Option<Json<'c>>,
    ) -> Self {
        let kept = |name: &String| Some((name.clone(), kept(name, claim(name)?)?));
        Self {
            subject: subject.to_owned(),
            username,
            email: claim("email").and_then(single),
            name: claim("name").and_then(single),
            roles: roles.found,
            claims: wanted.iter().filter_map(kept).collect(),
            facts: Vec::new(),
            asked: Vec::new(),
        }
    }
}
