//! Counts and values into Envoy's statistics: `wasmcustom.envoy_cognito.…` there.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use envoy_cognito_core::telemetry::metrics::Metric;

/// The host's numbers for the metrics that were defined so far.
#[derive(Default)]
pub(crate) struct Metrics {
    /// A hundred at most, which are asked for ten times a second at most.
    ids: Vec<(String, u32)>,
}

impl Metrics {
    /// Hands metrics over. One that the host doesn't take is lost: it is no reason to refuse anybody.
    pub(crate) fn hand_over(&mut self, metrics: Vec<Metric>) {
        for metric in metrics {
            let kind = match &metric {
                Metric::Counter(..) => MetricType::Counter,
                Metric::Histogram(..) => MetricType::Histogram,
                Metric::Gauge(..) => MetricType::Gauge,
            };
            let Some(id) = self.id(kind, &metric.name()) else { continue };
            let _ = match metric {
                // The host has no use for a growth of nothing.
                Metric::Counter(_, 0) => Ok(()),
                Metric::Counter(_, by) => {
                    hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX))
                }
                Metric::Histogram(_, value) | Metric::Gauge(_, value) => hostcalls::record_metric(id, value),
            };
        }
    }

    /// The host's number for a metric, which is defined where it is new.
    fn id(&mut self, kind: MetricType, name: &str) -> Option<u32> {
        if let Some((_, id)) = self.ids.iter().find(|(known, _)| known == name) {
            return Some(*id);
        }
        let id = hostcalls::define_metric(kind, &format!("envoy_cognito.{name}")).ok()?;
        self.ids.push((name.to_owned(), id));
        Some(id)
    }
}
