//! A user pool as configured here: the pool at Cognito, its cookies and its roles. If there are several pools, each
//! has its own cookies, and a session of one isn't valid in another.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::cognito::identity::RoleSettings;
use crate::cognito::user_pool::UserPool;
use crate::crypto::seal::Binding;
use crate::crypto::secret::hex;
use crate::http::cookie::{CookieAttributes, SameSite};
use crate::http::host::HostPattern;

/// One user pool for signing in.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its index among the pools.
    pub index: usize,
    /// Its name in `?pool=` and in the names of its cookies; empty for a single pool without a name.
    pub name: String,
    /// Its name on the page for choosing a pool.
    pub label: String,
    /// The hosts at which it is the only pool.
    pub hosts: Vec<HostPattern>,
    /// The pool at Cognito.
    pub cognito: UserPool,
    /// Where roles come from.
    pub roles: RoleSettings,
    /// Its cookies.
    pub cookies: CookieSettings,
}

/// The names and attributes of a pool's cookies.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// The name of the identity cookie, including the prefix.
    pub identity: String,
    /// The name of the token cookie.
    pub tokens: String,
    /// The prefix of the names of flow cookies.
    pub flow: String,
    /// The name of the probe cookie that shows that the browser is at `public_url`'s host.
    pub here: String,
    /// The name of the probe cookie that shows that the browser is at a host below `public_url`'s.
    pub there: String,
    /// `Domain`, `Secure` and `Partitioned`.
    pub attributes: CookieAttributes,
    /// `SameSite` of the identity and token cookies.
    pub same_site: SameSite,
}

impl CookieSettings {
    /// The owner of a cookie that is set at a host: `Domain` (with all hosts below it), or else only that host.
    pub fn owner<'a>(&'a self, host: &'a str) -> &'a str {
        self.attributes.domain.as_deref().unwrap_or(host)
    }
}

impl Pool {
    /// The part of the binding that all sealed cookies of this pool share: cookies of another pool, client or format
    /// can't be decrypted.
    pub fn binding(&self) -> Binding {
        self.bound_to(&self.cognito.issuer)
    }

    /// The binding of earlier versions with an updated issuer in the configuration.
    pub fn former_binding(&self) -> Option<Binding> {
        self.cognito.former_issuer.as_deref().map(|issuer| self.bound_to(issuer))
    }

    fn bound_to(&self, issuer: &str) -> Binding {
        let client_id = self.cognito.client_id.as_bytes();
        Binding::new(&[b"envoy-cognito/2", self.name.as_bytes(), issuer.as_bytes(), client_id])
    }

    /// The prefix that separates the shared data about sessions of different pools and configurations in one Envoy. It
    /// stays the same while the form of the issuer or the place of the key set changes, as the sessions do.
    pub fn scope(&self, keyring: [u8; 8]) -> String {
        self.scope_with(keyring, "")
    }

    /// The same for its key set: keys from different places are never shared.
    pub fn keys_scope(&self, keyring: [u8; 8]) -> String {
        self.scope_with(keyring, &self.cognito.endpoints.jwks.url)
    }

    fn scope_with(&self, keyring: [u8; 8], jwks: &str) -> String {
        let mut hash = Sha256::new();
        let Self { cognito, cookies, .. } = self;
        for part in [cognito.issuer.as_str(), &cognito.client_id, jwks, &cookies.identity] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(keyring);
        format!("envoy_cognito.{}", hex(hash.finalize().get(..8).unwrap_or_default()))
    }
}

/// The pools of one configuration; there is at least one.
#[derive(Clone, Debug)]
pub struct Pools(Vec<Arc<Pool>>);

impl Pools {
    /// Pools in the order in which the page offers them.
    pub fn new(pools: Vec<Pool>) -> Self {
        Self(pools.into_iter().map(Arc::new).collect())
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Pool>] {
        &self.0
    }

    /// The pools for signing in at a host: the pool that lists this host, or else all.
    pub fn at(&self, host: &str) -> &[Arc<Pool>] {
        if self.0.len() == 1 {
            return &self.0;
        }
        let own = |pool: &&Arc<Pool>| pool.hosts.iter().any(|pattern| pattern.matches(host));
        self.0.iter().find(own).map_or(&self.0, std::slice::from_ref)
    }
}

impl std::ops::Deref for Pools {
    type Target = [Arc<Pool>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
