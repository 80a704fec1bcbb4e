//! The deny list that all Envoys share: a JSON document that operators publish. One worker fetches it for all workers of
//! its Envoy. If a fetch fails, or the document is malformed, the last good list stays in use.

mod document;

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::config::RevocationSettings;
use crate::crypto::secret::{Secret, hex};
use crate::http::{Callout, CalloutError, CalloutResult, Endpoint, MAX_ANY_CALLOUT_BODY};
use crate::shared::id_table::{Id, IdTable};
use crate::shared::key_sets::lease::{FetchLease, has_passed};
use crate::shared::store::{SharedData, prepare, update, update_bytes};
use crate::telemetry::counter::Counter;
use crate::telemetry::event::{Event, Level};
use crate::telemetry::metrics::Telemetry;
use crate::time::UnixTime;

pub use document::{Compiled, Kind, Malformed};

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a worker has the lease to fetch.
const HOLD: Duration = Duration::from_secs(6);
/// How long requests wait for the first list after the start.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often an update is tried when other workers change the same value.
const TRIES: usize = 4;

/// What the list could name of a session or token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocable {
    /// When it was issued, in whole seconds.
    pub since: UnixTime,
    /// [`Kind::id`] of its names; zeros if it has fewer.
    pub ids: [Id; 4],
}

/// One worker's copy of the list.
pub struct Revocations {
    settings: RevocationSettings,
    /// The common part of the names in shared data.
    scope: String,
    /// Each with the time before which sessions and tokens must have been issued to be denied.
    ids: IdTable,
    /// The same for everybody.
    everyone: UnixTime,
    /// The number of the copied list. 0 if there is none.
    generation: u64,
    /// When the list was last known to be current, in any worker.
    checked_at: Option<UnixTime>,
    etag: Vec<u8>,
    started_at: UnixTime,
    is_fetching: bool,
}

impl Revocations {
    /// What this Envoy knows of the list. Configurations with the same source share it.
    pub fn new(settings: &RevocationSettings, now: UnixTime, shared: &dyn SharedData) -> Self {
        let source = [&settings.cluster, &settings.host, &settings.path];
        let hash = source.iter().fold(Sha256::new(), |hash, text| hash.chain_update(text).chain_update([0]));
        let mut copy = Self {
            settings: settings.clone(),
            scope: format!("envoy_cognito.revocations.{}", hex(hash.finalize().get(..8).unwrap_or_default())),
            ids: IdTable::default(),
            everyone: UnixTime::default(),
            generation: 0,
            checked_at: None,
            etag: Vec::new(),
            started_at: now,
            is_fetching: false,
        };
        for part in ["head", "list", "lease"] {
            prepare(shared, &copy.name(part));
        }
        copy.read_new(shared);
        copy
    }

    fn name(&self, part: &str) -> String {
        format!("{}.{part}", self.scope)
    }

    /// The number of the list in use, which differs from that of the list before.
    pub const fn version(&self) -> u64 {
        self.generation
    }

    /// Whether a session or token is denied.
    pub fn contains(&self, whose: &Revocable) -> bool {
        let is_listed = |id: &Id| self.ids.get(*id).is_some_and(|before| whose.since < before);
        whose.since < self.everyone || (!self.ids.is_empty() && whose.ids.iter().any(is_listed))
    }

    /// Whether requests should wait for the first list: for a few seconds after the start.
    pub fn is_awaited(&self, now: UnixTime) -> bool {
        self.checked_at.is_none() && now.since(self.started_at) < PATIENCE
    }

    /// How long ago the list was known to be current; since the start, if it never was.
    pub fn age(&self, now: UnixTime) -> Duration {
        now.since(self.checked_at.unwrap_or(self.started_at))
    }

    /// Takes over what another worker has fetched.
    pub fn read_new(&mut self, shared: &dyn SharedData) {
        let Some((bytes, _)) = shared.get(&self.name("head")) else { return };
        let Some(head) = Head::read(&bytes) else { return };
        self.checked_at = Some(head.checked_at);
        if head.generation == self.generation {
            return;
        }
        self.etag = head.etag.to_vec();
        if let Some((bytes, _)) = shared.get(&self.name("list"))
            && let Some((generation, list)) = bytes.split_first_chunk()
        {
            self.adopt(&Compiled(list.to_vec()), u64::from_le_bytes(*generation));
        }
    }

    fn adopt(&mut self, list: &Compiled, generation: u64) {
        self.ids.clear();
        for (id, before) in list.entries() {
            self.ids.insert(id, before);
        }
        self.everyone = list.everyone();
        self.generation = generation;
    }

    /// The call that this worker must make now to fetch the list, if it is due. Its response goes to
    /// [`Self::handle_response`].
    pub fn poll_fetch(&mut self, now: UnixTime, shared: &dyn SharedData) -> Option<Callout> {
        if self.is_fetching || !self.is_due(now) {
            return None;
        }
        let awaited = self.is_awaited(now);
        let name = self.name("lease");
        self.is_fetching =
            update(shared, &name, TRIES, |lease: &mut FetchLease| lease.acquire(awaited, HOLD, now));
        if self.is_fetching {
            // Another worker may have fetched it between the check and our lease.
            self.read_new(shared);
            if !self.is_due(now) {
                self.is_fetching = false;
                update(shared, &name, TRIES, FetchLease::release);
            }
        }
        self.is_fetching.then(|| self.callout())
    }

    fn is_due(&self, now: UnixTime) -> bool {
        self.checked_at.is_none_or(|at| has_passed(at.millis(), self.settings.every, now))
    }

    fn callout(&self) -> Callout {
        let RevocationSettings { cluster, host, path, .. } = &self.settings;
        let endpoint = Endpoint {
            url: format!("https://{host}{path}"),
            scheme: "https".to_owned(),
            authority: host.clone(),
            target: path.clone(),
        };
        let mut callout = Callout::get_json(cluster, endpoint, TIMEOUT, MAX_ANY_CALLOUT_BODY);
        if let Ok(etag) = std::str::from_utf8(&self.etag)
            && !etag.is_empty()
        {
            callout.headers.push(("if-none-match", Secret::new(etag.to_owned())));
        }
        callout
    }

    /// Handles the response of a fetch.
    pub fn handle_response(
        &mut self,
        result: &CalloutResult,
        now: UnixTime,
        shared: &dyn SharedData,
        telemetry: &mut Telemetry,
    ) {
        self.is_fetching = false;
        let (name, mut is_startup) = (self.name("lease"), false);
        let is_first = self.checked_at.is_none();
        let event = self.take(result, now, shared);
        // Only after the list is stored: a worker that finds neither a new list nor a lease would fetch again.
        update(shared, &name, TRIES, |lease: &mut FetchLease| match (&event, result) {
            (Ok(_), _) => lease.succeed(),
            (Err(_), Err(CalloutError::NotDispatched)) => {
                is_startup = lease.fail_without_host(is_first, now);
                true
            }
            (Err(_), _) => lease.fail(),
        });
        match event {
            // Normal right after the start: the next attempt follows in a second.
            Err(_) if is_startup => {}
            Ok(None) => telemetry.count(Counter::RevocationsFetched),
            Ok(Some(event)) | Err(event) => telemetry.emit(event),
        }
    }

    fn take(
        &mut self,
        result: &CalloutResult,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Result<Option<Event>, Event> {
        let failed =
            |reason: &str| Event::counted(Level::Warn, Counter::RevocationsFailed).with("reason", reason);
        let response = match result {
            Ok(response) => response,
            Err(CalloutError::NotDispatched) => {
                return Err(failed("cluster_missing").with(
                    "hint",
                    "the cluster in `revocations.cluster` is missing, has no hosts, or its circuit breaker is open",
                ));
            }
            Err(CalloutError::TimedOut) => return Err(failed("timeout")),
            Err(CalloutError::Broken) => return Err(failed("broken_off")),
            Err(CalloutError::TooLarge) => return Err(failed("too_large")),
        };
        match response.status {
            304 if !self.etag.is_empty() => {
                self.confirm(now, shared);
                Ok(None)
            }
            200 => {
                let list = Compiled::parse(&response.body).map_err(|Malformed { at, problem }| {
                    failed("malformed").with("at", at).with("problem", problem)
                })?;
                let etag = response.etag.clone().unwrap_or_default();
                let is_new = self.store(&list, etag, now, shared);
                let event = Event::counted(Level::Info, Counter::RevocationsFetched);
                Ok(is_new.then(|| event.with("entries", self.ids.len().to_string())))
            }
            status => Err(failed("status").with("status", status.to_string())),
        }
    }

    /// Records that the list is current.
    fn confirm(&mut self, now: UnixTime, shared: &dyn SharedData) {
        self.checked_at = Some(now);
        let head = Head { generation: self.generation, checked_at: now, etag: &self.etag };
        update_bytes(shared, &self.name("head"), TRIES, &mut |known| {
            // If another worker has fetched a newer list meanwhile, that one counts.
            let is_newer = Head::read(known).is_some_and(|known| known.generation > head.generation);
            (!is_newer).then(|| head.to_bytes())
        });
    }

    /// Stores a list for all workers. Returns whether it differs from the one before.
    fn store(&mut self, list: &Compiled, etag: Vec<u8>, now: UnixTime, shared: &dyn SharedData) -> bool {
        let mut generation = self.generation;
        let mut is_new = self.generation == 0;
        update_bytes(shared, &self.name("list"), TRIES, &mut |known| {
            let (number, known) = known.split_first_chunk().unwrap_or((&[0; 8], &[]));
            generation = u64::from_le_bytes(*number);
            is_new = generation == 0 || known != list.0;
            if !is_new {
                return None;
            }
            generation += 1;
            Some([generation.to_le_bytes().as_slice(), &list.0].concat())
        });
        if is_new || generation != self.generation {
            self.adopt(list, generation.max(1));
        }
        self.etag = etag;
        self.confirm(now, shared);
        is_new
    }
}

/// What a worker must know to see whether it has the current list.
struct Head<'b> {
    generation: u64,
    checked_at: UnixTime,
    etag: &'b [u8],
}

impl<'b> Head<'b> {
    /// `None` if no list has been fetched.
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (generation, rest) = bytes.split_first_chunk()?;
        let (millis, etag) = rest.split_first_chunk()?;
        let checked_at = UnixTime::from_millis(u64::from_le_bytes(*millis));
        Some(Self { generation: u64::from_le_bytes(*generation), checked_at, etag })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let [generation, millis] = [self.generation, self.checked_at.millis()].map(u64::to_le_bytes);
        [generation.as_slice(), &millis, self.etag].concat()
    }
}
