//! A worker's copy of each pool's key set: when it is fetched, by which worker, and what happens if a fetch fails. A
//! set that one worker fetches is shared with all workers of the Envoy.

mod fetch;
pub(super) mod lease;

use std::sync::Arc;
use std::time::Duration;

use crate::cognito::pool::Pool;
use crate::http::CalloutResult;
use crate::oidc::call::CallError;
use crate::oidc::jwks::KeySet;
use crate::shared::key_sets::fetch::read_response;
use crate::shared::key_sets::lease::{FetchLease, has_passed};
use crate::shared::store::{SharedData, Version, prepare, read, update};
use crate::time::UnixTime;

pub use fetch::{FetchError, KeysAt, fetch_event, fetch_keys, is_refusal, refusal_event};

/// The set is fetched again after this time, even if no token needs it.
const REFRESH_EVERY: Duration = Duration::from_secs(3600);
/// How often an update of the lease is tried when other workers change it.
const TRIES: usize = 4;

/// The key sets of all pools in one worker.
#[derive(Debug)]
pub struct KeySetCaches(Vec<KeySetCache>);

impl KeySetCaches {
    /// An empty cache for each pool. `keyring` separates the shared data of different configurations.
    pub fn new(pools: &[Arc<Pool>], keyring: [u8; 8], shared: &dyn SharedData) -> Self {
        let cache = |pool: &Arc<Pool>| {
            KeySetCache::new(&pool.keys_scope(keyring), fetch::longest_fetch(&pool.cognito), shared)
        };
        Self(pools.iter().map(cache).collect())
    }

    /// The key set of a pool.
    pub fn of(&mut self, pool: &Pool) -> Option<&mut KeySetCache> {
        self.0.get_mut(pool.index)
    }

    /// Takes over the sets that other workers have fetched.
    pub fn adopt_all(&mut self, shared: &dyn SharedData) {
        self.0.iter_mut().for_each(|cache| cache.adopt(shared));
    }

    /// When the oldest of the key sets was fetched; `None` until one was.
    pub fn oldest(&self) -> Option<UnixTime> {
        self.0.iter().filter_map(|cache| Some(cache.current.as_ref()?.fetched_at)).min()
    }

    /// Whether a pool has no key set yet.
    pub fn are_incomplete(&self) -> bool {
        self.0.iter().any(|cache| cache.current.is_none())
    }
}

/// The key set of one pool in one worker.
#[derive(Debug)]
pub struct KeySetCache {
    set_key: String,
    lease_key: String,
    timeout: Duration,
    current: Option<CurrentKeys>,
    /// Increases with each new set.
    generation: u32,
    /// The version of the shared set that was last read.
    seen: Option<Version>,
    /// Whether this worker has a call in progress.
    fetching: bool,
    /// Whether this worker may fetch a set for an unknown key.
    newer_wanted: bool,
}

#[derive(Debug)]
struct CurrentKeys {
    keys: KeySet,
    fetched_at: UnixTime,
}

/// Whether a newer set can be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Newer {
    /// It is being fetched, or will be soon.
    Coming,
    /// The last fetch for an unknown key was too recent.
    Throttled,
}

impl KeySetCache {
    /// An empty cache. `scope` separates the shared data of different pools. `timeout` is how long a
    /// fetch may take.
    pub fn new(scope: &str, timeout: Duration, shared: &dyn SharedData) -> Self {
        let (set_key, lease_key) = (format!("{scope}.jwks"), format!("{scope}.jwks_lease"));
        prepare(shared, &set_key);
        prepare(shared, &lease_key);
        Self {
            set_key,
            lease_key,
            timeout,
            current: None,
            generation: 0,
            seen: None,
            fetching: false,
            newer_wanted: false,
        }
    }

    /// The current keys.
    pub fn keys(&self) -> Option<&KeySet> {
        self.current.as_ref().map(|current| &current.keys)
    }

    fn replace(&mut self, keys: KeySet, fetched_at: UnixTime) {
        self.current = Some(CurrentKeys { keys, fetched_at });
        self.generation = self.generation.wrapping_add(1);
    }

    /// The number of the current set. It changes whenever the keys are replaced.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Takes over the set that another worker fetched.
    pub fn adopt(&mut self, shared: &dyn SharedData) {
        let Some((record, version)) = shared.get(&self.set_key) else { return };
        if self.seen.replace(version) == Some(version) {
            return;
        }
        // The set that was stored last is the newest, even if the workers' clocks say otherwise.
        if let Ok((fetched_at, document)) = postcard::take_from_bytes::<UnixTime>(&record)
            && let Ok(keys) = KeySet::parse(document)
        {
            self.replace(keys, fetched_at);
        }
    }

    /// Whether this worker must fetch the set now, and pass the response to [`KeySetCache::handle_response`].
    /// `awaited` means that requests are waiting for the set.
    pub fn poll_fetch(&mut self, awaited: bool, now: UnixTime, shared: &dyn SharedData) -> bool {
        if self.fetching || !self.is_due(now) {
            return false;
        }
        self.adopt(shared);
        if !self.is_due(now) {
            return false;
        }
        let hold = self.hold();
        self.fetching = self.update_lease(shared, |lease| lease.acquire(awaited, hold, now));
        if self.fetching {
            // Another worker may have stored a set and released the lease between the check and our lease.
            self.adopt(shared);
            if !self.is_due(now) {
                self.fetching = false;
                self.update_lease(shared, FetchLease::release);
            }
        }
        self.fetching
    }

    fn is_due(&self, now: UnixTime) -> bool {
        let is_old = |current: &CurrentKeys| has_passed(current.fetched_at.millis(), REFRESH_EVERY, now);
        self.newer_wanted || self.current.as_ref().is_none_or(is_old)
    }

    /// Handles the response of a fetch. Returns the number of keys in it.
    ///
    /// # Errors
    /// If the response contains no usable key. The current set then stays in use.
    pub fn handle_response(
        &mut self,
        result: &CalloutResult,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Result<usize, FetchError> {
        self.fetching = false;
        self.newer_wanted = false;
        let fetched = read_response(result);
        if let Ok((_, document)) = fetched
            && let Ok(mut record) = postcard::to_allocvec(&now)
        {
            record.extend_from_slice(document);
            // If another worker was faster, its set is just as good.
            let version = shared.get(&self.set_key).map(|(_, version)| version);
            let _ = shared.set(&self.set_key, &record, version);
        }
        let is_first = self.current.is_none();
        let mut is_startup = false;
        // Only after the set is stored: a worker that finds neither a set nor a lease would fetch again.
        self.update_lease(shared, |lease| match fetched {
            Ok(_) => lease.succeed(),
            Err(FetchError::Call(CallError::NotDispatched)) => {
                is_startup = lease.fail_without_host(is_first, now);
                true
            }
            Err(_) => lease.fail(),
        });
        if is_startup {
            return Err(FetchError::NoHostYet);
        }
        let (keys, _) = fetched?;
        let count = keys.len();
        self.replace(keys, now);
        Ok(count)
    }

    /// Asks for a newer set, because a token names a key that isn't in this one.
    pub fn ask_for_newer(&mut self, now: UnixTime, shared: &dyn SharedData) -> Newer {
        if self.fetching || self.newer_wanted {
            return Newer::Coming;
        }
        let hold = self.hold();
        let mut under_way = false;
        self.newer_wanted = self.update_lease(shared, |lease| {
            under_way = lease.is_held(hold, now);
            lease.allow_for_unknown_key(hold, now)
        });
        if self.newer_wanted || under_way { Newer::Coming } else { Newer::Throttled }
    }

    /// Whether a worker is fetching the set, or will do so soon.
    pub fn is_coming(&self, now: UnixTime, shared: &dyn SharedData) -> bool {
        let lease = || read::<FetchLease>(shared, &self.lease_key);
        self.fetching || self.newer_wanted || lease().is_held(self.hold(), now)
    }

    /// How long a fetch may take. No other worker starts one before that.
    fn hold(&self) -> Duration {
        self.timeout + Duration::from_secs(1)
    }

    /// Also `false` if the lease couldn't be stored, so that every fetch holds a lease.
    fn update_lease(&self, shared: &dyn SharedData, change: impl FnMut(&mut FetchLease) -> bool) -> bool {
        update(shared, &self.lease_key, TRIES, change)
    }
}
