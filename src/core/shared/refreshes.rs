//! Which sessions are being refreshed, and what came of it: known to all workers of an Envoy, so that a
//! refresh token is spent once however many requests arrive together, and every one of them gets the result.
//!
//! What is shared are sealed cookies. Entries live for minutes and are bounded in number; to lose one
//! costs a refresh more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::{Session, SessionId};
use crate::shared::store::{SharedData, Version, prepare};
use crate::time::UnixTime;

/// Sessions in one record.
const MAX_ENTRIES: usize = 32;
/// How long a result is kept for those who still carry the cookies from before it.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// What is known of a session's refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// Nothing: whoever wants may begin.
    Unknown,
    /// Somebody is at it.
    UnderWay,
    /// It is done; these `Set-Cookie` values keep the session.
    Done(Vec<String>),
    /// It failed for now.
    Paused,
    /// Cognito won't, or the person has signed out.
    Over,
}

/// What is shared of one session.
#[derive(Serialize, Deserialize)]
struct Entry {
    session: SessionId,
    /// `renewed_at` of the tokens that this refresh replaces; the far future for a session that has ended.
    of: UnixTime,
    at: UnixTime,
    state: State,
}

#[derive(Serialize, Deserialize)]
enum State {
    Leased {
        until: UnixTime,
    },
    Done {
        cookies: Vec<String>,
        /// Where something was missing: nobody asks again before then. The epoch where nothing was.
        rest_until: UnixTime,
    },
    Paused {
        until: UnixTime,
    },
    Over,
}

/// After everything: `of` of a session that was signed out.
const ENDED: UnixTime = UnixTime::from_secs(u64::MAX / 1000);

/// The refreshes of one configuration.
#[derive(Debug)]
pub struct RefreshLeases {
    prefix: String,
}

impl RefreshLeases {
    /// Looks after the shared records below `scope`. Sessions are spread over them by the first byte of
    /// their ids.
    pub fn new(scope: &str, shared: &dyn SharedData) -> Self {
        let prefix = format!("{scope}.renewals.");
        for cell in 0..=u8::MAX {
            prepare(shared, &format!("{prefix}{cell}"));
        }
        Self { prefix }
    }

    /// What is known of the refresh that `session` needs.
    pub fn look(&self, session: &Session, now: UnixTime, shared: &dyn SharedData) -> RefreshState {
        self.find(session.id, session.renewed_at, now, shared)
    }

    /// The same by what a response's stream remembers of its session.
    pub fn find(&self, id: SessionId, of: UnixTime, now: UnixTime, shared: &dyn SharedData) -> RefreshState {
        let (entries, _) = self.read(id, now, shared);
        let Some(entry) = entries.into_iter().find(|entry| entry.session == id) else {
            return RefreshState::Unknown;
        };
        let is_newer = entry.of >= of;
        match entry.state {
            // What this refresh has brought is what is asked about now, and it was said to rest.
            State::Done { rest_until, .. } if !is_newer && now < rest_until => RefreshState::Paused,
            _ if !is_newer => RefreshState::Unknown,
            State::Leased { until } if now < until => RefreshState::UnderWay,
            State::Paused { until } if now < until => RefreshState::Paused,
            State::Leased { .. } | State::Paused { .. } => RefreshState::Unknown,
            State::Done { cookies, .. } => RefreshState::Done(cookies),
            State::Over => RefreshState::Over,
        }
    }

    /// Takes it upon this worker to refresh `session`, for as long as `hold`. `false` where somebody
    /// else is faster, or has been.
    #[must_use]
    pub fn lease(&self, session: &Session, hold: Duration, now: UnixTime, shared: &dyn SharedData) -> bool {
        let until = now.plus(hold);
        self.change(session.id, now, shared, |entries| {
            let known = entries.iter().find(|entry| entry.session == session.id);
            let taken = known.is_some_and(|entry| {
                entry.of >= session.renewed_at
                    && match entry.state {
                        State::Leased { until } | State::Paused { until } => now < until,
                        State::Done { .. } | State::Over => true,
                    }
            });
            if !taken {
                put(
                    entries,
                    Entry {
                        session: session.id,
                        of: session.renewed_at,
                        at: now,
                        state: State::Leased { until },
                    },
                );
            }
            !taken
        })
    }

    /// Tells what came of a refresh. `true` where the session was signed out meanwhile, so that what it brought is
    /// nobody's. Where another refresh has succeeded, its tokens may be these, and they live.
    pub fn settle(
        &self,
        session: &Session,
        outcome: &RefreshEnd,
        now: UnixTime,
        shared: &dyn SharedData,
    ) -> bool {
        let mut signed_out = false;
        self.change(session.id, now, shared, |entries| {
            let known = entries.iter().find(|entry| entry.session == session.id);
            signed_out = known.is_some_and(|entry| entry.of == ENDED);
            // What has been signed out stays out, and what has succeeded isn't undone by who came second.
            let final_already = known.is_some_and(|entry| {
                entry.of == ENDED
                    || (matches!(entry.state, State::Done { .. }) && entry.of >= session.renewed_at)
            });
            if final_already {
                return false;
            }
            let state = match outcome {
                RefreshEnd::Done(cookies, rest_until) => {
                    State::Done { cookies: cookies.clone(), rest_until: *rest_until }
                }
                RefreshEnd::Paused(until) => State::Paused { until: *until },
                RefreshEnd::Over => State::Over,
            };
            put(entries, Entry { session: session.id, of: session.renewed_at, at: now, state });
            true
        });
        signed_out
    }

    /// A session was signed out: nothing that is still under way may bring it back. `false` where it had
    /// ended before.
    pub fn end(&self, id: SessionId, now: UnixTime, shared: &dyn SharedData) -> bool {
        self.change(id, now, shared, |entries| {
            if entries.iter().any(|entry| entry.session == id && entry.of == ENDED) {
                return false;
            }
            put(entries, Entry { session: id, of: ENDED, at: now, state: State::Over });
            true
        })
    }

    fn key(&self, id: SessionId) -> String {
        format!("{}{}", self.prefix, id.first().copied().unwrap_or(0))
    }

    fn read(&self, id: SessionId, now: UnixTime, shared: &dyn SharedData) -> (Vec<Entry>, Option<Version>) {
        let found = shared.get(&self.key(id));
        let version = found.as_ref().map(|(_, version)| *version);
        let mut entries: Vec<Entry> =
            found.and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
        entries.retain(|entry| now.since(entry.at) < KEPT_FOR);
        (entries, version)
    }

    fn change(
        &self,
        id: SessionId,
        now: UnixTime,
        shared: &dyn SharedData,
        mut change: impl FnMut(&mut Vec<Entry>) -> bool,
    ) -> bool {
        for _ in 0..16 {
            let (mut entries, version) = self.read(id, now, shared);
            if !change(&mut entries) {
                return false;
            }
            let Ok(bytes) = postcard::to_allocvec(&entries) else { return false };
            if shared.set(&self.key(id), &bytes, version).is_ok() {
                return true;
            }
        }
        false
    }
}

/// What came of a refresh.
#[derive(Clone, Debug)]
pub enum RefreshEnd {
    /// New cookies. Where something was missing, what they hold is not to be renewed before then.
    Done(Vec<String>, UnixTime),
    /// Not before then.
    Paused(UnixTime),
    /// Never.
    Over,
}

/// One entry a session; where there are too many, the oldest makes room.
fn put(entries: &mut Vec<Entry>, entry: Entry) {
    entries.retain(|known| known.session != entry.session);
    if entries.len() >= MAX_ENTRIES {
        entries.remove(0);
    }
    entries.push(entry);
}
