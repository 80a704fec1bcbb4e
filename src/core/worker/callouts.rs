//! Calls to Cognito: those that are decided upon, and those that are under way.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cognito::pool::Pool;
use crate::flow::callback::CodeExchange;
use crate::flow::refresh::Refresh;
use crate::http::Callout;
use crate::time::UnixTime;

/// Calls that one worker has under way at a time. Envoy's circuit breakers let a cluster have 1,024 of all
/// workers together, and what is beyond that fails at once; here it waits its turn.
const MAX_UNDER_WAY: usize = 128;
/// Refreshes among them. When ten thousand sessions come due in one second, people still sign in.
const MAX_REFRESHES: usize = 64;
/// Revocations that wait or are under way. They are nobody's loss; beyond it they are dropped.
const MAX_REVOCATIONS: usize = 32;
/// Calls that wait to be made.
const MAX_QUEUED: usize = 4096;

/// Names a call while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalloutId(u64);

/// What a call is made for.
pub enum CalloutPurpose {
    /// To sign somebody in: to redeem a code, or to ask for attributes.
    SignIn(Box<CodeExchange>),
    /// To refresh a session: to redeem a refresh token, or to ask for attributes.
    Refresh(Box<Refresh>),
    /// To fetch a pool's key set.
    FetchKeys(Arc<Pool>),
    /// To revoke a refresh token.
    Revoke,
}

impl CalloutPurpose {
    /// Whether it is the token endpoint that is called, with a code or a refresh token.
    pub const fn asks_for_tokens(&self) -> bool {
        match self {
            Self::SignIn(exchange) => exchange.asks_for_tokens(),
            Self::Refresh(refresh) => refresh.asks_for_tokens(),
            Self::FetchKeys(_) | Self::Revoke => false,
        }
    }
}

/// One worker's calls.
#[derive(Default)]
pub struct Callouts {
    queued: VecDeque<(CalloutPurpose, Callout)>,
    /// With the time at which each was made.
    under_way: Vec<(CalloutId, CalloutPurpose, UnixTime)>,
    next_id: u64,
}

impl Callouts {
    /// Puts a call in the queue. `false` where that is full.
    pub fn push(&mut self, purpose: CalloutPurpose, callout: Callout) -> bool {
        let is_revocation = |purpose: &CalloutPurpose| matches!(purpose, CalloutPurpose::Revoke);
        let revocations = self.all().filter(|purpose| is_revocation(purpose)).count();
        let room =
            self.queued.len() < MAX_QUEUED && !(is_revocation(&purpose) && revocations >= MAX_REVOCATIONS);
        if room {
            self.queued.push_back((purpose, callout));
        }
        room
    }

    /// Puts a call at the head of the queue that goes on with what another has begun: it is let in whatever waits,
    /// since a code or a refresh token is spent already.
    pub fn push_follow_up(&mut self, purpose: CalloutPurpose, callout: Callout) {
        self.queued.push_front((purpose, callout));
    }

    fn all(&self) -> impl Iterator<Item = &CalloutPurpose> {
        let queued = self.queued.iter().map(|(purpose, _)| purpose);
        queued.chain(self.under_way.iter().map(|(_, purpose, _)| purpose))
    }

    /// Which of the queued calls may be made: in order, but for refreshes beyond their number.
    fn next(&self) -> Option<usize> {
        if self.under_way.len() >= MAX_UNDER_WAY {
            return None;
        }
        let is_refresh = |purpose: &CalloutPurpose| matches!(purpose, CalloutPurpose::Refresh(_));
        let refreshes = self.under_way.iter().filter(|(_, purpose, _)| is_refresh(purpose)).count();
        self.queued.iter().position(|(purpose, _)| refreshes < MAX_REFRESHES || !is_refresh(purpose))
    }

    /// The next call to make.
    pub fn pop(&mut self, now: UnixTime) -> Option<(CalloutId, Callout)> {
        let (purpose, callout) = self.queued.remove(self.next()?)?;
        Some((self.begin(purpose, now), callout))
    }

    /// Notes a call that is made at once.
    pub fn begin(&mut self, purpose: CalloutPurpose, now: UnixTime) -> CalloutId {
        let id = CalloutId(self.next_id);
        self.next_id += 1;
        self.under_way.push((id, purpose, now));
        id
    }

    /// A call has been answered: what it was made for, and when.
    pub fn end(&mut self, id: CalloutId) -> Option<(CalloutPurpose, UnixTime)> {
        let at = self.under_way.iter().position(|(under_way, ..)| *under_way == id)?;
        let (_, purpose, begun) = self.under_way.swap_remove(at);
        Some((purpose, begun))
    }

    /// Whether a call waits that may be made.
    pub fn is_waiting(&self) -> bool {
        self.next().is_some()
    }

    /// The sign-ins whose calls wait or are under way.
    pub fn exchanges(&mut self) -> impl Iterator<Item = &mut CodeExchange> {
        fn redeeming(purpose: &mut CalloutPurpose) -> Option<&mut CodeExchange> {
            match purpose {
                CalloutPurpose::SignIn(exchange) => Some(exchange),
                CalloutPurpose::Refresh(_) | CalloutPurpose::FetchKeys(_) | CalloutPurpose::Revoke => None,
            }
        }
        let queued = self.queued.iter_mut().map(|(purpose, _)| purpose);
        queued.chain(self.under_way.iter_mut().map(|(_, purpose, _)| purpose)).filter_map(redeeming)
    }
}
