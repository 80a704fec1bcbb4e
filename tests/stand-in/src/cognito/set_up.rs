//! What an administrator has set up in a pool through the API.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{now, passwords::PasswordPolicy, schema::Schema};

pub struct SetUp {
    pub name: String,
    pub region: String,
    pub schema: Schema,
    pub passwords: PasswordPolicy,
    /// `AllowedFirstAuthFactors`. The stand-in's pages only ask for a password.
    pub first_factors: Vec<String>,
    /// `WebAuthnConfiguration`.
    pub passkeys: Value,
    /// `LambdaConfig`.
    pub triggers: Value,
    /// `AllowAdminCreateUserOnly`. The stand-in's pages let nobody sign up in any case.
    pub admin_creates_users: bool,
    pub domain: Option<PoolDomain>,
    /// Their descriptions in the API, by id.
    pub clients: BTreeMap<String, Value>,
    /// The clients that have a style for managed login.
    pub branded: BTreeSet<String>,
    /// Their descriptions in the API, by name.
    pub groups: BTreeMap<String, Value>,
    /// When users were created and last changed, by name.
    pub dates: BTreeMap<String, Dates>,
    pub created: u64,
}

pub struct PoolDomain {
    pub prefix: String,
    pub host: String,
    /// 1 is the classic hosted UI, 2 managed login.
    pub login_version: u64,
}

#[derive(Clone, Copy)]
pub struct Dates {
    pub created: u64,
    pub modified: u64,
}

impl SetUp {
    /// Why a client has no pages for people to sign in on.
    pub fn lacks_pages(&self, client_id: &str) -> Option<&'static str> {
        let Some(domain) = &self.domain else { return Some("The user pool has no domain.") };
        let providers = &self.clients.get(client_id)?["SupportedIdentityProviders"];
        if providers.as_array().is_none_or(Vec::is_empty) {
            return Some("Login pages unavailable. The app client has no identity provider.");
        }
        let is_plain = domain.login_version == 2 && !self.branded.contains(client_id);
        is_plain.then_some("Login pages unavailable. Please contact an administrator.")
    }

    pub fn touch(&mut self, username: &str) {
        let now = now();
        let dates = self.dates.entry(username.into()).or_insert(Dates { created: now, modified: now });
        dates.modified = now;
    }

    pub fn dates(&self, username: &str) -> Dates {
        let made = Dates { created: self.created, modified: self.created };
        self.dates.get(username).copied().unwrap_or(made)
    }
}
