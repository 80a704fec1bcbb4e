//! The pause after a failed refresh, so that retries don't worsen an outage of Cognito.

use std::time::Duration;

use crate::crypto::secret::random_bytes;
use crate::decision::HostEnv;
use crate::time::UnixTime;

/// The pause after the first failure; it doubles with each failure …
const PAUSE_FROM: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_UP_TO: Duration = Duration::from_secs(30);

/// The failed refreshes of one pool, in one worker.
#[derive(Clone, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: UnixTime,
}

impl Backoff {
    /// Whether it is too early for the next refresh. A time too far in the future means that the clock was set back.
    pub(super) fn is_active(&self, now: UnixTime) -> bool {
        now < self.until && self.until.since(now) <= PAUSE_UP_TO * 2
    }

    /// Records a failure. Returns the time of the next attempt. A random extra of up to a quarter of the pause keeps
    /// workers and Envoys from retrying at the same moment.
    pub(super) fn fail(&mut self, env: &mut HostEnv<'_>) -> UnixTime {
        let pause = PAUSE_FROM.saturating_mul(1 << self.failures.min(5)).min(PAUSE_UP_TO);
        let [jitter] = random_bytes::<1>(env.entropy).unwrap_or([0]);
        self.failures = self.failures.saturating_add(1);
        self.until = env.now.plus(pause + pause * u32::from(jitter) / 1020);
        self.until
    }
}
