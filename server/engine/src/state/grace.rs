//! The grace period after a restart (RFC 8881 §8.4.2).

use std::collections::{HashMap, HashSet};

use super::clock::Millis;

/// Who may still reclaim, and until when.
#[derive(Debug, Default)]
pub struct Grace {
    ends: Option<Millis>,
    /// `co_ownerid`s by mount target; no set is empty.
    pending: HashMap<String, HashSet<Vec<u8>>>,
}

impl Grace {
    /// A grace period until `ends` for the clients on record, each with the name of its mount
    /// target; none if there are none.
    #[must_use]
    pub fn new(on_record: impl IntoIterator<Item = (String, Vec<u8>)>, ends: Millis) -> Self {
        let mut pending: HashMap<_, HashSet<_>> = HashMap::new();
        for (mount_target, co_ownerid) in on_record {
            pending.entry(mount_target).or_default().insert(co_ownerid);
        }
        Self {
            ends: (!pending.is_empty()).then_some(ends),
            pending,
        }
    }

    /// When it will end at the latest, if it has not.
    #[must_use]
    pub fn ends(&self) -> Option<Millis> {
        self.ends
    }

    /// Whether client `co_ownerid` of a mount target may reclaim.
    #[must_use]
    pub fn may_reclaim(&self, mount_target: &str, co_ownerid: &[u8]) -> bool {
        let pending = self.pending.get(mount_target);
        self.ends.is_some() && pending.is_some_and(|pending| pending.contains(co_ownerid))
    }

    /// Client `co_ownerid` of a mount target has reclaimed all. The last one of all mount targets
    /// ends the period.
    pub fn complete(&mut self, mount_target: &str, co_ownerid: &[u8]) {
        if let Some(pending) = self.pending.get_mut(mount_target) {
            pending.remove(co_ownerid);
            if pending.is_empty() {
                self.forget(mount_target);
            }
        }
    }

    /// No client of a mount target will come back.
    pub fn forget(&mut self, mount_target: &str) {
        self.pending.remove(mount_target);
        if self.pending.is_empty() {
            self.ends = None;
        }
    }

    /// The clients that did not come back in time; none while there is time.
    #[must_use]
    pub fn late(&self, now: Millis) -> Vec<(String, Vec<u8>)> {
        if self.ends.is_none_or(|ends| now < ends) {
            return Vec::new();
        }
        let all = self.pending.iter().flat_map(|(mount_target, pending)| {
            pending
                .iter()
                .map(|co_ownerid| (mount_target.clone(), co_ownerid.clone()))
        });
        all.collect()
    }

    /// Ends the period.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        let owned = |(mount_target, name): &(&str, &str)| {
            ((*mount_target).to_owned(), name.as_bytes().to_vec())
        };
        names.iter().map(owned).collect()
    }

    #[test]
    fn none_on_record_none_needed() {
        assert_eq!(Grace::new([], 90_000).ends(), None);
    }

    #[test]
    fn ends_when_all_have_reclaimed() {
        let mut grace = Grace::new(owners(&[("m", "a"), ("m", "b"), ("n", "a")]), 90_000);
        assert!(grace.may_reclaim("m", b"a") && !grace.may_reclaim("m", b"c"));
        assert!(!grace.may_reclaim("n", b"b"), "on another mount target");
        grace.complete("m", b"c");
        grace.complete("x", b"a");
        grace.complete("m", b"a");
        assert!(!grace.may_reclaim("m", b"a"));
        grace.complete("m", b"b");
        assert_eq!(grace.ends(), Some(90_000), "there is another mount target");
        grace.complete("n", b"a");
        assert_eq!(grace.ends(), None);
    }

    #[test]
    fn ends_with_the_mount_target_that_it_waits_for() {
        let mut grace = Grace::new(owners(&[("m", "a"), ("n", "b")]), 90_000);
        grace.complete("m", b"a");
        assert_eq!(grace.ends(), Some(90_000));
        grace.forget("n");
        assert_eq!(grace.ends(), None);
        assert!(!grace.may_reclaim("n", b"b"));
    }

    #[test]
    fn ends_in_time() {
        let mut grace = Grace::new(owners(&[("m", "a"), ("n", "b")]), 90_000);
        grace.complete("m", b"a");
        assert!(grace.late(89_999).is_empty());
        assert_eq!(grace.late(90_000), owners(&[("n", "b")]));
        assert!(grace.may_reclaim("n", b"b"), "until it is off the record");
        grace.end();
        assert_eq!(grace.ends(), None);
        assert!(!grace.may_reclaim("n", b"b"));
    }
}
