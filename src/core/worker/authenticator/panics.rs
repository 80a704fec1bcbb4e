//! What remains to be done after a panic that the host has caught.

use crate::decision::{HostEnv, StreamId};
use crate::worker::authenticator::Authenticator;

impl Authenticator {
    /// A method of this authenticator has panicked. If it was handling the response to a refresh's call, the refresh
    /// has failed, as if Cognito hadn't responded: requests that wait for it are decided.
    ///
    /// A sign-in whose response was being handled is lost: see [`Self::awaits`]. So are refreshes that were waiting for
    /// keys; requests that wait for them are decided when their lease has expired.
    pub fn handle_panic(&mut self, env: &mut HostEnv<'_>) {
        let Some((pool, refresh)) = self.answering.take() else { return };
        self.sessions.fail_refresh(pool, refresh, env);
        let ready = self.sessions.unpark(Some(refresh), env);
        self.settle(ready, env);
    }

    /// Whether a waiting request will still be decided.
    pub fn awaits(&mut self, stream: StreamId) -> bool {
        self.decisions.iter().any(|(decided, _)| *decided == stream)
            || self.exchanges().any(|exchange| exchange.streams.contains(&stream))
            || self.sessions.awaits(stream)
            || self.bearers.awaits(stream)
            || self.awaiting_list.iter().any(|(attempt, _)| attempt.stream == stream)
    }
}
