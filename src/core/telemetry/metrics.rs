//! Events for the log, and metrics. The core collects them here until the host takes them: a host call per count
//! would slow down every request.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::telemetry::counter::Counter;
use crate::telemetry::event::Event;

/// How long a call to the token endpoint took, in milliseconds.
pub const TOKEN_EXCHANGE_MS: &str = "token_exchange_ms";
/// The age of the oldest key set, in seconds.
pub const JWKS_AGE_S: &str = "jwks.age_s";
/// How long ago the deny list was known to be current, in seconds.
pub const REVOCATIONS_AGE_S: &str = "revocations.age_s";

/// A change for Envoy's statistics. Names there begin with `envoy_cognito.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A counter increases by this number. Zero only defines it.
    Counter(Counter, u64),
    /// A histogram gets a value.
    Histogram(&'static str, u64),
    /// A gauge is set.
    Gauge(&'static str, u64),
}

impl Metric {
    /// All possible metrics, each with the value zero.
    pub fn all() -> impl Iterator<Item = Self> {
        let gauges = [JWKS_AGE_S, REVOCATIONS_AGE_S].map(|name| Self::Gauge(name, 0));
        let others = std::iter::once(Self::Histogram(TOKEN_EXCHANGE_MS, 0)).chain(gauges);
        Counter::all().map(|counter| Self::Counter(counter, 0)).chain(others)
    }

    /// The names of all metrics, for a host that must define them before the first request.
    pub fn all_names() -> impl Iterator<Item = Cow<'static, str>> {
        Self::all().map(|metric| metric.name())
    }

    /// Its name, without the prefix `envoy_cognito.`.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Counter(counter, _) => counter.name(),
            Self::Histogram(name, _) | Self::Gauge(name, _) => Cow::Borrowed(name),
        }
    }
}

/// Events and metrics that the host hasn't taken yet.
#[derive(Debug)]
pub struct Telemetry {
    /// Indexed by [`Counter::slot`]. Nearly every request counts something, so this must be one addition.
    counts: [u64; Counter::SLOTS],
    /// Counters with a reason, and all other metrics.
    others: Vec<Metric>,
    events: VecDeque<Event>,
}

impl Default for Telemetry {
    /// Contains every counter that exists in Envoy from the start, at zero.
    fn default() -> Self {
        Self {
            counts: [0; Counter::SLOTS],
            others: Counter::initial().map(|counter| Metric::Counter(counter, 0)).collect(),
            events: VecDeque::new(),
        }
    }
}

impl Telemetry {
    /// Increases a counter by one.
    pub fn count(&mut self, counter: Counter) {
        if let Some(count) = counter.slot().and_then(|slot| self.counts.get_mut(slot)) {
            *count += 1;
            return;
        }
        let known = self.others.iter_mut().find_map(|metric| match metric {
            Metric::Counter(known, count) if *known == counter => Some(count),
            _ => None,
        });
        match known {
            Some(count) => *count += 1,
            None => self.others.push(Metric::Counter(counter, 1)),
        }
    }

    /// Logs an event, and counts it if it has a counter.
    pub fn emit(&mut self, event: Event) {
        if let Some(counter) = event.counter() {
            self.count(counter);
        }
        self.events.push_back(event);
    }

    /// Records a value of a histogram or gauge.
    pub fn record(&mut self, metric: Metric) {
        self.others.push(metric);
    }

    /// The next event for the log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether there are metrics to take.
    pub fn has_metrics(&self) -> bool {
        !self.others.is_empty() || self.counts != [0; Counter::SLOTS]
    }

    /// Takes all metrics.
    pub fn take_metrics(&mut self) -> Vec<Metric> {
        let mut metrics = std::mem::take(&mut self.others);
        for (counter, count) in Counter::WITHOUT_REASON.into_iter().zip(&mut self.counts) {
            if *count > 0 {
                metrics.push(Metric::Counter(counter, std::mem::take(count)));
            }
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::telemetry::event::Level;

    #[test]
    fn what_is_counted_is_taken_once() {
        let mut telemetry = Telemetry::default();
        telemetry.take_metrics();
        assert!(!telemetry.has_metrics());
        for _ in 0..3 {
            telemetry.count(Counter::AuthzAllowed);
            telemetry.count(Counter::SignInFailed("busy"));
        }
        telemetry.record(Metric::Histogram(TOKEN_EXCHANGE_MS, 12));
        assert_eq!(
            telemetry.take_metrics(),
            [
                Metric::Counter(Counter::SignInFailed("busy"), 3),
                Metric::Histogram(TOKEN_EXCHANGE_MS, 12),
                Metric::Counter(Counter::AuthzAllowed, 3),
            ]
        );
        assert!(!telemetry.has_metrics() && telemetry.take_metrics().is_empty());
    }

    #[test]
    fn all_names_are_known_and_differ() {
        let names: BTreeSet<_> = Metric::all_names().collect();
        assert_eq!(names.len(), Metric::all().count());
        for known in ["authz.allowed", "bearer.rejected.issuer", TOKEN_EXCHANGE_MS, JWKS_AGE_S] {
            assert!(names.contains(known), "{known}");
        }
    }

    #[test]
    fn an_event_is_logged_and_counted() {
        let mut telemetry = Telemetry::default();
        telemetry.take_metrics();
        telemetry.emit(Event::counted(Level::Info, Counter::SignOut));
        telemetry.emit(Event::new(Level::Info, "sign_in.to_https"));
        assert_eq!(telemetry.take_metrics(), [Metric::Counter(Counter::SignOut, 1)]);
        assert!(telemetry.poll_event().is_some() && telemetry.poll_event().is_some());
        assert_eq!(telemetry.poll_event(), None);
    }

    #[test]
    fn every_counter_without_a_reason_is_there_from_the_start() {
        let initial = Telemetry::default().take_metrics();
        for counter in Counter::all().filter(|counter| counter.reason().is_none()) {
            assert!(initial.contains(&Metric::Counter(counter, 0)), "{counter:?}");
        }
        assert!(initial.iter().all(|metric| matches!(metric, Metric::Counter(_, 0))));
    }
}
