//! How much Amazon EFS would meter for the whole tree (EFS user guide, "Metering"): a background
//! walk adds up what every object counts.
//!
//! As on EFS it is eventually consistent. After a change the next walk begins a second later, but
//! walks take one fiftieth of one processor's time at most, so that the size of a large tree is
//! older: with 1,000,000 files some minutes. What the host changes shows within an hour.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::Statx;
use rustix::io::Errno;

use crate::attributes::{FileType, Timestamp};
use crate::file_system::{FileSystem, now};
use crate::metering::metered_object;
use crate::stat::file_type;
use crate::sys;
use crate::walk::{self, End};

/// The name of the last result in the directory of records.
const METERED: &str = "metered";
/// What EFS meters for a new file system: its root.
const EMPTY: u64 = 6144;

/// How long after a change a walk begins, so that changes come together.
const SOON: Duration = Duration::from_secs(1);
/// How often to look for what the host has changed. EFS samples once an hour.
const SAMPLED: Duration = Duration::from_secs(60 * 60);
/// For how many times the length of a walk there is none. Walks sleep half of their time.
const REST: u32 = 24;
/// How many entries are looked at before the walk sleeps for as long as that took.
const BATCH: u32 = 256;
/// The longest sleep within a walk.
const PAUSE: Duration = Duration::from_millis(100);
/// How often to begin anew when somebody moves the directory that a walk is in.
const ATTEMPTS: usize = 3;
/// Parts of a byte, to divide what has several names among them.
const PARTS: u32 = 20;

/// What a file system is metered at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeteredSize {
    /// Bytes; 6144 of a new file system.
    pub bytes: u64,
    /// When they were added up.
    pub at: Timestamp,
}

/// The last result, and the thread that replaces it. A new tree has none until something changes:
/// there may be thousands in which nothing ever does.
pub(crate) struct Meter {
    shared: Arc<Shared>,
    root: OnceLock<Arc<OwnedFd>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    /// Where the result is kept over restarts.
    path: Option<PathBuf>,
    bytes: AtomicU64,
    size: Mutex<MeteredSize>,
    /// How deep the deepest directory may lie; as far as is known.
    deepest: AtomicU64,
    /// The same, of what was made or moved since the last walk began.
    deepened: AtomicU64,
    /// Whether something has changed since the last walk began.
    touched: AtomicBool,
    stop: AtomicBool,
    waiting: Mutex<()>,
    wake: Condvar,
}

/// What a walk has found so far.
struct Sum {
    parts: u128,
    deepest: u64,
}

impl Sum {
    /// Objects with several names are met once for each.
    fn add(&mut self, stat: &Statx) {
        let kind = file_type(stat);
        let bytes = metered_object(kind, stat.stx_size, stat.stx_blocks.saturating_mul(512));
        let names = match kind {
            FileType::Directory => 1,
            _ => stat.stx_nlink.max(1),
        };
        self.parts += (u128::from(bytes) << PARTS) / u128::from(names);
    }

    fn bytes(&self) -> u64 {
        let rounded = (self.parts + (1 << (PARTS - 1))) >> PARTS;
        u64::try_from(rounded).unwrap_or(u64::MAX)
    }
}

/// Whether a result is so old that the host may have changed something that should show.
fn is_old(at: Timestamp, now: u64) -> bool {
    let now = timestamp(now).seconds;
    now.saturating_sub(at.seconds).unsigned_abs() >= SAMPLED.as_secs()
}

/// How long after a walk that took so long the next one begins.
fn rest(took: Duration, touched: bool) -> Duration {
    let least = if touched { SOON } else { SAMPLED };
    took.saturating_mul(REST).max(least)
}

impl Meter {
    /// The meter of a tree, of which `empty` says that it is new.
    pub(crate) fn new(records: Option<&std::path::Path>, empty: bool) -> Self {
        let path = records.map(|records| records.join(METERED));
        let kept = path.as_ref().filter(|_| !empty).and_then(read);
        let fresh = MeteredSize {
            bytes: EMPTY,
            at: timestamp(now()),
        };
        let deepest = if empty { 0 } else { u64::MAX };
        let (size, deepest) = kept.unwrap_or((fresh, deepest));
        Self {
            shared: Arc::new(Shared {
                path,
                bytes: AtomicU64::new(size.bytes),
                size: Mutex::new(size),
                deepest: AtomicU64::new(deepest),
                deepened: AtomicU64::new(0),
                touched: AtomicBool::new(!empty),
                stop: AtomicBool::new(false),
                waiting: Mutex::default(),
                wake: Condvar::new(),
            }),
            root: OnceLock::new(),
            thread: Mutex::default(),
        }
    }

    /// Begins to meter in the background, when there is something to find.
    pub(crate) fn start(&self, root: OwnedFd) {
        // It is called once.
        let _ = self.root.set(Arc::new(root));
        if self.shared.touched.load(Ordering::SeqCst) {
            self.begin();
        }
    }

    /// The tree is as a new one is, whatever was done to it so far.
    pub(crate) fn is_new(&self) {
        self.shared.touched.store(false, Ordering::SeqCst);
    }

    /// Has a thread, once the root is known.
    fn begin(&self) {
        let mut thread = lock(&self.thread);
        let Some(root) = self.root.get().filter(|_| thread.is_none()) else {
            return;
        };
        let (shared, root) = (Arc::clone(&self.shared), Arc::clone(root));
        let begun = std::thread::Builder::new()
            .name("localefs-meter".to_owned())
            .spawn(move || shared.run(&root));
        match begun {
            Ok(begun) => *thread = Some(begun),
            Err(error) => tracing::warn!(%error, "no thread to meter the file system"),
        }
    }

    /// Notes that something has changed.
    pub(crate) fn touch(&self) {
        let shared = &self.shared;
        if !shared.touched.load(Ordering::Relaxed) && !shared.touched.swap(true, Ordering::SeqCst) {
            drop(lock(&shared.waiting));
            shared.wake.notify_one();
            self.begin();
        }
    }

    /// The last result. Where nothing has changed since a new tree was made, the host is looked
    /// after when somebody asks.
    fn size(&self) -> MeteredSize {
        let size = *lock(&self.shared.size);
        if is_old(size.at, now()) && lock(&self.thread).is_none() {
            self.touch();
        }
        size
    }

    /// How deep the deepest directory may lie below the root.
    pub(crate) fn deepest(&self) -> u64 {
        self.shared.deepest.load(Ordering::SeqCst)
    }

    /// Notes that there may be a directory so deep.
    pub(crate) fn deepen(&self, depth: u64) {
        self.shared.deepened.fetch_max(depth, Ordering::SeqCst);
        self.shared.deepest.fetch_max(depth, Ordering::SeqCst);
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.waiting));
        self.shared.wake.notify_one();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, root: &OwnedFd) {
        let (mut ended, mut took) = (Instant::now(), Duration::ZERO);
        while self.wait(ended, took) {
            let began = Instant::now();
            self.touched.store(false, Ordering::SeqCst);
            // What was about to be made when the walk began may be where it has been.
            let before = self.deepened.swap(0, Ordering::SeqCst);
            match self.walk(root) {
                Ok(Some(mut sum)) => {
                    sum.deepest = sum.deepest.max(before);
                    self.publish(&sum);
                }
                // The last result stays until another walk comes to its end.
                Ok(None) => self.touched.store(true, Ordering::SeqCst),
                Err(errno) => {
                    self.touched.store(true, Ordering::SeqCst);
                    tracing::warn!(%errno, "the file system can't be metered");
                }
            }
            (ended, took) = (Instant::now(), began.elapsed());
        }
    }

    /// Waits until it is time for a walk; false if there is to be none any more.
    fn wait(&self, ended: Instant, took: Duration) -> bool {
        let mut guard = lock(&self.waiting);
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return false;
            }
            let rest = rest(took, self.touched.load(Ordering::SeqCst));
            let Some(left) = rest.checked_sub(ended.elapsed()).filter(|l| !l.is_zero()) else {
                return true;
            };
            let waited = self.wake.wait_timeout(guard, left);
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn walk(&self, root: &OwnedFd) -> Result<Option<Sum>, Errno> {
        for _ in 0..ATTEMPTS {
            let stat = sys::stat(root.as_fd())?;
            let device = (stat.stx_dev_major, stat.stx_dev_minor);
            let mut sum = Sum {
                parts: 0,
                deepest: 0,
            };
            sum.add(&stat);
            let (mut batch, mut since) = (0, Instant::now());
            let walked = walk::over(root.as_fd(), &self.stop, &mut |met| {
                let stat = match sys::stat_at(met.directory, met.name) {
                    Ok(stat) => stat,
                    Err(Errno::NOENT | Errno::ACCESS) => return Ok(()),
                    Err(errno) => return Err(errno),
                };
                if (stat.stx_dev_major, stat.stx_dev_minor) == device {
                    sum.add(&stat);
                    if file_type(&stat) == FileType::Directory {
                        sum.deepest = sum.deepest.max(met.depth);
                    }
                }
                batch += 1;
                if batch == BATCH {
                    std::thread::sleep(since.elapsed().min(PAUSE));
                    (batch, since) = (0, Instant::now());
                }
                Ok(())
            })?;
            match walked {
                End::Finished => return Ok(Some(sum)),
                End::Stopped => return Ok(None),
                End::Moved => {}
            }
        }
        Ok(None)
    }

    fn publish(&self, sum: &Sum) {
        let size = MeteredSize {
            bytes: sum.bytes(),
            at: timestamp(now()),
        };
        let deepest = sum.deepest.max(self.deepened.load(Ordering::SeqCst));
        // Before anybody has seen it, so that it is the same after a restart.
        if let Some(path) = &self.path
            && let Err(error) = write(path, size, deepest)
        {
            tracing::debug!(path = %path.display(), %error, "the metered size is not kept");
        }
        *lock(&self.size) = size;
        self.bytes.store(size.bytes, Ordering::SeqCst);
        self.deepest.store(deepest, Ordering::SeqCst);
        // After that, so that nothing that came meanwhile is lost.
        let deepened = self.deepened.load(Ordering::SeqCst);
        self.deepest.fetch_max(deepened, Ordering::SeqCst);
    }
}

impl FileSystem {
    /// What Amazon EFS would meter, as of some time ago: a second or so after the last change of a
    /// small tree, some minutes after that of one of 1,000,000 files, and within an hour of what
    /// the host has changed. The same as before over a restart, and 6144 bytes of a file system
    /// that was never looked at.
    #[must_use]
    pub fn metered_size(&self) -> MeteredSize {
        self.meter.size()
    }

    /// [`FileSystem::metered_size`] in bytes, for who asks often.
    #[must_use]
    pub fn metered_bytes(&self) -> u64 {
        self.meter.shared.bytes.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn timestamp(nanoseconds: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
        nanoseconds: u32::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
    }
}

/// The kept result, if there is one that is whole: else the first walk finds it again.
fn read(path: &PathBuf) -> Option<(MeteredSize, u64)> {
    let text = std::fs::read_to_string(path).ok()?;
    let numbers: Option<Vec<u64>> = text
        .split(' ')
        .map(|word| word.trim().parse().ok())
        .collect();
    match numbers?[..] {
        [bytes, at, deepest] if text.ends_with('\n') => {
            let at = timestamp(at);
            Some((MeteredSize { bytes, at }, deepest))
        }
        _ => None,
    }
}

fn write(path: &PathBuf, size: MeteredSize, deepest: u64) -> std::io::Result<()> {
    let Timestamp {
        seconds,
        nanoseconds,
    } = size.at;
    let at = seconds * 1_000_000_000 + i64::from(nanoseconds);
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{} {at} {deepest}\n", size.bytes))?;
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_take_little_of_the_time() {
        let seconds = Duration::from_secs;
        assert_eq!(rest(Duration::ZERO, true), SOON);
        assert_eq!(rest(Duration::ZERO, false), SAMPLED);
        assert_eq!(rest(seconds(10), true), seconds(240));
        assert_eq!(rest(seconds(1000), false), seconds(24_000));
    }

    #[test]
    fn results_are_old_after_an_hour() {
        const HOUR: u64 = 3_600_000_000_000;
        let at = timestamp(HOUR);
        assert!(!is_old(at, HOUR) && !is_old(at, 2 * HOUR - 1_000_000_000));
        assert!(is_old(at, 2 * HOUR));
        assert!(is_old(timestamp(3 * HOUR), HOUR), "the clock was set back");
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(METERED);
        let size = MeteredSize {
            bytes: 12_288,
            at: timestamp(1_700_000_000_123_456_789),
        };
        assert_eq!(read(&path), None);
        write(&path, size, 5).unwrap();
        assert_eq!(read(&path), Some((size, 5)));
        for damaged in ["", "1 2", "1 2 3", "1 2 3 4\n", "x 2 3\n", "1 -2 3\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path), None, "{damaged:?}");
        }
    }
}
