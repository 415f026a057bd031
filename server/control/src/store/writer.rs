//! The thread that makes changes, many in one sync of the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redb::{Database, Durability};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::{Change, StoreError};

/// Changes that may wait; who comes later waits outside.
const QUEUE: usize = 1024;

/// Changes made durable together at most, so that the first of them is not kept too long.
const TOGETHER: usize = 256;

/// Tells a caller the result, once it is known whether the changes are durable.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A change; gives whether it is to be kept.
pub(super) type Job = Box<dyn FnOnce(&mut Change) -> (bool, Answer) + Send>;

/// A change as its caller sees it.
pub(super) type Task<T, E> = Box<dyn FnOnce(&mut Change) -> Result<T, E> + Send>;

/// A change for the thread, and where its result will be.
pub(super) fn job<T, E>(change: Task<T, E>) -> (Job, oneshot::Receiver<Result<T, E>>)
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |transaction| {
        let result = change(transaction);
        let keep = result.is_ok();
        let tell: Answer = Box::new(move |durable| {
            let result = match durable {
                Ok(()) => result,
                Err(error) => Err(error.into()),
            };
            // Nobody listens if the caller gave up.
            let _ = answer.send(result);
        });
        (keep, tell)
    });
    (job, answered)
}

/// The thread, ended on drop.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Arc<Database>) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("localefs-store".into())
            .spawn(move || write(&database, waiting))
            .map_err(StoreError::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(super) async fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Gone)?;
        jobs.send(job).await.map_err(|_| StoreError::Gone)
    }

    pub(super) fn send_blocking(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Gone)?;
        jobs.blocking_send(job).map_err(|_| StoreError::Gone)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn write(database: &Database, mut waiting: mpsc::Receiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut answers = Vec::new();
        let mut kept = false;
        let mut next = Some(first);
        while let Some(job) = next {
            kept |= run(database, job, &mut answers);
            next = if answers.len() < TOGETHER {
                waiting.try_recv().ok()
            } else {
                None
            };
        }
        let mut durable = if kept { sync(database) } else { Ok(()) };
        if let Err(error) = &durable {
            error!(%error, "changes could not be made durable");
        }
        for answer in answers {
            // One is told the reason. redb fails all later transactions too.
            let later = durable.as_ref().map(|&()| ()).map_err(|_| StoreError::Gone);
            answer(std::mem::replace(&mut durable, later));
        }
    }
}

/// Runs one change and notes its answer; gives whether something was changed.
fn run(database: &Database, job: Job, answers: &mut Vec<Answer>) -> bool {
    let begun = database.begin_write().map_err(StoreError::from);
    let transaction = begun.and_then(|mut transaction| {
        transaction.set_durability(Durability::None)?;
        Ok(transaction)
    });
    let mut change = match transaction {
        Ok(transaction) => Change::writing(transaction),
        Err(error) => {
            // Dropping the job tells its caller.
            error!(%error, "no transaction");
            return false;
        }
    };
    let Ok((keep, answer)) = catch_unwind(AssertUnwindSafe(|| job(&mut change))) else {
        return false;
    };
    if !keep {
        answers.push(answer);
        return false;
    }
    match change.commit() {
        Ok(()) => {
            answers.push(answer);
            true
        }
        Err(error) => {
            answer(Err(error));
            false
        }
    }
}

/// Makes all transactions before this one durable.
fn sync(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    Ok(transaction.commit()?)
}
