//! What the stand-in serves: user pools, their app clients and their people.
//!
//! Read from JSON, or built in code: `Client { secret: None, ..Client::new("id") }`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, de::Error as _};

use crate::random;

const DEMO: &str = include_str!("../demo.json");

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub pools: Vec<Pool>,
    /// Whether the sign-in page names a user and the password, for people who try the demo.
    #[serde(default)]
    pub show_hint: bool,
    /// Whether the pages may be shown in frames, with cookies that a frame of another site keeps. Cognito's may not.
    #[serde(default)]
    pub framable: bool,
    /// Where browsers reach the domain, if something in front of it ends TLS. Without a trailing slash.
    #[serde(default)]
    pub domain_url: Option<String>,
    /// The host of the issuers as tokens name it, where something in front of it has another name. Without a
    /// trailing slash.
    #[serde(default)]
    pub idp_url: Option<String>,
}

impl Config {
    pub fn new(pools: Vec<Pool>) -> Self {
        Self { pools, ..Self::default() }
    }

    pub fn from_json(json: &str) -> serde_json::Result<Self> {
        let config: Self = serde_json::from_str(json)?;
        config.check().map_err(serde_json::Error::custom)?;
        Ok(config)
    }

    /// The pool of the demo: one confidential client, and two people with the password `The@Password`.
    pub fn demo() -> Self {
        Self::from_json(DEMO).expect("the demo's configuration is part of this crate")
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let (mut pools, mut clients) = (HashSet::new(), HashSet::new());
        for pool in &self.pools {
            if pool.id.is_empty() || pool.id.contains('/') || !pools.insert(&pool.id) {
                return Err(format!("pool id {:?} is empty, not a path segment or not unique", pool.id));
            }
            let mut users = HashSet::new();
            for user in &pool.users {
                user.check()?;
                if !users.insert(&user.username) {
                    return Err(format!("pool {}: user {:?} is not unique", pool.id, user.username));
                }
            }
            for client in &pool.clients {
                if client.id.is_empty() || !clients.insert(&client.id) {
                    return Err(format!("client id {:?} is empty or not unique", client.id));
                }
                if client.rotation.is_some_and(|rotation| rotation.grace_seconds > 60) {
                    return Err(format!("client {}: the grace of a rotation is 0 to 60 seconds", client.id));
                }
            }
        }
        Ok(())
    }
}

/// A user pool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    pub id: String,
    pub clients: Vec<Client>,
    pub users: Vec<User>,
    /// Claims that a pre token generation trigger takes out of ID tokens (`claimsToSuppress`). `userInfo` and
    /// `GetUser` know nothing of it.
    pub suppressed_claims: Vec<String>,
    /// Whether it has the Lite plan, which ignores `acr_values` and `max_age`, and writes neither `acr` nor `amr`.
    pub lite: bool,
}

impl Pool {
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// Every attribute, in the lists of a client.
pub const EVERY: &str = "*";

/// An app client, allowed the code grant and refreshing.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    pub id: String,
    /// `None` makes it a public client.
    pub secret: Option<String>,
    /// Another secret that is valid at the same time.
    pub second_secret: Option<String>,
    /// Whether it is a program's: its only flow is `ALLOW_CLIENT_TOKEN_AUTH`, and its scopes are custom ones.
    pub machine: bool,
    pub callback_urls: Vec<String>,
    pub logout_urls: Vec<String>,
    pub scopes: Vec<String>,
    /// `None` lets it read the standard attributes, as at Cognito. `oidc:profile` stands for all that the scope `profile`
    /// names; `*`, which Cognito doesn't have, for every attribute, and is the default of clients that are built in code.
    pub read_attributes: Option<Vec<String>>,
    /// The attributes that people may change themselves through it; `None` and `*` as above.
    pub write_attributes: Option<Vec<String>>,
    pub id_token_seconds: u64,
    pub access_token_seconds: u64,
    pub refresh_token_seconds: u64,
    /// `None` keeps one refresh token for the whole sign-in.
    pub rotation: Option<Rotation>,
    /// `EnableTokenRevocation`.
    pub revocation: bool,
    /// About how long a refresh token is. AWS promises no size.
    pub refresh_token_bytes: usize,
}

impl Client {
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Whether this secret, or none, is right.
    pub(crate) fn has_secret(&self, secret: Option<&str>) -> bool {
        self.secret.as_deref() == secret || secret.is_some() && self.second_secret.as_deref() == secret
    }

    pub(crate) fn may_return_to(&self, url: &str) -> bool {
        self.callback_urls.iter().any(|registered| same_url(registered, url))
    }

    pub(crate) fn may_sign_out_to(&self, url: &str) -> bool {
        self.logout_urls.iter().any(|registered| same_url(registered, url))
    }
}

impl Default for Client {
    fn default() -> Self {
        let scopes = ["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"];
        Self {
            id: String::new(),
            secret: None,
            second_secret: None,
            machine: false,
            callback_urls: Vec::new(),
            logout_urls: Vec::new(),
            scopes: scopes.map(String::from).to_vec(),
            read_attributes: Some(vec![EVERY.to_owned()]),
            write_attributes: Some(vec![EVERY.to_owned()]),
            id_token_seconds: 3600,
            access_token_seconds: 3600,
            refresh_token_seconds: 30 * 24 * 3600,
            rotation: None,
            revocation: true,
            refresh_token_bytes: 1800,
        }
    }
}

/// `RefreshTokenRotation`: each refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How long the replaced token still works: 0 to 60.
    pub grace_seconds: u64,
}

/// A person of a pool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub username: String,
    pub password: String,
    #[serde(default = "random::uuid")]
    pub sub: String,
    #[serde(default)]
    pub groups: Vec<String>,
    /// All values are strings, as Cognito stores them: `"email_verified": "true"`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// `FORCE_CHANGE_PASSWORD`: the password only lets its owner choose another one.
    #[serde(default)]
    pub temporary_password: bool,
    /// Whether the person has an app for one-time codes. The sign-in page takes the code for entered.
    #[serde(default)]
    pub totp: bool,
    /// Whether an administrator has disabled the person, who can't sign in or refresh then.
    #[serde(default)]
    pub disabled: bool,
}

impl User {
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            sub: random::uuid(),
            groups: Vec::new(),
            attributes: BTreeMap::new(),
            temporary_password: false,
            totp: false,
            disabled: false,
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let own = ["sub", "username", "cognito:username", "cognito:groups"];
        match self.attributes.keys().find(|name| name.is_empty() || own.contains(&name.as_str())) {
            _ if self.username.is_empty() || self.sub.is_empty() => {
                Err("a user needs a name and a sub".into())
            }
            _ if self.password.is_empty() => Err(format!("user {}: a password is needed", self.username)),
            Some(name) => Err(format!("user {}: {name:?} is no attribute", self.username)),
            None => Ok(()),
        }
    }

    /// The same person with one more attribute.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

/// Cognito compares whole strings. Here `*` also stands for the digits of a port.
fn same_url(registered: &str, url: &str) -> bool {
    let Some((before, after)) = registered.split_once('*') else { return registered == url };
    url.strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_port_and_nothing_else() {
        let registered = "http://localhost:*/callback";
        assert!(same_url(registered, "http://localhost:8080/callback"));
        assert!(!same_url(registered, "http://localhost:/callback"));
        assert!(!same_url(registered, "http://localhost:80@evil.example:1/callback"));
        assert!(!same_url(registered, "http://localhost:8080/callback/"));
        assert!(!same_url("http://localhost:8080/callback", "http://localhost:8081/callback"));
    }

    #[test]
    fn a_misspelt_key_and_a_repeated_client_are_refused() {
        assert!(Config::from_json(r#"{"pools":[{"id":"p","client":[]}]}"#).is_err());
        let twice = r#"{"pools":[{"id":"p","clients":[{"id":"c"},{"id":"c"}]}]}"#;
        assert!(Config::from_json(twice).is_err());
    }

    #[test]
    fn the_demo_is_valid() {
        assert_eq!(Config::demo().pools[0].users[0].username, "jsmith");
    }
}
