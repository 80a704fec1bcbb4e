//! How Cognito fares, as far as a worker knows: after a failure nobody asks again for a while.

use std::time::Duration;

use crate::crypto::secret::random_bytes;
use crate::decision::HostEnv;
use crate::time::UnixTime;

/// Between attempts while Cognito fails, doubling from here …
const PAUSE_FROM: Duration = Duration::from_secs(1);
/// … up to here.
const PAUSE_UP_TO: Duration = Duration::from_secs(30);

/// How Cognito fares at refreshing sessions of one pool, as far as this worker knows.
#[derive(Clone, Default)]
pub struct Backoff {
    failures: u32,
    until: UnixTime,
}

impl Backoff {
    /// Whether it is too early to ask Cognito again. A time too far ahead is one of a clock set back.
    pub fn lasts(&self, now: UnixTime) -> bool {
        now < self.until && self.until.since(now) <= PAUSE_UP_TO * 2
    }

    /// Notes a failure. Gives the time before which nobody asks again: longer each time, and not the
    /// same for all workers and Envoys.
    pub fn fail(&mut self, env: &mut HostEnv<'_>) -> UnixTime {
        let pause = PAUSE_FROM.saturating_mul(1 << self.failures.min(5)).min(PAUSE_UP_TO);
        let [jitter] = random_bytes::<1>(env.entropy).unwrap_or([0]);
        self.failures = self.failures.saturating_add(1);
        self.until = env.now.plus(pause + pause * u32::from(jitter) / 1020);
        self.until
    }
}
