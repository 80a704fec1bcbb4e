//! A user pool as this filter uses it: the pool at Cognito, its cookies and its roles. If there are several pools, each has
//! its own cookies, and a session of one is not valid in another.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::cognito::identity::RoleSettings;
use crate::cognito::user_pool::UserPool;
use crate::crypto::seal::Binding;
use crate::crypto::secret::hex;
use crate::http::cookie::{CookieAttributes, SameSite};
use crate::http::host::HostPattern;

/// One user pool that people may sign in at.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its place among the pools.
    pub index: usize,
    /// Its name in `?pool=` and in the names of its cookies; empty if there is only one, without a name.
    pub name: String,
    /// Its name on the page where people choose.
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

/// Names and attributes of a pool's cookies.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// Name of the identity cookie, prefix and all.
    pub identity: String,
    /// Name of the token cookie.
    pub tokens: String,
    /// What names of flow cookies begin with.
    pub flow: String,
    /// Name of the cookie that tells a browser at `public_url` from one at another host.
    pub here: String,
    /// Name of the cookie that tells a browser at a host below `public_url`'s.
    pub there: String,
    /// `Domain`, `Secure` and `Partitioned`.
    pub attributes: CookieAttributes,
    /// `SameSite` of identity and tokens.
    pub same_site: SameSite,
}

impl CookieSettings {
    /// The owner of a cookie that is set at a host: `Domain` and all hosts below it, else the host alone.
    pub fn owner<'a>(&'a self, host: &'a str) -> &'a str {
        self.attributes.domain.as_deref().unwrap_or(host)
    }
}

impl Pool {
    /// What every sealed cookie of this pool is bound to: a cookie of another pool, client or format doesn't open.
    pub fn binding(&self) -> Binding {
        let (issuer, client_id) = (self.cognito.issuer.as_bytes(), self.cognito.client_id.as_bytes());
        Binding::new(&[b"envoy-cognito/2", self.name.as_bytes(), issuer, client_id])
    }

    /// The prefix that separates the shared data of different pools and configurations in one Envoy.
    pub fn scope(&self, keyring: [u8; 8]) -> String {
        let mut hash = Sha256::new();
        let Self { cognito, cookies, .. } = self;
        for part in [&cognito.issuer, &cognito.client_id, &cognito.endpoints.jwks.url, &cookies.identity] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(keyring);
        format!("envoy_cognito.{}", hex(hash.finalize().get(..8).unwrap_or_default()))
    }
}

/// The pools of one configuration; there is always one.
#[derive(Clone, Debug)]
pub struct Pools(Vec<Arc<Pool>>);

impl Pools {
    /// Pools in the order in which they are offered.
    pub fn new(pools: Vec<Pool>) -> Self {
        Self(pools.into_iter().map(Arc::new).collect())
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Pool>] {
        &self.0
    }

    /// The pools that may be signed in at under a host: the one that has it among its own, else all.
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
