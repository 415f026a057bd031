"""The EC2 API, as the AWS CLI and boto3 see it."""

import re
import subprocess

import botocore.session
from common import *

ABSENT = "0123456789abcdef0"


def aws(*arguments):
    environment = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
                       AWS_DEFAULT_REGION=REGION, AWS_PAGER="")
    done = subprocess.run([os.environ["AWS"], "ec2", *arguments, "--output", "json"],
                          env=environment, capture_output=True, text=True)
    if done.returncode:
        return re.search(r"\((\S+)\)", done.stderr).group(1)
    return json.loads(done.stdout) if done.stdout.strip() else {}


def default_vpc():
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return vpc["VpcId"]


def vpc(cidr="10.0.0.0/16"):
    return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def subnet(vpc, cidr, **more):
    return ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, **more)["Subnet"]["SubnetId"]


def group(name, vpc=None):
    more = {"VpcId": vpc} if vpc else {}
    return ec2.create_security_group(GroupName=name, Description="d", **more)["GroupId"]


def permission(first, last=None, protocol="tcp", **other):
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last or first, **other}


def by_cidr(*cidrs):
    return {"IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}


def by_group(group):
    return {"UserIdGroupPairs": [{"GroupId": group}]}


def guide():
    """Working with Amazon EFS: two security groups, their rules, an instance, its end."""
    vpc = default_vpc()
    instance_group, target_group = (
        aws("create-security-group", "--group-name", name, "--description", "d", "--vpc-id", vpc)["GroupId"]
        for name in ("efs-walkthrough1-ec2-sg", "efs-walkthrough1-mt-sg")
    )
    assert aws("authorize-security-group-ingress", "--group-id", instance_group, "--protocol", "tcp",
               "--port", "22", "--cidr", "0.0.0.0/0")["Return"]
    made = aws("authorize-security-group-ingress", "--group-id", target_group, "--protocol", "tcp",
               "--port", "2049", "--source-group", instance_group, "--group-owner", ACCOUNT)
    [rule] = made["SecurityGroupRules"]
    assert rule["ReferencedGroupInfo"]["GroupId"] == instance_group and rule["FromPort"] == 2049
    [found] = aws("describe-security-groups", "--group-ids", target_group)["SecurityGroups"]
    [inbound], [outbound] = found["IpPermissions"], found["IpPermissionsEgress"]
    assert inbound["UserIdGroupPairs"] == [{"UserId": ACCOUNT, "GroupId": instance_group}], inbound
    assert outbound["IpProtocol"] == "-1" and outbound["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    subnet = subnets()[0]
    run = aws("run-instances", "--image-id", "ami-0123456789abcdef0", "--count", "1",
              "--instance-type", "c4.large", "--key-name", "key", "--associate-public-ip-address",
              "--subnet-id", subnet, "--security-group-ids", instance_group)
    [instance] = run["Instances"]
    assert instance["State"]["Name"] == "pending" and instance["SubnetId"] == subnet
    assert aws("delete-security-group", "--group-id", instance_group) == "DependencyViolation"
    assert aws("terminate-instances", "--instance-ids", instance["InstanceId"])
    assert aws("wait", "instance-terminated", "--instance-ids", instance["InstanceId"]) == {}
    assert aws("delete-security-group", "--group-id", instance_group) == "DependencyViolation"
    assert aws("revoke-security-group-ingress", "--group-id", target_group, "--protocol", "tcp",
               "--port", "2049", "--source-group", instance_group)["Return"]
    for group in (instance_group, target_group):
        assert aws("delete-security-group", "--group-id", group)["Return"]
    assert aws("delete-security-group", "--group-id", target_group) == "InvalidGroup.NotFound"


def vpcs():
    for wrong, code in (("10.0.0.0/15", "InvalidVpc.Range"), ("10.0.0.0/29", "InvalidVpc.Range"),
                        ("127.0.0.0/16", "InvalidVpc.Range"), ("nonsense", "InvalidParameterValue"),
                        ("10.0.0.0", "InvalidParameterValue")):
        fails(code, 400, ec2.create_vpc, CidrBlock=wrong)
    fails("MissingParameter", 400, ec2.create_vpc)
    made = ec2.create_vpc(CidrBlock="10.0.7.9/16", TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "one"}]}])["Vpc"]
    one = made["VpcId"]
    assert made["CidrBlock"] == "10.0.0.0/16" and made["Tags"] == [{"Key": "Name", "Value": "one"}]
    assert not made["IsDefault"] and made["InstanceTenancy"] == "default"
    attribute = lambda name: ec2.describe_vpc_attribute(VpcId=one, Attribute=name)
    assert not attribute("enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    ec2.modify_vpc_attribute(VpcId=one, EnableDnsHostnames={"Value": True})
    assert attribute("enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    fails("InvalidParameterCombination", 400, ec2.modify_vpc_attribute, VpcId=one,
          EnableDnsHostnames={"Value": True}, EnableDnsSupport={"Value": True})
    fails("DefaultVpcAlreadyExists", 400, ec2.create_default_vpc)
    for wrong, code in (("10.1.0.0/24", "InvalidSubnet.Range"), ("10.0.0.0/29", "InvalidSubnet.Range"),
                        ("10.0.0.0/x", "InvalidParameterValue")):
        fails(code, 400, ec2.create_subnet, VpcId=one, CidrBlock=wrong)
    inside = subnet(one, "10.0.1.0/24", AvailabilityZone="us-east-1b")
    fails("InvalidSubnet.Conflict", 400, ec2.create_subnet, VpcId=one, CidrBlock="10.0.0.0/20")
    fails("InvalidParameterValue", 400, ec2.create_subnet, VpcId=one, CidrBlock="10.0.9.0/24",
          AvailabilityZone="us-east-1z")
    fails("InvalidVpcID.NotFound", 400, ec2.create_subnet, VpcId="vpc-" + ABSENT, CidrBlock="10.0.9.0/24")
    [found] = ec2.describe_subnets(SubnetIds=[inside])["Subnets"]
    assert found["AvailabilityZoneId"] == "use1-az2" and found["AvailableIpAddressCount"] == 251
    fails("DependencyViolation", 400, ec2.delete_vpc, VpcId=one)
    nic = ec2.create_network_interface(SubnetId=inside, PrivateIpAddress="10.0.1.9")["NetworkInterface"]
    assert nic["PrivateIpAddress"] == "10.0.1.9" and nic["Status"] == "available"
    for wrong, code in (("10.0.1.9", "InvalidIPAddress.InUse"), ("10.0.1.3", "InvalidParameterValue"),
                        ("10.0.2.9", "InvalidParameterValue"), ("x", "InvalidParameterValue")):
        fails(code, 400, ec2.create_network_interface, SubnetId=inside, PrivateIpAddress=wrong)
    fails("DependencyViolation", 400, ec2.delete_subnet, SubnetId=inside)
    ec2.delete_network_interface(NetworkInterfaceId=nic["NetworkInterfaceId"])
    ec2.delete_subnet(SubnetId=inside)
    fails("InvalidSubnetID.NotFound", 400, ec2.delete_subnet, SubnetId=inside)
    more = [vpc() for _ in range(3)]
    fails("VpcLimitExceeded", 400, ec2.create_vpc, CidrBlock="10.0.0.0/16")
    page = ec2.describe_vpcs(MaxResults=5)
    assert len(page["Vpcs"]) == 5 and "NextToken" not in page
    for gone in [one, *more]:
        ec2.delete_vpc(VpcId=gone)
        fails("InvalidVpcID.NotFound", 400, ec2.describe_vpcs, VpcIds=[gone])
    assert not ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [one]}])["SecurityGroups"]


def rules():
    where = vpc()
    one, other = group("one", where), group("other", where)
    fails("InvalidGroup.Duplicate", 400, ec2.create_security_group, GroupName="one", Description="d", VpcId=where)
    allow = lambda *permissions, to=one: ec2.authorize_security_group_ingress(GroupId=to, IpPermissions=permissions)
    everywhere = by_cidr("0.0.0.0/0")
    for wrong, code in (
        (permission(50, 40, **everywhere), "InvalidParameterValue"),
        (permission(1, 70000, **everywhere), "InvalidParameterValue"),
        ({"IpProtocol": "tcp", **everywhere}, "InvalidParameterValue"),
        (permission(1, protocol="nonsense", **everywhere), "InvalidParameterValue"),
        (permission(300, protocol="icmp", **everywhere), "InvalidParameterValue"),
        (permission(22, **by_cidr("10.0.0.0/33")), "InvalidParameterValue"),
        (permission(22), "MissingParameter"),
        (permission(22, **by_cidr("10.0.0.0/8", "10.0.0.0/8")), "InvalidParameterValue"),
        (permission(22, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "ü"}]), "InvalidParameterValue"),
        (permission(22, **by_group("sg-" + ABSENT)), "InvalidGroup.NotFound"),
        (permission(22, **by_group("nonsense")), "InvalidGroupId.Malformed"),
        (permission(22, PrefixListIds=[{"PrefixListId": "pl-" + ABSENT}]), "InvalidPrefixListID.NotFound"),
    ):
        fails(code, 400, ec2.authorize_security_group_ingress, GroupId=one, IpPermissions=[wrong])
    # Circles of groups, and to itself.
    allow(permission(2049, **by_group(other)))
    allow(permission(2049, **by_group(one)), to=other)
    allow(permission(2049, **by_group(one)))
    for each in (one, other):
        fails("DependencyViolation", 400, ec2.delete_security_group, GroupId=each)
    fails("InvalidPermission.Duplicate", 400, ec2.authorize_security_group_ingress, GroupId=one,
          IpPermissions=[permission(2049, **by_group(other))])
    made = allow(permission(443, IpRanges=[{"CidrIp": "10.1.2.3/8", "Description": "x"}],
                            Ipv6Ranges=[{"CidrIpv6": "fd00::1/8"}]))["SecurityGroupRules"]
    assert {rule.get("CidrIpv4") or rule["CidrIpv6"] for rule in made} == {"10.0.0.0/8", "fd00::/8"}
    rule = next(rule for rule in made if "CidrIpv4" in rule)
    ec2.modify_security_group_rules(GroupId=one, SecurityGroupRules=[{
        "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
        "SecurityGroupRule": {"IpProtocol": "udp", "FromPort": 1, "ToPort": 2, "CidrIpv4": "10.2.0.0/16"}}])
    found = lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])["SecurityGroupRules"][0]
    assert found()["IpProtocol"] == "udp" and found()["CidrIpv4"] == "10.2.0.0/16"
    ec2.update_security_group_rule_descriptions_ingress(GroupId=one, SecurityGroupRuleDescriptions=[
        {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "Description": "anew"}])
    assert found()["Description"] == "anew"
    gone = ec2.revoke_security_group_ingress(GroupId=one, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert [rule["SecurityGroupRuleId"] for rule in gone["RevokedSecurityGroupRules"]] == [rule["SecurityGroupRuleId"]]
    fails("InvalidSecurityGroupRuleId.NotFound", 400, ec2.describe_security_group_rules,
          SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    fails("InvalidPermission.NotFound", 400, ec2.revoke_security_group_ingress, GroupId=one,
          IpPermissions=[permission(1, **everywhere)])
    # Sixty rules of a direction, and thousands through many groups.
    fails("RulesPerSecurityGroupLimitExceeded", 400, ec2.authorize_security_group_ingress, GroupId=other,
          IpPermissions=[permission(port, **everywhere) for port in range(1, 101)])
    for number in range(40):
        many = group(f"many-{number}", where)
        allow(*(permission(port, **everywhere) for port in range(1, 61)), to=many)
    seen, more = 0, {}
    while True:
        page = ec2.describe_security_group_rules(MaxResults=1000, **more)
        seen += len(page["SecurityGroupRules"])
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert seen >= 40 * 61, seen
    fails("InvalidNextToken", 400, ec2.describe_security_group_rules, NextToken="nonsense")
    [default] = ec2.describe_security_groups(Filters=[
        {"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [where]}])["SecurityGroups"]
    fails("CannotDelete", 400, ec2.delete_security_group, GroupId=default["GroupId"])


def network_acls():
    where = vpc()
    inside = subnet(where, "10.0.1.0/24")
    acl = ec2.create_network_acl(VpcId=where)["NetworkAcl"]["NetworkAclId"]
    entry = dict(NetworkAclId=acl, RuleNumber=100, Protocol="6", RuleAction="allow", CidrBlock="10.0.0.0/16",
                 PortRange={"From": 2049, "To": 2049})
    for egress in (True, False):
        ec2.create_network_acl_entry(Egress=egress, **entry)
        fails("NetworkAclEntryAlreadyExists", 400, ec2.create_network_acl_entry, Egress=egress, **entry)
    for wrong, code in (({"RuleNumber": 0}, "InvalidParameterValue"), ({"RuleNumber": 32767}, "InvalidParameterValue"),
                        ({"Protocol": "x"}, "InvalidParameterValue"), ({"CidrBlock": "x"}, "InvalidParameterValue"),
                        ({"PortRange": {"From": 9, "To": 8}}, "InvalidParameterValue"),
                        ({"RuleAction": "maybe"}, "InvalidParameterValue"), ({"PortRange": {}}, "MissingParameter"),
                        ({"NetworkAclId": "acl-" + ABSENT}, "InvalidNetworkAclID.NotFound")):
        fails(code, 400, ec2.create_network_acl_entry, Egress=True, **{**entry, "RuleNumber": 7, **wrong})
    ec2.replace_network_acl_entry(Egress=True, **{**entry, "RuleAction": "deny"})
    fails("InvalidNetworkAclEntry.NotFound", 400, ec2.replace_network_acl_entry, Egress=True, **{**entry, "RuleNumber": 7})
    for number in range(1, 20):
        ec2.create_network_acl_entry(Egress=False, **{**entry, "RuleNumber": number})
    fails("NetworkAclEntryLimitExceeded", 400, ec2.create_network_acl_entry, Egress=False, **{**entry, "RuleNumber": 50})
    [default] = ec2.describe_network_acls(Filters=[
        {"Name": "association.subnet-id", "Values": [inside]}])["NetworkAcls"]
    assert default["IsDefault"] and [e["RuleNumber"] for e in default["Entries"]] == [100, 32767, 100, 32767]
    association = default["Associations"][0]["NetworkAclAssociationId"]
    new = ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)["NewAssociationId"]
    fails("InvalidAssociationID.NotFound", 400, ec2.replace_network_acl_association, AssociationId=association, NetworkAclId=acl)
    [found] = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert found["Associations"] == [{"NetworkAclAssociationId": new, "NetworkAclId": acl, "SubnetId": inside}]
    assert {"deny"} == {e["RuleAction"] for e in found["Entries"] if e["Egress"]}
    fails("DependencyViolation", 400, ec2.delete_network_acl, NetworkAclId=acl)
    fails("InvalidParameterValue", 400, ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=True)
    fails("InvalidNetworkAclEntry.NotFound", 400, ec2.delete_network_acl_entry, NetworkAclId=acl, RuleNumber=100, Egress=True)
    ec2.delete_subnet(SubnetId=inside)
    ec2.delete_network_acl(NetworkAclId=acl)


def instances():
    mine = group("mine")
    launch = dict(ImageId="ami-12345678", InstanceType="t3.micro", MinCount=2, MaxCount=2, SubnetId=subnets()[1],
                  SecurityGroupIds=[mine], ClientToken="once",
                  TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "x"}]}])
    made = ec2.run_instances(**launch)
    ids = [one["InstanceId"] for one in made["Instances"]]
    assert len(set(ids)) == 2
    assert [one["InstanceId"] for one in ec2.run_instances(**launch)["Instances"]] == ids
    fails("IdempotentParameterMismatch", 400, ec2.run_instances, **{**launch, "MaxCount": 3})
    [reservation] = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["x"]}])["Reservations"]
    first = reservation["Instances"][0]
    assert first["State"]["Name"] == "running" and first["SecurityGroups"] == [{"GroupId": mine, "GroupName": "mine"}]
    [nic] = first["NetworkInterfaces"]
    assert nic["Attachment"]["DeleteOnTermination"] and nic["PrivateIpAddress"] == first["PrivateIpAddress"]
    nic = nic["NetworkInterfaceId"]
    fails("InvalidNetworkInterface.InUse", 400, ec2.delete_network_interface, NetworkInterfaceId=nic)
    more = group("more")
    ec2.modify_instance_attribute(InstanceId=ids[0], Groups=[more])
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[nic])["NetworkInterfaces"][0]["Groups"][0]["GroupId"] == more
    ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": True})
    fails("OperationNotPermitted", 400, ec2.terminate_instances, InstanceIds=ids)
    attribute = lambda name: ec2.describe_instance_attribute(InstanceId=ids[0], Attribute=name)
    assert attribute("disableApiTermination")["DisableApiTermination"] == {"Value": True}
    assert attribute("groupSet")["Groups"] == [{"GroupId": more, "GroupName": "more"}]
    assert attribute("instanceType")["InstanceType"] == {"Value": "t3.micro"}
    assert attribute("sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    # What Terraform reads of every instance.
    assert attribute("disableApiStop")["DisableApiStop"] == {"Value": False}
    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"] == {"Value": "stop"}
    assert attribute("userData")["UserData"] == {}
    names = ec2.meta.service_model.shape_for("InstanceAttributeName").enum
    assert all(attribute(name)["InstanceId"] == ids[0] for name in names)
    fails("InvalidParameterValue", 400, ec2.describe_instance_attribute, InstanceId=ids[0], Attribute="color")
    fails("InvalidInstanceID.NotFound", 400, ec2.describe_instance_attribute,
          InstanceId="i-" + ABSENT, Attribute="groupSet")
    fails("InvalidInstanceID.Malformed", 400, ec2.describe_instance_attribute, InstanceId="x", Attribute="groupSet")
    fails("DryRunOperation", 412, ec2.describe_instance_attribute,
          InstanceId=ids[0], Attribute="groupSet", DryRun=True)
    ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": False})
    fails("InvalidInstanceID.NotFound", 400, ec2.terminate_instances, InstanceIds=["i-" + ABSENT])
    fails("InvalidInstanceID.Malformed", 400, ec2.terminate_instances, InstanceIds=["x"])
    fails("InvalidAMIID.Malformed", 400, ec2.run_instances, ImageId="x", MinCount=1, MaxCount=1)
    fails("InvalidParameterValue", 400, ec2.run_instances, ImageId="ami-1", MinCount=2, MaxCount=1)
    fails("SecurityGroupsPerInterfaceLimitExceeded", 400, ec2.run_instances, ImageId="ami-1", MinCount=1, MaxCount=1,
          SecurityGroupIds=[group(f"g{n}") for n in range(6)])
    over = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert {one["CurrentState"]["Name"] for one in over} == {"shutting-down"}
    assert not ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [mine, more]}])["NetworkInterfaces"]
    ec2.delete_security_group(GroupId=mine)


def interfaces():
    target = efs.create_mount_target(FileSystemId=file_system(), SubnetId=subnets()[2])
    nic = target["NetworkInterfaceId"]
    [found] = ec2.describe_network_interfaces(NetworkInterfaceIds=[nic])["NetworkInterfaces"]
    assert found["RequesterManaged"] and target["MountTargetId"] in found["Description"]
    fails("OperationNotPermitted", 400, ec2.delete_network_interface, NetworkInterfaceId=nic)
    fails("AuthFailure", 400, ec2.modify_network_interface_attribute, NetworkInterfaceId=nic, Groups=[group("x")])
    own = ec2.create_network_interface(SubnetId=subnets()[2], ClientToken="t")["NetworkInterface"]
    again = ec2.create_network_interface(SubnetId=subnets()[2], ClientToken="t")["NetworkInterface"]
    own = own["NetworkInterfaceId"]
    assert again["NetworkInterfaceId"] == own
    ec2.modify_network_interface_attribute(NetworkInterfaceId=own, Description={"Value": "new"})
    answer = ec2.describe_network_interface_attribute(NetworkInterfaceId=own, Attribute="description")
    assert answer["Description"]["Value"] == "new"
    ec2.create_tags(Resources=[own, default_vpc()], Tags=[{"Key": "a", "Value": "b"}])
    tags = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["a"]}])["Tags"]
    assert {tag["ResourceType"] for tag in tags} == {"network-interface", "vpc"}
    ec2.delete_tags(Resources=[own], Tags=[{"Key": "a"}])
    fails("InvalidID", 400, ec2.create_tags, Resources=["nonsense"], Tags=[{"Key": "a", "Value": "b"}])
    fails("InvalidParameterValue", 400, ec2.create_tags, Resources=[own], Tags=[{"Key": "aws:a", "Value": "b"}])
    ec2.delete_network_interface(NetworkInterfaceId=own)
    fails("InvalidNetworkInterfaceID.NotFound", 400, ec2.delete_network_interface, NetworkInterfaceId=own)


def peering():
    one, other, same = vpc("10.1.0.0/16"), vpc("10.2.0.0/16"), vpc("10.1.0.0/16")
    groups = group("one", one), group("other", other)
    rule = dict(GroupId=groups[0], IpPermissions=[permission(2049, **by_group(groups[1]))])
    fails("InvalidGroup.NotFound", 400, ec2.authorize_security_group_ingress, **rule)
    made = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=other)["VpcPeeringConnection"]
    id = made["VpcPeeringConnectionId"]
    assert made["Status"]["Code"] == "pending-acceptance"
    fails("VpcPeeringConnectionAlreadyExists", 400, ec2.create_vpc_peering_connection, VpcId=other, PeerVpcId=one)
    assert ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=id)["VpcPeeringConnection"]["Status"]["Code"] == "active"
    fails("InvalidStateTransition", 400, ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=id)
    ec2.authorize_security_group_ingress(**rule)
    references = ec2.describe_security_group_references(GroupId=[groups[1]])["SecurityGroupReferenceSet"]
    assert [one["ReferencingVpcId"] for one in references] == [one]
    assert not ec2.describe_stale_security_groups(VpcId=one)["StaleSecurityGroupSet"]
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=id)
    [stale] = ec2.describe_stale_security_groups(VpcId=one)["StaleSecurityGroupSet"]
    assert stale["GroupId"] == groups[0]
    failed = ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=same)["VpcPeeringConnection"]
    assert failed["Status"]["Code"] == "failed"


def prefix_lists():
    made = ec2.create_managed_prefix_list(PrefixListName="n", MaxEntries=2, AddressFamily="IPv4",
                                          Entries=[{"Cidr": "10.0.0.0/8", "Description": "d"}])["PrefixList"]
    id = made["PrefixListId"]
    one = group("one")
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[permission(1, PrefixListIds=[{"PrefixListId": id}])])
    fails("DependencyViolation", 400, ec2.delete_managed_prefix_list, PrefixListId=id)
    changed = ec2.modify_managed_prefix_list(PrefixListId=id, CurrentVersion=1, AddEntries=[{"Cidr": "11.0.0.0/8"}])
    assert changed["PrefixList"]["Version"] == 2
    fails("PrefixListVersionMismatch", 400, ec2.modify_managed_prefix_list, PrefixListId=id, CurrentVersion=1,
          AddEntries=[{"Cidr": "12.0.0.0/8"}])
    fails("PrefixListMaxEntriesExceeded", 400, ec2.modify_managed_prefix_list, PrefixListId=id, CurrentVersion=2,
          AddEntries=[{"Cidr": "12.0.0.0/8"}])
    fails("RulesPerSecurityGroupLimitExceeded", 400, ec2.modify_managed_prefix_list, PrefixListId=id, MaxEntries=61)
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=id)["Entries"]
    assert {entry["Cidr"] for entry in entries} == {"10.0.0.0/8", "11.0.0.0/8"}
    found = ec2.get_managed_prefix_list_associations(PrefixListId=id)["PrefixListAssociations"]
    assert [one["ResourceId"] for one in found] == [one]
    ec2.delete_security_group(GroupId=one)
    ec2.delete_managed_prefix_list(PrefixListId=id)


def authorization():
    where = default_vpc()
    fails("DryRunOperation", 412, ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1
    nobody = user("nobody")("ec2")
    for name, arguments in (
        ("describe_vpcs", {}), ("create_vpc", {"CidrBlock": "10.0.0.0/16"}), ("delete_vpc", {"VpcId": where}),
        ("create_vpc", {"CidrBlock": "10.0.0.0/16", "DryRun": True}),
        ("run_instances", {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}),
        ("create_tags", {"Resources": [where], "Tags": [{"Key": "a", "Value": "b"}]}),
        ("delete_vpc", {"VpcId": "vpc-" + ABSENT}),
    ):
        fails("UnauthorizedOperation", 403, getattr(nobody, name), **arguments)
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
    one, other = group("one"), group("other")
    keeper = user("keeper", (["ec2:AuthorizeSecurityGroupIngress"], f"{arn}security-group/{one}"),
                  (["ec2:DescribeVpcs"], f"{arn}vpc/*"))("ec2")
    rule = [permission(22, **by_cidr("10.0.0.0/8"))]
    keeper.authorize_security_group_ingress(GroupId=one, IpPermissions=rule)
    fails("UnauthorizedOperation", 403, keeper.authorize_security_group_ingress, GroupId=other, IpPermissions=rule)
    fails("UnauthorizedOperation", 403, keeper.describe_vpcs)


def flat(shape, prefix, seen=()):
    """Names of parameters as the ec2 protocol writes them, with their shapes."""
    if shape.type_name == "structure":
        if shape.name in seen:
            return
        for name, member in shape.members.items():
            name = member.serialization.get("queryName") or member.serialization.get("name") or name
            name = name[0].upper() + name[1:]
            yield from flat(member, f"{prefix}.{name}" if prefix else name, (*seen, shape.name))
    elif shape.type_name == "list":
        yield from flat(shape.member, f"{prefix}.1", seen)
    else:
        yield prefix, shape


def model():
    """Sends each parameter of each operation, with each of its values: it must be known."""
    service = botocore.session.get_session().get_service_model("ec2")
    known = [name for name in service.operation_names if answered(name, {})[0] != "InvalidAction"]
    assert len(known) >= 56, known
    for operation in known:
        shape = service.operation_model(operation).input_shape
        for name, member in flat(shape, "") if shape else ():
            sample = {"integer": "1", "long": "1", "boolean": "true"}.get(member.type_name, "x")
            for value in getattr(member, "enum", None) or [sample]:
                # A dry run changes nothing, where there is one.
                code, text = answered(operation, {"DryRun": "true", name: value} if name != "DryRun" else {name: value})
                assert code != "UnknownParameter" or "DryRun" in text, (operation, name)
                assert "is no enum value" not in text, (operation, name, value, text)
                assert code != "InternalServerError", (operation, name, value, text)
                if "DryRun" in text and code == "UnknownParameter":
                    code, text = answered(operation, {name: value})
                    assert code != "UnknownParameter" and "is no enum value" not in text, (operation, name, text)
        code, _ = answered(operation, {"Nonsense": "x"})
        assert code == "UnknownParameter", (operation, code)


SESSION = None


def answered(operation, parameters):
    """The code and text that a signed call is answered."""
    global SESSION
    import urllib.error
    import urllib.parse
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    SESSION = SESSION or SigV4Auth(Credentials("test", "test"), "ec2", REGION)
    body = urllib.parse.urlencode({"Action": operation, "Version": "2016-11-15", **parameters})
    request = AWSRequest("POST", os.environ["AWS_ENDPOINT_URL"] + "/", data=body, headers={
        "content-type": "application/x-www-form-urlencoded; charset=utf-8"})
    SESSION.add_auth(request)
    sent = urllib.request.Request(request.url, body.encode(), dict(request.headers))
    try:
        with urllib.request.urlopen(sent) as answer:
            return "", answer.read().decode()
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        found = re.search("<Code>(.*?)</Code>", text)
        return (found.group(1) if found else "?"), text


if __name__ == "__main__":
    main(globals())
