"""File systems and their mount targets, good and bad, by the AWS CLI."""

from cli import *

NO_FS, NO_TARGET = "fs-0123456789abcdef0", "fsmt-0123456789abcdef0"
NO_GROUP = "sg-0123456789abcdef0"


def file_systems():
    made = does("efs create-file-system --creation-token one --performance-mode generalPurpose --encrypted"
                " --throughput-mode bursting --tags Key=Name,Value=first Key=team,Value=a")
    fs = made["FileSystemId"]
    assert re.fullmatch("fs-[0-9a-f]{17}", fs) and made["FileSystemArn"] == f"{EFS}file-system/{fs}"
    assert made["OwnerId"] == ACCOUNT and made["LifeCycleState"] in ("creating", "available") and made["Name"] == "first"
    assert made["Encrypted"] and made["KmsKeyId"].startswith("arn:aws:kms:us-east-1:")
    assert made["NumberOfMountTargets"] == 0 and made["PerformanceMode"] == "generalPurpose" and made["ThroughputMode"] == "bursting"
    assert made["FileSystemProtection"]["ReplicationOverwriteProtection"] == "ENABLED"
    assert fs in fails("efs create-file-system --creation-token one", "FileSystemAlreadyExists")
    two = file_system("two")
    gives(f"efs describe-file-systems --file-system-id {two}", "FileSystems[].[Encrypted,Tags,SizeInBytes.Value,NumberOfMountTargets]", [[False, [], 6144, 0]])
    gives("efs describe-file-systems --creation-token one", "FileSystems[].FileSystemId", [fs])
    gives(f"efs describe-file-systems --file-system-id {EFS}file-system/{fs}", "FileSystems[].FileSystemId", [fs])
    found = does("efs describe-file-systems")["FileSystems"]
    assert {fs, two} <= {one["FileSystemId"] for one in found}
    gives("efs describe-file-systems --max-items 1", "length(FileSystems)", 1)
    fails(f"efs describe-file-systems --file-system-id {NO_FS}", "FileSystemNotFound")
    fails("efs describe-file-systems --creation-token nobody", "FileSystemNotFound")
    fails("efs describe-file-systems --file-system-id nonsense", "BadRequest")
    fails("efs create-file-system --creation-token x --performance-mode fast", "BadRequest")
    fails("efs create-file-system --creation-token x --throughput-mode fast", "BadRequest")
    fails("efs create-file-system --creation-token x --throughput-mode provisioned", "BadRequest")
    fails("efs create-file-system --creation-token x --throughput-mode provisioned --provisioned-throughput-in-mibps 99999", "ThroughputLimitExceeded")
    fails("efs create-file-system --creation-token x --kms-key-id alias/mine", "BadRequest")
    fails("efs create-file-system --creation-token x --performance-mode maxIO --throughput-mode elastic", "BadRequest")
    fails("efs create-file-system --creation-token x --availability-zone-name us-east-1z", "UnsupportedAvailabilityZone")
    fails("efs create-file-system --creation-token x --tags Key=aws:x,Value=y", "BadRequest")
    fails(f"efs create-file-system --creation-token {'x' * 65}", "BadRequest")
    gives(f"efs update-file-system --file-system-id {two} --throughput-mode elastic", "ThroughputMode", "elastic")
    fails(f"efs update-file-system --file-system-id {two} --throughput-mode bursting", "TooManyRequests")
    fails(f"efs update-file-system --file-system-id {NO_FS} --throughput-mode elastic", "FileSystemNotFound")
    does(f"efs tag-resource --resource-id {two} --tags Key=Name,Value=second")
    gives(f"efs describe-file-systems --file-system-id {two}", "FileSystems[0].Name", "second")
    gives(f"efs list-tags-for-resource --resource-id {two}", "Tags", [{"Key": "Name", "Value": "second"}])
    does(f"efs untag-resource --resource-id {two} --tag-keys Name")
    gives(f"efs list-tags-for-resource --resource-id {two}", "Tags", [])
    fails(f"efs tag-resource --resource-id {NO_FS} --tags Key=a,Value=b", "FileSystemNotFound")
    fails(f"efs delete-file-system --file-system-id {NO_FS}", "FileSystemNotFound")
    does(f"efs delete-file-system --file-system-id {fs}")
    fails(f"efs delete-file-system --file-system-id {fs}", "FileSystemNotFound")
    fails(f"efs describe-file-systems --file-system-id {fs}", "FileSystemNotFound")
    assert file_system("one") != fs


def mount_targets():
    fs, where = file_system("one"), vpc()
    a, b = subnet("us-east-1a"), subnet("us-east-1b")
    mine = group("mt-sg")
    create = f"efs create-mount-target --file-system-id {fs}"
    made = does(f"{create} --subnet-id {a} --security-groups {mine}")
    target = made["MountTargetId"]
    assert re.fullmatch("fsmt-[0-9a-f]{17}", target) and re.fullmatch("eni-[0-9a-f]{17}", made["NetworkInterfaceId"])
    assert made["VpcId"] == where and made["AvailabilityZoneName"] == "us-east-1a" and made["AvailabilityZoneId"] == "use1-az1"
    assert made["OwnerId"] == ACCOUNT and made["LifeCycleState"] in ("creating", "available") and made["IpAddress"].startswith("172.31.")
    again = fails(f"{create} --subnet-id {a}", "MountTargetConflict")
    assert "mount target already exists in this AZ" in again, again
    extra = does(f"ec2 create-subnet --vpc-id {where} --cidr-block 172.31.96.0/20 --availability-zone us-east-1a")["Subnet"]["SubnetId"]
    fails(f"{create} --subnet-id {extra}", "MountTargetConflict")
    other = does("ec2 create-vpc --cidr-block 10.0.0.0/16")["Vpc"]["VpcId"]
    far = does(f"ec2 create-subnet --vpc-id {other} --cidr-block 10.0.1.0/24 --availability-zone us-east-1c")["Subnet"]["SubnetId"]
    stranger = group("stranger", other)
    fails(f"{create} --subnet-id {far}", "MountTargetConflict")
    fails(f"{create} --subnet-id subnet-0123456789abcdef0", "SubnetNotFound")
    fails(f"{create} --subnet-id subnet-nonsense", "BadRequest")
    fails(f"efs create-mount-target --file-system-id {NO_FS} --subnet-id {b}", "FileSystemNotFound")
    fails(f"{create} --subnet-id {b} --security-groups {NO_GROUP}", "SecurityGroupNotFound")
    fails(f"{create} --subnet-id {b} --security-groups {stranger}", "SecurityGroupNotFound")
    fails(f"{create} --subnet-id {b} --security-groups sg-nonsense", "BadRequest")
    six = " ".join(group(f"g{n}") for n in range(6))
    fails(f"{create} --subnet-id {b} --security-groups {six}", "SecurityGroupLimitExceeded")
    fails(f"{create} --subnet-id {b} --ip-address 172.31.0.9", "BadRequest")
    fails(f"{create} --subnet-id {b} --ip-address nonsense", "BadRequest")
    fails(f"{create} --subnet-id {b} --ip-address 172.31.16.1", "BadRequest")
    gives(f"efs describe-mount-targets --file-system-id {fs}", "length(MountTargets)", 1)
    second = does(f"{create} --subnet-id {b} --ip-address 172.31.16.99")
    assert second["IpAddress"] == "172.31.16.99"
    two = file_system("two")
    fails(f"efs create-mount-target --file-system-id {two} --subnet-id {b} --ip-address 172.31.16.99", "IpAddressInUse")
    default = does(f"ec2 describe-security-groups --filters Name=vpc-id,Values={where} Name=group-name,Values=default")["SecurityGroups"][0]["GroupId"]
    show = "efs describe-mount-target-security-groups --mount-target-id"
    gives(f"{show} {second['MountTargetId']}", "SecurityGroups", [default])
    gives(f"{show} {target}", "SecurityGroups", [mine])
    gives(f"efs describe-file-systems --file-system-id {fs}", "FileSystems[0].NumberOfMountTargets", 2)
    gives(f"efs describe-mount-targets --mount-target-id {target}", "MountTargets[].[FileSystemId,SubnetId,LifeCycleState]", [[fs, a, "available"]])
    fails(f"efs describe-mount-targets --mount-target-id {NO_TARGET}", "MountTargetNotFound")
    fails(f"efs describe-mount-targets --file-system-id {NO_FS}", "FileSystemNotFound")
    fails("efs describe-mount-targets", "BadRequest")
    fails(f"efs describe-mount-targets --file-system-id {fs} --mount-target-id {target}", "BadRequest")

    modify = "efs modify-mount-target-security-groups --mount-target-id"
    does(f"{modify} {target} --security-groups {default} {mine}")
    gives(f"{show} {target}", "sort(SecurityGroups)", sorted([default, mine]))
    does(f"{modify} {target} --security-groups {' '.join(six.split()[:5])}")
    gives(f"{show} {target}", "length(SecurityGroups)", 5)
    fails(f"{modify} {target} --security-groups {six}", "SecurityGroupLimitExceeded")
    fails(f"{modify} {target} --security-groups {NO_GROUP}", "SecurityGroupNotFound")
    fails(f"{modify} {target} --security-groups {stranger}", "SecurityGroupNotFound")
    fails(f"{modify} {target} --security-groups sg-nonsense", "BadRequest")
    fails(f"{modify} {NO_TARGET} --security-groups {mine}", "MountTargetNotFound")
    fails(f"{show} {NO_TARGET}", "MountTargetNotFound")
    gives(f"{show} {target}", "length(SecurityGroups)", 5)
    in_use = six.split()[0]
    fails(f"ec2 delete-security-group --group-id {in_use}", "DependencyViolation")
    gives(f"ec2 describe-network-interfaces --filters Name=group-id,Values={in_use}", "NetworkInterfaces[].NetworkInterfaceId", [made["NetworkInterfaceId"]])

    fails(f"efs delete-file-system --file-system-id {fs}", "FileSystemInUse")
    does(f"efs delete-mount-target --mount-target-id {target}")
    fails(f"efs delete-mount-target --mount-target-id {target}", "MountTargetNotFound")
    does(f"ec2 delete-security-group --group-id {in_use}")
    fails(f"efs delete-file-system --file-system-id {fs}", "FileSystemInUse")
    does(f"efs delete-mount-target --mount-target-id {second['MountTargetId']}")
    gives(f"efs describe-mount-targets --file-system-id {fs}", "MountTargets", [])
    does(f"efs delete-file-system --file-system-id {fs}")
    one_zone = does("efs create-file-system --creation-token zone --availability-zone-name us-east-1a")["FileSystemId"]
    fails(f"efs create-mount-target --file-system-id {one_zone} --subnet-id {b}", "AvailabilityZonesMismatch")
    does(f"efs create-mount-target --file-system-id {one_zone} --subnet-id {a}")


def policies():
    fs = file_system("one")
    put, show = f"efs put-file-system-policy --file-system-id {fs} --policy", f"efs describe-file-system-policy --file-system-id {fs}"
    fails(show, "PolicyNotFound")
    fails(f"efs describe-file-system-policy --file-system-id {NO_FS}", "FileSystemNotFound")
    mounting = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]}
    does(f"{put} {policy(mounting)}")
    [kept] = json.loads(does(show)["Policy"])["Statement"]
    assert kept["Resource"] == f"{EFS}file-system/{fs}" and kept["Sid"].startswith("efs-statement-"), kept
    for bad in ("nonsense", "{}", "[]"):
        fails(f"{put} {shlex.quote(bad)}", "InvalidPolicyException")
    fails(f"{put} {policy({'Effect': 'Maybe', 'Principal': '*', 'Action': '*'})}", "InvalidPolicyException")
    fails(f"{put} {policy({'Effect': 'Allow', 'Action': 'elasticfilesystem:ClientMount'})}", "InvalidPolicyException")
    fails(f"{put} {policy({'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject'})}", "InvalidPolicyException")
    fails(f"{put} {policy({'Effect': 'Allow', 'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:user/nobody'}, 'Action': 'elasticfilesystem:ClientMount'})}", "InvalidPolicyException")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "elasticfilesystem:*"}
    fails(f"{put} {policy(deny)}", "InvalidPolicyException")
    keep = {"Effect": "Deny", "Principal": "*", "Action": "elasticfilesystem:DeleteFileSystem"}
    does(f"{put} {policy(keep)}")
    assert "explicit deny" in fails(f"efs delete-file-system --file-system-id {fs}", "AccessDeniedException")
    does(f"efs delete-file-system-policy --file-system-id {fs}")
    fails(show, "PolicyNotFound")
    does(f"efs delete-file-system --file-system-id {fs}")
    locked = file_system("locked")
    does(f"efs put-file-system-policy --file-system-id {locked} --bypass-policy-lockout-safety-check --policy {policy(deny)}")
    fails(f"efs put-file-system-policy --file-system-id {locked} --policy {policy(mounting)}", "AccessDeniedException")
    fails(f"efs describe-mount-targets --file-system-id {locked}", "AccessDeniedException")


if __name__ == "__main__":
    main(globals())
