//! The parameters of each operation (EC2 API reference).

use super::Kind::{self, AnyWord, Flag, Integer, Text, Word};
use super::Use::{self, Heeded, Ignored, Refused};
use super::{Input, Parameter};

const fn parameter(name: &'static str, kind: Kind, becomes: Use) -> Parameter {
    Parameter {
        name,
        kind,
        becomes,
    }
}

const fn text(name: &'static str) -> Parameter {
    parameter(name, Text, Heeded)
}

const fn integer(name: &'static str) -> Parameter {
    parameter(name, Integer, Heeded)
}

const fn flag(name: &'static str) -> Parameter {
    parameter(name, Flag, Heeded)
}

const fn word(name: &'static str, words: &'static [&'static str]) -> Parameter {
    parameter(name, Word(words), Heeded)
}

const fn any_word(name: &'static str) -> Parameter {
    parameter(name, AnyWord, Heeded)
}

const fn ignored(name: &'static str) -> Parameter {
    parameter(name, AnyWord, Ignored)
}

const fn refused(name: &'static str) -> Parameter {
    parameter(name, AnyWord, Refused)
}

const fn input(operation: &'static str, parameters: &'static [&'static [Parameter]]) -> Input {
    Input {
        operation,
        parameters,
    }
}

const DRY_RUN: &[Parameter] = &[flag("DryRun")];

const FILTERS: &[Parameter] = &[text("Filter.N.Name"), text("Filter.N.Value.N")];

const PAGES: &[Parameter] = &[integer("MaxResults"), text("NextToken")];

/// Of the types of resources, those that an operation makes are taken.
const TAGS: &[Parameter] = &[
    any_word("TagSpecification.N.ResourceType"),
    text("TagSpecification.N.Tag.N.Key"),
    text("TagSpecification.N.Tag.N.Value"),
];

const IP_PERMISSIONS: &[Parameter] = &[
    text("IpPermissions.N.IpProtocol"),
    integer("IpPermissions.N.FromPort"),
    integer("IpPermissions.N.ToPort"),
    text("IpPermissions.N.Groups.N.Description"),
    text("IpPermissions.N.Groups.N.UserId"),
    text("IpPermissions.N.Groups.N.GroupName"),
    text("IpPermissions.N.Groups.N.GroupId"),
    text("IpPermissions.N.Groups.N.VpcId"),
    text("IpPermissions.N.Groups.N.VpcPeeringConnectionId"),
    text("IpPermissions.N.Groups.N.PeeringStatus"),
    text("IpPermissions.N.IpRanges.N.Description"),
    text("IpPermissions.N.IpRanges.N.CidrIp"),
    text("IpPermissions.N.Ipv6Ranges.N.Description"),
    text("IpPermissions.N.Ipv6Ranges.N.CidrIpv6"),
    text("IpPermissions.N.PrefixListIds.N.Description"),
    text("IpPermissions.N.PrefixListIds.N.PrefixListId"),
];

/// One rule, in the form from before `IpPermissions`.
const ONE_RULE: &[Parameter] = &[
    text("SourceSecurityGroupName"),
    text("SourceSecurityGroupOwnerId"),
    text("IpProtocol"),
    integer("FromPort"),
    integer("ToPort"),
    text("CidrIp"),
];

/// A security group by id or by name.
const GROUP: &[Parameter] = &[text("GroupId"), text("GroupName")];

const RULE_DESCRIPTIONS: &[Parameter] = &[
    text("SecurityGroupRuleDescription.N.SecurityGroupRuleId"),
    text("SecurityGroupRuleDescription.N.Description"),
];

const NETWORK_ACL_ENTRY: &[Parameter] = &[
    text("NetworkAclId"),
    integer("RuleNumber"),
    text("Protocol"),
    word("RuleAction", RULE_ACTION),
    flag("Egress"),
    text("CidrBlock"),
    text("Ipv6CidrBlock"),
    integer("Icmp.Code"),
    integer("Icmp.Type"),
    integer("PortRange.From"),
    integer("PortRange.To"),
];

const RESOURCE_TAGS: &[Parameter] = &[text("ResourceId.N"), text("Tag.N.Key"), text("Tag.N.Value")];

const RULE_ACTION: &[&str] = &["allow", "deny"];

const TENANCY: &[&str] = &["default", "dedicated", "host"];

const ACCOUNT_ATTRIBUTE_NAME: &[&str] = &["supported-platforms", "default-vpc"];

const NETWORK_INTERFACE_ATTRIBUTE: &[&str] = &[
    "description",
    "groupSet",
    "sourceDestCheck",
    "attachment",
    "associatePublicIpAddress",
];

const VPC_ATTRIBUTE_NAME: &[&str] = &[
    "enableDnsSupport",
    "enableDnsHostnames",
    "enableNetworkAddressUsageMetrics",
];

const INSTANCE_ATTRIBUTE_NAME: &[&str] = &[
    "instanceType",
    "kernel",
    "ramdisk",
    "userData",
    "disableApiTermination",
    "instanceInitiatedShutdownBehavior",
    "rootDeviceName",
    "blockDeviceMapping",
    "productCodes",
    "sourceDestCheck",
    "groupSet",
    "ebsOptimized",
    "sriovNetSupport",
    "enaSupport",
    "enclaveOptions",
    "disableApiStop",
];

/// By operation.
pub const INPUTS: &[Input] = &[
    input(
        "AcceptVpcPeeringConnection",
        &[DRY_RUN, &[text("VpcPeeringConnectionId")]],
    ),
    input(
        "AuthorizeSecurityGroupEgress",
        &[DRY_RUN, TAGS, IP_PERMISSIONS, ONE_RULE, &[text("GroupId")]],
    ),
    input(
        "AuthorizeSecurityGroupIngress",
        &[DRY_RUN, TAGS, IP_PERMISSIONS, ONE_RULE, GROUP],
    ),
    input("CreateDefaultVpc", &[DRY_RUN]),
    input(
        "CreateManagedPrefixList",
        &[
            DRY_RUN,
            TAGS,
            &[
                text("PrefixListName"),
                text("Entry.N.Cidr"),
                text("Entry.N.Description"),
                integer("MaxEntries"),
                text("AddressFamily"),
                text("ClientToken"),
            ],
        ],
    ),
    input(
        "CreateNetworkAcl",
        &[DRY_RUN, TAGS, &[text("ClientToken"), text("VpcId")]],
    ),
    input("CreateNetworkAclEntry", &[DRY_RUN, NETWORK_ACL_ENTRY]),
    input(
        "CreateNetworkInterface",
        &[
            DRY_RUN,
            TAGS,
            &[
                refused("Ipv4Prefix.*"),
                refused("Ipv4PrefixCount"),
                refused("Ipv6Prefix.*"),
                refused("Ipv6PrefixCount"),
                refused("InterfaceType"),
                text("ClientToken"),
                refused("EnablePrimaryIpv6"),
                refused("ConnectionTrackingSpecification.*"),
                refused("Operator.*"),
                text("SubnetId"),
                text("Description"),
                text("PrivateIpAddress"),
                text("SecurityGroupId.N"),
                flag("PrivateIpAddresses.N.Primary"),
                text("PrivateIpAddresses.N.PrivateIpAddress"),
                refused("SecondaryPrivateIpAddressCount"),
                refused("Ipv6Addresses.*"),
                refused("Ipv6AddressCount"),
            ],
        ],
    ),
    input(
        "CreateSecurityGroup",
        &[
            DRY_RUN,
            TAGS,
            &[text("GroupDescription"), text("GroupName"), text("VpcId")],
        ],
    ),
    input(
        "CreateSubnet",
        &[
            DRY_RUN,
            TAGS,
            &[
                text("AvailabilityZone"),
                text("AvailabilityZoneId"),
                text("CidrBlock"),
                refused("Ipv6CidrBlock"),
                refused("OutpostArn"),
                text("VpcId"),
                refused("Ipv6Native"),
                refused("Ipv4IpamPoolId"),
                refused("Ipv4NetmaskLength"),
                refused("Ipv6IpamPoolId"),
                refused("Ipv6NetmaskLength"),
            ],
        ],
    ),
    input("CreateTags", &[DRY_RUN, RESOURCE_TAGS]),
    input(
        "CreateVpc",
        &[
            DRY_RUN,
            TAGS,
            &[
                text("CidrBlock"),
                refused("Ipv6Pool"),
                refused("Ipv6CidrBlock"),
                refused("Ipv4IpamPoolId"),
                refused("Ipv4NetmaskLength"),
                refused("Ipv6IpamPoolId"),
                refused("Ipv6NetmaskLength"),
                refused("Ipv6CidrBlockNetworkBorderGroup"),
                refused("VpcEncryptionControl.*"),
                word("InstanceTenancy", TENANCY),
                refused("AmazonProvidedIpv6CidrBlock"),
            ],
        ],
    ),
    input(
        "CreateVpcPeeringConnection",
        &[
            DRY_RUN,
            TAGS,
            &[
                text("PeerRegion"),
                refused("RequesterPeeringConnectionOptions.*"),
                text("VpcId"),
                text("PeerVpcId"),
                text("PeerOwnerId"),
            ],
        ],
    ),
    input(
        "DeleteManagedPrefixList",
        &[DRY_RUN, &[text("PrefixListId")]],
    ),
    input("DeleteNetworkAcl", &[DRY_RUN, &[text("NetworkAclId")]]),
    input(
        "DeleteNetworkAclEntry",
        &[
            DRY_RUN,
            &[text("NetworkAclId"), integer("RuleNumber"), flag("Egress")],
        ],
    ),
    input(
        "DeleteNetworkInterface",
        &[DRY_RUN, &[text("NetworkInterfaceId")]],
    ),
    input("DeleteSecurityGroup", &[DRY_RUN, GROUP]),
    input("DeleteSubnet", &[DRY_RUN, &[text("SubnetId")]]),
    input("DeleteTags", &[DRY_RUN, RESOURCE_TAGS]),
    input("DeleteVpc", &[DRY_RUN, &[text("VpcId")]]),
    input(
        "DeleteVpcPeeringConnection",
        &[DRY_RUN, &[text("VpcPeeringConnectionId")]],
    ),
    input(
        "DescribeAccountAttributes",
        &[DRY_RUN, &[word("AttributeName.N", ACCOUNT_ATTRIBUTE_NAME)]],
    ),
    input(
        "DescribeAvailabilityZones",
        &[
            DRY_RUN,
            FILTERS,
            &[
                text("ZoneName.N"),
                text("ZoneId.N"),
                ignored("AllAvailabilityZones"),
            ],
        ],
    ),
    input(
        "DescribeInstanceAttribute",
        &[
            DRY_RUN,
            &[
                text("InstanceId"),
                word("Attribute", INSTANCE_ATTRIBUTE_NAME),
            ],
        ],
    ),
    input(
        "DescribeInstances",
        &[
            DRY_RUN,
            FILTERS,
            PAGES,
            &[text("InstanceId.N"), ignored("IncludeManagedResources")],
        ],
    ),
    input(
        "DescribeManagedPrefixLists",
        &[DRY_RUN, FILTERS, PAGES, &[text("PrefixListId.N")]],
    ),
    input(
        "DescribeNetworkAcls",
        &[DRY_RUN, FILTERS, PAGES, &[text("NetworkAclId.N")]],
    ),
    input(
        "DescribeNetworkInterfaceAttribute",
        &[
            DRY_RUN,
            &[
                text("NetworkInterfaceId"),
                word("Attribute", NETWORK_INTERFACE_ATTRIBUTE),
            ],
        ],
    ),
    input(
        "DescribeNetworkInterfaces",
        &[
            DRY_RUN,
            FILTERS,
            PAGES,
            &[
                ignored("IncludeManagedResources"),
                text("NetworkInterfaceId.N"),
            ],
        ],
    ),
    input(
        "DescribeRegions",
        &[
            DRY_RUN,
            FILTERS,
            &[text("RegionName.N"), ignored("AllRegions")],
        ],
    ),
    input(
        "DescribeSecurityGroupReferences",
        &[DRY_RUN, &[text("GroupId.N")]],
    ),
    input(
        "DescribeSecurityGroupRules",
        &[DRY_RUN, FILTERS, PAGES, &[text("SecurityGroupRuleId.N")]],
    ),
    input(
        "DescribeSecurityGroups",
        &[
            DRY_RUN,
            FILTERS,
            PAGES,
            &[text("GroupId.N"), text("GroupName.N")],
        ],
    ),
    input(
        "DescribeStaleSecurityGroups",
        &[DRY_RUN, PAGES, &[text("VpcId")]],
    ),
    input(
        "DescribeSubnets",
        &[DRY_RUN, FILTERS, PAGES, &[text("SubnetId.N")]],
    ),
    input("DescribeTags", &[DRY_RUN, FILTERS, PAGES]),
    input(
        "DescribeVpcAttribute",
        &[
            DRY_RUN,
            &[word("Attribute", VPC_ATTRIBUTE_NAME), text("VpcId")],
        ],
    ),
    input(
        "DescribeVpcPeeringConnections",
        &[DRY_RUN, FILTERS, PAGES, &[text("VpcPeeringConnectionId.N")]],
    ),
    input(
        "DescribeVpcs",
        &[DRY_RUN, FILTERS, PAGES, &[text("VpcId.N")]],
    ),
    input(
        "GetManagedPrefixListAssociations",
        &[DRY_RUN, PAGES, &[text("PrefixListId")]],
    ),
    input(
        "GetManagedPrefixListEntries",
        &[
            DRY_RUN,
            PAGES,
            &[text("PrefixListId"), integer("TargetVersion")],
        ],
    ),
    input(
        "ModifyInstanceAttribute",
        &[
            DRY_RUN,
            &[
                flag("SourceDestCheck.Value"),
                refused("EnclaveOptions.*"),
                refused("DisableApiStop.*"),
                text("InstanceId"),
                word("Attribute", INSTANCE_ATTRIBUTE_NAME),
                text("Value"),
                refused("BlockDeviceMapping.*"),
                flag("DisableApiTermination.Value"),
                text("InstanceType.Value"),
                refused("Kernel.*"),
                refused("Ramdisk.*"),
                refused("UserData.*"),
                refused("InstanceInitiatedShutdownBehavior.*"),
                text("GroupId.N"),
                refused("EbsOptimized.*"),
                refused("SriovNetSupport.*"),
                refused("EnaSupport.*"),
            ],
        ],
    ),
    input(
        "ModifyManagedPrefixList",
        &[
            DRY_RUN,
            &[
                text("PrefixListId"),
                integer("CurrentVersion"),
                text("PrefixListName"),
                text("AddEntry.N.Cidr"),
                text("AddEntry.N.Description"),
                text("RemoveEntry.N.Cidr"),
                integer("MaxEntries"),
                refused("IpamPrefixListResolverSyncEnabled"),
            ],
        ],
    ),
    input(
        "ModifyNetworkInterfaceAttribute",
        &[
            DRY_RUN,
            &[
                refused("EnaSrdSpecification.*"),
                refused("EnablePrimaryIpv6"),
                refused("ConnectionTrackingSpecification.*"),
                refused("AssociatePublicIpAddress"),
                refused("AssociatedSubnetId.*"),
                text("NetworkInterfaceId"),
                text("Description.Value"),
                flag("SourceDestCheck.Value"),
                text("SecurityGroupId.N"),
                refused("Attachment.DefaultEnaQueueCount"),
                refused("Attachment.EnaQueueCount"),
                text("Attachment.AttachmentId"),
                flag("Attachment.DeleteOnTermination"),
            ],
        ],
    ),
    input(
        "ModifySecurityGroupRules",
        &[
            DRY_RUN,
            &[
                text("GroupId"),
                text("SecurityGroupRule.N.SecurityGroupRuleId"),
                text("SecurityGroupRule.N.SecurityGroupRule.IpProtocol"),
                integer("SecurityGroupRule.N.SecurityGroupRule.FromPort"),
                integer("SecurityGroupRule.N.SecurityGroupRule.ToPort"),
                text("SecurityGroupRule.N.SecurityGroupRule.CidrIpv4"),
                text("SecurityGroupRule.N.SecurityGroupRule.CidrIpv6"),
                text("SecurityGroupRule.N.SecurityGroupRule.PrefixListId"),
                text("SecurityGroupRule.N.SecurityGroupRule.ReferencedGroupId"),
                text("SecurityGroupRule.N.SecurityGroupRule.Description"),
            ],
        ],
    ),
    input(
        "ModifySubnetAttribute",
        &[&[
            refused("AssignIpv6AddressOnCreation.*"),
            flag("MapPublicIpOnLaunch.Value"),
            text("SubnetId"),
            refused("MapCustomerOwnedIpOnLaunch.*"),
            refused("CustomerOwnedIpv4Pool"),
            refused("EnableDns64.*"),
            refused("PrivateDnsHostnameTypeOnLaunch"),
            refused("EnableResourceNameDnsARecordOnLaunch.*"),
            refused("EnableResourceNameDnsAAAARecordOnLaunch.*"),
            refused("EnableLniAtDeviceIndex"),
            refused("DisableLniAtDeviceIndex.*"),
        ]],
    ),
    input(
        "ModifyVpcAttribute",
        &[&[
            flag("EnableDnsHostnames.Value"),
            flag("EnableDnsSupport.Value"),
            text("VpcId"),
            flag("EnableNetworkAddressUsageMetrics.Value"),
        ]],
    ),
    input(
        "RejectVpcPeeringConnection",
        &[DRY_RUN, &[text("VpcPeeringConnectionId")]],
    ),
    input(
        "ReplaceNetworkAclAssociation",
        &[DRY_RUN, &[text("AssociationId"), text("NetworkAclId")]],
    ),
    input("ReplaceNetworkAclEntry", &[DRY_RUN, NETWORK_ACL_ENTRY]),
    input(
        "RevokeSecurityGroupEgress",
        &[
            DRY_RUN,
            IP_PERMISSIONS,
            ONE_RULE,
            &[text("GroupId"), text("SecurityGroupRuleId.N")],
        ],
    ),
    input(
        "RevokeSecurityGroupIngress",
        &[
            DRY_RUN,
            IP_PERMISSIONS,
            ONE_RULE,
            GROUP,
            &[text("SecurityGroupRuleId.N")],
        ],
    ),
    input(
        "RunInstances",
        &[
            DRY_RUN,
            TAGS,
            &[
                ignored("BlockDeviceMapping.*"),
                text("ImageId"),
                any_word("InstanceType"),
                refused("Ipv6AddressCount"),
                refused("Ipv6Address.*"),
                ignored("KernelId"),
                text("KeyName"),
                integer("MaxCount"),
                integer("MinCount"),
                ignored("Monitoring.*"),
                text("Placement.AvailabilityZoneId"),
                ignored("Placement.Affinity"),
                ignored("Placement.GroupName"),
                ignored("Placement.PartitionNumber"),
                ignored("Placement.HostId"),
                ignored("Placement.Tenancy"),
                ignored("Placement.SpreadDomain"),
                ignored("Placement.HostResourceGroupArn"),
                ignored("Placement.GroupId"),
                text("Placement.AvailabilityZone"),
                ignored("RamdiskId"),
                text("SecurityGroupId.N"),
                text("SecurityGroup.N"),
                text("SubnetId"),
                ignored("UserData"),
                ignored("ElasticGpuSpecification.*"),
                ignored("ElasticInferenceAccelerator.*"),
                refused("LaunchTemplate.*"),
                ignored("InstanceMarketOptions.*"),
                ignored("CreditSpecification.*"),
                ignored("CpuOptions.*"),
                ignored("CapacityReservationSpecification.*"),
                ignored("HibernationOptions.*"),
                ignored("LicenseSpecification.*"),
                ignored("MetadataOptions.*"),
                ignored("EnclaveOptions.*"),
                ignored("PrivateDnsNameOptions.*"),
                ignored("MaintenanceOptions.*"),
                ignored("DisableApiStop"),
                ignored("EnablePrimaryIpv6"),
                ignored("NetworkPerformanceOptions.*"),
                refused("Operator.*"),
                refused("SecondaryInterface.*"),
                flag("DisableApiTermination"),
                ignored("InstanceInitiatedShutdownBehavior"),
                text("PrivateIpAddress"),
                text("ClientToken"),
                ignored("AdditionalInfo"),
                ignored("NetworkInterface.N.AssociatePublicIpAddress"),
                flag("NetworkInterface.N.DeleteOnTermination"),
                text("NetworkInterface.N.Description"),
                integer("NetworkInterface.N.DeviceIndex"),
                text("NetworkInterface.N.SecurityGroupId.N"),
                refused("NetworkInterface.N.Ipv6AddressCount"),
                refused("NetworkInterface.N.Ipv6Addresses.*"),
                text("NetworkInterface.N.NetworkInterfaceId"),
                text("NetworkInterface.N.PrivateIpAddress"),
                refused("NetworkInterface.N.PrivateIpAddresses.*"),
                refused("NetworkInterface.N.SecondaryPrivateIpAddressCount"),
                text("NetworkInterface.N.SubnetId"),
                refused("NetworkInterface.N.AssociateCarrierIpAddress"),
                refused("NetworkInterface.N.InterfaceType"),
                ignored("NetworkInterface.N.NetworkCardIndex"),
                refused("NetworkInterface.N.Ipv4Prefix.*"),
                refused("NetworkInterface.N.Ipv4PrefixCount"),
                refused("NetworkInterface.N.Ipv6Prefix.*"),
                refused("NetworkInterface.N.Ipv6PrefixCount"),
                refused("NetworkInterface.N.PrimaryIpv6"),
                refused("NetworkInterface.N.EnaSrdSpecification.*"),
                refused("NetworkInterface.N.ConnectionTrackingSpecification.*"),
                refused("NetworkInterface.N.EnaQueueCount"),
                ignored("IamInstanceProfile.*"),
                ignored("EbsOptimized"),
            ],
        ],
    ),
    input(
        "TerminateInstances",
        &[
            DRY_RUN,
            &[
                text("InstanceId.N"),
                ignored("Force"),
                ignored("SkipOsShutdown"),
            ],
        ],
    ),
    input(
        "UpdateSecurityGroupRuleDescriptionsEgress",
        &[DRY_RUN, IP_PERMISSIONS, GROUP, RULE_DESCRIPTIONS],
    ),
    input(
        "UpdateSecurityGroupRuleDescriptionsIngress",
        &[DRY_RUN, IP_PERMISSIONS, GROUP, RULE_DESCRIPTIONS],
    ),
];
