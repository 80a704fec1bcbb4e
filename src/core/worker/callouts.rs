//! Calls to Cognito, queued and in progress, and how many there may be of each kind.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::flow::callback::CodeExchange;
use crate::flow::refresh::Refresh;
use crate::http::Callout;
use crate::shared::key_sets::KeysAt;
use crate::time::UnixTime;

/// How many calls one worker may have in progress. By default Envoy's circuit breakers allow 1,024 calls per cluster
/// for all workers, and further calls fail at once; here they wait.
const MAX_UNDER_WAY: usize = 128;
/// How many of them may be refreshes, so that people can still sign in when ten thousand sessions are due in the same
/// second.
const MAX_REFRESHES: usize = 64;
/// How many revocations may be queued or in progress. Further ones are dropped: the person is signed out here in any
/// case.
const MAX_REVOCATIONS: usize = 32;
/// How many calls may be queued.
const MAX_QUEUED: usize = 4096;

/// Identifies a call that is in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalloutId(u64);

/// The purpose of a call.
pub enum CalloutPurpose {
    /// A sign-in: redeems a code (RFC 6749, section 4.1.3), or asks for attributes.
    SignIn(Box<CodeExchange>),
    /// A refresh: redeems a refresh token (RFC 6749, section 6), or asks for attributes.
    Refresh(Box<Refresh>),
    /// Fetches a pool's key set (RFC 7517) from this place.
    FetchKeys(Arc<Pool>, KeysAt),
    /// Fetches the deny list.
    FetchRevocations,
    /// Revokes a refresh token (RFC 7009).
    Revoke,
}

impl CalloutPurpose {
    /// Whether the call goes to the token endpoint.
    pub const fn asks_for_tokens(&self) -> bool {
        match self {
            Self::SignIn(exchange) => exchange.asks_for_tokens(),
            Self::Refresh(refresh) => refresh.asks_for_tokens(),
            Self::FetchKeys(..) | Self::FetchRevocations | Self::Revoke => false,
        }
    }
}

/// One worker's calls.
#[derive(Default)]
pub struct Callouts {
    queued: VecDeque<(CalloutPurpose, Callout)>,
    /// Each with the time at which it started.
    under_way: Vec<(CalloutId, CalloutPurpose, UnixTime)>,
    next_id: u64,
}

impl Callouts {
    /// Queues a call. `false` if the queue is full.
    pub fn push(&mut self, purpose: CalloutPurpose, callout: Callout) -> bool {
        let is_revocation = |purpose: &CalloutPurpose| matches!(purpose, CalloutPurpose::Revoke);
        let revocations = self.purposes().filter(|purpose| is_revocation(purpose)).count();
        let room =
            self.queued.len() < MAX_QUEUED && !(is_revocation(&purpose) && revocations >= MAX_REVOCATIONS);
        if room {
            self.queued.push_back((purpose, callout));
        }
        room
    }

    /// Queues a follow-up call at the front, past the queue's limit: the code or refresh token of the previous call
    /// is already used.
    pub fn push_follow_up(&mut self, purpose: CalloutPurpose, callout: Callout) {
        self.queued.push_front((purpose, callout));
    }

    fn purposes(&self) -> impl Iterator<Item = &CalloutPurpose> {
        let queued = self.queued.iter().map(|(purpose, _)| purpose);
        queued.chain(self.under_way.iter().map(|(_, purpose, _)| purpose))
    }

    /// The index of the queued call that may start next: the first one, or the first that isn't a refresh if too many
    /// refreshes are in progress.
    fn next_index(&self) -> Option<usize> {
        if self.under_way.len() >= MAX_UNDER_WAY {
            return None;
        }
        let is_refresh = |purpose: &CalloutPurpose| matches!(purpose, CalloutPurpose::Refresh(_));
        let refreshes = self.under_way.iter().filter(|(_, purpose, _)| is_refresh(purpose)).count();
        self.queued.iter().position(|(purpose, _)| refreshes < MAX_REFRESHES || !is_refresh(purpose))
    }

    /// Starts the next call in the queue, if one may start.
    pub fn pop(&mut self, now: UnixTime) -> Option<(CalloutId, Callout)> {
        let (purpose, callout) = self.queued.remove(self.next_index()?)?;
        Some((self.begin(purpose, now), callout))
    }

    /// Records a call that starts now, without the queue.
    pub fn begin(&mut self, purpose: CalloutPurpose, now: UnixTime) -> CalloutId {
        let id = CalloutId(self.next_id);
        self.next_id += 1;
        self.under_way.push((id, purpose, now));
        id
    }

    /// Records that a call has ended. Returns its purpose and start time.
    pub fn end(&mut self, id: CalloutId) -> Option<(CalloutPurpose, UnixTime)> {
        let at = self.under_way.iter().position(|(under_way, ..)| *under_way == id)?;
        let (_, purpose, begun) = self.under_way.swap_remove(at);
        Some((purpose, begun))
    }

    /// Whether a queued call may start.
    pub fn is_waiting(&self) -> bool {
        self.next_index().is_some()
    }

    /// The sign-ins whose calls are queued or in progress.
    pub fn exchanges(&mut self) -> impl Iterator<Item = &mut CodeExchange> {
        fn exchange(purpose: &mut CalloutPurpose) -> Option<&mut CodeExchange> {
            match purpose {
                CalloutPurpose::SignIn(exchange) => Some(exchange),
                _ => None,
            }
        }
        let queued = self.queued.iter_mut().map(|(purpose, _)| purpose);
        queued.chain(self.under_way.iter_mut().map(|(_, purpose, _)| purpose)).filter_map(exchange)
    }
}
