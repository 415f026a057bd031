//! The change attribute: another value for every state, though the disk's clock is coarse.
//!
//! ctime stands still for up to 10 ms, so many states can share one. While an object is in memory,
//! our own modifications are counted on top of it; an object stays in memory until its ctime is
//! too old to be shared with a coming modification. Afterwards, or after a restart, ctime alone
//! tells the last state: shown with an offset that no count within one tick can reach, so that the
//! value is none that a client holds for an earlier state of the same ctime.

use parking_lot::Mutex;

use crate::table::checksum;

/// How long after a ctime another modification may still get the same one, in nanoseconds.
const RACY: u64 = 20_000_000;
/// Added to the ctime of an object first seen when settled. More modifications than this can't
/// happen in one tick, and a later ctime is at least `RACY` ahead.
const SETTLED: u64 = 1 << 22;
/// Added to a fresh ctime that dates from before this start: an earlier life may have counted.
const EARLIER_LIFE: u64 = 1 << 21;

/// By how much the values of two times between which the machine went down differ, at most.
const BOOTS: u64 = 1 << 56;

/// When a file system was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// In nanoseconds since 1970.
    pub at: u64,
    /// Added to every ctime; another one whenever the machine was down in between. A disk whose
    /// power was cut may have kept data, but not the ctime that goes with it, or the other way
    /// round: what it shows is a state of its own, though clients may know the ctime.
    pub boot: u64,
}

impl Opened {
    /// At this moment, by a machine that runs since the boot of this id.
    pub(crate) fn new(at: u64, boot_id: &[u8]) -> Self {
        let boot = checksum(3, boot_id) % BOOTS;
        Self { at, boot }
    }
}

/// The change attribute of an object seen for the first time, at `now`. All in nanoseconds since
/// 1970.
pub(crate) fn first_value(ctime: u64, now: u64, opened: Opened) -> u64 {
    let value = ctime.saturating_add(opened.boot);
    if now.saturating_sub(ctime) >= RACY {
        value.saturating_add(SETTLED)
    } else if ctime <= opened.at {
        value.saturating_add(EARLIER_LIFE)
    } else {
        value
    }
}

/// What is remembered of one object's changes.
#[derive(Debug, Default)]
pub(crate) struct ChangeState(Mutex<Remembered>);

#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    /// The count of modifications. It wraps, to 1, but not within the time for which one ctime lasts.
    epoch: u32,
    /// What was shown last: the value, 0 if there was none, and what it was shown for.
    shown: u64,
    shown_ctime: u64,
    shown_epoch: u32,
}

/// The count of modifications at the moment before the attributes were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u32);

impl ChangeState {
    /// To be called after each modification, before anybody is told that it was done.
    pub(crate) fn bump(&self) {
        let mut remembered = self.0.lock();
        remembered.epoch = remembered.epoch.checked_add(1).unwrap_or(1);
    }

    /// To be called before the attributes are read, so that a modification in between shows
    /// in the next observation at the latest.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.0.lock().epoch)
    }

    /// Remembers what was shown of the object before it was in memory, unless there was a
    /// modification since, or it was shown otherwise: then that doesn't hold any more.
    pub(crate) fn was_shown(&self, value: u64, ctime: u64) -> bool {
        let mut remembered = self.0.lock();
        let unseen = remembered.epoch == 0 && remembered.shown == 0;
        if unseen {
            remembered.shown = value;
            remembered.shown_ctime = ctime;
        }
        unseen || remembered.epoch == 0 && remembered.shown == value
    }

    /// The change attribute that belongs to attributes with this ctime, read after `epoch`.
    pub(crate) fn observe(&self, epoch: Epoch, ctime: u64, now: u64, opened: Opened) -> u64 {
        let mut last = self.0.lock();
        let value = if last.shown == 0 {
            // Modified before anybody looked: not the value of the state before.
            first_value(ctime, now, opened).saturating_add(epoch.0.into())
        } else if last.shown_epoch == epoch.0 && last.shown_ctime == ctime {
            last.shown
        } else {
            let next = last.shown.saturating_add(1);
            // What was not counted may have been counted in an earlier life of this object in
            // memory, at the same time.
            next.max(match last.shown_epoch == epoch.0 {
                true => first_value(ctime, now, opened),
                false => ctime.saturating_add(opened.boot),
            })
        };
        last.shown = value;
        last.shown_ctime = ctime;
        last.shown_epoch = epoch.0;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TICK: u64 = 4_000_000;
    const FIRST: Opened = Opened { at: 0, boot: 0 };

    #[test]
    fn the_same_state_shows_the_same_value() {
        let state = ChangeState::default();
        let first = state.observe(state.epoch(), 1000 * TICK, 1001 * TICK, FIRST);
        let later = state.observe(state.epoch(), 1000 * TICK, 9000 * TICK, FIRST);
        assert_eq!(first, later, "also once it is settled");
    }

    #[test]
    fn modifications_within_one_tick_differ() {
        let state = ChangeState::default();
        let mut last = state.observe(state.epoch(), 1000 * TICK, 1000 * TICK, FIRST);
        for _ in 0..100 {
            state.bump();
            let next = state.observe(state.epoch(), 1000 * TICK, 1000 * TICK, FIRST);
            assert!(next > last);
            last = next;
        }
        let forgotten = ChangeState::default();
        let fresh = forgotten.observe(forgotten.epoch(), 1000 * TICK, 1010 * TICK, FIRST);
        assert!(
            fresh > last,
            "after eviction no value of an older state comes back"
        );
    }

    #[test]
    fn what_was_shown_before_it_was_in_memory_stays() {
        let state = ChangeState::default();
        let (ctime, then) = (1000 * TICK, 1000 * TICK);
        let shown = first_value(ctime, then, FIRST);
        assert!(state.was_shown(shown, ctime));
        assert!(state.was_shown(shown, ctime), "by another one at that time");
        assert!(!state.was_shown(shown + 1, ctime));
        let later = state.observe(state.epoch(), ctime, then + 2 * RACY, FIRST);
        assert_eq!(later, shown, "also once it is settled");
        state.bump();
        assert!(!state.was_shown(shown, ctime));
        assert!(state.observe(state.epoch(), ctime, then, FIRST) > shown);
    }

    #[test]
    fn a_modification_during_the_reading_shows_next_time() {
        let state = ChangeState::default();
        let epoch = state.epoch();
        state.bump();
        let old = state.observe(epoch, 1000 * TICK, 1000 * TICK, FIRST);
        assert!(state.observe(state.epoch(), 1000 * TICK, 1000 * TICK, FIRST) > old);
    }

    #[test]
    fn changes_by_the_host_show() {
        let state = ChangeState::default();
        let old = state.observe(state.epoch(), 1000 * TICK, 2000 * TICK, FIRST);
        let new = state.observe(state.epoch(), 2000 * TICK, 2000 * TICK, FIRST);
        assert!(new > old);
        let back = state.observe(state.epoch(), 500 * TICK, 2001 * TICK, FIRST);
        assert!(back > new, "also when the host's clock goes back");
    }

    #[test]
    fn a_restart_within_a_tick_shows_no_old_value() {
        let state = ChangeState::default();
        let ctime = 1000 * TICK;
        let old = state.observe(state.epoch(), ctime, ctime, FIRST);
        state.bump();
        let new = state.observe(state.epoch(), ctime, ctime, FIRST);
        let after = ChangeState::default();
        let opened = Opened {
            at: ctime + 500,
            ..FIRST
        };
        let shown = after.observe(after.epoch(), ctime, ctime + 1000, opened);
        assert!(shown > old && shown > new);
    }

    /// One step in the life of an object.
    #[derive(Clone, Debug)]
    enum Step {
        Modify,
        ModifyUnseen,
        HostModifies,
        Look,
        Wait(u64),
        Forget,
        Restart,
        /// The machine goes down: the disk keeps a part of what was done last.
        PowerCut,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Modify),
            2 => Just(Step::ModifyUnseen),
            1 => Just(Step::HostModifies),
            3 => Just(Step::Look),
            3 => (0..3 * RACY).prop_map(Step::Wait),
            1 => Just(Step::Forget),
            1 => Just(Step::Restart),
            1 => Just(Step::PowerCut),
        ]
    }

    proptest! {
        #[test]
        fn no_value_ever_shows_two_states(steps in proptest::collection::vec(step(), 1..200)) {
            let mut now = 1_000_000 * TICK;
            let mut opened = Opened::new(now - 1, b"0");
            let mut kept = now;
            let mut ctime = now;
            let mut version = 0u64;
            let mut modified_at = now;
            let mut state = ChangeState::default();
            let mut seen = std::collections::HashMap::new();
            for step in steps {
                now += 1000;
                let coarse = now / TICK * TICK;
                let look = match step {
                    Step::Modify | Step::ModifyUnseen => {
                        ctime = coarse;
                        modified_at = now;
                        version += 1;
                        kept = if version.is_multiple_of(3) { ctime } else { kept };
                        state.bump();
                        matches!(step, Step::Modify)
                    }
                    Step::HostModifies => {
                        // A change by the host within the tick of another is beyond any server
                        // that has only ctime.
                        if coarse != ctime {
                            ctime = coarse;
                            modified_at = now;
                            version += 1;
                        }
                        true
                    }
                    Step::Look => true,
                    Step::Wait(time) => {
                        now += time;
                        false
                    }
                    Step::Forget => {
                        if now - modified_at > 2 * RACY {
                            state = ChangeState::default();
                        }
                        true
                    }
                    Step::Restart => {
                        // A restart takes longer than a modification is racy.
                        if now - modified_at > RACY {
                            state = ChangeState::default();
                            opened.at = now;
                        }
                        false
                    }
                    Step::PowerCut => {
                        now += 1_000_000_000;
                        state = ChangeState::default();
                        opened = Opened::new(now, &now.to_le_bytes());
                        // Data of which nobody knows how new it is, with an old ctime.
                        version += 1;
                        ctime = kept;
                        modified_at = ctime;
                        true
                    }
                };
                if look {
                    let value = state.observe(state.epoch(), ctime, now, opened);
                    let first = *seen.entry(value).or_insert(version);
                    prop_assert_eq!(first, version, "value {} shown for two states", value);
                }
            }
        }
    }
}
