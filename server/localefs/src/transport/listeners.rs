//! Which addresses lead to which service.
//!
//! An address of a service has a socket of its own, unless a front door covers it: a wildcard
//! socket on its port. A socket of its own would then need SO_REUSEPORT on both.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::debug;

use super::filter::{Dropped, Filter};
use super::gate::Rules;
use super::listener::{accept, bind};
use super::registry::Group;
use super::service::Service;
use super::{Denied, Shared};

/// What a local address is known by: IPv6's scope and flow say nothing here.
type Key = (IpAddr, u16);

fn key(address: SocketAddr) -> Key {
    (address.ip(), address.port())
}

/// The addresses that lead to services.
pub(super) struct Listeners<S>(Mutex<Table<S>>);

struct Table<S> {
    closed: bool,
    services: HashMap<Group, S>,
    addresses: HashMap<Key, Address>,
    front_doors: Vec<(SocketAddr, Socket)>,
    behind_front_doors: Option<Group>,
}

struct Address {
    group: Group,
    address: SocketAddr,
    /// Accepts on a socket of its own; without, a front door does.
    socket: Option<Socket>,
}

/// A socket, and the task that accepts on it.
struct Socket {
    listener: Arc<TcpListener>,
    task: JoinHandle<()>,
    /// Whether the kernel drops packets for it.
    filtered: AtomicBool,
}

impl Socket {
    /// Has the kernel drop what `filter` drops. Where it won't, the gate does that.
    fn filter(&self, filter: Option<&Filter>) {
        let attached = filter.is_some_and(|filter| match filter.attach(&self.listener) {
            Ok(()) => true,
            Err(error) => {
                debug!(%error, "denied connections are accepted, and left in silence");
                false
            }
        });
        if self.filtered.swap(attached, Ordering::Relaxed) && !attached {
            // What is not attached need not be detached.
            let _ = SockRef::from(&*self.listener).detach_filter();
        }
    }
}

impl<S> Default for Listeners<S> {
    fn default() -> Self {
        Self(Mutex::new(Table {
            closed: false,
            services: HashMap::new(),
            addresses: HashMap::new(),
            front_doors: Vec::new(),
            behind_front_doors: None,
        }))
    }
}

impl<S> Listeners<S> {
    /// Stops accepting.
    pub(super) fn abort(&self) {
        let sockets = self.table().close();
        sockets.iter().for_each(|socket| socket.task.abort());
    }

    fn table(&self) -> MutexGuard<'_, Table<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Service> Listeners<S> {
    pub(super) fn add(&self, group: Group, service: S) {
        self.table().services.insert(group, service);
    }

    pub(super) fn lead(&self, group: Option<Group>, shared: &Shared) {
        let mut table = self.table();
        table.behind_front_doors = group;
        table.filter_front_doors(shared);
    }

    /// Has the kernel drop what the rules of these groups deny.
    pub(super) fn filter(&self, groups: &HashMap<Group, Arc<dyn Rules>>, shared: &Shared) {
        let table = self.table();
        for group in groups.keys() {
            table.filter_own(*group, shared);
        }
        table.filter_front_doors(shared);
    }

    pub(super) fn open_front_door(
        this: &Arc<Self>,
        listener: TcpListener,
        shared: &Arc<Shared>,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let listeners = Arc::clone(this);
        let route = move |local| listeners.table().through_front_door(local);
        let socket = open(listener, shared, route);
        let mut table = this.table();
        table.front_doors.push((address, socket));
        table.filter_front_doors(shared);
        Ok(())
    }

    pub(super) fn listen(
        this: &Arc<Self>,
        group: Group,
        address: SocketAddr,
        shared: &Arc<Shared>,
    ) -> io::Result<SocketAddr> {
        let mut table = this.table();
        if table.closed || !table.services.contains_key(&group) {
            return Err(Errno::NOTCONN.into());
        }
        match table.leads_to(address) {
            Lead::Nowhere => {}
            Lead::To(other) if other == Some(group) => return Ok(address),
            Lead::To(_) => return Err(Errno::ADDRINUSE.into()),
            Lead::Covered => {
                table.enter(group, address, None);
                table.filter_front_doors(shared);
                return Ok(address);
            }
        }
        let listener = bind(address)?;
        let address = listener.local_addr()?;
        let listeners = Arc::clone(this);
        let route = move |local| listeners.table().through_socket(address, local);
        let socket = open(listener, shared, route);
        table.enter(group, address, Some(socket));
        table.filter_own(group, shared);
        Ok(address)
    }

    pub(super) fn addresses(&self, group: Group) -> Vec<SocketAddr> {
        let table = self.table();
        let front = table.behind_front_doors == Some(group);
        let front_doors = table.front_doors.iter().filter(|_| front);
        let front_doors = front_doors.map(|(address, _)| *address);
        front_doors.chain(table.own_addresses(group)).collect()
    }

    pub(super) fn own_addresses(&self, group: Group) -> Vec<SocketAddr> {
        self.table().own_addresses(group)
    }

    /// Takes a service away, with the addresses that lead to it.
    pub(super) async fn remove(&self, group: Group, shared: &Shared) {
        let sockets = {
            let mut table = self.table();
            table.services.remove(&group);
            if table.behind_front_doors == Some(group) {
                table.behind_front_doors = None;
            }
            let mut sockets = Vec::new();
            table.addresses.retain(|_, address| {
                if address.group == group {
                    sockets.extend(address.socket.take());
                }
                address.group != group
            });
            table.filter_front_doors(shared);
            sockets
        };
        end(sockets).await;
    }

    /// Closes all sockets, for good.
    pub(super) async fn close(&self) {
        let sockets = self.table().close();
        end(sockets).await;
    }
}

/// Where an address leads.
#[derive(Debug, PartialEq, Eq)]
enum Lead {
    /// Nobody listens there.
    Nowhere,
    /// A wildcard front door accepts there, and nobody else has claimed it.
    Covered,
    /// To a service, or to whatever is behind the front doors.
    To(Option<Group>),
}

impl<S> Table<S> {
    /// Has the kernel drop what a group denies on the sockets that are the group's own.
    fn filter_own(&self, group: Group, shared: &Shared) {
        let filter = Filter::new(denied(Some(group), shared));
        for of in self.addresses.values().filter(|of| of.group == group) {
            if let Some(socket) = &of.socket {
                socket.filter(filter.as_ref().filter(|_| is_one_of_ipv4(of.address)));
            }
        }
    }

    /// Has the kernel drop, at the front doors, what is denied by those to whom they lead.
    fn filter_front_doors(&self, shared: &Shared) {
        let front = || denied(self.behind_front_doors, shared);
        for (address, socket) in &self.front_doors {
            let filter = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => {
                    Filter::by_destination(self.denied_through(*address, shared), front())
                }
                IpAddr::V4(_) => Filter::new(front()),
                IpAddr::V6(_) => None,
            };
            socket.filter(filter.as_ref());
        }
    }

    /// What is denied at the addresses that a wildcard front door covers.
    fn denied_through(&self, door: SocketAddr, shared: &Shared) -> Vec<(Ipv4Addr, Dropped)> {
        let covered = |of: &&Address| of.socket.is_none() && of.address.port() == door.port();
        let covered = self.addresses.values().filter(covered);
        let denied = covered.filter_map(|of| match of.address.ip() {
            IpAddr::V4(ip) => Some((ip, denied(Some(of.group), shared))),
            IpAddr::V6(_) => None,
        });
        denied.collect()
    }

    fn enter(&mut self, group: Group, address: SocketAddr, socket: Option<Socket>) {
        let entered = Address {
            group,
            address,
            socket,
        };
        self.addresses.insert(key(address), entered);
    }

    fn own_addresses(&self, group: Group) -> Vec<SocketAddr> {
        let own = self.addresses.values().filter(|of| of.group == group);
        let mut own: Vec<_> = own.map(|of| of.address).collect();
        own.sort_unstable();
        own
    }

    fn leads_to(&self, address: SocketAddr) -> Lead {
        if let Some(known) = self.addresses.get(&key(address)) {
            return Lead::To(Some(known.group));
        }
        for (front_door, _) in &self.front_doors {
            if key(*front_door) == key(address) {
                return Lead::To(self.behind_front_doors);
            }
        }
        let covers = |front_door: &SocketAddr| {
            front_door.ip().is_unspecified()
                && front_door.is_ipv4() == address.is_ipv4()
                && front_door.port() == address.port()
        };
        if self.front_doors.iter().any(|(address, _)| covers(address)) {
            Lead::Covered
        } else {
            Lead::Nowhere
        }
    }

    fn close(&mut self) -> Vec<Socket> {
        self.closed = true;
        let own = self
            .addresses
            .drain()
            .filter_map(|(_, address)| address.socket);
        let own: Vec<_> = own.collect();
        let front_doors = self.front_doors.drain(..).map(|(_, socket)| socket);
        front_doors.chain(own).collect()
    }
}

impl<S: Clone> Table<S> {
    fn service(&self, group: Group) -> Option<(Group, S)> {
        Some((group, self.services.get(&group)?.clone()))
    }

    /// A connection to a front door is for whoever has claimed its local address.
    fn through_front_door(&self, local: SocketAddr) -> Option<(Group, S)> {
        let claimed = self.addresses.get(&key(local)).map(|known| known.group);
        self.service(claimed.or(self.behind_front_doors)?)
    }

    /// A connection to the socket of `address`, which may itself be a wildcard.
    fn through_socket(&self, address: SocketAddr, local: SocketAddr) -> Option<(Group, S)> {
        let known = self
            .addresses
            .get(&key(local))
            .or_else(|| self.addresses.get(&key(address)))?;
        self.service(known.group)
    }
}

/// Accepts on a socket.
fn open<S: Service>(
    listener: TcpListener,
    shared: &Arc<Shared>,
    route: impl Fn(SocketAddr) -> Option<(Group, S)> + Send + 'static,
) -> Socket {
    let listener = Arc::new(listener);
    let task = tokio::spawn(accept(Arc::clone(&listener), Arc::clone(shared), route));
    Socket {
        listener,
        task,
        filtered: AtomicBool::new(false),
    }
}

/// What the kernel is to drop for a group; nothing if denied connections are to be reset.
fn denied(group: Option<Group>, shared: &Shared) -> Dropped {
    if shared.denied == Denied::Reset {
        return Dropped::new();
    }
    let rules = group.and_then(|group| shared.registry.rules(group));
    rules.map(|rules| rules.denied()).unwrap_or_default()
}

/// Filters are for IPv4.
fn is_one_of_ipv4(address: SocketAddr) -> bool {
    address.is_ipv4() && !address.ip().is_unspecified()
}

/// Ends accepting; the sockets are closed when this returns.
async fn end(sockets: Vec<Socket>) {
    sockets.iter().for_each(|socket| socket.task.abort());
    for socket in sockets {
        // It ends by being aborted.
        let _ = socket.task.await;
    }
}
