//! A command that runs in a guest.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::guest::Guest;
use crate::wire::Request;

/// How a command in a guest ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Output {
    /// The exit status, or 128 and the signal's number.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that runs in a guest.
#[derive(Debug)]
pub struct Job<'a> {
    pub(crate) guest: &'a Guest,
    pub(crate) id: u32,
    pub(crate) script: String,
}

impl Job<'_> {
    /// Waits for the end.
    pub fn wait(self, timeout: Duration) -> Result<Output> {
        let ended = self.guest.reports.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
            match progress.status {
                Some(status) => Some(Ok((status, progress))),
                None => state.closed.then_some(Err(())),
            }
        });
        match ended {
            Some(Ok((status, progress))) => Ok(Output {
                status,
                stdout: progress.stdout,
                stderr: progress.stderr,
            }),
            Some(Err(())) => bail!(
                "{} went down while it ran:\n{}\n{}",
                self.guest.name(),
                self.script,
                self.guest.console()
            ),
            None => {
                let report = self.guest.inspect()?;
                self.kill()?;
                let error = self.describe(&format!("not done after {timeout:?}"));
                bail!("{error}\n--- processes\n{report}\n{}", self.guest.console())
            }
        }
    }

    /// Waits for the end, which must be with status 0; gives what it wrote.
    pub fn succeed(self, timeout: Duration) -> Result<String> {
        let (guest, script) = (self.guest, self.script.clone());
        let output = self.wait(timeout)?;
        ensure!(
            output.status == 0,
            "status {} in {} of\n{script}\n--- standard output\n{}\n--- standard error\n{}\n{}",
            output.status,
            guest.name(),
            output.stdout,
            output.stderr,
            guest.console()
        );
        Ok(output.stdout)
    }

    /// Writes to its standard input.
    pub(crate) fn input(&self, text: String) -> Result<()> {
        self.guest.send(&Request::Input { id: self.id, text })
    }

    /// Takes the next whole line of its standard output.
    pub(crate) fn line(&self, timeout: Duration) -> Result<String> {
        let ended = self.guest.reports.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id);
            let line = progress.is_some_and(|progress| progress.stdout.contains('\n'));
            let over = progress.is_some_and(|progress| progress.status.is_some());
            (line || over || state.closed).then_some(line)
        });
        if ended == Some(true) {
            let mut state = self.guest.reports.state();
            let stdout = state
                .jobs
                .get_mut(&self.id)
                .map(|progress| &mut progress.stdout);
            let stdout = stdout.context("no output")?;
            let end = stdout.find('\n').context("no line")?;
            return Ok(stdout.drain(..=end).collect());
        }
        let report = self.guest.inspect().unwrap_or_default();
        let error = self.describe(&format!("no line of output within {timeout:?}"));
        bail!("{error}\n--- processes\n{report}\n{}", self.guest.console())
    }

    /// Waits until standard output contains a text.
    pub fn wait_for(&self, text: &str, timeout: Duration) -> Result<()> {
        let found = self.guest.reports.wait(timeout, |state| {
            let progress = state.jobs.get(&self.id);
            let ended = progress.is_some_and(|progress| progress.status.is_some());
            if progress.is_some_and(|progress| progress.stdout.contains(text)) {
                Some(true)
            } else {
                (ended || state.closed).then_some(false)
            }
        });
        ensure!(
            found == Some(true),
            "{}\n{}",
            self.describe(&format!("no {text:?} within {timeout:?}")),
            self.guest.console()
        );
        Ok(())
    }

    /// What it wrote so far to standard output.
    #[must_use]
    pub fn output(&self) -> String {
        let state = self.guest.reports.state();
        state
            .jobs
            .get(&self.id)
            .map(|progress| progress.stdout.clone())
            .unwrap_or_default()
    }

    /// Whether it ended.
    #[must_use]
    pub fn ended(&self) -> bool {
        let state = self.guest.reports.state();
        state
            .jobs
            .get(&self.id)
            .is_some_and(|progress| progress.status.is_some())
    }

    /// Asks it to end, with SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.guest.send(&Request::Signal {
            id: self.id,
            kill: false,
        })
    }

    /// Kills it.
    pub fn kill(&self) -> Result<()> {
        self.guest.send(&Request::Signal {
            id: self.id,
            kill: true,
        })
    }

    /// Sends what it writes to this process's own output, until it ends.
    pub fn stream(self, timeout: Duration) -> Result<i32> {
        let end = Instant::now() + timeout;
        let (mut shown, mut shown_errors) = (0, 0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(
                !left.is_zero(),
                "{}",
                self.describe(&format!("not done after {timeout:?}"))
            );
            let seen = (shown, shown_errors);
            let progress = self.guest.reports.wait(left, |state| {
                let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
                let news = (progress.stdout.len(), progress.stderr.len()) != seen;
                (news || progress.status.is_some() || state.closed).then_some(progress)
            });
            let Some(progress) = progress else { continue };
            std::io::stdout().write_all(&progress.stdout.as_bytes()[shown..])?;
            std::io::stdout().flush()?;
            std::io::stderr().write_all(&progress.stderr.as_bytes()[shown_errors..])?;
            (shown, shown_errors) = (progress.stdout.len(), progress.stderr.len());
            if let Some(status) = progress.status {
                return Ok(status);
            }
            ensure!(
                !self.guest.reports.state().closed,
                "{}",
                self.guest.console()
            );
        }
    }

    fn describe(&self, what: &str) -> String {
        let state = self.guest.reports.state();
        let progress = state.jobs.get(&self.id).cloned().unwrap_or_default();
        format!(
            "{what} in {} of\n{}\n--- standard output\n{}\n--- standard error\n{}",
            self.guest.name(),
            self.script,
            progress.stdout,
            progress.stderr
        )
    }
}
