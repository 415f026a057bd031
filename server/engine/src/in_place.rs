//! Where operations run that seldom wait for the disk.
//!
//! To hand an operation to another thread takes longer than most of them take, so they run where
//! they arrive. That thread serves others, too: as long as the disk makes operations wait, they
//! are handed over; and whatever becomes of the disk, there is a thread that does not wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_vfs::waits_of_this_thread;

/// What takes longer, and waited, has waited for the disk.
const BRIEF: Duration = Duration::from_millis(1);

/// How long operations are handed over after one that waited.
const WARY: Duration = Duration::from_millis(100);

/// The operations of a process that run where they arrived, and whether more may.
#[derive(Debug)]
pub struct InPlace {
    /// How many may at once.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    wary_until: Option<Instant>,
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
pub struct Here<'a> {
    of: &'a InPlace,
    began: Moment,
}

impl InPlace {
    /// For so many threads, of which one at least never waits for the disk.
    pub fn new(threads: usize) -> Self {
        Self {
            most: threads.saturating_sub(1),
            state: Mutex::default(),
        }
    }

    /// Begins an operation here, if it may.
    pub fn begin(&self) -> Option<Here<'_>> {
        let began = Moment::now();
        self.begin_at(began.time).then(|| Here { of: self, began })
    }

    fn begin_at(&self, now: Instant) -> bool {
        let mut state = self.state();
        let may = state.running < self.most && state.wary_until.is_none_or(|until| now >= until);
        state.running += usize::from(may);
        may
    }

    fn end_at(&self, began: Moment, now: Moment) {
        let mut state = self.state();
        state.running -= 1;
        let took = now.time.saturating_duration_since(began.time);
        if took > BRIEF && now.waits > began.waits {
            state.wary_until = Some(now.time + WARY);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.of.end_at(self.began, Moment::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(start: Instant, micros: u64, waits: u64) -> Moment {
        Moment {
            time: start + Duration::from_micros(micros),
            waits,
        }
    }

    #[test]
    fn one_thread_is_left_over() {
        let (start, in_place) = (Instant::now(), InPlace::new(3));
        assert!(in_place.begin_at(start));
        assert!(in_place.begin_at(start));
        assert!(!in_place.begin_at(start));
        in_place.end_at(moment(start, 0, 0), moment(start, 10, 0));
        assert!(in_place.begin_at(start));
        assert!(!InPlace::new(1).begin_at(start));
        assert!(!InPlace::new(0).begin_at(start));
    }

    #[test]
    fn after_one_that_waited_others_are_handed_over_for_a_while() {
        for (took, waited, wary) in [
            (900, 1, false),
            (5_000, 0, false),
            (1_100, 1, true),
            (60_000_000, 3, true),
        ] {
            let (start, in_place) = (Instant::now(), InPlace::new(2));
            let after = |micros| moment(start, micros, 0).time;
            assert!(in_place.begin_at(start));
            in_place.end_at(moment(start, 0, 7), moment(start, took, 7 + waited));
            for later in [0, 99_999] {
                let may = in_place.begin_at(after(took + later));
                assert_eq!(may, !wary, "{took} µs, {waited} waits, {later} µs later");
                if may {
                    in_place.end_at(moment(start, 0, 0), moment(start, 0, 0));
                }
            }
            assert!(in_place.begin_at(after(took + 100_000)), "{took}");
        }
    }

    #[test]
    fn sleeping_is_waiting_and_working_is_not() {
        let before = waits_of_this_thread();
        std::thread::sleep(Duration::from_millis(2));
        assert!(waits_of_this_thread() > before);
        let in_place = InPlace::new(2);
        let here = in_place.begin().unwrap();
        std::thread::sleep(Duration::from_millis(3));
        drop(here);
        assert!(in_place.begin().is_none());
    }
}
