"""A VPC around the lab's guests, and rules that change under their mounts."""

from common import *

TARGET = "10.77.16.9"
GUESTS = ["10.77.1.2", "10.77.2.2"]


def group(name):
    filters = [{"Name": "group-name", "Values": [name]}]
    return ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]


def create():
    """A mount target in one subnet, the guests as instances in another."""
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = lambda cidr: ec2.create_subnet(
        VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}a"
    )["Subnet"]["SubnetId"]
    clients, targets = subnet("10.77.0.0/20"), subnet("10.77.16.0/20")
    made = lambda name: ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)
    of_guests, of_target = made("guests")["GroupId"], made("target")["GroupId"]
    for address in GUESTS:
        ec2.create_network_interface(
            SubnetId=clients, PrivateIpAddress=address, Groups=[of_guests]
        )
    efs.create_mount_target(
        FileSystemId=file_system(), SubnetId=targets, IpAddress=TARGET, SecurityGroups=[of_target]
    )


def rule():
    return dict(
        GroupId=group("target"),
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049,
             "UserIdGroupPairs": [{"GroupId": group("guests")}]}
        ],
    )


def authorize():
    ec2.authorize_security_group_ingress(**rule())


def revoke():
    ec2.revoke_security_group_ingress(**rule())


def entry():
    filters = [{"Name": "cidr-block", "Values": ["10.77.16.0/20"]}]
    subnet = ec2.describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"]
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    acl = ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"]
    return dict(NetworkAclId=acl, RuleNumber=50, Egress=False)


def deny():
    ec2.create_network_acl_entry(
        **entry(), Protocol="-1", RuleAction="deny", CidrBlock=f"{GUESTS[0]}/32"
    )


def lift():
    ec2.delete_network_acl_entry(**entry())


main(globals())
