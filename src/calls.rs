//! Calls to Cognito: those that are decided upon, and those that are under way.

use std::collections::VecDeque;

use crate::flow::callback::Exchange;
use crate::flow::refresh::Refresh;
use crate::http::Callout;

/// Refreshes that one worker has under way at a time. When ten thousand sessions come due in one
/// second, the rest waits its turn.
const MAX_REFRESHES: usize = 64;
/// Calls that wait to be made. Revocations beyond it are dropped.
const MAX_QUEUED: usize = 4096;

/// Names a call while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalloutId(u64);

/// What a call is made for.
pub enum Purpose {
    /// To redeem a code.
    Redeem(Box<Exchange>),
    /// To refresh a session.
    Refresh(Box<Refresh>),
    /// To fetch the key set.
    FetchKeys,
    /// To revoke a refresh token.
    Revoke,
}

/// One worker's calls.
#[derive(Default)]
pub struct Calls {
    queued: VecDeque<(Purpose, Callout)>,
    under_way: Vec<(CalloutId, Purpose)>,
    next_id: u64,
}

impl Calls {
    /// Puts a call in the queue. `false` where that is full.
    pub fn push(&mut self, purpose: Purpose, callout: Callout) -> bool {
        let room = self.queued.len() < MAX_QUEUED;
        if room {
            self.queued.push_back((purpose, callout));
        }
        room
    }

    /// The next call to make: in order, but for refreshes beyond their number.
    pub fn pop(&mut self) -> Option<(CalloutId, Callout)> {
        let is_refresh = |purpose: &Purpose| matches!(purpose, Purpose::Refresh(_));
        let refreshes = self.under_way.iter().filter(|(_, purpose)| is_refresh(purpose)).count();
        let next =
            self.queued.iter().position(|(purpose, _)| refreshes < MAX_REFRESHES || !is_refresh(purpose))?;
        let (purpose, callout) = self.queued.remove(next)?;
        Some((self.begin(purpose), callout))
    }

    /// Notes a call that is made at once.
    pub fn begin(&mut self, purpose: Purpose) -> CalloutId {
        let id = CalloutId(self.next_id);
        self.next_id += 1;
        self.under_way.push((id, purpose));
        id
    }

    /// A call has been answered: what it was made for.
    pub fn end(&mut self, id: CalloutId) -> Option<Purpose> {
        let at = self.under_way.iter().position(|(under_way, _)| *under_way == id)?;
        Some(self.under_way.swap_remove(at).1)
    }

    /// Whether calls wait to be made that could be made.
    pub fn is_waiting(&self) -> bool {
        !self.queued.is_empty()
    }

    /// The sign-ins whose codes are being redeemed.
    pub fn exchanges(&mut self) -> impl Iterator<Item = &mut Exchange> {
        fn redeeming(purpose: &mut Purpose) -> Option<&mut Exchange> {
            match purpose {
                Purpose::Redeem(exchange) => Some(exchange),
                Purpose::Refresh(_) | Purpose::FetchKeys | Purpose::Revoke => None,
            }
        }
        let queued = self.queued.iter_mut().map(|(purpose, _)| purpose);
        queued.chain(self.under_way.iter_mut().map(|(_, purpose)| purpose)).filter_map(redeeming)
    }
}
