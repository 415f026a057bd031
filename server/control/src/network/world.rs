//! What is on record about the network.

use crate::records::{
    Mirror, MountTarget, NetworkAcl, NetworkInterface, PrefixList, SecurityGroup, Subnet, Vpc,
    VpcPeering,
};
use crate::store::{StoreError, View};

/// What is on record about the network, at one moment.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Where their addresses are served on this machine.
    pub mirrors: Vec<Mirror>,
    /// Peering connections, in whatever state.
    pub peerings: Vec<VpcPeering>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Network ACLs.
    pub acls: Vec<NetworkAcl>,
    /// Security groups.
    pub groups: Vec<SecurityGroup>,
    /// Prefix lists.
    pub prefix_lists: Vec<PrefixList>,
    /// Interfaces, those of mount targets too.
    pub interfaces: Vec<NetworkInterface>,
    /// Mount targets, whatever they are about.
    pub mount_targets: Vec<MountTarget>,
}

impl World {
    /// Reads it all.
    ///
    /// # Errors
    /// Those of the store.
    pub fn read(view: &View) -> Result<Self, StoreError> {
        Ok(Self {
            vpcs: view.all()?,
            mirrors: view.all()?,
            peerings: view.all()?,
            subnets: view.all()?,
            acls: view.all()?,
            groups: view.all()?,
            prefix_lists: view.all()?,
            interfaces: view.all()?,
            mount_targets: view.all()?,
        })
    }
}
