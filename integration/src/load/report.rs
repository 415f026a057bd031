//! What a run has shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::driver::Done;
use super::shape::Shape;
use super::workload::Workload;
use crate::growth::Usage;

/// What a workload has cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The workload.
    pub work: String,
    /// Clients, connections of each, compounds of each under way.
    pub clients: usize,
    /// Connections of each client.
    pub connections: usize,
    /// Compounds of each client under way.
    pub depth: usize,
    /// Operations that have ended.
    pub operations: u64,
    /// Operations in a second.
    pub rate: f64,
    /// Octets of file data in a second.
    pub octets: f64,
    /// Messages that an operation takes, each way.
    pub messages: f64,
    /// Octets of a request.
    pub request: f64,
    /// Octets of a reply.
    pub reply: f64,
    /// Microseconds that half of the operations took at most.
    pub p50: f64,
    /// Of 99 in 100.
    pub p99: f64,
    /// Of 999 in 1000.
    pub p999: f64,
    /// Microseconds of the server's processor time for each operation, in user mode.
    pub user: Option<f64>,
    /// In system mode.
    pub system: Option<f64>,
    /// The server's resident memory afterwards, in KiB.
    pub resident: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
impl Row {
    pub(super) fn new(
        workload: Workload,
        shape: &Shape,
        done: &Done,
        (before, after): (Option<Usage>, Option<Usage>),
    ) -> Self {
        let count = done.operations.max(1) as f64;
        let messages = done.messages.max(1) as f64;
        let rate = done.operations as f64 / done.wall.as_secs_f64();
        let quantile = |quantile| done.latency.value_at_quantile(quantile) as f64 / 1000.0;
        let each = |part: fn(&Usage) -> Duration| {
            let spent = part(after.as_ref()?).saturating_sub(part(before.as_ref()?));
            Some(spent.as_secs_f64() * 1e6 / count)
        };
        Self {
            work: workload.name(),
            clients: shape.clients,
            connections: shape.connections,
            depth: shape.depth,
            operations: done.operations,
            rate,
            octets: rate * workload.octets() as f64,
            messages: done.messages as f64 / count,
            request: done.sent as f64 / messages,
            reply: done.received as f64 / messages,
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            user: each(|usage| usage.user),
            system: each(|usage| usage.system),
            resident: after.map(|usage| usage.resident),
        }
    }

    /// The head of a table of rows.
    #[must_use]
    pub fn head() -> String {
        format!(
            "{:<12} {:>7} {:>5} {:>5} {:>10} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8}",
            "work",
            "clients",
            "conn",
            "depth",
            "ops/s",
            "MiB/s",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "user µs",
            "sys µs",
            "RSS MiB"
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let optional = |value: Option<f64>, digits| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        write!(
            f,
            "{:<12} {:>7} {:>5} {:>5} {:>10.0} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>8} {:>8} {:>8}",
            self.work,
            self.clients,
            self.connections,
            self.depth,
            self.rate,
            self.octets / f64::from(1 << 20),
            self.p50,
            self.p99,
            self.p999,
            optional(self.user, 2),
            optional(self.system, 2),
            optional(self.resident.map(|kib| kib as f64 / 1024.0), 1),
        )
    }
}
