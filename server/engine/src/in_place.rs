//! Where operations run that seldom wait for the disk.
//!
//! To hand an operation to another thread takes longer than most of them take, so they run where
//! they arrive. That thread serves others, too: as long as the disk makes operations wait, they
//! are handed over; and whatever becomes of the disk, only so many threads wait for it here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_vfs::waits_of_this_thread;

/// What takes longer, and waited, has waited for the disk.
const BRIEF: Duration = Duration::from_millis(1);

/// What takes longer than this waits for the disk even if it is not over yet.
const LONG: Duration = Duration::from_millis(20);

/// How long operations are handed over after one that waited.
const WARY: Duration = Duration::from_millis(100);

/// After how long without an operation nobody needs to look any more.
const QUIET: Duration = Duration::from_millis(20);

/// The operations of a process that run where they arrived, and whether more may.
///
/// Somebody has to look after them with [`InPlace::look`], about once in a millisecond, from when
/// he is called until it is quiet.
pub struct InPlace {
    call: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Since when each operation has been running that may at once.
    running: Vec<Option<Instant>>,
    /// When the last one began or ended.
    last: Option<Instant>,
    wary_until: Option<Instant>,
    looked_after: bool,
}

/// How the operations fare that run where they arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// There has been none for some time: he who looks will be called.
    Quiet,
    /// They take no time to speak of.
    Well,
    /// One waits, and so does its thread.
    Waiting,
}

/// A moment in the life of a thread.
#[derive(Clone, Copy, Debug)]
struct Moment {
    time: Instant,
    /// How often it has waited so far. One that only had no processor has not.
    waits: u64,
}

/// An operation that runs where it arrived, until this is dropped.
#[derive(Debug)]
pub(crate) struct Here {
    of: Arc<InPlace>,
    at: usize,
    began: Moment,
}

impl InPlace {
    /// At most so many run at once. `call` is for him who looks after them.
    pub fn new(most: usize, call: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            call: Box::new(call),
            state: Mutex::new(State {
                running: vec![None; most],
                last: None,
                wary_until: None,
                looked_after: false,
            }),
        }
    }

    /// Looks after the operations: where one waits, somebody has to see to what its thread should
    /// do.
    pub fn look(&self, now: Instant) -> Look {
        let mut state = self.state();
        let since = |began: Instant| now.saturating_duration_since(began);
        let longest = state.running.iter().flatten().min().copied().map(since);
        if longest > Some(LONG) {
            state.wary_until = Some(now + WARY);
        }
        if longest > Some(BRIEF) {
            return Look::Waiting;
        }
        let quiet = state.last.is_none_or(|last| since(last) > QUIET);
        if longest.is_some() || !quiet {
            return Look::Well;
        }
        state.looked_after = false;
        Look::Quiet
    }

    /// Begins an operation here, if it may.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Here> {
        let began = Moment::now();
        let (at, call) = self.begin_at(began.time)?;
        let here = Here {
            of: Arc::clone(self),
            at,
            began,
        };
        if call {
            (self.call)();
        }
        Some(here)
    }

    /// Where an operation has begun, and whether he is to be called who looks after it.
    fn begin_at(&self, now: Instant) -> Option<(usize, bool)> {
        let mut state = self.state();
        if state.wary_until.is_some_and(|until| now < until) {
            return None;
        }
        let at = state.running.iter().position(Option::is_none)?;
        *state.running.get_mut(at)? = Some(now);
        state.last = Some(now);
        Some((at, !std::mem::replace(&mut state.looked_after, true)))
    }

    fn end_at(&self, at: usize, began: Moment, now: Moment) {
        let mut state = self.state();
        if let Some(running) = state.running.get_mut(at) {
            *running = None;
        }
        state.last = Some(now.time);
        let took = now.time.saturating_duration_since(began.time);
        if took > BRIEF && now.waits > began.waits {
            state.wary_until = Some(now.time + WARY);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for InPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InPlace")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Moment {
    fn now() -> Self {
        Self {
            time: Instant::now(),
            waits: waits_of_this_thread(),
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.of.end_at(self.at, self.began, Moment::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn moment(start: Instant, micros: u64, waits: u64) -> Moment {
        Moment {
            time: start + Duration::from_micros(micros),
            waits,
        }
    }

    fn of(most: usize) -> Arc<InPlace> {
        Arc::new(InPlace::new(most, || {}))
    }

    #[test]
    fn only_so_many_run_at_once() {
        let (start, in_place) = (Instant::now(), of(2));
        let (first, _) = in_place.begin_at(start).unwrap();
        let (second, _) = in_place.begin_at(start).unwrap();
        assert_ne!(first, second);
        assert!(in_place.begin_at(start).is_none());
        in_place.end_at(first, moment(start, 0, 0), moment(start, 10, 0));
        assert!(in_place.begin_at(start).is_some());
        assert!(of(0).begin_at(start).is_none());
    }

    #[test]
    fn after_one_that_waited_others_are_handed_over_for_a_while() {
        for (took, waited, wary) in [
            (900, 1, false),
            (5_000, 0, false),
            (1_100, 1, true),
            (60_000_000, 3, true),
        ] {
            let (start, in_place) = (Instant::now(), of(1));
            let after = |micros| moment(start, micros, 0).time;
            let (at, _) = in_place.begin_at(start).unwrap();
            in_place.end_at(at, moment(start, 0, 7), moment(start, took, 7 + waited));
            for later in [0, 99_999] {
                let begun = in_place.begin_at(after(took + later));
                assert_eq!(begun.is_none(), wary, "{took} µs, {waited} waits, {later}");
                if let Some((at, _)) = begun {
                    in_place.end_at(at, moment(start, 0, 0), moment(start, 0, 0));
                }
            }
            assert!(in_place.begin_at(after(took + 100_000)).is_some(), "{took}");
        }
    }

    #[test]
    fn who_looks_is_called_once_and_sees_what_waits() {
        let called = Arc::new(AtomicUsize::new(0));
        let calls = Arc::clone(&called);
        let in_place = Arc::new(InPlace::new(2, move || {
            calls.fetch_add(1, Ordering::Relaxed);
        }));
        assert_eq!(in_place.look(Instant::now()), Look::Quiet);
        let here = in_place.begin().unwrap();
        drop(in_place.begin().unwrap());
        assert_eq!(called.load(Ordering::Relaxed), 1);
        let later = |micros| here.began.time + Duration::from_micros(micros);
        assert_eq!(in_place.look(later(1_000)), Look::Well);
        assert_eq!(in_place.look(later(20_000)), Look::Waiting);
        let (at, _) = in_place.begin_at(later(20_000)).unwrap();
        in_place.end_at(at, here.began, here.began);
        assert_eq!(in_place.look(later(20_001)), Look::Waiting);
        assert!(in_place.begin_at(later(120_000)).is_none());
        drop(here);
        let end = Instant::now();
        assert_eq!(in_place.look(end), Look::Well);
        assert_eq!(in_place.look(end + 2 * QUIET), Look::Quiet);
        assert!(in_place.begin_at(end + 2 * WARY).unwrap().1);
    }

    #[test]
    fn sleeping_is_waiting_and_working_is_not() {
        let before = waits_of_this_thread();
        std::thread::sleep(Duration::from_millis(2));
        assert!(waits_of_this_thread() > before);
        let in_place = of(1);
        let here = in_place.begin().unwrap();
        std::thread::sleep(Duration::from_millis(3));
        drop(here);
        assert!(in_place.begin().is_none());
    }
}
