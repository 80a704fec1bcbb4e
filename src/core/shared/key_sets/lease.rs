//! Which worker may fetch a key set, and when: one small record that all workers of an Envoy share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// Tokens that name unknown keys cause one fetch per Envoy in this time at most, however many such tokens come.
const UNKNOWN_KEY_EVERY: Duration = Duration::from_secs(60);
/// The pause between attempts while requests wait for the first set.
const RETRY_WHEN_AWAITED: Duration = Duration::from_secs(1);
/// The pause after the first failure otherwise; it doubles with each failure …
const RETRY_FROM: Duration = Duration::from_secs(1);
/// … up to this.
const RETRY_UP_TO: Duration = Duration::from_secs(60);
/// For how long calls may find no host before that counts as a failure. The filter starts before Envoy has resolved the
/// names of its clusters, or has received them.
const STARTUP: Duration = Duration::from_secs(5);
/// By how much two workers' times may differ. Each is told the time before it reads the record, and on a busy machine it
/// may be delayed in between.
const TIME_TOLERANCE: Duration = Duration::from_secs(10);

/// The record. All times are milliseconds of Unix time; 0 is never.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct FetchLease {
    under_way_until: u64,
    last_attempt: u64,
    failures: u32,
    last_for_unknown_key: u64,
    /// Since when no call has found a host; 0 if the last one did.
    without_host_since: u64,
}

impl FetchLease {
    /// Takes the lease for as long as `hold`. `false` if a worker holds it, or if it is too early for another attempt.
    /// `awaited` says that requests wait for the set.
    pub(super) fn acquire(&mut self, awaited: bool, hold: Duration, now: UnixTime) -> bool {
        let pause = if awaited { RETRY_WHEN_AWAITED } else { backoff(self.failures) };
        let may_retry = self.failures == 0 || has_passed(self.last_attempt, pause, now);
        if self.is_held(hold, now) || !may_retry {
            return false;
        }
        self.last_attempt = now.millis();
        self.under_way_until = now.plus(hold).millis();
        true
    }

    /// Gives the lease back. Returns `true`, as a change that is to be stored.
    pub(super) const fn release(&mut self) -> bool {
        self.under_way_until = 0;
        true
    }

    /// Gives the lease back after a fetch that brought a set.
    pub(super) const fn succeed(&mut self) -> bool {
        self.without_host_since = 0;
        self.failures = 0;
        self.release()
    }

    /// Gives the lease back after a fetch that failed, though a host was called.
    pub(super) const fn fail(&mut self) -> bool {
        self.without_host_since = 0;
        self.failures = self.failures.saturating_add(1);
        self.release()
    }

    /// Gives the lease back after a call that found no host. `is_first` says that this worker has no set yet. Returns
    /// whether that is normal, right after the start.
    pub(super) fn fail_without_host(&mut self, is_first: bool, now: UnixTime) -> bool {
        if self.without_host_since == 0 {
            self.without_host_since = now.millis();
        }
        let is_startup = is_first && !has_passed(self.without_host_since, STARTUP, now);
        // One failure, however often: so the next attempt comes in a second.
        self.failures = if is_startup { 1 } else { self.failures.saturating_add(1) };
        self.release();
        is_startup
    }

    /// Allows a fetch for a token that names an unknown key, if the last one was long enough ago.
    pub(super) fn allow_for_unknown_key(&mut self, hold: Duration, now: UnixTime) -> bool {
        if self.is_held(hold, now) || !has_passed(self.last_for_unknown_key, UNKNOWN_KEY_EVERY, now) {
            return false;
        }
        self.last_for_unknown_key = now.millis();
        // These fetches have a limit of their own; an earlier failure doesn't delay them.
        self.failures = 0;
        true
    }

    /// Whether a worker is fetching. A time too far in the future is of a clock that was set back.
    pub(super) fn is_held(&self, hold: Duration, now: UnixTime) -> bool {
        let latest = now.plus(hold + TIME_TOLERANCE).millis();
        self.under_way_until > now.millis() && self.under_way_until <= latest
    }
}

/// Whether `wait` has passed since then, in milliseconds of Unix time. A time too far in the future is of a clock that
/// was set back; it counts as long ago.
pub(super) fn has_passed(since: u64, wait: Duration, now: UnixTime) -> bool {
    let since = UnixTime::from_millis(since);
    since > now.plus(TIME_TOLERANCE) || now.since(since) >= wait
}

fn backoff(failures: u32) -> Duration {
    RETRY_FROM.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY_UP_TO)
}
