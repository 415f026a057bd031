//! What is counted, in the form of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Service, operation, and code of the error (`ok` if there was none).
type Labels = Vec<(&'static str, String)>;

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Labels, Counter>,
    duration: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("localefs");
        let calls = Family::<Labels, Counter>::default();
        registry.register("api_calls", "Calls of AWS's API", calls.clone());
        // From 50 µs on to 13 s.
        let duration = Histogram::new(exponential_buckets(50e-6, 4.0, 10));
        let help = "How long calls of AWS's API took";
        registry.register_with_unit("api_call_duration", help, Unit::Seconds, duration.clone());
        Self {
            registry,
            calls,
            duration,
        }
    }
}

impl Metrics {
    /// Counts a call. All labels are words of localefs, so that there are not too many.
    pub fn called(&self, service: &str, operation: &str, code: Option<&str>, took: Duration) {
        let labels = vec![
            ("service", service.to_owned()),
            ("operation", operation.to_owned()),
            ("code", code.unwrap_or("ok").to_owned()),
        ];
        self.calls.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
