//! Cognito's state and logic, independent of HTTP.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Client, Config, Pool, User, call::Journal, fault::Faults};

pub mod attributes;
pub mod grants;
pub mod issuer;
pub mod keys;
pub mod passwords;
pub mod schema;
pub mod sessions;
pub mod set_up;
mod tampering;
pub mod tokens;

use grants::Grants;
use issuer::Issuer;
use keys::{KeyRing, PoolKeys};
use sessions::Sessions;
use set_up::SetUp;

/// The whole service: its pools, and what was issued to people and clients.
pub struct Cognito {
    pub domain_url: String,
    pub show_hint: bool,
    pub framable: bool,
    pub pools: Vec<UserPool>,
    pub sessions: Sessions,
    pub grants: Grants,
    pub faults: Faults,
    pub journal: Journal,
    idp_url: String,
    key_ring: KeyRing,
}

pub struct UserPool {
    pub id: String,
    pub issuer: Issuer,
    pub keys: PoolKeys,
    pub users: Vec<User>,
    pub suppressed_claims: Vec<String>,
    pub lite: bool,
    /// What an administrator has set up through the API; a pool of the configuration has none of it.
    pub set_up: Option<SetUp>,
    clients: Vec<Arc<Client>>,
}

impl Cognito {
    pub fn new(config: Config, domain_url: String, idp_url: &str) -> Self {
        let mut key_ring = KeyRing::stocked_for(config.pools.len());
        let pools = config.pools.into_iter().map(|pool| UserPool::new(pool, idp_url, &mut key_ring));
        Self {
            domain_url,
            show_hint: config.show_hint,
            framable: config.framable,
            pools: pools.collect(),
            sessions: Sessions::default(),
            grants: Grants::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            idp_url: idp_url.into(),
            key_ring,
        }
    }

    pub fn pool(&self, id: &str) -> Option<&UserPool> {
        self.pools.iter().find(|pool| pool.id == id)
    }

    pub fn pool_mut(&mut self, id: &str) -> Option<&mut UserPool> {
        self.pools.iter_mut().find(|pool| pool.id == id)
    }

    pub fn client(&self, id: &str) -> Option<(&UserPool, Arc<Client>)> {
        self.pools.iter().find_map(|pool| {
            let client = pool.clients.iter().find(|client| client.id == id)?;
            Some((pool, client.clone()))
        })
    }

    /// Whether there is such a client, whose secret it now is.
    pub fn set_client_secret(&mut self, id: &str, secret: &str) -> bool {
        let client = self.pools.iter_mut().flat_map(|pool| &mut pool.clients).find(|client| client.id == id);
        client.map(|client| Arc::make_mut(client).secret = Some(secret.to_owned())).is_some()
    }

    /// Opens a new, empty pool.
    pub fn add_pool(&mut self, id: &str, set_up: SetUp) {
        let mut pool = UserPool::new(Pool::new(id), &self.idp_url, &mut self.key_ring);
        pool.set_up = Some(set_up);
        self.pools.push(pool);
    }

    /// The domain of a pool: its own, or the one that all pools of the configuration share.
    pub fn domain_url_of(&self, pool: &UserPool) -> String {
        let own = pool.set_up.as_ref().and_then(|set_up| set_up.domain.as_ref());
        own.map_or_else(|| self.domain_url.clone(), |domain| format!("https://{}", domain.host))
    }

    /// Where a browser that came to this host finds the pages.
    pub fn pages_url(&self, host: Option<&str>) -> String {
        let hosts = self.pools.iter().filter_map(|pool| pool.set_up.as_ref()?.domain.as_ref());
        let own = hosts.map(|domain| &domain.host).find(|own| Some(own.as_str()) == host);
        own.map_or_else(|| self.domain_url.clone(), |host| format!("https://{host}"))
    }

    /// False if there is no such pool.
    pub fn rotate_keys(&mut self, pool_id: &str) -> bool {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.id == pool_id) else { return false };
        pool.keys = PoolKeys::new(&mut self.key_ring);
        true
    }
}

impl UserPool {
    fn new(pool: Pool, idp_url: &str, key_ring: &mut KeyRing) -> Self {
        Self {
            issuer: Issuer::at(idp_url),
            keys: PoolKeys::new(key_ring),
            users: pool.users,
            suppressed_claims: pool.suppressed_claims,
            lite: pool.lite,
            set_up: None,
            clients: pool.clients.into_iter().map(Arc::new).collect(),
            id: pool.id,
        }
    }

    /// The `iss` of its next tokens.
    pub fn issuer(&self) -> String {
        self.issuer.of(&self.id)
    }

    pub fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }

    pub fn user_mut(&mut self, username: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.username == username)
    }

    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().map(Arc::as_ref)
    }

    /// Adds a client, or replaces the client with its id.
    pub fn put_client(&mut self, client: Client) {
        self.clients.retain(|known| known.id != client.id);
        self.clients.push(Arc::new(client));
    }

    /// Whether any client of the pool has it: an unknown scope fails differently from a forbidden one.
    pub fn knows_scope(&self, scope: &str) -> bool {
        self.clients.iter().any(|client| client.scopes.iter().any(|known| known == scope))
            || Client::default().scopes.iter().any(|standard| standard == scope)
    }
}

/// Seconds since 1970, as in the tokens.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
