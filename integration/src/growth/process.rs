//! What a process uses, from /proc.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Ticks of the processor times in /proc/PID/stat, in a second: the same on all Linux systems
/// (`USER_HZ`, proc(5)).
const TICKS: u64 = 100;

/// What a process uses.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time since it began, to the nanosecond.
    pub processor: Duration,
    /// How much of it was in user mode, in hundredths of a second.
    pub user: Duration,
    /// In system mode.
    pub system: Duration,
    /// Resident memory in KiB.
    pub resident: u64,
    /// Files that it has open.
    pub files: usize,
}

impl Usage {
    /// Of the process with this id.
    ///
    /// # Errors
    /// If it is gone.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = |field: usize| -> Result<u64> {
            let text = fields.split_whitespace().nth(field - 3);
            Ok(text.context("a short stat")?.parse()?)
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let resident = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS")?
            .parse()?;
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid)?))?;
        Ok(Self {
            processor: clock.now()?.into(),
            user: Duration::from_millis(ticks(14)? * 1000 / TICKS),
            system: Duration::from_millis(ticks(15)? * 1000 / TICKS),
            resident,
            files: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        })
    }
}
