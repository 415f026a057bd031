//! What a client has had done, and for whom, for people to see.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits;

/// No user: its number is refused as a credential.
const NOBODY: u64 = u64::MAX;

/// A user whom a client said that it acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssertedUser {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Requests made so.
    pub calls: u64,
}

/// Counts of a client, of bounded size. They take no lock: its requests run side by side.
#[derive(Debug)]
pub struct Activity {
    operations: AtomicU64,
    /// User id and group id, and how many requests.
    users: [(AtomicU64, AtomicU64); limits::MAX_COUNTED_USERS],
    others: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            operations: AtomicU64::new(0),
            users: std::array::from_fn(|_| (AtomicU64::new(NOBODY), AtomicU64::new(0))),
            others: AtomicU64::new(0),
        }
    }
}

impl Activity {
    /// Counts a request with so many operations.
    pub fn count(&self, uid: u32, gid: u32, operations: u32) {
        self.operations
            .fetch_add(operations.into(), Ordering::Relaxed);
        let user = u64::from(uid) << 32 | u64::from(gid);
        let calls = self.users.iter().find_map(|(known, calls)| {
            let mut found = known.load(Ordering::Relaxed);
            if found == NOBODY {
                // Another request may have come first, maybe of the same user.
                let taken =
                    known.compare_exchange(NOBODY, user, Ordering::Relaxed, Ordering::Relaxed);
                found = taken.map_or_else(|other| other, |_| user);
            }
            (found == user).then_some(calls)
        });
        calls
            .unwrap_or(&self.others)
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Operations in all.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// The users that came first, in that order.
    #[must_use]
    pub fn users(&self) -> Vec<AssertedUser> {
        let known = self.users.iter();
        let users = known.map_while(|(user, calls)| {
            let user = user.load(Ordering::Relaxed);
            let [a, b, c, d, e, f, g, h] = user.to_be_bytes();
            (user != NOBODY).then(|| AssertedUser {
                uid: u32::from_be_bytes([a, b, c, d]),
                gid: u32::from_be_bytes([e, f, g, h]),
                calls: calls.load(Ordering::Relaxed),
            })
        });
        users.collect()
    }

    /// Requests for others than those.
    #[must_use]
    pub fn other_calls(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_counted_each_and_those_beyond_the_bound_together() {
        let activity = Activity::default();
        let most = u32::try_from(limits::MAX_COUNTED_USERS).unwrap();
        for uid in 0..most + 3 {
            for _ in 0..2 {
                activity.count(uid, 7 * uid, 3);
            }
        }
        let users = activity.users();
        assert_eq!(users.len(), limits::MAX_COUNTED_USERS);
        for (uid, user) in (0..).zip(users) {
            let (gid, calls) = (7 * uid, 2);
            assert_eq!(user, AssertedUser { uid, gid, calls });
        }
        assert_eq!(activity.other_calls(), 6);
        assert_eq!(activity.operations(), u64::from(most + 3) * 6);
    }

    #[test]
    fn one_user_in_two_groups_is_told_apart() {
        let activity = Activity::default();
        activity.count(1, 2, 1);
        activity.count(1, 3, 1);
        assert_eq!(activity.users().len(), 2);
    }

    #[test]
    fn nothing_is_lost_or_doubled_when_requests_run_side_by_side() {
        let activity = Activity::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let activity = &activity;
                scope.spawn(move || {
                    for turn in 0..1000 {
                        activity.count((thread + turn) % 20, 0, 1);
                    }
                });
            }
        });
        let users = activity.users();
        let mut uids: Vec<_> = users.iter().map(|user| user.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!(uids.len(), limits::MAX_COUNTED_USERS);
        let calls: u64 = users.iter().map(|user| user.calls).sum();
        assert_eq!(calls + activity.other_calls(), 4000);
        assert!(users.iter().all(|user| user.calls == 200));
    }
}
