//! The sessions that people have signed out of. Their cookies are denied in all workers of an Envoy, whoever sends
//! them, until they could not be used any more.
//!
//! The shared list is a ring of segments. A sign-out writes one segment and the head, so its cost doesn't depend on
//! the length of the list. The head is the number of all sign-outs so far. A worker looks at the head on each tick, and
//! reads what was added since. No request reads shared data for this.
//!
//! All configurations of an Envoy share one list, because a session's id is random, and because a list must outlive a
//! change of the configuration. With proxy-wasm, "an Envoy" means all VMs with the same `vm_id`.

mod segment;

use std::time::Duration;

use crate::session::SessionId;
use crate::shared::id_table::IdTable;
use crate::shared::signed_out::segment::{RECORDS, Segment};
use crate::shared::store::{SharedData, Version, prepare};
use crate::time::UnixTime;

/// The number of segments of the ring.
const SEGMENTS: u64 = 128;
/// The number of sessions in the ring. Further ones replace the oldest.
const CAPACITY: u64 = SEGMENTS * RECORDS;
/// The name of the head in shared data.
const HEAD: &str = "envoy_cognito.signed_out";
/// How often an update is tried when other workers change the same value.
const TRIES: usize = 64;
/// How often expired entries are removed from memory.
const PURGE_EVERY: Duration = Duration::from_secs(60);

/// What has become of a sign-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// The session was already denied.
    Before,
    /// All workers will know it. So many sessions that others have signed out of are not denied any more, because the
    /// list was full.
    Shared {
        /// How many.
        dropped: usize,
    },
    /// The host has no shared data, so only this worker knows it.
    HereOnly,
}

/// One worker's copy of the list.
pub struct SignedOutSessions {
    /// Each with the time until which it is denied.
    ids: IdTable,
    /// The head when it was last read.
    seen: u64,
    purged_at: UnixTime,
}

impl SignedOutSessions {
    /// A copy of the list, which is created if there is none.
    pub fn new(now: UnixTime, shared: &dyn SharedData) -> Self {
        prepare(shared, HEAD);
        for slot in 0..SEGMENTS {
            prepare(shared, &segment_key(slot));
        }
        let mut copy = Self { ids: IdTable::default(), seen: 0, purged_at: now };
        copy.read_new(now, shared);
        copy
    }

    /// Whether a session is denied.
    pub fn contains(&self, id: SessionId, now: UnixTime) -> bool {
        !self.ids.is_empty() && self.ids.get(id).is_some_and(|until| now < until)
    }

    /// Increases when something is read that others have added. See [`Recorded`] for what this worker adds.
    pub const fn version(&self) -> u64 {
        self.seen
    }

    /// Reads what other workers have added, and removes expired entries from memory.
    pub fn read_new(&mut self, now: UnixTime, shared: &dyn SharedData) {
        if now.since(self.purged_at) >= PURGE_EVERY {
            self.ids.purge(now);
            self.purged_at = now;
        }
        let (head, _) = read_head(shared);
        if head == self.seen {
            return;
        }
        let seen = if head < self.seen { 0 } else { self.seen };
        let first = seen.max(head.saturating_sub(CAPACITY));
        for number in first / RECORDS..head.div_ceil(RECORDS) {
            let Some((bytes, _)) = shared.get(&segment_key(number)) else { continue };
            let known = usize::try_from(first.saturating_sub(number * RECORDS)).unwrap_or(0);
            for (id, until) in Segment::read(&bytes, number).records().skip(known) {
                if now < until {
                    self.ids.insert(id, until);
                }
            }
        }
        self.seen = head;
    }

    /// Denies a session until `until`, in this worker at once.
    pub fn add(
        &mut self,
        id: SessionId,
        until: UnixTime,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Recorded {
        self.read_new(now, shared);
        if now >= until || self.contains(id, now) {
            return Recorded::Before;
        }
        self.make_room(now, shared);
        self.ids.insert(id, until);
        let Some((position, dropped)) = append(id, until, now, shared) else { return Recorded::HereOnly };
        if position == self.seen {
            // Nobody has added anything in between.
            self.seen = position + 1;
        }
        Recorded::Shared { dropped }
    }

    /// Keeps the copy from growing beyond the list: forgets what the list has dropped.
    fn make_room(&mut self, now: UnixTime, shared: &dyn SharedData) {
        let is_full = |ids: &IdTable| ids.len() as u64 >= CAPACITY + RECORDS;
        if is_full(&self.ids) {
            self.ids.purge(now);
        }
        if is_full(&self.ids) {
            self.ids.clear();
            self.seen = 0;
            self.read_new(now, shared);
        }
    }
}

/// Adds a session to the shared list. Returns its position, and how many sessions it has displaced. `None` if it can't
/// be stored.
fn append(id: SessionId, until: UnixTime, now: UnixTime, shared: &dyn SharedData) -> Option<(u64, usize)> {
    for _ in 0..TRIES {
        let (head, _) = read_head(shared);
        let number = head / RECORDS;
        let key = segment_key(number);
        let (bytes, version) = shared.get(&key)?;
        let segment = Segment::read(&bytes, number);
        let Some(new) = segment.with(id, until) else {
            // Another worker has filled it, and hasn't moved the head yet.
            raise_head((number + 1) * RECORDS, shared);
            continue;
        };
        if shared.set(&key, &new, Some(version)).is_ok() {
            let position = number * RECORDS + segment.len();
            raise_head(position + 1, shared);
            let dropped = Segment::of_earlier_round(&bytes, number).records();
            return Some((position, dropped.filter(|(_, until)| now < *until).count()));
        }
    }
    None
}

fn segment_key(number: u64) -> String {
    format!("{HEAD}.{}", number % SEGMENTS)
}

fn read_head(shared: &dyn SharedData) -> (u64, Option<Version>) {
    let Some((bytes, version)) = shared.get(HEAD) else { return (0, None) };
    (bytes.try_into().map_or(0, u64::from_le_bytes), Some(version))
}

/// Moves the head forward, so that other workers look for new entries. It never moves back.
fn raise_head(to: u64, shared: &dyn SharedData) {
    for _ in 0..TRIES {
        let (head, version) = read_head(shared);
        if head >= to || shared.set(HEAD, &to.to_le_bytes(), version).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
