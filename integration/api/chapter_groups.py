"""Security groups for EC2 instances and mount targets, good and bad, by the AWS CLI."""

from cli import *

NO_GROUP = "sg-0123456789abcdef0"


def making():
    where = vpc()
    made = does(f"ec2 create-security-group --group-name ec2-sg --description 'EC2 instances' --vpc-id {where}"
                " --tag-specifications ResourceType=security-group,Tags=[{Key=Name,Value=one}]")
    one = made["GroupId"]
    assert re.fullmatch("sg-[0-9a-f]{17}", one) and made["Tags"] == [{"Key": "Name", "Value": "one"}]
    assert made["SecurityGroupArn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/{one}"
    two = does("ec2 create-security-group --group-name mt-sg --description 'Mount targets'")["GroupId"]
    gives(f"ec2 describe-security-groups --group-ids {two}", "SecurityGroups[0].VpcId", where)

    # The default rules.
    for each, name in ((one, "ec2-sg"), (two, "mt-sg")):
        gives(f"ec2 describe-security-groups --group-ids {each}", "SecurityGroups[0].IpPermissions", [])
        gives(f"ec2 describe-security-groups --group-ids {each}", "SecurityGroups[0].IpPermissionsEgress",
              [{"IpProtocol": "-1", "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                "Ipv6Ranges": [], "PrefixListIds": []}])
        gives(f"ec2 describe-security-group-rules --filters Name=group-id,Values={each}",
              "SecurityGroupRules[].[IsEgress,IpProtocol,FromPort,ToPort,CidrIpv4]", [[True, "-1", -1, -1, "0.0.0.0/0"]])
        gives(f"ec2 describe-security-groups --filters Name=group-name,Values={name}",
              "SecurityGroups[].[GroupId,OwnerId]", [[each, ACCOUNT]])
    [default] = gives(f"ec2 describe-security-groups --filters Name=vpc-id,Values={where} Name=group-name,Values=default",
                      "SecurityGroups[].Description", ["default VPC security group"]) and \
        does(f"ec2 describe-security-groups --filters Name=vpc-id,Values={where} Name=group-name,Values=default")["SecurityGroups"]
    assert [pair["GroupId"] for pair in default["IpPermissions"][0]["UserIdGroupPairs"]] == [default["GroupId"]]

    create = "ec2 create-security-group"
    fails(f"{create} --group-name ec2-sg --description d --vpc-id {where}", "InvalidGroup.Duplicate")
    fails(f"{create} --group-name ec2-sg --description d", "InvalidGroup.Duplicate")
    fails(f"{create} --group-name default --description d --vpc-id {where}", "InvalidParameterValue")
    fails(f"{create} --group-name sg-mine --description d --vpc-id {where}", "InvalidParameterValue")
    fails(f"{create} --group-name x --description d --vpc-id vpc-0123456789abcdef0", "InvalidVpcID.NotFound")
    fails(f"{create} --group-name x --description d --vpc-id vpc-", "InvalidVpcID.NotFound")
    fails(f"{create} --group-name x --description d --vpc-id nonsense", "InvalidVpcID.NotFound")
    fails(f"{create} --group-name {'x' * 256} --description d", "InvalidParameterValue")
    fails(f"{create} --group-name x --description {'d' * 256}", "InvalidParameterValue")
    fails(f"{create} --group-name '' --description d", "MissingParameter")
    fails(f"{create} --group-name x --description ''", "MissingParameter")
    fails(f"{create} --group-name x --description ümlaut", "InvalidParameterValue")
    fails(f"{create} --group-name ümlaut --description d", "InvalidParameterValue")
    fails(f"{create} --group-name x --description d --dry-run", "DryRunOperation")
    fails(f"{create} --group-name x --description d --tag-specifications ResourceType=vpc,Tags=[{{Key=a,Value=b}}]", "InvalidParameterValue")
    fails("ec2 describe-security-groups --group-names x", "InvalidGroup.NotFound")
    # The same name in another VPC is another group.
    other = does("ec2 create-vpc --cidr-block 10.9.0.0/16")["Vpc"]["VpcId"]
    third = does(f"{create} --group-name ec2-sg --description d --vpc-id {other}")["GroupId"]
    gives("ec2 describe-security-groups --filters Name=group-name,Values=ec2-sg", "length(SecurityGroups)", 2)

    fails(f"ec2 describe-security-groups --group-ids {NO_GROUP}", "InvalidGroup.NotFound")
    fails("ec2 describe-security-groups --group-ids nonsense", "InvalidGroupId.Malformed")
    fails("ec2 describe-security-groups --group-ids sg-xyz", "InvalidGroupId.Malformed")
    fails("ec2 describe-security-groups --filters Name=nonsense,Values=x", "InvalidParameterValue")
    fails(f"ec2 describe-security-groups --max-results 1001 --no-paginate", "InvalidParameterValue")
    gives("ec2 describe-security-groups --filters Name=group-name,Values='ec2-*'", "length(SecurityGroups)", 2)
    gives("ec2 describe-security-groups --filters Name=tag:Name,Values=one", "SecurityGroups[].GroupId", [one])
    gives("ec2 describe-security-groups --filters Name=tag-key,Values=Name", "SecurityGroups[].GroupId", [one])

    delete = "ec2 delete-security-group"
    fails(f"{delete} --group-id {NO_GROUP}", "InvalidGroup.NotFound")
    fails(f"{delete} --group-id nonsense", "InvalidGroupId.Malformed")
    fails(f"{delete} --group-id {default['GroupId']}", "CannotDelete")
    fails(f"{delete} --group-id {one} --dry-run", "DryRunOperation")
    fails(f"{delete} --group-name nonsense", "InvalidGroup.NotFound")
    fails(delete, "MissingParameter")
    does(f"{delete} --group-name mt-sg")
    fails(f"{delete} --group-id {two}", "InvalidGroup.NotFound")
    does(f"{delete} --group-id {third}")
    does(f"{delete} --group-id {one}")
    does(f"ec2 delete-vpc --vpc-id {other}")


def rules():
    where = vpc()
    instances, targets = group("ec2-sg", where), group("mt-sg", where)
    authorize, revoke = "ec2 authorize-security-group-ingress", "ec2 revoke-security-group-ingress"
    ssh = f"--group-id {instances} --protocol tcp --port 22 --cidr 0.0.0.0/0"
    made = does(f"{authorize} {ssh}")
    assert made["Return"] and re.fullmatch("sgr-[0-9a-f]{17}", made["SecurityGroupRules"][0]["SecurityGroupRuleId"])
    assert made["SecurityGroupRules"][0]["GroupOwnerId"] == ACCOUNT and not made["SecurityGroupRules"][0]["IsEgress"]
    assert "already exists" in fails(f"{authorize} {ssh}", "InvalidPermission.Duplicate")
    nfs = f"--group-id {targets} --protocol tcp --port 2049 --source-group {instances}"
    gives(f"{authorize} {nfs}", "SecurityGroupRules[0].[IpProtocol,FromPort,ToPort,ReferencedGroupInfo.GroupId]",
          ["tcp", 2049, 2049, instances])
    fails(f"{authorize} {nfs}", "InvalidPermission.Duplicate")
    gives(f"ec2 describe-security-groups --group-ids {targets}", "SecurityGroups[0].IpPermissions",
          [{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [],
            "UserIdGroupPairs": [{"UserId": ACCOUNT, "GroupId": instances}]}])
    gives(f"ec2 describe-security-groups --group-ids {instances}", "SecurityGroups[0].IpPermissions[0].[FromPort,IpRanges]",
          [22, [{"CidrIp": "0.0.0.0/0"}]])
    # One is found by its rules.
    for name, value in (("ip-permission.from-port", 2049), ("ip-permission.to-port", 2049),
                        ("ip-permission.protocol", "tcp"), ("ip-permission.group-id", instances)):
        found = does(f"ec2 describe-security-groups --filters Name={name},Values={value}")["SecurityGroups"]
        assert targets in [one["GroupId"] for one in found], name
    gives("ec2 describe-security-groups --filters Name=ip-permission.cidr,Values=0.0.0.0/0 Name=vpc-id,Values=" + where,
          f"SecurityGroups[?GroupId=='{instances}'] | length(@)", 1)
    gives(f"ec2 describe-security-group-references --group-id {instances}", "SecurityGroupReferenceSet", [])

    # What is no rule.
    to = f"{authorize} --group-id {targets}"
    fails(f"{to} --protocol tcp --port 2049 --cidr 10.0.0.0/33", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 2049 --cidr 10.0.0.0", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 2049 --cidr 300.0.0.0/8", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 2049 --cidr nonsense", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 70000 --cidr 10.0.0.0/8", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 2050-2049 --cidr 10.0.0.0/8", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --cidr 10.0.0.0/8", "InvalidParameterValue")
    fails(f"{to} --ip-permissions IpProtocol=nonsense,FromPort=1,ToPort=1,IpRanges=[{{CidrIp=10.0.0.0/8}}]", "InvalidParameterValue")
    fails(f"{to} --ip-permissions IpProtocol=256,IpRanges=[{{CidrIp=10.0.0.0/8}}]", "InvalidParameterValue")
    fails(f"{to} --protocol tcp --port 2049 --source-group {NO_GROUP}", "InvalidGroup.NotFound")
    fails(f"{to} --protocol tcp --port 2049 --source-group nonsense", "InvalidGroup.NotFound")
    fails(f"{to} --protocol tcp --port 2049 --source-group sg-xyz", "InvalidGroupId.Malformed")
    fails(f"{to} --protocol tcp --port 2049", "MissingParameter")
    fails(to, "MissingParameter")
    fails(f"{authorize} --group-id {NO_GROUP} --protocol tcp --port 2049 --cidr 10.0.0.0/8", "InvalidGroup.NotFound")
    fails(f"{authorize} --group-id nonsense --protocol tcp --port 2049 --cidr 10.0.0.0/8", "InvalidGroupId.Malformed")
    fails(f"{authorize} --protocol tcp --port 2049 --cidr 10.0.0.0/8", "MissingParameter")
    fails(f"{to} --protocol tcp --port 2049 --cidr 10.0.0.0/8 --dry-run", "DryRunOperation")
    fails(f"{to} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,PrefixListIds=[{{PrefixListId=pl-0123456789abcdef0}}]", "InvalidPrefixListID.NotFound")
    fails(f"{to} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,Ipv6Ranges=[{{CidrIpv6=nonsense}}]", "InvalidParameterValue")
    elsewhere = does("ec2 create-vpc --cidr-block 10.9.0.0/16")["Vpc"]["VpcId"]
    stranger = group("stranger", elsewhere)
    fails(f"{to} --protocol tcp --port 2049 --source-group {stranger}", "InvalidGroup.NotFound")
    gives(f"ec2 describe-security-groups --group-ids {targets}", "length(SecurityGroups[0].IpPermissions)", 1)

    # What is one, in its other forms.
    does(f"{to} --protocol tcp --port 2049 --cidr 10.1.2.3/8")
    gives(f"ec2 describe-security-groups --group-ids {targets}", "SecurityGroups[0].IpPermissions[].IpRanges[].CidrIp", ["10.0.0.0/8"])
    fails(f"{to} --protocol tcp --port 2049 --cidr 10.0.0.0/8", "InvalidPermission.Duplicate")
    does(f"{to} --protocol 6 --port 2050-2051 --cidr 10.0.0.0/8")
    gives(f"ec2 describe-security-group-rules --filters Name=group-id,Values={targets}", "SecurityGroupRules[?FromPort==`2050`].IpProtocol", ["tcp"])
    does(f"{to} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,IpRanges='[{{CidrIp=10.2.0.0/16,Description=office}},{{CidrIp=10.3.0.0/16}}]'")
    gives(f"ec2 describe-security-groups --group-ids {targets}", "SecurityGroups[0].IpPermissions[?FromPort==`2049`].IpRanges[].CidrIp | sort(@)",
          ["10.0.0.0/8", "10.2.0.0/16", "10.3.0.0/16"])
    does(f"{to} --protocol all --cidr 10.4.0.0/16")
    does(f"{to} --protocol icmp --port -1 --cidr 10.0.0.0/8")
    does(f"{to} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,UserIdGroupPairs=[{{GroupId={targets},Description=itself}}]")
    does(f"{to} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,Ipv6Ranges=[{{CidrIpv6=fd00::/8}}]")
    does(f"ec2 update-security-group-rule-descriptions-ingress --group-id {targets} --ip-permissions IpProtocol=tcp,FromPort=2049,ToPort=2049,IpRanges=[{{CidrIp=10.2.0.0/16,Description=home}}]")
    gives(f"ec2 describe-security-group-rules --filters Name=group-id,Values={targets}", "SecurityGroupRules[?CidrIpv4=='10.2.0.0/16'].Description", ["home"])

    # Outbound.
    everything = f"--group-id {instances} --protocol -1 --cidr 0.0.0.0/0"
    fails(f"ec2 authorize-security-group-egress {everything}", "InvalidPermission.Duplicate")
    does(f"ec2 revoke-security-group-egress {everything}")
    unknown = "[Return,UnknownIpPermissions[].[IpProtocol,FromPort]]"
    gives(f"ec2 revoke-security-group-egress {everything}", unknown, [True, [["-1", None]]])
    gives(f"ec2 describe-security-groups --group-ids {instances}", "SecurityGroups[0].IpPermissionsEgress", [])
    out = f"--group-id {instances} --protocol tcp --port 2049 --source-group {targets}"
    does(f"ec2 authorize-security-group-egress {out}")
    gives(f"ec2 describe-security-groups --group-ids {instances}", "SecurityGroups[0].IpPermissionsEgress[].UserIdGroupPairs[].GroupId", [targets])
    gives(f"ec2 describe-security-groups --filters Name=egress.ip-permission.group-id,Values={targets}", "SecurityGroups[].GroupId", [instances])

    # Two that name each other can't be deleted.
    fails(f"ec2 delete-security-group --group-id {targets}", "DependencyViolation")
    fails(f"ec2 delete-security-group --group-id {instances}", "DependencyViolation")

    # Revoking.
    does(f"{revoke} {nfs}")
    # In the default VPC, what is not there is no error (EC2 API reference, RevokeSecurityGroupIngress).
    gives(f"{revoke} {nfs}", unknown, [True, [["tcp", 2049]]])
    inside = group("inside", elsewhere)
    does(f"{authorize} --group-id {inside} --protocol tcp --port 22 --cidr 0.0.0.0/0")
    for protocol, port, cidr in (("tcp", 23, "0.0.0.0/0"), ("udp", 22, "0.0.0.0/0"), ("tcp", 22, "10.0.0.0/8")):
        fails(f"{revoke} --group-id {inside} --protocol {protocol} --port {port} --cidr {cidr}", "InvalidPermission.NotFound")
    does(f"{revoke} --group-id {inside} --protocol tcp --port 22 --cidr 0.0.0.0/0")
    fails(f"{revoke} --group-id {inside} --protocol tcp --port 22 --cidr 0.0.0.0/0", "InvalidPermission.NotFound")
    fails(f"ec2 revoke-security-group-egress --group-id {inside} --protocol tcp --port 1 --cidr 0.0.0.0/0", "InvalidPermission.NotFound")
    fails(f"{revoke} --group-id {NO_GROUP} --protocol tcp --port 22 --cidr 10.0.0.0/8", "InvalidGroup.NotFound")
    fails(f"{revoke} --group-id {instances} --security-group-rule-ids sgr-0123456789abcdef0", "InvalidSecurityGroupRuleId.NotFound")
    fails(f"{revoke} --group-id {instances} --security-group-rule-ids nonsense", "InvalidSecurityGroupRuleId.Malformed")
    fails(f"{revoke} {ssh} --dry-run", "DryRunOperation")
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    gives(f"ec2 describe-security-group-rules --security-group-rule-ids {rule}", "SecurityGroupRules[0].[GroupId,CidrIpv4,FromPort]", [instances, "0.0.0.0/0", 22])
    fails("ec2 describe-security-group-rules --security-group-rule-ids sgr-0123456789abcdef0", "InvalidSecurityGroupRuleId.NotFound")
    fails("ec2 describe-security-group-rules --security-group-rule-ids nonsense", "InvalidSecurityGroupRuleId.Malformed")
    does(f"ec2 modify-security-group-rules --group-id {instances} --security-group-rules SecurityGroupRuleId={rule},SecurityGroupRule='{{IpProtocol=tcp,FromPort=22,ToPort=22,CidrIpv4=10.0.0.0/8}}'")
    gives(f"ec2 describe-security-group-rules --security-group-rule-ids {rule}", "SecurityGroupRules[0].CidrIpv4", "10.0.0.0/8")
    gives(f"{revoke} --group-id {instances} --security-group-rule-ids {rule}", "RevokedSecurityGroupRules[].SecurityGroupRuleId", [rule])
    fails(f"{revoke} --group-id {instances} --security-group-rule-ids {rule}", "InvalidSecurityGroupRuleId.NotFound")
    does(f"ec2 revoke-security-group-egress {out}")
    does(f"ec2 delete-security-group --group-id {instances}")
    does(f"ec2 delete-security-group --group-id {targets}")


def tags():
    one = group("tagged")
    does(f"ec2 create-tags --resources {one} --tags Key=Name,Value=web Key=empty,Value=")
    gives(f"ec2 describe-security-groups --group-ids {one}", "SecurityGroups[0].Tags | sort_by(@, &Key)",
          [{"Key": "Name", "Value": "web"}, {"Key": "empty", "Value": ""}])
    gives(f"ec2 describe-tags --filters Name=resource-id,Values={one} Name=key,Values=Name", "Tags[].[ResourceType,Value]", [["security-group", "web"]])
    fails(f"ec2 create-tags --resources {NO_GROUP} --tags Key=a,Value=b", "InvalidGroup.NotFound")
    fails(f"ec2 create-tags --resources {one} --tags Key=aws:a,Value=b", "InvalidParameterValue")
    fails(f"ec2 create-tags --resources {one} --tags Key={'k' * 129},Value=b", "InvalidParameterValue")
    does(f"ec2 delete-tags --resources {one} --tags Key=empty")
    gives(f"ec2 describe-security-groups --group-ids {one}", "SecurityGroups[0].Tags[].Key", ["Name"])
    does(f"ec2 delete-security-group --group-id {one}")
    gives(f"ec2 describe-tags --filters Name=resource-id,Values={one}", "Tags", [])


if __name__ == "__main__":
    main(globals())
