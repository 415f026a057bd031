//! The connections that are open.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_engine::Connection;
use tokio::sync::Notify;

use super::door::{Door, MountTargets, Names};

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
    /// Those of these mount targets.
    Of(Vec<MountTargets>),
    /// All.
    All,
}

impl Frozen {
    fn covers(&self, door: &Door) -> bool {
        match self {
            Self::None => false,
            Self::Of(targets) => targets.iter().any(|targets| targets.have(door)),
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
    door: Door,
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
    /// Notified when a connection leaves.
    left: Notify,
}

/// Connections that are counted and ended together: those of one mount target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(u64);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    finishing: bool,
    frozen: Frozen,
    connections: HashMap<u64, (Group, Arc<Control>)>,
    /// How many connections each group has, and what it is of. What is not here lets none in.
    groups: HashMap<Group, (usize, Names)>,
}

/// A connection's place in the registry, left on drop.
#[derive(Debug)]
pub(super) struct Entry {
    registry: Arc<Registry>,
    group: Group,
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
            left: Notify::new(),
        }
    }

    /// Makes a group without connections.
    pub(super) fn add_group(&self, names: Names) -> Group {
        let mut open = self.lock();
        let group = Group(open.next);
        open.next += 1;
        open.groups.insert(group, (0, names));
        group
    }

    /// Enters a connection, if there is room for it.
    pub(super) fn enter(
        self: &Arc<Self>,
        group: Group,
        peer: SocketAddr,
        local: IpAddr,
    ) -> Option<Entry> {
        let mut open = self.lock();
        let (all, groups) = (open.connections.len(), open.groups.len());
        if open.finishing {
            return None;
        }
        let (own, names) = open.groups.get_mut(&group)?;
        let door = Door {
            local,
            of: names.clone(),
        };
        if !admits(self.limit, all, *own, groups) {
            return None;
        }
        *own += 1;
        let id = open.next;
        open.next += 1;
        let control = Arc::new(Control {
            order: AtomicU8::new(Order::Serve as u8),
            given: Notify::new(),
            frozen: AtomicBool::new(open.frozen.covers(&door)),
            door,
            unfinished: AtomicU64::new(0),
            began: self.began,
        });
        open.connections.insert(id, (group, Arc::clone(&control)));
        let connection = Arc::new(Connection { id, peer });
        Some(Entry {
            registry: Arc::clone(self),
            group,
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
        for (_, control) in open.connections.values() {
            control
                .frozen
                .store(frozen.covers(&control.door), Ordering::Relaxed);
            control.given.notify_one();
        }
        open.frozen = frozen;
    }

    /// Resets connections; see [`super::Connections::reset`].
    pub(super) fn reset(
        &self,
        targets: Option<&MountTargets>,
        mut chosen: impl FnMut() -> bool,
    ) -> usize {
        let open = self.lock();
        let meant = open
            .connections
            .values()
            .map(|(_, control)| control)
            .filter(|control| targets.is_none_or(|of| of.have(&control.door)) && chosen());
        meant.map(|control| control.give(Order::Reset)).count()
    }

    /// Tells all connections to finish and lets no further one in.
    pub(super) fn finish(&self) {
        let mut open = self.lock();
        open.finishing = true;
        for (_, control) in open.connections.values() {
            control.give(Order::Finish);
        }
    }

    /// Waits until no connection is left. Only after [`Registry::finish`].
    pub(super) async fn empty(&self) {
        self.until(|open| open.connections.is_empty()).await;
    }

    /// Lets no further connection into a group, and gives those in it an order.
    pub(super) fn end_group(&self, group: Group, order: Order) {
        let mut open = self.lock();
        open.groups.remove(&group);
        for (of, control) in open.connections.values() {
            if *of == group {
                control.give(order);
            }
        }
    }

    /// Waits until no connection of a group is left. Only after [`Registry::end_group`].
    pub(super) async fn group_empty(&self, group: Group) {
        self.until(|open| open.connections.values().all(|(of, _)| *of != group))
            .await;
    }

    async fn until(&self, reached: impl Fn(&Open) -> bool) {
        loop {
            let left = self.left.notified();
            if reached(&self.lock()) {
                return;
            }
            left.await;
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
            .filter_map(|(_, control)| {
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
        if let Some((own, _)) = open.groups.get_mut(&self.group) {
            *own -= 1;
        }
        self.registry.left.notify_waiters();
    }
}

/// Whether a group that has `own` of `all` connections may have another one. Each of the groups
/// may have an equal part of the limit; of what others leave, all but an eighth of the limit.
fn admits(limit: usize, all: usize, own: usize, groups: usize) -> bool {
    let free = limit.saturating_sub(all);
    free > 0 && (own < limit / groups.max(1) || free > limit / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 700))
    }

    fn names() -> Names {
        Names {
            mount_target: "fsmt-a".into(),
            file_system: "fs-a".into(),
        }
    }

    #[test]
    fn there_is_room_for_so_many() {
        let registry = Arc::new(Registry::new(2));
        let group = registry.add_group(names());
        let first = registry.enter(group, peer(), LOCAL).unwrap();
        let second = registry.enter(group, peer(), LOCAL).unwrap();
        assert_ne!(first.connection.id, second.connection.id);
        assert!(registry.enter(group, peer(), LOCAL).is_none());
        drop(first);
        let third = registry.enter(group, peer(), LOCAL).unwrap();
        assert_ne!(third.connection.id, second.connection.id);
        assert_eq!(registry.len(), 2);
    }

    #[tokio::test]
    async fn finishing_reaches_all_and_ends_when_they_have_left() {
        let registry = Arc::new(Registry::new(10));
        let group = registry.add_group(names());
        let entries: Vec<_> = (0..3)
            .map(|_| registry.enter(group, peer(), LOCAL).unwrap())
            .collect();
        registry.finish();
        assert!(registry.enter(group, peer(), LOCAL).is_none());
        for entry in entries {
            entry.control.ordered().await;
            assert_eq!(entry.control.order(), Order::Finish);
        }
        registry.empty().await;
    }

    #[tokio::test]
    async fn one_group_ends_and_the_others_go_on() {
        let registry = Arc::new(Registry::new(10));
        let (one, other) = (registry.add_group(names()), registry.add_group(names()));
        let first = registry.enter(one, peer(), LOCAL).unwrap();
        let second = registry.enter(other, peer(), LOCAL).unwrap();
        registry.end_group(one, Order::Finish);
        assert!(registry.enter(one, peer(), LOCAL).is_none());
        assert_eq!(first.control.order(), Order::Finish);
        assert_eq!(second.control.order(), Order::Serve);
        let waiter = tokio::spawn({
            let registry = Arc::clone(&registry);
            async move { registry.group_empty(one).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop(first);
        waiter.await.unwrap();
        registry.enter(other, peer(), LOCAL).unwrap();
    }

    #[test]
    fn nobody_takes_the_place_of_all() {
        // Alone, all there is.
        assert!(admits(80, 79, 79, 1) && !admits(80, 80, 80, 1));
        // One of four leaves an eighth to the others, who have not had their part yet.
        assert!(admits(80, 69, 69, 4) && !admits(80, 70, 70, 4));
        assert!(admits(80, 70, 0, 4) && admits(80, 79, 9, 4));
        assert!(!admits(80, 79, 20, 4) && !admits(80, 80, 0, 4));
        assert!(!admits(0, 0, 0, 1));
    }

    #[test]
    fn the_slowest_goes_first() {
        let registry = Arc::new(Registry::new(10));
        let group = registry.add_group(names());
        let entries: Vec<_> = (0..3)
            .map(|_| registry.enter(group, peer(), LOCAL).unwrap())
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
