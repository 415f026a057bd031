//! The connections that are open.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use localefs_engine::Connection;
use tokio::sync::Notify;

use super::Denied;
use super::control::{Control, Order};
use super::door::{Door, MountTargets, Names};
use super::gate::{Gate, Rules, State};

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

/// All open connections of a transport.
#[derive(Debug)]
pub(super) struct Registry {
    limit: usize,
    /// The same for those that wait for their gate to open.
    waiting_limit: usize,
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
    connections: HashMap<u64, Known>,
    /// What is not here lets none in.
    groups: HashMap<Group, Members>,
    /// Connections that wait for their gate to open, of all groups.
    waiting: usize,
}

/// A connection.
#[derive(Debug)]
struct Known {
    group: Group,
    control: Arc<Control>,
    peer: SocketAddr,
    gate: Gate,
}

/// A group's connections, and what guards them.
#[derive(Debug)]
struct Members {
    /// Those that are, or were, let in.
    admitted: usize,
    /// Those that wait for their gate to open.
    waiting: usize,
    rules: Arc<dyn Rules>,
    /// What it is of.
    names: Names,
}

/// Why a connection has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its group takes none.
    Gone,
    /// There are as many connections as there may be.
    Full,
    /// It is denied, and there are as many of those as there may be.
    Silent(Arc<str>),
}

/// A connection whose gate is shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shut {
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    pub(crate) state: State,
    /// Since when.
    pub(crate) since: Instant,
    /// Why, for people.
    pub(crate) because: Arc<str>,
}

/// What a change of rules has done to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Those whose gate has opened.
    pub(crate) opened: usize,
    /// Those whose gate has shut.
    pub(crate) shut: usize,
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
    pub(super) fn new(limit: usize, waiting_limit: usize) -> Self {
        Self {
            limit,
            waiting_limit,
            began: Instant::now(),
            open: Mutex::default(),
            left: Notify::new(),
        }
    }

    /// Makes a group without connections.
    pub(super) fn add_group(&self, names: Names, rules: Arc<dyn Rules>) -> Group {
        let mut open = self.lock();
        let group = Group(open.next);
        open.next += 1;
        let members = Members {
            admitted: 0,
            waiting: 0,
            rules,
            names,
        };
        open.groups.insert(group, members);
        group
    }

    /// The rules that guard a group.
    pub(super) fn rules(&self, group: Group) -> Option<Arc<dyn Rules>> {
        let open = self.lock();
        Some(Arc::clone(&open.groups.get(&group)?.rules))
    }

    /// Enters a connection, if there is room for it. With why it is denied, if it is.
    ///
    /// # Errors
    /// [`Refusal`]; then it is to be closed.
    pub(super) fn enter(
        self: &Arc<Self>,
        group: Group,
        peer: SocketAddr,
        local: IpAddr,
    ) -> Result<(Entry, Option<Arc<str>>), Refusal> {
        let mut guard = self.lock();
        let open = &mut *guard;
        if open.finishing {
            return Err(Refusal::Gone);
        }
        let members = open.groups.get(&group).ok_or(Refusal::Gone)?;
        let door = Door {
            local,
            of: members.names.clone(),
        };
        let gate = Gate::new(&*members.rules, peer, Instant::now());
        let because = gate.because.clone();
        if !open.count(group, gate.state, (self.limit, self.waiting_limit)) {
            return Err(because.map_or(Refusal::Full, Refusal::Silent));
        }
        let id = open.next;
        open.next += 1;
        let control = Control::new(door, self.began);
        control.freeze(open.frozen.covers(control.door()));
        control.shut(!gate.state.is_open());
        let control = Arc::new(control);
        let known = Known {
            group,
            control: Arc::clone(&control),
            peer,
            gate,
        };
        open.connections.insert(id, known);
        let connection = Arc::new(Connection { id, peer });
        let entry = Entry {
            registry: Arc::clone(self),
            control,
            connection,
        };
        Ok((entry, because))
    }

    /// Guards groups by other rules, which their connections are judged by when this returns.
    /// Connections whose gate shuts are reset if `denied` says so.
    pub(super) fn judge(&self, changed: &HashMap<Group, Arc<dyn Rules>>, denied: Denied) -> Judged {
        let now = Instant::now();
        let mut guard = self.lock();
        let open = &mut *guard;
        for (group, rules) in changed {
            if let Some(members) = open.groups.get_mut(group) {
                members.rules = Arc::clone(rules);
            }
        }
        let mut judged = Judged::default();
        let mut admitted = Vec::new();
        for (id, known) in &mut open.connections {
            let Some(rules) = changed.get(&known.group) else {
                continue;
            };
            let before = known.gate.judge(&**rules, known.peer, now);
            let is_open = known.gate.state.is_open();
            if before.is_open() == is_open {
                continue;
            }
            if before == State::Waiting {
                admitted.push(*id);
            }
            judged.opened += usize::from(is_open);
            judged.shut += usize::from(!is_open);
            known.control.shut(!is_open);
            if !is_open && denied == Denied::Reset {
                known.control.give(Order::Reset);
            }
        }
        for id in admitted {
            open.admit(id, (self.limit, self.waiting_limit));
        }
        judged
    }

    /// Connections of a group whose gate is shut, those first that have been waiting the longest.
    pub(super) fn shut(&self, group: Group) -> Vec<Shut> {
        let open = self.lock();
        let own = open
            .connections
            .values()
            .filter(|known| known.group == group);
        let shut = own.filter_map(|known| {
            Some(Shut {
                peer: known.peer,
                state: known.gate.state,
                since: known.gate.since,
                because: known.gate.because.clone()?,
            })
        });
        let mut shut: Vec<_> = shut.collect();
        shut.sort_by_key(|shut| (shut.since, shut.peer));
        shut
    }

    pub(super) fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Freezes the connections that these are, also later ones, and lets the others go on.
    pub(super) fn freeze(&self, frozen: Frozen) {
        let mut open = self.lock();
        for Known { control, .. } in open.connections.values() {
            control.freeze(frozen.covers(control.door()));
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
            .map(|known| &known.control)
            .filter(|control| targets.is_none_or(|of| of.have(control.door())) && chosen());
        meant.map(|control| control.give(Order::Reset)).count()
    }

    /// Tells all connections to finish and lets no further one in.
    pub(super) fn finish(&self) {
        let mut open = self.lock();
        open.finishing = true;
        for Known { control, .. } in open.connections.values() {
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
        for known in open.connections.values() {
            if known.group == group {
                known.control.give(order);
            }
        }
    }

    /// Waits until no connection of a group is left. Only after [`Registry::end_group`].
    pub(super) async fn group_empty(&self, group: Group) {
        self.until(|open| open.connections.values().all(|known| known.group != group))
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
            .filter_map(|Known { control, .. }| {
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

impl Open {
    /// Counts a connection of a group, if there is room for it.
    fn count(
        &mut self,
        group: Group,
        state: State,
        (limit, waiting_limit): (usize, usize),
    ) -> bool {
        let (all, groups) = (self.connections.len() - self.waiting, self.groups.len());
        let Some(members) = self.groups.get_mut(&group) else {
            return false;
        };
        if state == State::Waiting {
            let room = admits(waiting_limit, self.waiting, members.waiting, groups);
            self.waiting += usize::from(room);
            members.waiting += usize::from(room);
            return room;
        }
        let room = admits(limit, all, members.admitted, groups);
        members.admitted += usize::from(room);
        room
    }

    /// Takes a connection off the counts.
    fn discount(&mut self, group: Group, state: State) {
        let members = self.groups.get_mut(&group);
        if state == State::Waiting {
            self.waiting -= 1;
        }
        if let Some(members) = members {
            match state {
                State::Waiting => members.waiting -= 1,
                State::Open(_) | State::Suspended(_) => members.admitted -= 1,
            }
        }
    }

    /// Counts a connection as let in that was waiting; cuts it if there is no room.
    fn admit(&mut self, id: u64, limits: (usize, usize)) {
        let Some(known) = self.connections.get(&id) else {
            return;
        };
        let (group, state) = (known.group, known.gate.state);
        if self.count(group, state, limits) {
            self.discount(group, State::Waiting);
            return;
        }
        if let Some(known) = self.connections.get_mut(&id) {
            // It leaves as one that waits.
            known.gate.state = State::Waiting;
            known.control.give(Order::Cut);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.registry.lock();
        if let Some(known) = open.connections.remove(&self.connection.id) {
            open.discount(known.group, known.gate.state);
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
    use super::super::gate::Everybody;
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 700))
    }

    fn enter(registry: &Arc<Registry>, group: Group) -> Entry {
        registry.enter(group, peer(), LOCAL).unwrap().0
    }

    fn names() -> Names {
        Names {
            mount_target: "fsmt-a".into(),
            file_system: "fs-a".into(),
        }
    }

    #[test]
    fn there_is_room_for_so_many() {
        let registry = Arc::new(Registry::new(2, 10));
        let group = registry.add_group(names(), Arc::new(Everybody));
        let first = enter(&registry, group);
        let second = enter(&registry, group);
        assert_ne!(first.connection.id, second.connection.id);
        assert!(registry.enter(group, peer(), LOCAL).is_err());
        drop(first);
        let third = enter(&registry, group);
        assert_ne!(third.connection.id, second.connection.id);
        assert_eq!(registry.len(), 2);
    }

    #[tokio::test]
    async fn finishing_reaches_all_and_ends_when_they_have_left() {
        let registry = Arc::new(Registry::new(10, 10));
        let group = registry.add_group(names(), Arc::new(Everybody));
        let entries: Vec<_> = (0..3).map(|_| enter(&registry, group)).collect();
        registry.finish();
        assert!(registry.enter(group, peer(), LOCAL).is_err());
        for entry in entries {
            entry.control.ordered().await;
            assert_eq!(entry.control.order(), Order::Finish);
        }
        registry.empty().await;
    }

    #[tokio::test]
    async fn one_group_ends_and_the_others_go_on() {
        let registry = Arc::new(Registry::new(10, 10));
        let (one, other) = (
            registry.add_group(names(), Arc::new(Everybody)),
            registry.add_group(names(), Arc::new(Everybody)),
        );
        let first = enter(&registry, one);
        let second = enter(&registry, other);
        registry.end_group(one, Order::Finish);
        assert!(registry.enter(one, peer(), LOCAL).is_err());
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
        enter(&registry, other);
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
        let registry = Arc::new(Registry::new(10, 10));
        let group = registry.add_group(names(), Arc::new(Everybody));
        let entries: Vec<_> = (0..3).map(|_| enter(&registry, group)).collect();
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
