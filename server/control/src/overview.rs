//! The network, its clients and who reaches what, as one picture for people.
//!
//! Who reaches a mount target is asked of the rules that are in force for it, those that real
//! connections meet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use serde::Serialize;

use crate::blocking::blocking;
use crate::control::{Control, now};
use crate::data_plane::{ConnectedClient, DeniedConnection, MountTargetActivity};
use crate::explain::CLIENT_PORT;
use crate::network::{Reachability, World};
use crate::records::{FileSystem, Instance, Mirror, MountTarget, NetworkInterface, Tag};
use crate::store::{StoreError, View};

/// The most mount targets that are shown: more than a VPC can have (EFS user guide, quotas: 400).
const MOUNT_TARGETS: usize = 1000;

/// The most pairs of a client and a mount target that are judged for one picture.
const PAIRS: usize = 10_000;

/// The most NFS clients that are shown.
const CLIENTS: usize = 500;

/// The most denied connections that are shown.
const DENIED: usize = 100;

/// The picture. Lists are in the order of addresses and ids.
#[derive(Debug, Serialize)]
pub struct Overview {
    version: &'static str,
    /// When it was taken, in milliseconds since 1970.
    at: u64,
    account: String,
    region: String,
    vpcs: Vec<ShownVpc>,
    peerings: Vec<ShownPeering>,
    subnets: Vec<ShownSubnet>,
    /// Those that something shown has.
    security_groups: Vec<ShownGroup>,
    file_systems: Vec<ShownFileSystem>,
    mount_targets: Vec<ShownMountTarget>,
    /// What clients can be: this machine, then interfaces.
    sources: Vec<Source>,
    /// What [`Overview::reach`] points to.
    verdicts: Vec<ShownVerdict>,
    /// For each mount target the places in `verdicts` of what it says to each source; nothing
    /// while it is not served.
    reach: Vec<Option<Vec<usize>>>,
    clients: Vec<ShownClient>,
    denied: Vec<ShownDenied>,
    left_out: LeftOut,
}

/// How many there are beyond those that are shown.
#[derive(Debug, Default, Serialize)]
struct LeftOut {
    mount_targets: usize,
    sources: usize,
    clients: usize,
    denied: usize,
}

#[derive(Debug, Serialize)]
struct ShownVpc {
    id: String,
    name: Option<String>,
    cidr: String,
    is_default: bool,
    /// Its addresses on this machine.
    mirror: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownPeering {
    id: String,
    vpcs: [String; 2],
}

#[derive(Debug, Serialize)]
struct ShownSubnet {
    id: String,
    name: Option<String>,
    vpc: String,
    cidr: String,
    zone: String,
}

#[derive(Debug, Serialize)]
struct ShownGroup {
    id: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct ShownFileSystem {
    id: String,
    name: Option<String>,
    state: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct ShownMountTarget {
    id: String,
    file_system: String,
    subnet: String,
    vpc: String,
    state: Option<&'static str>,
    ip_address: Ipv4Addr,
    /// Where it is served on this machine.
    addresses: Vec<SocketAddr>,
    security_groups: Vec<String>,
}

/// Where a client can come from.
#[derive(Debug, Serialize)]
struct Source {
    /// Its address as this machine sees it, by which it is judged.
    source: Ipv4Addr,
    /// Its address in the VPC, if it is in one.
    address: Option<Ipv4Addr>,
    /// The interface's id; nothing for this machine itself.
    interface: Option<String>,
    /// The id of the instance that the interface is of.
    instance: Option<String>,
    name: Option<String>,
    vpc: Option<String>,
    subnet: Option<String>,
    security_groups: Vec<String>,
}

/// What one says to the other: the layer that decides, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct ShownVerdict {
    allowed: bool,
    layer: String,
    because: String,
}

#[derive(Debug, Serialize)]
struct ShownClient {
    mount_target: String,
    #[serde(flatten)]
    client: ConnectedClient,
}

#[derive(Debug, Serialize)]
struct ShownDenied {
    mount_target: String,
    #[serde(flatten)]
    connection: DeniedConnection,
}

impl Control {
    /// The picture of this moment. May block.
    ///
    /// # Errors
    /// Those of the store.
    pub fn overview(&self) -> Result<Overview, StoreError> {
        let now = now();
        let view = self.store.view()?;
        let world = World::read(&view)?;
        let served = self.publisher.latest();
        let mut activity = self.data_plane.activity();
        let mut left_out = LeftOut::default();

        let mut targets: Vec<_> = world.mount_targets.iter().collect();
        targets.sort_by_key(|target| (target.ip_address, &target.id));
        left_out.mount_targets = shorten(&mut targets, MOUNT_TARGETS);
        let mut sources = sources(&world, &instances(&view)?);
        left_out.sources = shorten(&mut sources, PAIRS / targets.len().max(10));

        let mut verdicts = Verdicts::default();
        let reach = targets.iter().map(|target| {
            let rules = &served.targets.get(&target.id)?.reachability;
            Some(verdicts.of(rules, &sources))
        });
        let reach = reach.collect();
        let mount_targets = mount_targets(&targets, &world, &activity, now);

        let mut clients: Vec<_> = activity.iter_mut().flat_map(clients).collect();
        left_out.clients = shorten(&mut clients, CLIENTS);
        let mut denied: Vec<_> = activity.into_iter().flat_map(denied).collect();
        left_out.denied = shorten(&mut denied, DENIED);

        let file_systems = view.all::<FileSystem>()?.into_iter();
        let file_systems = file_systems.map(|file_system| ShownFileSystem {
            name: file_system.name().map(str::to_owned),
            state: file_system.life_cycle.state(now),
            id: file_system.id,
        });
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION"),
            at: now,
            account: self.settings.account_id.clone(),
            region: self.settings.region.clone(),
            vpcs: vpcs(&world),
            peerings: peerings(&world),
            subnets: subnets(&world),
            security_groups: groups(&world, &mount_targets, &sources),
            file_systems: file_systems.collect(),
            mount_targets,
            sources,
            verdicts: verdicts.all,
            reach,
            clients,
            denied,
            left_out,
        })
    }
}

/// As [`Control::overview`], where nothing may block.
///
/// # Errors
/// Those of the store.
pub(crate) async fn overview(control: &Arc<Control>) -> Result<Overview, StoreError> {
    let control = Arc::clone(control);
    let done = blocking(Box::new(move || control.overview())).await;
    done.unwrap_or(Err(StoreError::Gone))
}

/// Cuts a list; gives how many went.
fn shorten<T>(list: &mut Vec<T>, most: usize) -> usize {
    let more = list.len().saturating_sub(most);
    list.truncate(most);
    more
}

/// Verdicts, each kept once: most clients are told the same.
#[derive(Debug, Default)]
struct Verdicts {
    all: Vec<ShownVerdict>,
    places: BTreeMap<ShownVerdict, usize>,
}

impl Verdicts {
    fn of(&mut self, rules: &Reachability, sources: &[Source]) -> Vec<usize> {
        let judged = sources.iter().map(|source| {
            let verdict = rules.connect(SocketAddrV4::new(source.source, CLIENT_PORT));
            let verdict = ShownVerdict {
                allowed: verdict.allowed,
                layer: verdict.layer.to_string(),
                because: verdict.because.to_string(),
            };
            let next = self.all.len();
            let place = *self.places.entry(verdict.clone()).or_insert(next);
            if place == next {
                self.all.push(verdict);
            }
            place
        });
        judged.collect()
    }
}

fn vpcs(world: &World) -> Vec<ShownVpc> {
    let vpcs = world.vpcs.iter().map(|vpc| ShownVpc {
        id: vpc.id.clone(),
        name: name(&vpc.tags),
        cidr: vpc.cidr.to_string(),
        is_default: vpc.is_default,
        mirror: mirror(world, &vpc.id).map(|mirror| format!("127.{}.0.0/16", mirror.number)),
    });
    let mut vpcs: Vec<_> = vpcs.collect();
    vpcs.sort_by_key(|vpc| !vpc.is_default);
    vpcs
}

fn mirror<'w>(world: &'w World, vpc: &str) -> Option<&'w Mirror> {
    world.mirrors.iter().find(|mirror| mirror.vpc == vpc)
}

fn peerings(world: &World) -> Vec<ShownPeering> {
    let active = world.peerings.iter().filter(|peering| peering.is_active());
    let shown = active.map(|peering| ShownPeering {
        id: peering.id.clone(),
        vpcs: [peering.requester.clone(), peering.accepter.clone()],
    });
    shown.collect()
}

fn subnets(world: &World) -> Vec<ShownSubnet> {
    let mut subnets: Vec<_> = world.subnets.iter().collect();
    subnets.sort_by(|one, other| {
        (&one.vpc, &one.zone, one.cidr).cmp(&(&other.vpc, &other.zone, other.cidr))
    });
    let shown = subnets.into_iter().map(|subnet| ShownSubnet {
        id: subnet.id.clone(),
        name: name(&subnet.tags),
        vpc: subnet.vpc.clone(),
        cidr: subnet.cidr.to_string(),
        zone: subnet.zone.clone(),
    });
    shown.collect()
}

fn groups(world: &World, targets: &[ShownMountTarget], sources: &[Source]) -> Vec<ShownGroup> {
    let of_targets = targets.iter().flat_map(|target| &target.security_groups);
    let of_sources = sources.iter().flat_map(|source| &source.security_groups);
    let wanted: BTreeSet<&String> = of_targets.chain(of_sources).collect();
    let known = world.groups.iter();
    let shown = known
        .filter(|group| wanted.contains(&group.id))
        .map(|group| ShownGroup {
            id: group.id.clone(),
            name: group.name.clone(),
        });
    shown.collect()
}

fn mount_targets(
    targets: &[&MountTarget],
    world: &World,
    activity: &[MountTargetActivity],
    now: u64,
) -> Vec<ShownMountTarget> {
    let interfaces = world.interfaces.iter();
    let groups: BTreeMap<_, _> = interfaces
        .map(|interface| (&interface.id, &interface.groups))
        .collect();
    let active = activity.iter();
    let addresses: BTreeMap<_, _> = active
        .map(|active| (&active.id, &active.addresses))
        .collect();
    let shown = targets.iter().map(|target| {
        let groups = groups.get(&target.network_interface);
        let addresses = addresses.get(&target.id);
        ShownMountTarget {
            id: target.id.clone(),
            file_system: target.file_system.clone(),
            subnet: target.subnet.clone(),
            vpc: target.vpc.clone(),
            state: target.life_cycle.state(now),
            ip_address: target.ip_address,
            addresses: addresses.map(|it| it.to_vec()).unwrap_or_default(),
            security_groups: groups.map(|it| it.to_vec()).unwrap_or_default(),
        }
    });
    shown.collect()
}

/// Tags of instances by their ids.
fn instances(view: &View) -> Result<BTreeMap<String, Vec<Tag>>, StoreError> {
    let all = view.all::<Instance>()?.into_iter();
    Ok(all.map(|instance| (instance.id, instance.tags)).collect())
}

fn sources(world: &World, instances: &BTreeMap<String, Vec<Tag>>) -> Vec<Source> {
    let own = world.interfaces.iter();
    let mut own: Vec<_> = own
        .filter(|interface| interface.requester.is_none())
        .collect();
    own.sort_by_key(|interface| (&interface.vpc, interface.address));
    let of_interface = own.into_iter().map(|interface| {
        let instance = interface.attachment.as_ref().map(|it| it.instance.clone());
        let tags = instance.as_ref().and_then(|id| instances.get(id));
        Source {
            source: source(world, interface),
            address: Some(interface.address),
            interface: Some(interface.id.clone()),
            name: name(&interface.tags).or_else(|| name(tags?)),
            instance,
            vpc: Some(interface.vpc.clone()),
            subnet: Some(interface.subnet.clone()),
            security_groups: interface.groups.clone(),
        }
    });
    let here = Source {
        source: Ipv4Addr::LOCALHOST,
        address: None,
        interface: None,
        instance: None,
        name: None,
        vpc: None,
        subnet: None,
        security_groups: Vec::new(),
    };
    std::iter::once(here).chain(of_interface).collect()
}

/// Where connections of an interface come from. VPCs may have the same addresses: their mirrors
/// tell them apart.
fn source(world: &World, interface: &NetworkInterface) -> Ipv4Addr {
    let [_, _, c, d] = interface.address.octets();
    let mirror = mirror(world, &interface.vpc);
    mirror.map_or(interface.address, |mirror| {
        Ipv4Addr::new(127, mirror.number, c, d)
    })
}

fn clients(active: &mut MountTargetActivity) -> impl Iterator<Item = ShownClient> + use<> {
    let mount_target = active.id.clone();
    let clients = std::mem::take(&mut active.clients).into_iter();
    clients.map(move |client| ShownClient {
        mount_target: mount_target.clone(),
        client,
    })
}

fn denied(active: MountTargetActivity) -> impl Iterator<Item = ShownDenied> {
    let denied = active.denied.into_iter();
    denied.map(move |connection| ShownDenied {
        mount_target: active.id.clone(),
        connection,
    })
}

fn name(tags: &[Tag]) -> Option<String> {
    let name = tags.iter().find(|tag| tag.key == "Name")?;
    Some(name.value.clone()).filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "overview_tests.rs"]
mod tests;
