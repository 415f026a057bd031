//! VPCs and subnets of a seed.

use serde_json::json;

use super::document::{Subnet, Vpc};
use super::error::{At, Result};
use super::named::{specification, with_name};
use super::sower::{Sower, gone, same};
use crate::api::Service::Ec2;
use crate::records::{Cidr, Subnet as SubnetRecord, Vpc as VpcRecord};

impl Sower<'_> {
    pub(super) async fn vpc(&mut self, wanted: &Vpc) -> Result<()> {
        let name = &wanted.name;
        let find = |sower: &Self| sower.named::<VpcRecord>(name, None, |_| true);
        let tags = with_name(name, &wanted.tags)?;
        let vpc = if let Some(there) = find(self)? {
            same_range(there.cidr, &wanted.cidr_block)?;
            self.resource_tags(&there.id, &there.tags, &tags).await?;
            there
        } else {
            let input = json!({
                "CidrBlock": wanted.cidr_block,
                "TagSpecification": specification("vpc", &tags),
            });
            self.call(Ec2, "CreateVpc", input).await?;
            find(self)?.ok_or_else(gone)?
        };
        // EC2 takes one attribute in a call.
        for (member, there, wanted) in [
            (
                "EnableDnsSupport",
                vpc.dns_support,
                wanted.enable_dns_support,
            ),
            (
                "EnableDnsHostnames",
                vpc.dns_hostnames,
                wanted.enable_dns_hostnames,
            ),
        ] {
            if wanted.is_some_and(|wanted| wanted != there) {
                let input = json!({"VpcId": vpc.id, member: {"Value": wanted}});
                let modified = self.call(Ec2, "ModifyVpcAttribute", input).await;
                modified.member(member)?;
            }
        }
        self.name("Vpcs", name, "VpcId", vpc.id);
        Ok(())
    }

    pub(super) async fn subnet(&mut self, wanted: &Subnet) -> Result<()> {
        let name = &wanted.name;
        let vpc = self.vpc_id(wanted.vpc_id.as_deref())?;
        let find = |sower: &Self| sower.named::<SubnetRecord>(name, Some(&vpc), |_| true);
        let tags = with_name(name, &wanted.tags)?;
        let subnet = if let Some(there) = find(self)? {
            same_range(there.cidr, &wanted.cidr_block)?;
            let zone = wanted.availability_zone.as_deref();
            same("AvailabilityZone", Some(&there.zone), zone)?;
            self.resource_tags(&there.id, &there.tags, &tags).await?;
            there
        } else {
            let input = json!({
                "VpcId": vpc,
                "CidrBlock": wanted.cidr_block,
                "AvailabilityZone": wanted.availability_zone,
                "TagSpecification": specification("subnet", &tags),
            });
            self.call(Ec2, "CreateSubnet", input).await?;
            find(self)?.ok_or_else(gone)?
        };
        let maps = wanted.map_public_ip_on_launch;
        if maps.is_some_and(|maps| maps != subnet.maps_public) {
            let input = json!({"SubnetId": subnet.id, "MapPublicIpOnLaunch": {"Value": maps}});
            let modified = self.call(Ec2, "ModifySubnetAttribute", input).await;
            modified.member("MapPublicIpOnLaunch")?;
        }
        self.name("Subnets", name, "SubnetId", subnet.id);
        Ok(())
    }
}

/// Refuses another range than the one that is there; EC2 clears bits of the host.
fn same_range(there: Cidr, wanted: &str) -> Result<()> {
    if wanted.parse::<Cidr>().is_ok_and(|net| net.trunc() == there) {
        return Ok(());
    }
    same("CidrBlock", Some(&there.to_string()), Some(wanted))
}
