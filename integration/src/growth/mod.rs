//! What it costs to have much: many entries in a directory, many clients, many open files.
//!
//! The tests use it at a size that a test may have, and assert counts and bounds of memory; the
//! program `localefs-growth` measures the table of docs/performance.md.

mod clients;
mod directory;
mod process;
mod pump;

pub use clients::Clients;
pub use directory::{Directory, Listing};
pub use process::Usage;
pub use pump::Pump;

use std::time::Instant;

use anyhow::Result;

/// What some operations have cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What was done.
    pub name: String,
    /// How often.
    pub operations: u64,
    /// Microseconds from one to the next.
    pub wall: f64,
    /// Microseconds of the server's processor time for each, in user and system mode.
    pub processor: f64,
    /// The server's resident memory afterwards, in KiB.
    pub resident: u64,
}

/// Measures what `operations` operations of the server with this process id cost.
///
/// # Errors
/// Those of the work, and of reading /proc.
pub fn measure(
    pid: u32,
    name: &str,
    operations: u64,
    work: impl FnOnce() -> Result<()>,
) -> Result<Cost> {
    let before = Usage::of(pid)?;
    let begin = Instant::now();
    work()?;
    let wall = begin.elapsed();
    let after = Usage::of(pid)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = operations.max(1) as f64;
    Ok(Cost {
        name: name.to_owned(),
        operations,
        wall: wall.as_secs_f64() * 1e6 / count,
        processor: (after.processor - before.processor).as_secs_f64() * 1e6 / count,
        resident: after.resident,
    })
}
