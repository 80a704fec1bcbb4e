//! Which sessions are being refreshed, and with which result. All workers of an Envoy share this, so a refresh token
//! is used once however many requests arrive together, and all of them get the result.
//!
//! The shared values are sealed cookies. Entries are kept for minutes, and their number is limited. A lost entry
//! costs one more refresh.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::{Session, SessionId};
use crate::shared::store::{SharedData, prepare, read, update};
use crate::time::UnixTime;

/// The maximum number of sessions in one record.
const MAX_ENTRIES: usize = 32;
/// How long a result is kept for browsers that still send the old cookies.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// How often an update is tried when other workers change the same record.
const TRIES: usize = 16;

/// What is known about the refresh of certain tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// No refresh was started, or its lease has expired: any worker may start one.
    None,
    /// A worker is refreshing them.
    UnderWay,
    /// They were refreshed.
    Done {
        /// The `Set-Cookie` values of the refreshed session.
        cookies: Vec<String>,
        /// The refreshed session must not be refreshed again before this time, because something was missing. The
        /// epoch if nothing was.
        retry_at: UnixTime,
    },
    /// The last refresh failed, and it is too early for the next.
    Paused,
    /// Cognito refused, or the person has signed out. The tokens can't be refreshed.
    Ended,
    /// Cognito refused, and the session ends before its tokens expire.
    Revoked,
}

/// The result of a refresh.
#[derive(Clone, Debug)]
pub enum RefreshResult {
    /// New cookies.
    Done {
        /// As in [`RefreshState::Done`].
        cookies: Vec<String>,
        /// As in [`RefreshState::Done`].
        retry_at: UnixTime,
    },
    /// It failed. No worker tries again before this time.
    Paused(UnixTime),
    /// Cognito refused. No worker tries again.
    Ended,
    /// Cognito refused, and the session ends before its tokens expire. This is known until that time.
    Revoked(UnixTime),
}

/// What is shared about one session.
#[derive(Serialize, Deserialize)]
struct Entry {
    session: SessionId,
    /// The `renewed_at` of the tokens that this refresh replaces; [`SIGNED_OUT`] after a sign-out.
    of: UnixTime,
    at: UnixTime,
    state: EntryState,
}

#[derive(Serialize, Deserialize)]
enum EntryState {
    Leased {
        until: UnixTime,
    },
    Done {
        cookies: Vec<String>,
        retry_at: UnixTime,
    },
    Paused {
        until: UnixTime,
    },
    Ended,
    /// Kept until that time: without it, the session's cookies would be accepted again.
    Revoked {
        until: UnixTime,
    },
}

/// Later than any `renewed_at`.
const SIGNED_OUT: UnixTime = UnixTime::from_secs(u64::MAX / 1000);

impl Entry {
    /// The state of the refresh of the tokens that were issued at `of`.
    fn state_for(&self, of: UnixTime, now: UnixTime) -> RefreshState {
        let is_newer = self.of >= of;
        match &self.state {
            // These tokens are the result of this refresh.
            EntryState::Done { retry_at, .. } if !is_newer && now < *retry_at => RefreshState::Paused,
            _ if !is_newer => RefreshState::None,
            EntryState::Leased { until } if now < *until => RefreshState::UnderWay,
            EntryState::Paused { until } if now < *until => RefreshState::Paused,
            EntryState::Leased { .. } | EntryState::Paused { .. } => RefreshState::None,
            EntryState::Done { cookies, retry_at } => {
                RefreshState::Done { cookies: cookies.clone(), retry_at: *retry_at }
            }
            EntryState::Ended => RefreshState::Ended,
            EntryState::Revoked { .. } => RefreshState::Revoked,
        }
    }
}

/// The refreshes of one configuration.
#[derive(Debug)]
pub struct RefreshLeases {
    prefix: String,
}

impl RefreshLeases {
    /// Creates the shared records under `scope`. The first byte of a session's id selects its record.
    pub fn new(scope: &str, shared: &dyn SharedData) -> Self {
        let prefix = format!("{scope}.renewals.");
        for cell in 0..=u8::MAX {
            prepare(shared, &format!("{prefix}{cell}"));
        }
        Self { prefix }
    }

    /// The state of the refresh of a session's tokens, which were issued at `of` (their `renewed_at`).
    pub fn find(&self, id: SessionId, of: UnixTime, now: UnixTime, shared: &dyn SharedData) -> RefreshState {
        let entries: Vec<Entry> = read(shared, &self.key(id));
        let entry = entries.iter().find(|entry| entry.session == id && is_kept(entry, now));
        entry.map_or(RefreshState::None, |entry| entry.state_for(of, now))
    }

    /// Takes the lease to refresh `session`, for `hold`.
    ///
    /// # Errors
    /// The state of its refresh, if this worker must not refresh it. [`RefreshState::None`] if the lease couldn't be
    /// stored.
    pub fn lease(
        &self,
        session: &Session,
        hold: Duration,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> Result<(), RefreshState> {
        let until = now.plus(hold);
        let mut known = RefreshState::None;
        let is_leased = self.update(session.id, now, shared, |entries| {
            // An entry for older tokens doesn't count: the lease replaces it.
            let is_relevant = |entry: &&Entry| entry.session == session.id && entry.of >= session.renewed_at;
            let entry = entries.iter().find(is_relevant);
            known = entry.map_or(RefreshState::None, |entry| entry.state_for(session.renewed_at, now));
            let is_free = known == RefreshState::None;
            if is_free {
                let state = EntryState::Leased { until };
                put(entries, Entry { session: session.id, of: session.renewed_at, at: now, state });
            }
            is_free
        });
        if is_leased { Ok(()) } else { Err(known) }
    }

    /// Records the result of the refresh of a session's tokens, which were issued at `of`. Returns `true` if the person
    /// has signed out of the session meanwhile; the caller must then revoke the new refresh token.
    ///
    /// If another refresh has succeeded, its result stays. Its tokens may be the same as these.
    pub fn settle(
        &self,
        id: SessionId,
        of: UnixTime,
        result: &RefreshResult,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> bool {
        let mut signed_out = false;
        self.update(id, now, shared, |entries| {
            let known = entries.iter().find(|entry| entry.session == id);
            signed_out = known.is_some_and(|entry| entry.of == SIGNED_OUT);
            let has_succeeded =
                known.is_some_and(|entry| matches!(entry.state, EntryState::Done { .. }) && entry.of >= of);
            if signed_out || has_succeeded {
                return false;
            }
            let state = match result {
                RefreshResult::Done { cookies, retry_at } => {
                    EntryState::Done { cookies: cookies.clone(), retry_at: *retry_at }
                }
                RefreshResult::Paused(until) => EntryState::Paused { until: *until },
                RefreshResult::Ended => EntryState::Ended,
                RefreshResult::Revoked(until) => EntryState::Revoked { until: *until },
            };
            put(entries, Entry { session: id, of, at: now, state });
            true
        });
        signed_out
    }

    /// Records that the person has signed out of a session, if it is being refreshed or was refreshed lately: so that
    /// the refresh doesn't restore it. Other sessions have no entry, and sign-outs shouldn't displace those of refreshes.
    pub fn end(&self, id: SessionId, now: UnixTime, shared: &dyn SharedData) {
        self.update(id, now, shared, |entries| {
            let is_known = entries.iter().any(|entry| entry.session == id && entry.of != SIGNED_OUT);
            if is_known {
                put(entries, Entry { session: id, of: SIGNED_OUT, at: now, state: EntryState::Ended });
            }
            is_known
        });
    }

    fn key(&self, id: SessionId) -> String {
        format!("{}{}", self.prefix, id.first().copied().unwrap_or(0))
    }

    fn update(
        &self,
        id: SessionId,
        now: UnixTime,
        shared: &dyn SharedData,
        mut change: impl FnMut(&mut Vec<Entry>) -> bool,
    ) -> bool {
        update(shared, &self.key(id), TRIES, |entries: &mut Vec<Entry>| {
            entries.retain(|entry| is_kept(entry, now));
            change(entries)
        })
    }
}

fn is_kept(entry: &Entry, now: UnixTime) -> bool {
    let is_revoked = matches!(entry.state, EntryState::Revoked { until } if now < until);
    is_revoked || now.since(entry.at) < KEPT_FOR
}

/// Adds an entry in place of the session's old one. If there are too many, the oldest one is dropped.
fn put(entries: &mut Vec<Entry>, entry: Entry) {
    entries.retain(|known| known.session != entry.session);
    if entries.len() >= MAX_ENTRIES {
        entries.remove(0);
    }
    entries.push(entry);
}

#[cfg(test)]
mod tests;
