//! What happened, in numbers. The core counts; the host hands the counts to Envoy now and then, since a call for
//! each would cost every request.

use std::borrow::Cow;

/// Counters that nearly every request touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequent {
    /// A request came with a session that counts.
    SessionAccepted,
    /// A rule let a request pass.
    AuthzAllowed,
    /// A request came with a bearer token that counts.
    BearerAccepted,
}

impl Frequent {
    const ALL: [Self; 3] = [Self::SessionAccepted, Self::AuthzAllowed, Self::BearerAccepted];

    const fn name(self) -> &'static str {
        match self {
            Self::SessionAccepted => "session.accepted",
            Self::AuthzAllowed => "authz.allowed",
            Self::BearerAccepted => "bearer.accepted",
        }
    }
}

/// Counters that exist from the start, so that a graph begins at zero. Those with a reason come with it, but for those that
/// the alerts of `docs/operations.md` watch: Prometheus sees no increase in a series that begins at one.
const COUNTERS: [&str; 22] = [
    "sign_in.started",
    "sign_in.completed",
    "session.accepted",
    "session.expired",
    "refresh.completed",
    "refresh.shared",
    "authz.allowed",
    "authz.denied",
    "authz.shadow_denied",
    "bearer.accepted",
    "jwks.fetched",
    "jwks.failed",
    "sign_out",
    "session.rejected.not_opened",
    "sign_in.failed.invalid_client",
    "sign_in.failed.unauthorized_client",
    "sign_in.failed.invalid_scope",
    "sign_in.failed.cluster_missing",
    "sign_in.failed.id_token_expired",
    "sign_in.failed.id_token_not_yet_valid",
    "refresh.failed.token_unavailable",
    "refresh.failed.token_timeout",
];

/// How long a call of the token endpoint took, in milliseconds.
pub const TOKEN_EXCHANGE_MS: &str = "token_exchange_ms";
/// How old the oldest key set is, in seconds.
pub const JWKS_AGE_S: &str = "jwks.age_s";

/// Something for Envoy's statistics, below the filter's own prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A counter grows by so much; by nothing where it is only to be there.
    Counter(Cow<'static, str>, u64),
    /// A histogram gets a value.
    Histogram(&'static str, u64),
    /// A gauge is set.
    Gauge(&'static str, u64),
}

/// What has been counted since it was last taken.
#[derive(Debug, Default)]
pub struct Counters {
    frequent: [u64; Frequent::ALL.len()],
    others: Vec<Metric>,
}

impl Counters {
    /// One in which every counter that is known beforehand stands at zero.
    pub fn begin() -> Self {
        let others = COUNTERS.iter().map(|name| Metric::Counter(Cow::Borrowed(name), 0)).collect();
        Self { others, ..Self::default() }
    }

    /// Counts something that nearly every request does.
    pub fn count_frequent(&mut self, counter: Frequent) {
        if let Some(count) = self.frequent.get_mut(counter as usize) {
            *count += 1;
        }
    }

    /// Counts something.
    pub fn count(&mut self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        for metric in &mut self.others {
            if let Metric::Counter(known, count) = metric
                && *known == name
            {
                *count += 1;
                return;
            }
        }
        self.others.push(Metric::Counter(name, 1));
    }

    /// Notes a value of a histogram or a gauge.
    pub fn note(&mut self, metric: Metric) {
        self.others.push(metric);
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.frequent == [0; Frequent::ALL.len()]
    }

    /// Takes all of it.
    pub fn take(&mut self) -> Vec<Metric> {
        let mut metrics = std::mem::take(&mut self.others);
        for (counter, count) in Frequent::ALL.into_iter().zip(std::mem::take(&mut self.frequent)) {
            if count > 0 {
                metrics.push(Metric::Counter(Cow::Borrowed(counter.name()), count));
            }
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_taken_once() {
        let mut tally = Counters::default();
        assert!(tally.is_empty());
        for _ in 0..3 {
            tally.count_frequent(Frequent::AuthzAllowed);
            tally.count("sign_in.failed.busy");
        }
        tally.note(Metric::Histogram(TOKEN_EXCHANGE_MS, 12));
        assert_eq!(
            tally.take(),
            [
                Metric::Counter("sign_in.failed.busy".into(), 3),
                Metric::Histogram(TOKEN_EXCHANGE_MS, 12),
                Metric::Counter("authz.allowed".into(), 3),
            ]
        );
        assert!(tally.is_empty() && tally.take().is_empty());
    }

    #[test]
    fn every_frequent_counter_is_there_from_the_start() {
        assert!(Frequent::ALL.iter().all(|counter| COUNTERS.contains(&counter.name())));
        assert!(Counters::begin().take().iter().all(|metric| matches!(metric, Metric::Counter(_, 0))));
    }
}
