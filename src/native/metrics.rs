//! The metrics in Envoy's statistics. Envoy creates none after the configuration, so all of them are defined there.

use std::collections::HashMap;

use envoy_cognito_core::telemetry::metrics::Metric;

use crate::abi::{ConfigHandle, MetricId, MetricKind, StreamHandle};

/// The counters that the core doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCounter {
    /// Panics that were caught.
    Panics,
    /// New values of secrets that are in use.
    SecretsChanged,
    /// New values of secrets with which the configuration is invalid.
    SecretsRefused,
}

impl OwnCounter {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Panics, "panics"),
        (Self::SecretsChanged, "secrets.changed"),
        (Self::SecretsRefused, "secrets.refused"),
    ];
}

/// The numbers of all metrics of a configuration.
pub(crate) struct Metrics {
    envoy: ConfigHandle,
    ids: HashMap<String, MetricId>,
    own: Vec<(OwnCounter, MetricId)>,
}

impl Metrics {
    /// Defines all metrics. One that Envoy refuses is lost: that is no reason to refuse the configuration.
    pub(crate) fn define(envoy: ConfigHandle) -> Self {
        let define = |kind, name: &str| envoy.define(kind, &format!("envoy_cognito.{name}"));
        let ids = Metric::all().filter_map(|metric| {
            let (kind, name) = (kind_of(&metric).0, metric.name());
            Some((name.to_string(), define(kind, &name)?))
        });
        let own = OwnCounter::ALL.into_iter();
        let own = own.filter_map(|(counter, name)| Some((counter, define(MetricKind::Counter, name)?)));
        Self { ids: ids.collect(), own: own.collect(), envoy }
    }

    /// Passes metrics to Envoy, from any thread. Returns those that only a stream can pass on.
    pub(crate) fn record(&self, mut metrics: Vec<Metric>) -> Vec<Metric> {
        metrics.retain(|metric| {
            let (kind, value) = kind_of(metric);
            let Some(id) = self.ids.get(metric.name().as_ref()) else { return false };
            // Envoy doesn't need an increase by zero.
            !(kind == MetricKind::Counter && value == 0) && self.envoy.record(kind, *id, value).is_none()
        });
        metrics
    }

    /// Passes on what [`Self::record`] has returned.
    pub(crate) fn record_on(&self, stream: &mut StreamHandle<'_>, metrics: Vec<Metric>) {
        for metric in metrics {
            let (kind, value) = kind_of(&metric);
            if let Some(id) = self.ids.get(metric.name().as_ref()) {
                stream.record(kind, *id, value);
            }
        }
    }

    /// Counts on the main thread. Before Envoy 1.39, only the log tells of it.
    pub(crate) fn count(&self, counter: OwnCounter) {
        if let Some(id) = self.id_of(counter) {
            let _ = self.envoy.record(MetricKind::Counter, id, 1);
        }
    }

    /// Counts in a stream's hook.
    pub(crate) fn count_on(&self, counter: OwnCounter, stream: &mut StreamHandle<'_>) {
        if let Some(id) = self.id_of(counter) {
            stream.record(MetricKind::Counter, id, 1);
        }
    }

    fn id_of(&self, counter: OwnCounter) -> Option<MetricId> {
        self.own.iter().find(|(known, _)| *known == counter).map(|(_, id)| *id)
    }
}

/// Adds metrics to those that wait for a stream. There may be none for days, so counters are summed up, and of a gauge
/// only the last value stays. Histograms don't grow meanwhile: they are about what streams have wanted.
pub(crate) fn merge(waiting: &mut Vec<Metric>, more: Vec<Metric>) {
    for metric in more {
        let known = waiting.iter_mut().find(|known| match (&**known, &metric) {
            (Metric::Counter(known, _), Metric::Counter(counter, _)) => known == counter,
            (Metric::Gauge(known, _), Metric::Gauge(name, _)) => known == name,
            _ => false,
        });
        match (known, metric) {
            (Some(Metric::Counter(_, sum)), Metric::Counter(_, by)) => *sum = sum.saturating_add(by),
            (Some(known), metric) => *known = metric,
            (None, metric) => waiting.push(metric),
        }
    }
}

const fn kind_of(metric: &Metric) -> (MetricKind, u64) {
    match metric {
        Metric::Counter(_, by) => (MetricKind::Counter, *by),
        Metric::Gauge(_, value) => (MetricKind::Gauge, *value),
        Metric::Histogram(_, value) => (MetricKind::Histogram, *value),
    }
}

#[cfg(test)]
mod tests {
    use envoy_cognito_core::telemetry::counter::Counter;
    use envoy_cognito_core::telemetry::metrics::{JWKS_AGE_S, TOKEN_EXCHANGE_MS};

    use super::*;

    #[test]
    fn metrics_that_wait_for_a_stream_do_not_pile_up() {
        let mut waiting = Vec::new();
        for age in 1..=1_000 {
            let sum = [Metric::Counter(Counter::JwksFailed, 1), Metric::Counter(Counter::JwksFetched, 2)];
            merge(&mut waiting, sum.into_iter().chain([Metric::Gauge(JWKS_AGE_S, age)]).collect());
        }
        merge(
            &mut waiting,
            vec![Metric::Histogram(TOKEN_EXCHANGE_MS, 7), Metric::Histogram(TOKEN_EXCHANGE_MS, 8)],
        );
        assert_eq!(
            waiting,
            [
                Metric::Counter(Counter::JwksFailed, 1_000),
                Metric::Counter(Counter::JwksFetched, 2_000),
                Metric::Gauge(JWKS_AGE_S, 1_000),
                Metric::Histogram(TOKEN_EXCHANGE_MS, 7),
                Metric::Histogram(TOKEN_EXCHANGE_MS, 8),
            ]
        );
    }
}
