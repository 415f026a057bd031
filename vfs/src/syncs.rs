//! Syncs of one file at the same time.
//!
//! The kernel tells an error of writing to one sync of a descriptor; the next one hears of nothing,
//! though its data may be lost as well. So they come one after the other, and the write verifier has
//! changed before the next one ends. Who asks while one is under way gets the next one, together
//! with all others who do.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use rustix::io::Errno;

use crate::error::Error;
use crate::sys;

/// How much is brought to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// The data, and what is needed to find it.
    Data,
    /// The attributes, too.
    All,
}

impl Extent {
    pub(crate) fn sync(self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        match self {
            Self::Data => sys::sync_data(file),
            Self::All => sys::sync(file),
        }
    }
}

/// The files that are being synced.
#[derive(Debug, Default)]
pub(crate) struct Syncs(DashMap<u64, Arc<Turns>, RandomState>);

/// The syncs of one file.
#[derive(Debug, Default)]
struct Turns {
    begun: AtomicU64,
    last: Mutex<Option<Done>>,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    number: u64,
    extent: Extent,
    result: Result<(), Error>,
}

impl Syncs {
    /// The result of a sync of the file of this inode number that began after this was called:
    /// `sync`, unless there is such a one already. It returns only when all that belongs to an error
    /// is done.
    pub(crate) fn run(
        &self,
        fileid: u64,
        extent: Extent,
        sync: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let turns = Arc::clone(&self.0.entry(fileid).or_default());
        let result = turns.run(extent, sync);
        drop(turns);
        // Nobody else has it, and nobody gets it now.
        self.0
            .remove_if(&fileid, |_, turns| Arc::strong_count(turns) == 1);
        result
    }
}

impl Turns {
    fn run(&self, extent: Extent, sync: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock();
        if let Some(done) = *last
            && done.number > before
            && done.extent >= extent
        {
            return done.result;
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let result = sync();
        *last = Some(Done {
            number,
            extent,
            result,
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// What those get who ask, one after the other, while the first sync is under way: how many
    /// syncs there were in all, and the results.
    fn during_the_first(
        asked: &[Extent],
        results: &[Result<(), Error>],
    ) -> (u64, Vec<Result<(), Error>>) {
        let (syncs, count) = (Syncs::default(), AtomicU64::new(0));
        let sync = || {
            let number = count.fetch_add(1, Ordering::SeqCst);
            results[usize::try_from(number).unwrap()]
        };
        let (begun, is_begun) = channel();
        let (go_on, may_go_on) = channel();
        let found = thread::scope(|scope| {
            let (syncs, sync) = (&syncs, &sync);
            let first = scope.spawn(move || {
                syncs.run(7, Extent::All, || {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    sync()
                })
            });
            is_begun.recv().unwrap();
            let asked = asked.iter().enumerate().map(|(number, extent)| {
                let asks = scope.spawn(move || syncs.run(7, *extent, sync));
                let has_come = || Arc::strong_count(&syncs.0.get(&7).unwrap()) >= number + 3;
                let pause = || thread::sleep(Duration::from_millis(1));
                assert!((0..10_000).any(|_| has_come() || (pause(), false).1));
                // It may not have come to the lock yet, at which they are served in any order.
                thread::sleep(Duration::from_millis(20));
                asks
            });
            let asked: Vec<_> = asked.collect();
            go_on.send(()).unwrap();
            let all = std::iter::once(first).chain(asked);
            all.map(|one| one.join().unwrap()).collect()
        });
        assert!(syncs.0.is_empty(), "nothing stays");
        (count.into_inner(), found)
    }

    #[test]
    fn who_asks_during_a_sync_gets_the_next_one_with_all_others() {
        let all = [Extent::All; 5];
        let lost = Err(Error::Io(5));
        assert_eq!(during_the_first(&all, &[Ok(()); 2]), (2, vec![Ok(()); 6]));
        let (count, found) = during_the_first(&all, &[Ok(()), lost]);
        assert_eq!((count, found[0], &found[1..]), (2, Ok(()), &[lost; 5][..]));
        let (count, found) = during_the_first(&all, &[lost, Ok(())]);
        assert_eq!((count, found[0], &found[1..]), (2, lost, &[Ok(()); 5][..]));
    }

    #[test]
    fn a_sync_of_the_data_is_none_of_the_attributes() {
        let mixed = [Extent::Data, Extent::All, Extent::Data];
        let (count, found) = during_the_first(&mixed, &[Ok(()); 3]);
        assert!((2..=3).contains(&count), "{count}");
        assert_eq!(found, [Ok(()); 4]);
        let (count, _) = during_the_first(&[Extent::All, Extent::Data], &[Ok(()); 3]);
        assert!((2..=3).contains(&count), "{count}");
    }

    #[test]
    fn one_after_the_other_each_is_made() {
        let (syncs, count) = (Syncs::default(), AtomicU64::new(0));
        for _ in 0..3 {
            let sync = || {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            syncs.run(7, Extent::Data, sync).unwrap();
        }
        assert_eq!(count.into_inner(), 3);
    }
}
