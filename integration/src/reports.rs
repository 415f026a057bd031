//! What a guest reported so far, and waiting for more.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::wire::Event;

/// What the reader of a guest's serial line and the waiters for its jobs share.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    state: Mutex<State>,
    changed: Condvar,
}

/// Everything that a guest said.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub ready: bool,
    pub closed: bool,
    pub failure: Option<String>,
    pub jobs: HashMap<u32, Progress>,
}

/// How far a job is.
#[derive(Debug, Default, Clone)]
pub(crate) struct Progress {
    pub stdout: String,
    pub stderr: String,
    pub status: Option<i32>,
}

impl Reports {
    /// Takes in what the guest sends until the line closes.
    pub(crate) fn read(&self, output: ChildStdout) {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            // Before the init runs, the kernel's own messages come this way.
            if let Ok(event) = serde_json::from_slice(&line) {
                self.take(event);
            }
            line.clear();
        }
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// What is known at this moment.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn take(&self, event: Event) {
        let mut state = lock(&self.state);
        match event {
            Event::Ready => state.ready = true,
            Event::Failed { message } => state.failure = Some(message),
            Event::Output { id, error, text } => {
                let progress = state.jobs.entry(id).or_default();
                if error {
                    progress.stderr.push_str(&text);
                } else {
                    progress.stdout.push_str(&text);
                }
            }
            Event::Exit { id, status } => {
                state.jobs.entry(id).or_default().status = Some(status);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until the question has an answer, or no longer.
    pub(crate) fn wait<T>(
        &self,
        timeout: Duration,
        question: impl Fn(&State) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if let Some(answer) = question(&state) {
                return Some(answer);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a person.
    pub(crate) fn wait_forever<T>(&self, question: impl Fn(&State) -> Option<T>) -> T {
        loop {
            if let Some(answer) = self.wait(Duration::from_secs(3600), &question) {
                return answer;
            }
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
