//! Which worker may fetch a key set, and when: a small record that all workers of an Envoy share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// Tokens with unknown keys cause at most one fetch per Envoy in this time, however many such tokens arrive.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(60);
/// The pause between attempts while requests wait for the first set.
const RETRY_WHEN_AWAITED: Duration = Duration::from_secs(1);
/// The pause after the first failure otherwise; it doubles with each failure …
const RETRY_FROM: Duration = Duration::from_secs(1);
/// … up to this.
const RETRY_UP_TO: Duration = Duration::from_secs(60);
/// How long calls may find no host before that counts as a failure. The filter starts before Envoy has resolved or
/// received its clusters.
const STARTUP: Duration = Duration::from_secs(5);
/// How far the times of two workers may differ. A worker gets the time before it reads the record, and on a busy
/// machine it may be delayed in between.
const TIME_TOLERANCE: Duration = Duration::from_secs(10);

/// The record. All times are in milliseconds of Unix time; 0 means never.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(in crate::shared) struct FetchLease {
    under_way_until: u64,
    last_attempt: u64,
    failures: u32,
    last_for_unknown_key: u64,
    /// Since when no call has found a host; 0 if the last call did.
    without_host_since: u64,
}

impl FetchLease {
    /// Takes the lease for `hold`. `false` if a worker holds it, or if it is too early for another attempt. `awaited`
    /// means that requests are waiting for the set.
    pub(in crate::shared) fn acquire(&mut self, awaited: bool, hold: Duration, now: UnixTime) -> bool {
        let pause = if awaited { RETRY_WHEN_AWAITED } else { backoff(self.failures) };
        let may_retry = self.failures == 0 || has_passed(self.last_attempt, pause, now);
        if self.is_held(hold, now) || !may_retry {
            return false;
        }
        self.last_attempt = now.millis();
        self.under_way_until = now.plus(hold).millis();
        true
    }

    /// Returns the lease. Always `true`: the change must be stored.
    pub(in crate::shared) const fn release(&mut self) -> bool {
        self.under_way_until = 0;
        true
    }

    /// Returns the lease after a fetch that returned a set.
    pub(in crate::shared) const fn succeed(&mut self) -> bool {
        self.without_host_since = 0;
        self.failures = 0;
        self.release()
    }

    /// Returns the lease after a fetch that failed although a host was called.
    pub(in crate::shared) const fn fail(&mut self) -> bool {
        self.without_host_since = 0;
        self.failures = self.failures.saturating_add(1);
        self.release()
    }

    /// Returns the lease after a call that found no host. `is_first` means that this worker has no set yet. Returns
    /// whether that is normal, because Envoy has just started.
    pub(in crate::shared) fn fail_without_host(&mut self, is_first: bool, now: UnixTime) -> bool {
        if self.without_host_since == 0 {
            self.without_host_since = now.millis();
        }
        let is_startup = is_first && !has_passed(self.without_host_since, STARTUP, now);
        // Counts as one failure however often it happens, so the next attempt follows in a second.
        self.failures = if is_startup { 1 } else { self.failures.saturating_add(1) };
        self.release();
        is_startup
    }

    /// Allows a fetch for a token that names an unknown key, if the last one was long enough ago.
    pub(in crate::shared) fn allow_for_unknown_key(&mut self, hold: Duration, now: UnixTime) -> bool {
        if self.is_held(hold, now) || !has_passed(self.last_for_unknown_key, UNKNOWN_KEY_EVERY, now) {
            return false;
        }
        self.last_for_unknown_key = now.millis();
        // These fetches have their own limit; an earlier failure doesn't delay them.
        self.failures = 0;
        true
    }

    /// Whether a worker is fetching. A time too far in the future means that the clock was set back.
    pub(in crate::shared) fn is_held(&self, hold: Duration, now: UnixTime) -> bool {
        let latest = now.plus(hold + TIME_TOLERANCE).millis();
        self.under_way_until > now.millis() && self.under_way_until <= latest
    }
}

/// Whether `wait` has passed since `since`, in milliseconds of Unix time. A time too far in the future means that the
/// clock was set back; it counts as long ago.
pub(in crate::shared) fn has_passed(since: u64, wait: Duration, now: UnixTime) -> bool {
    let since = UnixTime::from_millis(since);
    since > now.plus(TIME_TOLERANCE) || now.since(since) >= wait
}

fn backoff(failures: u32) -> Duration {
    RETRY_FROM.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY_UP_TO)
}
