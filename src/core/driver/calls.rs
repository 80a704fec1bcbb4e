//! Calls that a host makes for the core: which is which, and by when each should be answered.

use std::time::Duration;

use crate::driver::host::{CallHandle, Host};
use crate::http::{CalloutError, CalloutResult};
use crate::time::UnixTime;
use crate::worker::authenticator::Authenticator;
use crate::worker::callouts::CalloutId;

/// Calls that are made in one go at most. The rest waits for the next time that the driver is woken.
const CALLS_AT_ONCE: usize = 64;

/// How long before its timeout a call counts as late, so that the host's timer and ours can't disagree.
const LEAD: Duration = Duration::from_millis(100);

/// Calls under way.
#[derive(Default)]
pub(super) struct PendingCalls(Vec<PendingCall>);

struct PendingCall {
    handle: CallHandle,
    id: CalloutId,
    deadline: UnixTime,
}

impl PendingCalls {
    /// Makes the calls that the authenticator wants. It hears of those that the host doesn't take.
    pub(super) fn make(&mut self, authenticator: &mut Authenticator, host: &mut impl Host) {
        for _ in 0..CALLS_AT_ONCE {
            let mut env = host.env();
            let Some((id, callout)) = authenticator.poll_callout(&mut env) else { break };
            let deadline = env.now.plus(callout.timeout.saturating_sub(LEAD));
            match host.call(callout) {
                Some(handle) => self.0.push(PendingCall { handle, id, deadline }),
                None => {
                    authenticator.handle_callout(id, &Err(CalloutError::NotDispatched), &mut host.env());
                }
            }
        }
    }

    /// A call has ended: ours for it, and what came of it. `None` where it is none of ours.
    pub(super) fn end(
        &mut self,
        handle: CallHandle,
        answer: Option<CalloutResult>,
        now: UnixTime,
    ) -> Option<(CalloutId, CalloutResult)> {
        let at = self.0.iter().position(|call| call.handle == handle)?;
        let PendingCall { id, deadline, .. } = self.0.swap_remove(at);
        let none = if now >= deadline { CalloutError::TimedOut } else { CalloutError::Broken };
        Some((id, answer.unwrap_or(Err(none))))
    }
}
