//! Writes metrics to Envoy's statistics, where their names begin with `wasmcustom.envoy_cognito.`.

use proxy_wasm::hostcalls;
use proxy_wasm::types::MetricType;

use envoy_cognito_core::telemetry::metrics::Metric;

/// The host's ids of the metrics that are already defined.
#[derive(Default)]
pub(crate) struct Metrics {
    /// At most a hundred, looked up at most ten times a second.
    ids: Vec<(String, u32)>,
}

impl Metrics {
    /// Passes metrics to the host. A metric that the host refuses is lost: that is no reason to reject a request.
    pub(crate) fn hand_over(&mut self, metrics: Vec<Metric>) {
        for metric in metrics {
            let kind = match &metric {
                Metric::Counter(..) => MetricType::Counter,
                Metric::Histogram(..) => MetricType::Histogram,
                Metric::Gauge(..) => MetricType::Gauge,
            };
            let Some(id) = self.id(kind, &metric.name()) else { continue };
            let _ = match metric {
                // The host doesn't need an increase by zero.
                Metric::Counter(_, 0) => Ok(()),
                Metric::Counter(_, by) => {
                    hostcalls::increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX))
                }
                Metric::Histogram(_, value) | Metric::Gauge(_, value) => hostcalls::record_metric(id, value),
            };
        }
    }

    /// The host's id for a metric. Defines the metric if it is new.
    fn id(&mut self, kind: MetricType, name: &str) -> Option<u32> {
        if let Some((_, id)) = self.ids.iter().find(|(known, _)| known == name) {
            return Some(*id);
        }
        let id = hostcalls::define_metric(kind, &format!("envoy_cognito.{name}")).ok()?;
        self.ids.push((name.to_owned(), id));
        Some(id)
    }
}
