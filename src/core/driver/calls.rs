//! Calls that a host makes for the core: which result belongs to which call, and the deadline of each.

use std::time::Duration;

use crate::driver::host::{CallHandle, Host};
use crate::http::{CalloutError, CalloutResult};
use crate::time::UnixTime;
use crate::worker::authenticator::Authenticator;
use crate::worker::callouts::CalloutId;

/// The maximum number of calls that are made in one go. The rest waits until the driver is woken again.
const CALLS_AT_ONCE: usize = 64;

/// How long before its timeout a call counts as late, so that the host's timer and ours can't disagree.
const LEAD: Duration = Duration::from_millis(100);

/// Calls in progress.
#[derive(Default)]
pub(super) struct PendingCalls(Vec<PendingCall>);

struct PendingCall {
    handle: CallHandle,
    id: CalloutId,
    deadline: UnixTime,
    max_body: usize,
}

impl PendingCalls {
    /// Makes the calls that the authenticator wants, and tells it which of them the host refuses.
    pub(super) fn make(&mut self, authenticator: &mut Authenticator, host: &mut impl Host) {
        for _ in 0..CALLS_AT_ONCE {
            let mut env = host.env();
            let Some((id, callout)) = authenticator.poll_callout(&mut env) else { break };
            let deadline = env.now.plus(callout.timeout.saturating_sub(LEAD));
            let max_body = callout.max_body;
            match host.call(callout) {
                Some(handle) => self.0.push(PendingCall { handle, id, deadline, max_body }),
                None => {
                    authenticator.handle_callout(id, &Err(CalloutError::NotDispatched), &mut host.env());
                }
            }
        }
    }

    /// A call has ended: the authenticator's id for it, and its result. `None` if it isn't one of these calls.
    pub(super) fn end(
        &mut self,
        handle: CallHandle,
        answer: Option<CalloutResult>,
        now: UnixTime,
    ) -> Option<(CalloutId, CalloutResult)> {
        let at = self.0.iter().position(|call| call.handle == handle)?;
        let PendingCall { id, deadline, max_body, .. } = self.0.swap_remove(at);
        let none = if now >= deadline { CalloutError::TimedOut } else { CalloutError::Broken };
        let answer = answer.unwrap_or(Err(none));
        Some((
            id,
            answer.and_then(|answer| {
                if answer.body.len() > max_body { Err(CalloutError::TooLarge) } else { Ok(answer) }
            }),
        ))
    }
}
