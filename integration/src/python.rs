//! A Python interpreter in a guest, as a test's hand there.
//!
//! A new process costs a guest 20 to 35 ms, a statement here about one,
//! and what an interpreter holds open stays open until it is told otherwise.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::guest::ORDINARY;
use crate::job::Job;

/// The program that answers.
pub(crate) const INTERPRETER: &str = concat!(
    "#!/usr/bin/python3 -BIS\n",
    include_str!("../guest/interpreter.py")
);

/// An interpreter; it ends when this is dropped.
#[derive(Debug)]
pub struct Python<'a> {
    job: Job<'a>,
    pending: Cell<bool>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    value: Value,
    errno: Option<String>,
    error: Option<String>,
}

impl<'a> Python<'a> {
    pub(crate) fn new(job: Job<'a>) -> Result<Self> {
        let python = Self {
            job,
            pending: Cell::new(false),
        };
        python.run("pass")?;
        Ok(python)
    }

    /// Runs statements, or gives the value of an expression.
    pub fn run(&self, source: &str) -> Result<Value> {
        self.run_within(source, ORDINARY)
    }

    /// The same, with more patience.
    pub fn run_within(&self, source: &str, timeout: Duration) -> Result<Value> {
        self.begin(source)?;
        self.finish(timeout)
            .with_context(|| format!("in Python: {source}"))
    }

    /// The value of an expression that is a string.
    pub fn text(&self, source: &str) -> Result<String> {
        let value = self.run(source)?;
        Ok(value
            .as_str()
            .with_context(|| format!("{source} is {value}"))?
            .to_owned())
    }

    /// The value of an expression that is a whole number.
    pub fn number(&self, source: &str) -> Result<i64> {
        let value = self.run(source)?;
        value
            .as_i64()
            .with_context(|| format!("{source} is {value}"))
    }

    /// Runs what must fail with an error of that name ("EACCES").
    pub fn fails(&self, source: &str, errno: &str) -> Result<()> {
        self.begin(source)?;
        let answer = self.answer(ORDINARY)?;
        ensure!(
            answer.errno.as_deref() == Some(errno),
            "{source} gives {answer:?} instead of {errno}"
        );
        Ok(())
    }

    /// Begins what may take long; nothing else until [`Self::finish`].
    pub fn begin(&self, source: &str) -> Result<()> {
        ensure!(
            !self.pending.replace(true),
            "the interpreter still runs something"
        );
        let mut line = serde_json::to_string(source)?;
        line.push('\n');
        self.job.input(line)
    }

    /// Waits for the end of what was begun.
    pub fn finish(&self, timeout: Duration) -> Result<Value> {
        let answer = self.answer(timeout)?;
        match (answer.errno, answer.error) {
            (None, None) => Ok(answer.value),
            (Some(errno), _) => bail!("{errno}"),
            (None, Some(error)) => bail!("{error}"),
        }
    }

    /// Whether what was begun still runs after that time.
    pub fn runs_for(&self, time: Duration) -> bool {
        self.job.wait_for("\n", time).is_err()
    }

    fn answer(&self, timeout: Duration) -> Result<Answer> {
        let line = self.job.line(timeout)?;
        self.pending.set(false);
        serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))
    }
}

impl Drop for Python<'_> {
    fn drop(&mut self) {
        let _ = self.job.kill();
    }
}
