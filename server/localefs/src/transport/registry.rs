//! The connections that are open.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_engine::Connection;
use tokio::sync::Notify;

/// What a connection has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Nothing.
    Serve = 0,
    /// Take no further record, answer those taken, and close.
    Finish = 1,
    /// Close.
    Cut = 2,
    /// Close, and let the client know by RST.
    Reset = 3,
}

/// Which connections are frozen: nothing is read from them, and nothing written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Frozen {
    /// None.
    #[default]
    None,
    /// Those that came to one of these addresses.
    At(Vec<IpAddr>),
    /// All.
    All,
}

impl Frozen {
    fn covers(&self, local: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::At(addresses) => addresses.contains(&local),
            Self::All => true,
        }
    }
}

/// How the rest of the process reaches one connection.
#[derive(Debug)]
pub(super) struct Control {
    order: AtomicU8,
    given: Notify,
    frozen: AtomicBool,
    /// The server's address.
    local: IpAddr,
    /// When its unfinished record began, in milliseconds since the registry was made, plus one;
    /// 0 between records.
    unfinished: AtomicU64,
    began: Instant,
}

impl Control {
    fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Relaxed);
        self.given.notify_one();
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Relaxed) {
            0 => Order::Serve,
            1 => Order::Finish,
            2 => Order::Cut,
            _ => Order::Reset,
        }
    }

    /// Whether nothing is to be read or written. [`Control::ordered`] tells of a change.
    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    /// Waits for an order.
    pub(super) async fn ordered(&self) {
        self.given.notified().await;
    }

    /// Says whether a record is unfinished; of repeated calls with true the first counts.
    pub(super) fn set_unfinished(&self, unfinished: bool) {
        if !unfinished {
            self.unfinished.store(0, Ordering::Relaxed);
        } else if self.unfinished.load(Ordering::Relaxed) == 0 {
            let since = self.milliseconds(Instant::now()) + 1;
            self.unfinished.store(since, Ordering::Relaxed);
        }
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.began).as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn unfinished_for(&self, now: Instant) -> Option<Duration> {
        let since = self.unfinished.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(
            self.milliseconds(now).saturating_sub(since),
        ))
    }
}

/// All open connections of a transport.
#[derive(Debug)]
pub(super) struct Registry {
    limit: usize,
    began: Instant,
    open: Mutex<Open>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    finishing: bool,
    frozen: Frozen,
    connections: HashMap<u64, Arc<Control>>,
}

/// A connection's place in the registry, left on drop.
#[derive(Debug)]
pub(super) struct Entry {
    registry: Arc<Registry>,
    pub(super) control: Arc<Control>,
    /// The connection as those who serve it see it.
    pub(super) connection: Arc<Connection>,
}

impl Registry {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            began: Instant::now(),
            open: Mutex::default(),
            emptied: Notify::new(),
        }
    }

    /// Enters a connection, if there is room for it.
    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr, local: IpAddr) -> Option<Entry> {
        let mut open = self.lock();
        if open.finishing || open.connections.len() >= self.limit {
            return None;
        }
        let id = open.next;
        open.next += 1;
        let control = Arc::new(Control {
            order: AtomicU8::new(Order::Serve as u8),
            given: Notify::new(),
            frozen: AtomicBool::new(open.frozen.covers(local)),
            local,
            unfinished: AtomicU64::new(0),
            began: self.began,
        });
        open.connections.insert(id, Arc::clone(&control));
        let connection = Arc::new(Connection { id, peer });
        Some(Entry {
            registry: Arc::clone(self),
            control,
            connection,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Freezes the connections that these are, also later ones, and lets the others go on.
    pub(super) fn freeze(&self, frozen: Frozen) {
        let mut open = self.lock();
        for control in open.connections.values() {
            control
                .frozen
                .store(frozen.covers(control.local), Ordering::Relaxed);
            control.given.notify_one();
        }
        open.frozen = frozen;
    }

    /// Resets connections; see [`super::Connections::reset`].
    pub(super) fn reset(&self, local: Option<IpAddr>, mut chosen: impl FnMut() -> bool) -> usize {
        let open = self.lock();
        let meant = open
            .connections
            .values()
            .filter(|control| local.is_none_or(|local| local == control.local) && chosen());
        meant.map(|control| control.give(Order::Reset)).count()
    }

    /// Tells all connections to finish and lets no further one in.
    pub(super) fn finish(&self) {
        let mut open = self.lock();
        open.finishing = true;
        for control in open.connections.values() {
            control.give(Order::Finish);
        }
    }

    /// Waits until no connection is left. Only after [`Registry::finish`].
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Cuts up to `count` connections whose record has been unfinished the longest, and for more
    /// than `patience`. Gives how many.
    pub(super) fn cut_slowest(&self, count: usize, patience: Duration) -> usize {
        let now = Instant::now();
        let mut slow: Vec<_> = self
            .lock()
            .connections
            .values()
            .filter_map(|control| {
                let age = control.unfinished_for(now).filter(|age| *age > patience)?;
                (control.order() < Order::Cut).then(|| (age, Arc::clone(control)))
            })
            .collect();
        slow.sort_unstable_by_key(|(age, _)| std::cmp::Reverse(*age));
        slow.truncate(count);
        for (_, control) in &slow {
            control.give(Order::Cut);
        }
        slow.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.registry.lock();
        open.connections.remove(&self.connection.id);
        if open.connections.is_empty() {
            self.registry.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 700))
    }

    #[test]
    fn there_is_room_for_so_many() {
        let registry = Arc::new(Registry::new(2));
        let first = registry.enter(peer(), LOCAL).unwrap();
        let second = registry.enter(peer(), LOCAL).unwrap();
        assert_ne!(first.connection.id, second.connection.id);
        assert!(registry.enter(peer(), LOCAL).is_none());
        drop(first);
        let third = registry.enter(peer(), LOCAL).unwrap();
        assert_ne!(third.connection.id, second.connection.id);
        assert_eq!(registry.len(), 2);
    }

    #[tokio::test]
    async fn finishing_reaches_all_and_ends_when_they_have_left() {
        let registry = Arc::new(Registry::new(10));
        let entries: Vec<_> = (0..3)
            .map(|_| registry.enter(peer(), LOCAL).unwrap())
            .collect();
        registry.finish();
        assert!(registry.enter(peer(), LOCAL).is_none());
        for entry in entries {
            entry.control.ordered().await;
            assert_eq!(entry.control.order(), Order::Finish);
        }
        registry.empty().await;
    }

    #[test]
    fn the_slowest_goes_first() {
        let registry = Arc::new(Registry::new(10));
        let entries: Vec<_> = (0..3)
            .map(|_| registry.enter(peer(), LOCAL).unwrap())
            .collect();
        entries[1].control.set_unfinished(true);
        std::thread::sleep(Duration::from_millis(5));
        entries[2].control.set_unfinished(true);
        entries[1].control.set_unfinished(true);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(registry.cut_slowest(5, Duration::from_secs(60)), 0);
        assert_eq!(registry.cut_slowest(1, Duration::ZERO), 1);
        assert_eq!(entries[1].control.order(), Order::Cut);
        entries[2].control.set_unfinished(false);
        assert_eq!(registry.cut_slowest(5, Duration::ZERO), 0);
    }
}
