//! What several rounds say together.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::Serialize;

use super::round::Outcome;

/// A server and an operation, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The server.
    pub server: String,
    /// The operation.
    pub operation: String,
    /// Requests in a second: the median of the rounds.
    pub rate: f64,
    /// The rate of each round.
    pub rates: Vec<f64>,
    /// Milliseconds within which half of all requests of all rounds were answered.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1000.
    pub p999: f64,
    /// Microseconds of the server's processor time for a request: the median of the rounds.
    pub processor: f64,
    /// The server's resident memory at the end, in MiB.
    pub resident: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Connections at the same time.
    pub connections: usize,
    /// Milliseconds from the start of the process to the first answer, by server.
    pub ready: Vec<(String, f64)>,
    /// One for each server and operation.
    pub rows: Vec<Row>,
}

impl Row {
    /// What some rounds say.
    #[must_use]
    pub fn new(server: &str, operation: &str, rounds: &[Outcome]) -> Self {
        let rates: Vec<f64> = rounds.iter().map(Outcome::rate).collect();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let processor = rounds
            .iter()
            .map(|round| round.processor.as_secs_f64() * 1e6 / round.requests.max(1) as f64);
        let mut latencies: Vec<Duration> = rounds
            .iter()
            .flat_map(|round| round.latencies.iter().copied())
            .collect();
        latencies.sort_unstable();
        let within = |parts: usize| {
            let place = (latencies.len() * parts).div_ceil(1000).saturating_sub(1);
            latencies.get(place).map_or(0.0, Duration::as_secs_f64) * 1e3
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let resident = rounds.last().map_or(0, |round| round.resident) as f64 / 1024.0;
        Self {
            server: server.to_owned(),
            operation: operation.to_owned(),
            rate: median(rates.clone()),
            rates,
            p50: within(500),
            p99: within(990),
            p999: within(999),
            processor: median(processor.collect()),
            resident,
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "| | server | requests/s | localefs to it | p50, ms | p99 | p99.9 | processor, µs each \
             | resident, MiB |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let ours = self
                .rows
                .iter()
                .find(|ours| ours.server == "localefs" && ours.operation == row.operation);
            let ratio = ours.map_or(1.0, |ours| ours.rate / row.rate);
            writeln!(
                out,
                "| {} | {} | {:.0} | {ratio:.2} : 1 | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} |",
                row.operation,
                row.server,
                row.rate,
                row.p50,
                row.p99,
                row.p999,
                row.processor,
                row.resident
            )?;
        }
        writeln!(out)?;
        for (server, milliseconds) in &self.ready {
            writeln!(out, "{server}: first answer after {milliseconds:.0} ms")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_put_together() {
        let round = |seconds, milliseconds: std::ops::Range<u64>| Outcome {
            requests: 500,
            elapsed: Duration::from_secs(seconds),
            latencies: milliseconds.map(Duration::from_millis).collect(),
            processor: Duration::from_millis(50),
            resident: 2048,
        };
        let rounds = [round(1, 1..501), round(5, 501..1001), round(2, 0..0)];
        let row = Row::new("localefs", "x", &rounds);
        assert_eq!((row.rate, row.rates.len()), (250.0, 3));
        assert_eq!((row.p50, row.p99, row.p999), (500.0, 990.0, 999.0));
        assert_eq!((row.processor, row.resident), (100.0, 2.0));
    }
}
