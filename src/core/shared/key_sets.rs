//! The key set in a worker's hands: when to fetch it, whose turn it is, and what to keep when a fetch
//! fails. All workers of an Envoy share what one of them fetched.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cognito::pool::Pool;
use crate::http::{CalloutError, CalloutResult};
use crate::oidc::jwks::{KeySet, NoUsableKey};
use crate::shared::store::{SharedData, Version, prepare};
use crate::telemetry::event::{Event, Level};
use crate::time::UnixTime;

/// The set is fetched anew after this long, needed or not.
const REFRESH_EVERY: Duration = Duration::from_secs(3600);
/// Tokens under unknown keys make an Envoy fetch at most this often, whatever is thrown at it.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(60);
/// Between attempts while somebody waits for the first set.
const RETRY_WHEN_AWAITED: Duration = Duration::from_secs(1);
/// Between attempts otherwise, doubling from here …
const RETRY_FROM: Duration = Duration::from_secs(1);
/// … up to here.
const RETRY_UP_TO: Duration = Duration::from_secs(60);
/// How long a first call may find no host before that is a failure. The filter starts before Envoy has looked up the names
/// of its clusters, or has been told of them.
const START: Duration = Duration::from_secs(5);
/// By how much one worker's time may be older than another's: each is told the time before it looks at what they share,
/// and a busy machine lets it wait in between.
const APART: Duration = Duration::from_secs(10);

/// The key sets of all pools, as one worker knows them.
#[derive(Debug)]
pub struct KeySetCaches(Vec<KeySetCache>);

impl KeySetCaches {
    /// Empty stores for these pools. `keyring` keeps the shared data of different configurations apart.
    pub fn new(pools: &[Arc<Pool>], keyring: [u8; 8], shared: &dyn SharedData) -> Self {
        let store =
            |pool: &Arc<Pool>| KeySetCache::new(&pool.scope(keyring), pool.cognito.timeouts.jwks, shared);
        Self(pools.iter().map(store).collect())
    }

    /// The key set of a pool.
    pub fn of(&mut self, pool: &Pool) -> Option<&mut KeySetCache> {
        self.0.get_mut(pool.index)
    }

    /// Takes over what other workers have fetched since.
    pub fn adopt_all(&mut self, shared: &dyn SharedData) {
        self.0.iter_mut().for_each(|store| store.adopt(shared));
    }

    /// When the oldest of the key sets was fetched; `None` until one was.
    pub fn oldest(&self) -> Option<UnixTime> {
        self.0.iter().filter_map(|store| Some(store.held.as_ref()?.fetched_at)).min()
    }

    /// Whether any pool has none yet.
    pub fn are_incomplete(&self) -> bool {
        self.0.iter().any(|store| store.held.is_none())
    }
}

/// The key set of one pool, as one worker knows it.
#[derive(Debug)]
pub struct KeySetCache {
    set_key: String,
    lease_key: String,
    timeout: Duration,
    held: Option<CurrentKeys>,
    /// How many sets there have been.
    generation: u32,
    /// The version of the shared set that was last looked at.
    seen: Option<Version>,
    /// A call of this worker's is under way.
    fetching: bool,
    /// Leave was given to fetch for the sake of an unknown key.
    newer_wanted: bool,
}

#[derive(Debug)]
struct CurrentKeys {
    keys: KeySet,
    fetched_at: UnixTime,
}

/// Who may fetch when: one record for all workers, in milliseconds of Unix time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Lease {
    under_way_until: u64,
    last_attempt: u64,
    failures: u32,
    last_for_unknown_key: u64,
    /// Since when no call found a host; 0 where the last one did.
    without_host_since: u64,
}

/// Why a fetch brought no keys. The last good set stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// No host yet, which is no failure right after the start. It is asked again soon.
    NoHostYet,
    /// No answer.
    Callout(CalloutError),
    /// Another status than 200.
    Status(u16),
    /// A document without a usable key.
    NoUsableKey,
}

/// Whether a newer set can be hoped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Newer {
    /// One is on its way.
    Coming,
    /// One was fetched for this reason not long ago.
    Throttled,
}

impl KeySetCache {
    /// An empty store. `scope` keeps the shared data of different pools apart.
    pub fn new(scope: &str, timeout: Duration, shared: &dyn SharedData) -> Self {
        let (set_key, lease_key) = (format!("{scope}.jwks"), format!("{scope}.jwks_lease"));
        prepare(shared, &set_key);
        prepare(shared, &lease_key);
        Self {
            set_key,
            lease_key,
            timeout,
            held: None,
            generation: 0,
            seen: None,
            fetching: false,
            newer_wanted: false,
        }
    }

    /// The keys at hand.
    pub fn keys(&self) -> Option<&KeySet> {
        self.held.as_ref().map(|held| &held.keys)
    }

    fn hold(&mut self, keys: KeySet, fetched_at: UnixTime) {
        self.held = Some(CurrentKeys { keys, fetched_at });
        self.generation = self.generation.wrapping_add(1);
    }

    /// Tells one set from the next: what a set doesn't know, it needn't be asked for again.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Takes over what another worker has fetched since.
    pub fn adopt(&mut self, shared: &dyn SharedData) {
        let Some((record, version)) = shared.get(&self.set_key) else { return };
        if self.seen.replace(version) == Some(version) {
            return;
        }
        // What was stored last is the newest, whatever the clocks said at the time.
        if let Ok((fetched_at, document)) = postcard::take_from_bytes::<UnixTime>(&record)
            && let Ok(keys) = KeySet::parse(document)
        {
            self.hold(keys, fetched_at);
        }
    }

    /// Whether this worker is to fetch the set now; it then must, and hand the answer to
    /// [`KeySetCache::handle_response`]. `awaited` says that requests wait for it.
    pub fn poll_fetch(&mut self, awaited: bool, now: UnixTime, shared: &dyn SharedData) -> bool {
        if self.fetching || !self.is_due(now) {
            return false;
        }
        self.adopt(shared);
        if !self.is_due(now) {
            return false;
        }
        let hold = self.timeout + Duration::from_secs(1);
        self.fetching = self.update_lease(shared, |lease| {
            let pause = if awaited { RETRY_WHEN_AWAITED } else { backoff(lease.failures) };
            let rested = lease.failures == 0 || has_passed(lease.last_attempt, pause, now);
            if lease.is_under_way(now, hold) || !rested {
                return false;
            }
            lease.last_attempt = now.millis();
            lease.under_way_until = now.plus(hold).millis();
            true
        });
        if self.fetching {
            // Since this one has looked, another may have stored a set and given the lease back.
            self.adopt(shared);
            if !self.is_due(now) {
                self.fetching = false;
                self.update_lease(shared, Lease::give_back);
            }
        }
        self.fetching
    }

    fn is_due(&self, now: UnixTime) -> bool {
        let old = |held: &CurrentKeys| has_passed(held.fetched_at.millis(), REFRESH_EVERY, now);
        self.newer_wanted || self.held.as_ref().is_none_or(old)
    }

    /// Takes the answer of a fetch. Gives the number of keys in it.
    ///
    /// # Errors
    /// Where it holds none; then the set at hand stays.
    pub fn handle_response(
        &mut self,
        result: &CalloutResult,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Result<usize, FetchError> {
        self.fetching = false;
        self.newer_wanted = false;
        let fetched = read_answer(result);
        if let Ok((_, document)) = fetched
            && let Ok(mut record) = postcard::to_allocvec(&now)
        {
            record.extend_from_slice(document);
            // Another worker that was faster has stored as good a set.
            let version = shared.get(&self.set_key).map(|(_, version)| version);
            let _ = shared.set(&self.set_key, &record, version);
        }
        let without_host = matches!(fetched, Err(FetchError::Callout(CalloutError::NotDispatched)));
        let is_first = self.held.is_none();
        let mut too_early = false;
        // Not before the set is there for all: who finds neither lease nor set would fetch it again.
        self.update_lease(shared, |lease| {
            too_early = lease.note_host(!without_host, now) && is_first;
            lease.failures = match fetched {
                Ok(_) => 0,
                // So that it is asked again in a second, however often.
                Err(_) if too_early => 1,
                Err(_) => lease.failures.saturating_add(1),
            };
            lease.give_back()
        });
        if too_early {
            return Err(FetchError::NoHostYet);
        }
        let (keys, _) = fetched?;
        let count = keys.len();
        self.hold(keys, now);
        Ok(count)
    }

    /// Asks for a newer set because a token names a key that this one lacks.
    pub fn ask_for_newer(&mut self, now: UnixTime, shared: &dyn SharedData) -> Newer {
        if self.fetching || self.newer_wanted {
            return Newer::Coming;
        }
        let hold = self.timeout + Duration::from_secs(1);
        let mut under_way = false;
        self.newer_wanted = self.update_lease(shared, |lease| {
            under_way = lease.is_under_way(now, hold);
            if under_way || !has_passed(lease.last_for_unknown_key, UNKNOWN_KEY_EVERY, now) {
                return false;
            }
            lease.last_for_unknown_key = now.millis();
            // Its own throttle has let it through; a failed attempt before doesn't hold it up.
            lease.failures = 0;
            true
        });
        if self.newer_wanted || under_way { Newer::Coming } else { Newer::Throttled }
    }

    /// Whether a fetch is about to be made or under way, at whatever worker.
    pub fn is_coming(&self, now: UnixTime, shared: &dyn SharedData) -> bool {
        let hold = self.timeout + Duration::from_secs(1);
        self.fetching || self.newer_wanted || self.read_lease(shared).0.is_under_way(now, hold)
    }

    fn read_lease(&self, shared: &dyn SharedData) -> (Lease, Option<Version>) {
        let found = shared.get(&self.lease_key);
        let version = found.as_ref().map(|(_, version)| *version);
        (found.and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok()).unwrap_or_default(), version)
    }

    /// Changes the lease if `change` says so and no other worker is faster. What can't be decided
    /// counts as "not now", so that a store in trouble never means unguarded fetches.
    fn update_lease(&self, shared: &dyn SharedData, mut change: impl FnMut(&mut Lease) -> bool) -> bool {
        for _ in 0..4 {
            let (mut lease, version) = self.read_lease(shared);
            if !change(&mut lease) {
                return false;
            }
            let Ok(bytes) = postcard::to_allocvec(&lease) else { return false };
            if shared.set(&self.lease_key, &bytes, version).is_ok() {
                return true;
            }
        }
        false
    }
}

impl Lease {
    /// Notes whether a call found a host. Whether it is too early to complain that none did.
    fn note_host(&mut self, found: bool, now: UnixTime) -> bool {
        if found {
            self.without_host_since = 0;
            return false;
        }
        if self.without_host_since == 0 {
            self.without_host_since = now.millis();
        }
        !has_passed(self.without_host_since, START, now)
    }

    /// The fetch is over.
    fn give_back(&mut self) -> bool {
        self.under_way_until = 0;
        true
    }

    /// Whether a worker is fetching. A time too far ahead is one of a clock that has been set back.
    fn is_under_way(&self, now: UnixTime, hold: Duration) -> bool {
        self.under_way_until > now.millis() && self.under_way_until <= now.plus(hold + APART).millis()
    }
}

/// Whether it is long enough since. A time too far ahead is one of a clock that has been set back; it counts as
/// long ago.
fn has_passed(since: u64, wait: Duration, now: UnixTime) -> bool {
    let since = UnixTime::from_millis(since);
    since > now.plus(APART) || now.since(since) >= wait
}

fn backoff(failures: u32) -> Duration {
    RETRY_FROM.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY_UP_TO)
}

fn read_answer(result: &CalloutResult) -> Result<(KeySet, &[u8]), FetchError> {
    let response = result.as_ref().map_err(|error| FetchError::Callout(*error))?;
    if response.status != 200 {
        return Err(FetchError::Status(response.status));
    }
    let keys = KeySet::parse(&response.body).map_err(|NoUsableKey| FetchError::NoUsableKey)?;
    Ok((keys, &response.body))
}

/// The log line of a fetch.
pub fn fetch_event(outcome: Result<usize, FetchError>, pool: &str) -> Event {
    outcome_event(outcome).of_pool(pool)
}

fn outcome_event(outcome: Result<usize, FetchError>) -> Event {
    let failed = |reason: &str| Event::new(Level::Warn, "jwks.failed").with("reason", reason);
    match outcome {
        Ok(keys) => Event::new(Level::Info, "jwks.fetched").with("keys", keys.to_string()),
        Err(FetchError::NoHostYet) => Event::new(Level::Debug, "jwks.postponed").with(
            "hint",
            "Envoy knows no host of the cluster in `clusters.idp` yet; asked again in a second",
        ),
        Err(FetchError::Callout(CalloutError::NotDispatched)) => failed("cluster_missing").with(
            "hint",
            "the cluster in `clusters.idp` is missing, has no hosts, or its circuit breaker is open",
        ),
        Err(FetchError::Callout(CalloutError::TimedOut)) => failed("timeout"),
        Err(FetchError::Callout(CalloutError::Broken)) => failed("broken_off"),
        Err(FetchError::Callout(CalloutError::TooLarge)) => failed("too_large"),
        Err(FetchError::Status(status)) => failed("status").with("status", status.to_string()),
        Err(FetchError::NoUsableKey) => failed("no_usable_key"),
    }
}
