"""The network around mount targets, good and bad, by the AWS CLI: VPCs, subnets, network ACLs,
interfaces, instances."""

from cli import *


def vpcs():
    where = vpc()
    assert re.fullmatch("vpc-[0-9a-f]{17}", where)
    gives(f"ec2 describe-vpcs --vpc-ids {where}", "Vpcs[].[CidrBlock,IsDefault,State,InstanceTenancy,OwnerId]",
          [["172.31.0.0/16", True, "available", "default", ACCOUNT]])
    gives(f"ec2 describe-vpcs --vpc-ids {where}", "Vpcs[0].CidrBlockAssociationSet[].[CidrBlock,CidrBlockState.State]", [["172.31.0.0/16", "associated"]])
    for name, value in (("cidr", "172.31.0.0/16"), ("isDefault", "true"), ("is-default", "true"), ("state", "available"),
                        ("cidr-block-association.cidr-block", "172.31.0.0/16"), ("owner-id", ACCOUNT), ("vpc-id", where)):
        gives(f"ec2 describe-vpcs --filters Name={name},Values={value}", "Vpcs[].VpcId", [where])
    gives(f"ec2 describe-vpc-attribute --vpc-id {where} --attribute enableDnsSupport", "EnableDnsSupport.Value", True)
    gives(f"ec2 describe-vpc-attribute --vpc-id {where} --attribute enableDnsHostnames", "EnableDnsHostnames.Value", True)
    fails("ec2 describe-vpcs --vpc-ids vpc-0123456789abcdef0", "InvalidVpcID.NotFound")
    fails("ec2 describe-vpcs --vpc-ids nonsense", "InvalidVpcID.NotFound")
    fails("ec2 describe-vpcs --filters Name=nonsense,Values=x", "InvalidParameterValue")
    fails("ec2 describe-vpcs --dry-run", "DryRunOperation")
    gives("ec2 describe-subnets --filters Name=default-for-az,Values=true", "length(Subnets)", 6)
    gives(f"ec2 describe-subnets --filters Name=vpc-id,Values={where}", "sort(Subnets[].AvailabilityZone)[0]", "us-east-1a")
    gives("ec2 describe-subnets --filters Name=availability-zone,Values=us-east-1b", "Subnets[].[CidrBlock,DefaultForAz,MapPublicIpOnLaunch,State,AvailabilityZoneId]",
          [["172.31.16.0/20", True, True, "available", "use1-az2"]])
    fails("ec2 describe-subnets --subnet-ids subnet-0123456789abcdef0", "InvalidSubnetID.NotFound")
    fails("ec2 describe-subnets --subnet-ids nonsense", "InvalidSubnetID.NotFound")
    gives("ec2 describe-availability-zones", "AvailabilityZones[?State=='available'] | length(@)", 6)
    gives("ec2 describe-availability-zones --zone-names us-east-1a", "AvailabilityZones[].[ZoneId,RegionName,OptInStatus,ZoneType]",
          [["use1-az1", "us-east-1", "opt-in-not-required", "availability-zone"]])
    fails("ec2 describe-availability-zones --zone-names us-east-1z", "InvalidParameterValue")
    fails("ec2 describe-availability-zones --zone-names us-east-1a --dry-run", "DryRunOperation")

    fails("ec2 create-vpc --cidr-block 10.0.0.0/8", "InvalidVpc.Range")
    fails("ec2 create-vpc --cidr-block 10.0.0.0/29", "InvalidVpc.Range")
    fails("ec2 create-vpc --cidr-block nonsense", "InvalidParameterValue")
    fails("ec2 create-vpc --cidr-block 10.0.0.0/16 --dry-run", "DryRunOperation")
    other = does("ec2 create-vpc --cidr-block 10.0.0.0/16")["Vpc"]["VpcId"]
    gives(f"ec2 describe-vpc-attribute --vpc-id {other} --attribute enableDnsHostnames", "EnableDnsHostnames.Value", False)
    does(f"ec2 modify-vpc-attribute --vpc-id {other} --enable-dns-hostnames")
    gives(f"ec2 describe-vpc-attribute --vpc-id {other} --attribute enableDnsHostnames", "EnableDnsHostnames.Value", True)
    made = does(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.0.1.0/24 --availability-zone us-east-1c")["Subnet"]
    inside = made["SubnetId"]
    assert made["AvailableIpAddressCount"] == 251 and not made["DefaultForAz"] and made["SubnetArn"].endswith(inside)
    fails(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.0.1.128/25", "InvalidSubnet.Conflict")
    fails(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.1.0.0/24", "InvalidSubnet.Range")
    fails(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.0.2.0/29", "InvalidSubnet.Range")
    fails(f"ec2 create-subnet --vpc-id {other} --cidr-block nonsense", "InvalidParameterValue")
    fails(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.0.2.0/24 --availability-zone us-east-1z", "InvalidParameterValue")
    fails("ec2 create-subnet --vpc-id vpc-0123456789abcdef0 --cidr-block 10.0.2.0/24", "InvalidVpcID.NotFound")
    fails(f"ec2 create-subnet --vpc-id {other}", "MissingParameter")
    fails(f"ec2 delete-vpc --vpc-id {other}", "DependencyViolation")
    fails("ec2 delete-subnet --subnet-id subnet-0123456789abcdef0", "InvalidSubnetID.NotFound")
    does(f"ec2 delete-subnet --subnet-id {inside}")
    fails(f"ec2 delete-subnet --subnet-id {inside}", "InvalidSubnetID.NotFound")
    own = group("own", other)
    fails(f"ec2 delete-vpc --vpc-id {other}", "DependencyViolation")
    does(f"ec2 delete-security-group --group-id {own}")
    does(f"ec2 delete-vpc --vpc-id {other}")
    fails(f"ec2 delete-vpc --vpc-id {other}", "InvalidVpcID.NotFound")
    fails(f"ec2 delete-vpc --vpc-id {where}", "DependencyViolation")


def network_acls():
    where, inside = vpc(), subnet()
    [default] = does(f"ec2 describe-network-acls --filters Name=vpc-id,Values={where} Name=default,Values=true")["NetworkAcls"]
    entries = [(e["RuleNumber"], e["RuleAction"], e["Egress"], e["Protocol"], e["CidrBlock"]) for e in default["Entries"]]
    assert sorted(entries) == sorted((number, action, egress, "-1", "0.0.0.0/0") for egress in (True, False)
                                     for number, action in ((100, "allow"), (32767, "deny"))), entries
    assert len(default["Associations"]) == 6 and default["IsDefault"]
    fails("ec2 create-network-acl --vpc-id vpc-0123456789abcdef0", "InvalidVpcID.NotFound")
    fails(f"ec2 create-network-acl --vpc-id {where} --dry-run", "DryRunOperation")
    made = does(f"ec2 create-network-acl --vpc-id {where}")["NetworkAcl"]
    acl = made["NetworkAclId"]
    assert re.fullmatch("acl-[0-9a-f]{17}", acl) and not made["IsDefault"] and made["Associations"] == []
    assert {(e["RuleNumber"], e["RuleAction"]) for e in made["Entries"]} == {(32767, "deny")}
    create = f"ec2 create-network-acl-entry --network-acl-id {acl} --protocol tcp --cidr-block 172.31.0.0/16"
    does(f"{create} --ingress --rule-number 100 --rule-action allow --port-range From=2049,To=2049")
    does(f"{create} --egress --rule-number 100 --rule-action allow --port-range From=1024,To=65535")
    fails(f"{create} --ingress --rule-number 100 --rule-action deny --port-range From=2049,To=2049", "NetworkAclEntryAlreadyExists")
    gives(f"ec2 describe-network-acls --network-acl-ids {acl}", "NetworkAcls[0].Entries[?RuleNumber==`100`] | sort_by(@, &to_string(Egress))[].[Egress,Protocol,PortRange.From,PortRange.To]",
          [[False, "6", 2049, 2049], [True, "6", 1024, 65535]])
    for number in (0, 32767, 40000):
        fails(f"{create} --ingress --rule-number {number} --rule-action allow --port-range From=1,To=2", "InvalidParameterValue")
    new = "--ingress --rule-number 110"
    fails(f"{create} {new} --rule-action allow --port-range From=3,To=2", "InvalidParameterValue")
    fails(f"{create} {new} --rule-action allow --port-range From=1,To=70000", "InvalidParameterValue")
    fails(f"{create} {new} --rule-action maybe --port-range From=1,To=2", "InvalidParameterValue")
    fails(f"{create} {new} --rule-action allow", "MissingParameter")
    entry = "ec2 create-network-acl-entry --ingress --rule-number 110 --rule-action allow --port-range From=1,To=2"
    fails(f"{entry} --network-acl-id {acl} --protocol nonsense --cidr-block 10.0.0.0/8", "InvalidParameterValue")
    fails(f"{entry} --network-acl-id {acl} --protocol tcp --cidr-block nonsense", "InvalidParameterValue")
    fails(f"{entry} --network-acl-id {acl} --protocol tcp", "MissingParameter")
    fails(f"{entry} --network-acl-id acl-0123456789abcdef0 --protocol tcp --cidr-block 10.0.0.0/8", "InvalidNetworkAclID.NotFound")
    fails(f"{entry} --network-acl-id nonsense --protocol tcp --cidr-block 10.0.0.0/8", "InvalidNetworkAclId.Malformed")
    fails(f"{create} {new} --rule-action allow --port-range From=1,To=2 --dry-run", "DryRunOperation")
    replace = create.replace("create", "replace")
    does(f"{replace} --ingress --rule-number 100 --rule-action deny --port-range From=2049,To=2049")
    gives(f"ec2 describe-network-acls --network-acl-ids {acl}", "NetworkAcls[0].Entries[?!Egress && RuleNumber==`100`].RuleAction", ["deny"])
    fails(f"{replace} --ingress --rule-number 110 --rule-action deny --port-range From=2049,To=2049", "InvalidNetworkAclEntry.NotFound")
    [old] = [one["NetworkAclAssociationId"] for one in default["Associations"] if one["SubnetId"] == inside]
    fails(f"ec2 replace-network-acl-association --association-id aclassoc-0123456789abcdef0 --network-acl-id {acl}", "InvalidAssociationID.NotFound")
    fails(f"ec2 replace-network-acl-association --association-id {old} --network-acl-id acl-0123456789abcdef0", "InvalidNetworkAclID.NotFound")
    new = does(f"ec2 replace-network-acl-association --association-id {old} --network-acl-id {acl}")["NewAssociationId"]
    assert re.fullmatch("aclassoc-[0-9a-f]{17}", new)
    gives(f"ec2 describe-network-acls --filters Name=association.subnet-id,Values={inside}", "NetworkAcls[].NetworkAclId", [acl])
    gives(f"ec2 describe-network-acls --filters Name=association.association-id,Values={new}", "NetworkAcls[].NetworkAclId", [acl])
    fails(f"ec2 delete-network-acl --network-acl-id {acl}", "DependencyViolation")
    does(f"ec2 replace-network-acl-association --association-id {new} --network-acl-id {default['NetworkAclId']}")
    does(f"ec2 delete-network-acl-entry --network-acl-id {acl} --ingress --rule-number 100")
    fails(f"ec2 delete-network-acl-entry --network-acl-id {acl} --ingress --rule-number 100", "InvalidNetworkAclEntry.NotFound")
    fails(f"ec2 delete-network-acl-entry --network-acl-id {acl} --ingress --rule-number 32767", "InvalidParameterValue")
    does(f"ec2 delete-network-acl --network-acl-id {acl}")
    fails(f"ec2 delete-network-acl --network-acl-id {acl}", "InvalidNetworkAclID.NotFound")
    fails(f"ec2 delete-network-acl --network-acl-id {default['NetworkAclId']}", "InvalidParameterValue")
    fails("ec2 describe-network-acls --network-acl-ids acl-0123456789abcdef0", "InvalidNetworkAclID.NotFound")
    fails("ec2 describe-network-acls --network-acl-ids nonsense", "InvalidNetworkAclId.Malformed")


def instances():
    where, inside = vpc(), subnet()
    mine = group("ec2-sg")
    run = "ec2 run-instances --image-id ami-0123456789abcdef0 --instance-type t3.micro"
    made = does(f"{run} --count 1 --subnet-id {inside} --security-group-ids {mine} --key-name k"
                " --tag-specifications ResourceType=instance,Tags=[{Key=Name,Value=web}]")["Instances"][0]
    one = made["InstanceId"]
    assert re.fullmatch("i-[0-9a-f]{17}", one) and made["State"] == {"Code": 0, "Name": "pending"}
    assert made["VpcId"] == where and made["PrivateIpAddress"].startswith("172.31.") and made["KeyName"] == "k"
    gives(f"ec2 describe-instances --instance-ids {one}", "Reservations[].Instances[].[State.Name,SubnetId,SecurityGroups[0].GroupId]", [["running", inside, mine]])
    does(f"ec2 wait instance-running --instance-ids {one}")
    for name, value in (("instance-state-name", "running"), ("tag:Name", "web"), ("instance.group-id", mine), ("subnet-id", inside),
                        ("private-ip-address", made["PrivateIpAddress"]), ("vpc-id", where), ("network-interface.group-id", mine)):
        gives(f"ec2 describe-instances --filters Name={name},Values={value}", "Reservations[].Instances[].InstanceId", [one])
    gives(f"ec2 describe-network-interfaces --filters Name=group-id,Values={mine}", "NetworkInterfaces[].[Attachment.InstanceId,Status]", [[one, "in-use"]])
    two = does(f"{run} --private-ip-address 172.31.0.77 --subnet-id {inside}")["Instances"][0]
    assert two["PrivateIpAddress"] == "172.31.0.77" and [g["GroupName"] for g in two["SecurityGroups"]] == ["default"]
    fails(f"{run} --private-ip-address 172.31.0.77 --subnet-id {inside}", "InvalidIPAddress.InUse")
    fails(f"{run} --private-ip-address 10.0.0.1 --subnet-id {inside}", "InvalidParameterValue")
    fails(f"{run} --subnet-id subnet-0123456789abcdef0", "InvalidSubnetID.NotFound")
    fails(f"{run} --subnet-id {inside} --security-group-ids sg-0123456789abcdef0", "InvalidGroup.NotFound")
    fails(f"{run} --subnet-id {inside} --security-group-ids nonsense", "InvalidGroupId.Malformed")
    fails(f"{run} --count 0", "InvalidParameterValue")
    fails(f"{run} --dry-run", "DryRunOperation")
    fails("ec2 run-instances --image-id nonsense", "InvalidAMIID.Malformed")
    fails("ec2 run-instances --instance-type t3.micro", "MissingParameter")
    fails("ec2 describe-instances --instance-ids i-0123456789abcdef0", "InvalidInstanceID.NotFound")
    fails("ec2 describe-instances --instance-ids nonsense", "InvalidInstanceID.Malformed")
    other = does("ec2 create-vpc --cidr-block 10.0.0.0/16")["Vpc"]["VpcId"]
    stranger = group("stranger", other)
    fails(f"{run} --subnet-id {inside} --security-group-ids {stranger}", "InvalidParameter")
    more = group("more")
    does(f"ec2 modify-instance-attribute --instance-id {one} --groups {mine} {more}")
    gives(f"ec2 describe-instances --instance-ids {one}", "Reservations[].Instances[].SecurityGroups[].GroupId | sort(@)", sorted([mine, more]))
    fails(f"ec2 modify-instance-attribute --instance-id {one} --groups sg-0123456789abcdef0", "InvalidGroup.NotFound")
    fails(f"ec2 modify-instance-attribute --instance-id i-0123456789abcdef0 --groups {mine}", "InvalidInstanceID.NotFound")
    fails(f"ec2 delete-security-group --group-id {mine}", "DependencyViolation")
    fails(f"ec2 delete-subnet --subnet-id {inside}", "DependencyViolation")
    gives(f"ec2 terminate-instances --instance-ids {one}", "TerminatingInstances[].[CurrentState.Name,PreviousState.Name]", [["shutting-down", "running"]])
    gives(f"ec2 describe-instances --instance-ids {one}", "Reservations[].Instances[].State.Name", ["terminated"])
    does(f"ec2 wait instance-terminated --instance-ids {one}")
    fails("ec2 terminate-instances --instance-ids i-0123456789abcdef0", "InvalidInstanceID.NotFound")
    does(f"ec2 delete-security-group --group-id {mine}")


def interfaces():
    where, inside = vpc(), subnet()
    mine = group("ec2-sg")
    create = "ec2 create-network-interface"
    made = does(f"{create} --subnet-id {inside} --groups {mine} --description client --private-ip-address 172.31.5.5")["NetworkInterface"]
    one = made["NetworkInterfaceId"]
    assert re.fullmatch("eni-[0-9a-f]{17}", one) and made["Status"] in ("pending", "available"), made["Status"]
    fails(f"{create} --subnet-id {inside} --private-ip-address 172.31.5.5", "InvalidIPAddress.InUse")
    fails(f"{create} --subnet-id {inside} --private-ip-address 172.31.16.5", "InvalidParameterValue")
    fails(f"{create} --subnet-id {inside} --private-ip-address 172.31.0.1", "InvalidParameterValue")
    fails(f"{create} --subnet-id {inside} --groups sg-0123456789abcdef0", "InvalidSecurityGroupID.NotFound")
    fails(f"{create} --subnet-id subnet-0123456789abcdef0", "InvalidSubnetID.NotFound")
    gives(f"ec2 describe-network-interfaces --network-interface-ids {one}", "NetworkInterfaces[].[Description,PrivateIpAddress,Status,Groups[0].GroupName,InterfaceType,RequesterManaged]",
          [["client", "172.31.5.5", "available", "ec2-sg", "interface", False]])
    for name, value in (("private-ip-address", "172.31.5.5"), ("addresses.private-ip-address", "172.31.5.5"), ("description", "client"),
                        ("group-name", "ec2-sg"), ("status", "available"), ("network-interface-id", one)):
        gives(f"ec2 describe-network-interfaces --filters Name={name},Values={value}", "NetworkInterfaces[].NetworkInterfaceId", [one])
    fails("ec2 describe-network-interfaces --network-interface-ids eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound")
    fails("ec2 describe-network-interfaces --network-interface-ids nonsense", "InvalidNetworkInterfaceId.Malformed")
    more = group("more")
    does(f"ec2 modify-network-interface-attribute --network-interface-id {one} --groups {more}")
    gives(f"ec2 describe-network-interface-attribute --network-interface-id {one} --attribute groupSet", "Groups[].GroupId", [more])
    fails(f"ec2 modify-network-interface-attribute --network-interface-id {one} --groups nonsense", "InvalidGroupId.Malformed")
    fails(f"ec2 delete-security-group --group-id {more}", "DependencyViolation")
    does(f"ec2 delete-network-interface --network-interface-id {one}")
    fails(f"ec2 delete-network-interface --network-interface-id {one}", "InvalidNetworkInterfaceID.NotFound")
    does(f"ec2 delete-security-group --group-id {more}")

    # Those of mount targets are EFS's.
    fs = file_system("one")
    target = does(f"efs create-mount-target --file-system-id {fs} --subnet-id {inside} --security-groups {mine}")
    nic = target["NetworkInterfaceId"]
    gives(f"ec2 describe-network-interfaces --network-interface-ids {nic}",
          "NetworkInterfaces[].[Description,RequesterManaged,Status,PrivateIpAddress,Groups[0].GroupId,Association]",
          [[f"EFS mount target for {fs} ({target['MountTargetId']})", True, "in-use", target["IpAddress"], mine, None]])
    gives("ec2 describe-network-interfaces --filters Name=requester-managed,Values=true Name=group-id,Values=" + mine, "NetworkInterfaces[].NetworkInterfaceId", [nic])
    fails(f"ec2 delete-network-interface --network-interface-id {nic}", "OperationNotPermitted")
    fails(f"ec2 modify-network-interface-attribute --network-interface-id {nic} --groups {mine}", "AuthFailure")
    fails(f"ec2 delete-security-group --group-id {mine}", "DependencyViolation")
    fails(f"ec2 delete-subnet --subnet-id {inside}", "DependencyViolation")
    does(f"efs delete-mount-target --mount-target-id {target['MountTargetId']}")
    fails(f"ec2 describe-network-interfaces --network-interface-ids {nic}", "InvalidNetworkInterfaceID.NotFound")
    does(f"ec2 delete-security-group --group-id {mine}")


if __name__ == "__main__":
    main(globals())
