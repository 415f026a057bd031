//! What may be found after a power cut, given what was done before and how it was answered.
//!
//! Pure: a history goes in with what was found, a verdict comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An object of a history, by its place in the order in which they were made; 0 is the top.
pub type Id = usize;

/// A name: its directory, and the bytes.
pub type Name = (Id, String);

/// Who owns an object, and its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// User and group.
    pub id: u32,
    /// Permission bits; 0o777 of what has none.
    pub mode: u32,
}

/// Something that changes names or owners.
#[derive(Clone, Debug)]
pub enum Step {
    /// An object is made under its first name.
    Make {
        /// Its name.
        at: Name,
        /// The object.
        id: Id,
        /// Its owner.
        owner: Owner,
    },
    /// An object gets one more name.
    Link {
        /// The new name.
        at: Name,
        /// The object.
        id: Id,
    },
    /// A name moves, perhaps onto another.
    Rename {
        /// The old name.
        from: Name,
        /// The new name.
        to: Name,
    },
    /// A name goes.
    Remove {
        /// The name.
        at: Name,
    },
    /// An object gets another owner.
    Own {
        /// The object.
        id: Id,
        /// Its owner.
        owner: Owner,
    },
}

/// Names and owners at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What each name stands for.
    pub names: BTreeMap<Name, Id>,
    /// The owner of each object that has a name.
    pub owners: BTreeMap<Id, Owner>,
}

impl State {
    /// Does one step.
    pub fn apply(&mut self, step: &Step) {
        let lost = match step {
            Step::Make { at, id, owner } => {
                self.owners.insert(*id, *owner);
                self.names.insert(at.clone(), *id)
            }
            Step::Link { at, id } => self.names.insert(at.clone(), *id),
            Step::Rename { from, to } => {
                let moved = self.names.remove(from);
                moved.and_then(|id| self.names.insert(to.clone(), id))
            }
            Step::Remove { at } => self.names.remove(at),
            Step::Own { id, owner } => {
                if let Some(old) = self.owners.get_mut(id) {
                    *old = *owner;
                }
                None
            }
        };
        if let Some(id) = lost.filter(|id| self.links(*id) == 0) {
            self.owners.remove(&id);
        }
    }

    /// How many names an object has.
    #[must_use]
    pub fn links(&self, id: Id) -> usize {
        self.names.values().filter(|named| **named == id).count()
    }
}

/// What a server promises of owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// They are the disk's, and as old as the names.
    Native,
    /// They are in a table: what was not brought to the disk may be older than the names, or be
    /// the host's.
    Shadow,
}

/// What a client did since the disk was last known, and how far it was promised to stay.
#[derive(Clone, Debug, Default)]
pub struct History {
    base: State,
    steps: Vec<Step>,
    /// So many steps must be there.
    names_kept: usize,
    /// The owners that so many steps gave are on the disk.
    owners_kept: usize,
}

impl History {
    /// Begins where the disk is in this state.
    #[must_use]
    pub fn new(base: State) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    /// Adds a step that is about to be asked for, or has been done.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Takes back the last step, which was refused.
    pub fn pop(&mut self) {
        self.steps.pop();
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing was done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The first steps, so many, have been promised to stay.
    pub fn keep_names(&mut self, steps: usize) {
        self.names_kept = self.names_kept.max(steps);
    }

    /// All owners so far have been promised to stay.
    pub fn keep_owners(&mut self) {
        self.owners_kept = self.steps.len();
    }

    /// After which step an object had its first name.
    #[must_use]
    pub fn made(&self, object: Id) -> usize {
        let made = |step: &Step| matches!(step, Step::Make { id, .. } if *id == object);
        self.steps.iter().position(made).map_or(0, |at| at + 1)
    }

    /// After which step an object had its last owner.
    #[must_use]
    pub fn owned(&self, object: Id) -> usize {
        let owned = |step: &Step| match step {
            Step::Make { id, .. } | Step::Own { id, .. } => *id == object,
            _ => false,
        };
        self.steps.iter().rposition(owned).map_or(0, |at| at + 1)
    }

    /// How many of the steps a state shows: as many as it can.
    ///
    /// # Errors
    /// A state that did not exist, or one that is too old.
    pub fn judge(&self, found: &State, owners: Owners) -> Result<usize, Violation> {
        let mut state = self.base.clone();
        let mut shown = Vec::new();
        for step in 0..=self.steps.len() {
            if step > 0 {
                state.apply(&self.steps[step - 1]);
            }
            if state.names == found.names {
                let same = owners == Owners::Shadow || self.explains(&state, step, found);
                shown.push((step, same));
            }
        }
        let Some((last, _)) = shown.last() else {
            return Err(Violation::new(Fault::Names, self.nearest(found)));
        };
        let kept = |(step, _): &&(usize, bool)| *step >= self.names_kept;
        if *last < self.names_kept {
            let text = format!("{last} steps are there, {} must be", self.names_kept);
            return Err(Violation::new(Fault::Lost, text));
        }
        let Some((step, _)) = shown.iter().filter(kept).rfind(|(_, same)| *same) else {
            let text = format!("after step {last}: {:?}", self.wrong_owners(found, *last));
            return Err(Violation::new(Fault::Owners, text));
        };
        if owners == Owners::Shadow {
            for (id, owner) in &found.owners {
                let allowed = self.allowed_owners(*id);
                if !allowed.contains(owner) {
                    let text = format!(
                        "object {id} has {owner:?} instead of {allowed:?}; before {:?}, made by step \
                         {} of {}, all on record after {}",
                        self.base.owners.get(id),
                        self.made(*id),
                        self.steps.len(),
                        self.owners_kept
                    );
                    return Err(Violation::new(Fault::Owners, text));
                }
            }
        }
        Ok(*step)
    }

    /// Whether found owners are those after so many steps. The disk takes no owner and mode at
    /// once: the last step may be half done there, unless it was promised to stay.
    fn explains(&self, state: &State, steps: usize, found: &State) -> bool {
        let mut wrong = found
            .owners
            .iter()
            .filter(|(id, owner)| state.owners.get(*id) != Some(*owner));
        let Some((wrong_id, wrong_owner)) = wrong.next() else {
            return true;
        };
        let made = steps.checked_sub(1).and_then(|last| self.steps.get(last));
        let half = match (made, self.steps.get(steps)) {
            (Some(Step::Make { id, owner, .. }), _) if id == wrong_id => {
                let halves = [0, owner.id].map(|id| Owner { id, mode: 0 });
                steps > self.names_kept && halves.contains(wrong_owner)
            }
            (_, Some(Step::Own { id, owner })) if id == wrong_id => {
                let old = state.owners.get(id).map_or(0, |old| old.mode);
                let half = Owner {
                    id: owner.id,
                    mode: old,
                };
                steps + 1 > self.names_kept && *wrong_owner == half
            }
            _ => false,
        };
        half && wrong.next().is_none()
    }

    /// What may be on record of an object whose record may be late.
    fn allowed_owners(&self, object: Id) -> Vec<Owner> {
        let mut allowed = Vec::from_iter(self.base.owners.get(&object).copied());
        for (at, step) in (1..).zip(&self.steps) {
            match step {
                Step::Make { id, owner, .. } if *id == object => {
                    allowed = vec![*owner];
                    if at > self.owners_kept {
                        allowed.extend(OUTSIDE.map(|mode| Owner { id: 0, mode }));
                    }
                }
                Step::Own { id, owner } if *id == object => {
                    if at <= self.owners_kept {
                        allowed.clear();
                    }
                    allowed.push(*owner);
                }
                _ => {}
            }
        }
        allowed
    }

    fn wrong_owners(&self, found: &State, steps: usize) -> Vec<(Id, Option<Owner>, Owner)> {
        let state = self.state(steps);
        let pairs = found.owners.iter();
        pairs
            .map(|(id, owner)| (*id, state.owners.get(id).copied(), *owner))
            .filter(|(_, wanted, owner)| *wanted != Some(*owner))
            .collect()
    }

    /// The state after so many steps.
    #[must_use]
    pub fn state(&self, steps: usize) -> State {
        let mut state = self.base.clone();
        for step in &self.steps[..steps] {
            state.apply(step);
        }
        state
    }

    /// How a state differs from the one that is most like it.
    fn nearest(&self, found: &State) -> String {
        let pairs = |state: &State| -> BTreeSet<(Name, Id)> {
            let names = state.names.iter();
            names.map(|(name, id)| (name.clone(), *id)).collect()
        };
        let found = pairs(found);
        let differences = |steps: usize| -> Vec<_> {
            let state = pairs(&self.state(steps));
            state.symmetric_difference(&found).cloned().collect()
        };
        let best = (0..=self.steps.len()).min_by_key(|steps| differences(*steps).len());
        let best = best.unwrap_or(0);
        let around = &self.steps[best.saturating_sub(3)..self.steps.len().min(best + 3)];
        format!(
            "nearest to it is what was there after {best} of {} steps, but for {:?}; around: \
             {around:?}",
            self.steps.len(),
            differences(best)
        )
    }
}

/// The host's modes of what has no record, with shadow ownership; the last is a link's.
const OUTSIDE: [u32; 3] = [0o600, 0o700, 0o777];

/// In which way a promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was promised to stay is not there.
    Lost,
    /// Bytes that nobody wrote there.
    Garbage,
    /// Names in a state that did not exist.
    Names,
    /// An owner or a mode that was not given.
    Owners,
    /// A handle that names another object, or none though it is there.
    Handle,
    /// A change attribute that was shown for another state.
    Change,
    /// The write verifier of before the cut.
    Verifier,
    /// A client that can't reclaim what it held.
    Reclaim,
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// In which way.
    pub fault: Fault,
    /// What was found.
    pub text: String,
}

impl Violation {
    /// Something was found.
    #[must_use]
    pub fn new(fault: Fault, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { fault, text }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.fault, self.text)
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Owner = Owner { id: 7, mode: 0o640 };
    const OTHER: Owner = Owner { id: 8, mode: 0o600 };

    fn name(name: &str) -> Name {
        (0, name.to_owned())
    }

    fn make(at: &str, id: Id) -> Step {
        let (at, owner) = (name(at), OWN);
        Step::Make { at, id, owner }
    }

    /// a and b are made, b becomes c, then a becomes c, then its owner changes.
    fn history() -> History {
        let mut history = History::new(State::default());
        history.push(make("a", 1));
        history.push(make("b", 2));
        let (from, to) = (name("b"), name("c"));
        history.push(Step::Rename { from, to });
        let (from, to) = (name("a"), name("c"));
        history.push(Step::Rename { from, to });
        let (id, owner) = (1, OTHER);
        history.push(Step::Own { id, owner });
        history
    }

    fn fault(verdict: Result<usize, Violation>) -> Fault {
        verdict.expect_err("a violation").fault
    }

    #[test]
    fn every_state_that_existed_is_accepted() {
        let history = history();
        for steps in 0..=history.len() {
            let state = history.state(steps);
            assert_eq!(history.judge(&state, Owners::Native).unwrap(), steps);
            history.judge(&state, Owners::Shadow).unwrap();
        }
        let last = history.state(5);
        assert_eq!(last.names, BTreeMap::from([(name("c"), 1)]));
        assert_eq!(last.owners, BTreeMap::from([(1, OTHER)]));
    }

    #[test]
    fn what_did_not_exist_is_found_out() {
        let history = history();
        let mut state = history.state(2);
        state.apply(&Step::Remove { at: name("a") });
        assert_eq!(fault(history.judge(&state, Owners::Native)), Fault::Names);
        let mut state = history.state(2);
        state.owners.insert(1, OTHER);
        assert_eq!(fault(history.judge(&state, Owners::Native)), Fault::Owners);
    }

    #[test]
    fn the_last_step_may_be_half_done_where_it_takes_two() {
        let mut history = history();
        let mut state = history.state(4);
        let half = Owner {
            id: OTHER.id,
            mode: OWN.mode,
        };
        state.owners.insert(1, half);
        assert_eq!(history.judge(&state, Owners::Native).unwrap(), 4);
        history.keep_names(5);
        assert!(history.judge(&state, Owners::Native).is_err());
        let mut state = history.state(4);
        let half = Owner {
            id: OWN.id,
            mode: OTHER.mode,
        };
        state.owners.insert(1, half);
        assert!(history.judge(&state, Owners::Native).is_err());
    }

    #[test]
    fn what_was_promised_must_be_there() {
        let mut history = history();
        history.keep_names(3);
        let old = history.state(2);
        assert_eq!(fault(history.judge(&old, Owners::Native)), Fault::Lost);
        let new = history.state(3);
        assert_eq!(history.judge(&new, Owners::Native).unwrap(), 3);
    }

    #[test]
    fn a_late_record_is_the_hosts_or_an_older_one() {
        let mut history = history();
        let mut state = history.state(5);
        let host = Owner { id: 0, mode: 0o600 };
        for owner in [OWN, OTHER, host] {
            state.owners.insert(1, owner);
            assert_eq!(history.judge(&state, Owners::Shadow).unwrap(), 5);
        }
        state.owners.insert(1, Owner { id: 9, mode: 0 });
        assert_eq!(fault(history.judge(&state, Owners::Shadow)), Fault::Owners);
        history.keep_owners();
        for owner in [OWN, host] {
            state.owners.insert(1, owner);
            assert_eq!(fault(history.judge(&state, Owners::Shadow)), Fault::Owners);
        }
        state.owners.insert(1, OTHER);
        history.judge(&state, Owners::Shadow).unwrap();
    }
}
