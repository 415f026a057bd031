"""The EFS API, as boto3 sees it."""

import threading
import time
import urllib.request

from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from common import *

ABSENT = "fs-0123456789abcdef0"
NO_MOUNT_TARGET = "fsmt-0123456789abcdef0"
NO_ACCESS_POINT = "fsap-0123456789abcdef0"


def file_systems():
    made = efs.create_file_system(
        CreationToken="one", Encrypted=True, Tags=[{"Key": "Name", "Value": "first"}]
    )
    assert status(made) == 201 and made["LifeCycleState"] == "available" and made["Name"] == "first"
    assert made["KmsKeyId"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"), made
    fs = made["FileSystemId"]
    assert len(fs) == 20 and made["FileSystemArn"] == f"{ARN}file-system/{fs}"
    assert made["SizeInBytes"]["Value"] == 6144 and made["OwnerId"] == ACCOUNT
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    error = fails("FileSystemAlreadyExists", 409, efs.create_file_system, CreationToken="one")
    assert error["FileSystemId"] == fs and "already exists with creation token 'one'" in error["Message"]
    for named in (fs, made["FileSystemArn"]):
        found = efs.describe_file_systems(FileSystemId=named)["FileSystems"]
        assert [one["FileSystemId"] for one in found] == [fs], found
    assert len(efs.describe_file_systems(CreationToken="one")["FileSystems"]) == 1
    fails("FileSystemNotFound", 404, efs.describe_file_systems, CreationToken="two")
    fails("FileSystemNotFound", 404, efs.describe_file_systems, FileSystemId=ABSENT)
    for arguments in (
        {"CreationToken": ""},
        {"CreationToken": "x" * 65},
        {},
        {"PerformanceMode": "fast"},
        {"PerformanceMode": "maxIO", "ThroughputMode": "elastic"},
        {"PerformanceMode": "maxIO", "AvailabilityZoneName": "us-east-1a"},
        {"ThroughputMode": "provisioned"},
        {"ProvisionedThroughputInMibps": 5.0},
        {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 0.5},
        {"KmsKeyId": "alias/x"},
        {"Encrypted": True, "KmsKeyId": "no key"},
        {"Encrypted": "yes"},
        {"Tags": [{"Key": "aws:x", "Value": ""}]},
        {"Tags": [{"Key": "k"}]},
        {"Tags": [{"Key": "k", "Value": "v" * 257}]},
        {"Tags": [{"Key": "k", "Value": "v" * 1_000_000}]},
        {"Tags": [{"Key": "k" * 129, "Value": ""}]},
        {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]},
        {"Tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
    ):
        if arguments and "CreationToken" not in arguments:
            arguments["CreationToken"] = "bad"
        elif not arguments:
            arguments = {"CreationToken": None}
        fails("BadRequest", 400, efs.create_file_system, **arguments)
    fails("ThroughputLimitExceeded", 400, efs.create_file_system, CreationToken="bad",
          ThroughputMode="provisioned", ProvisionedThroughputInMibps=3415.0)
    fails("UnsupportedAvailabilityZone", 400, efs.create_file_system, CreationToken="bad",
          AvailabilityZoneName="us-east-1z")
    fails("FileSystemNotFound", 404, efs.describe_file_systems, CreationToken="bad")
    for arguments in ({"MaxItems": 0}, {"Marker": "nonsense"}, {"FileSystemId": "fs-1"}):
        fails("BadRequest", 400, efs.describe_file_systems, **arguments)
    more = {file_system() for _ in range(4)} | {fs}
    seen, marker = [], {}
    while True:
        page = efs.describe_file_systems(MaxItems=2, **marker)
        assert len(page["FileSystems"]) <= 2 and page.get("Marker") == marker.get("Marker")
        seen += [one["FileSystemId"] for one in page["FileSystems"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert len(seen) == len(set(seen)) and more <= set(seen), seen
    assert status(efs.delete_file_system(FileSystemId=fs)) == 204
    fails("FileSystemNotFound", 404, efs.delete_file_system, FileSystemId=fs)
    assert file_system_token("one") != fs


def file_system_token(token):
    return efs.create_file_system(CreationToken=token)["FileSystemId"]


def throughput():
    fs = file_system()
    updated = efs.update_file_system(FileSystemId=fs, ThroughputMode="provisioned",
                                     ProvisionedThroughputInMibps=10.0)
    assert status(updated) == 202 and updated["ProvisionedThroughputInMibps"] == 10.0
    efs.update_file_system(FileSystemId=fs, ProvisionedThroughputInMibps=20.0)
    fails("TooManyRequests", 429, efs.update_file_system, FileSystemId=fs, ThroughputMode="bursting")
    fails("TooManyRequests", 429, efs.update_file_system, FileSystemId=fs,
          ProvisionedThroughputInMibps=5.0)
    fails("ThroughputLimitExceeded", 400, efs.update_file_system, FileSystemId=fs,
          ProvisionedThroughputInMibps=99999.0)
    fails("BadRequest", 400, efs.update_file_system, FileSystemId=fs)
    fails("FileSystemNotFound", 404, efs.update_file_system, FileSystemId=ABSENT, ThroughputMode="elastic")
    bursting = file_system(ThroughputMode="provisioned", ProvisionedThroughputInMibps=10.0)
    changed = efs.update_file_system(FileSystemId=bursting, ThroughputMode="bursting")
    assert "ProvisionedThroughputInMibps" not in changed
    protect = efs.update_file_system_protection
    assert protect(FileSystemId=fs, ReplicationOverwriteProtection="DISABLED")[
        "ReplicationOverwriteProtection"] == "DISABLED"
    fails("BadRequest", 400, protect, FileSystemId=fs, ReplicationOverwriteProtection="REPLICATING")
    fails("FileSystemNotFound", 404, protect, FileSystemId=ABSENT,
          ReplicationOverwriteProtection="ENABLED")


def mount_targets():
    fs, other = file_system(), file_system()
    first, second = subnets()[:2]
    group = ec2.create_security_group(GroupName="mt", Description="d")["GroupId"]
    made = efs.create_mount_target(FileSystemId=fs, SubnetId=first, SecurityGroups=[group])
    target = made["MountTargetId"]
    assert status(made) == 200 and made["LifeCycleState"] == "available", made
    assert made["AvailabilityZoneName"] == "us-east-1a" and made["AvailabilityZoneId"] == "use1-az1"
    interface = ec2.describe_network_interfaces(NetworkInterfaceIds=[made["NetworkInterfaceId"]])
    interface = interface["NetworkInterfaces"][0]
    assert interface["Description"] == f"EFS mount target for {fs} ({target})"
    assert interface["RequesterManaged"] and interface["PrivateIpAddress"] == made["IpAddress"]
    assert [one["GroupId"] for one in interface["Groups"]] == [group]
    create = efs.create_mount_target
    fails("MountTargetConflict", 409, create, FileSystemId=fs, SubnetId=first)
    fails("IpAddressInUse", 409, create, FileSystemId=other, SubnetId=first, IpAddress=made["IpAddress"])
    fails("SubnetNotFound", 400, create, FileSystemId=fs, SubnetId="subnet-0123456789abcdef0")
    fails("FileSystemNotFound", 404, create, FileSystemId=ABSENT, SubnetId=first)
    fails("SecurityGroupNotFound", 400, create, FileSystemId=fs, SubnetId=second,
          SecurityGroups=["sg-0123456789abcdef0"])
    groups = [ec2.create_security_group(GroupName=f"g{n}", Description="d")["GroupId"] for n in range(6)]
    fails("SecurityGroupLimitExceeded", 400, create, FileSystemId=fs, SubnetId=second, SecurityGroups=groups)
    for address in ("10.0.0.1", "172.31.16.3", "172.31.31.255", "999.1.1.1", "x"):
        fails("BadRequest", 400, create, FileSystemId=fs, SubnetId=second, IpAddress=address)
    for arguments in ({"IpAddressType": "DUAL_STACK"}, {"Ipv6Address": "::1"}, {"IpAddressType": "V7"}):
        fails("BadRequest", 400, create, FileSystemId=fs, SubnetId=second, **arguments)
    one_zone = file_system(AvailabilityZoneName="us-east-1b")
    fails("AvailabilityZonesMismatch", 400, create, FileSystemId=one_zone, SubnetId=first)
    chosen = create(FileSystemId=fs, SubnetId=second, IpAddress="172.31.16.77")
    assert chosen["IpAddress"] == "172.31.16.77"
    default = efs.describe_mount_target_security_groups(MountTargetId=chosen["MountTargetId"])
    default = ec2.describe_security_groups(GroupIds=default["SecurityGroups"])["SecurityGroups"]
    assert [one["GroupName"] for one in default] == ["default"]
    access_point = efs.create_access_point(ClientToken="mt", FileSystemId=fs)["AccessPointId"]
    describe = efs.describe_mount_targets
    for named in ({"FileSystemId": fs}, {"AccessPointId": access_point}):
        found = describe(**named)["MountTargets"]
        assert {one["MountTargetId"] for one in found} == {target, chosen["MountTargetId"]}
    page = describe(FileSystemId=fs, MaxItems=1)
    rest = describe(FileSystemId=fs, Marker=page["NextMarker"])
    assert len(page["MountTargets"]) == len(rest["MountTargets"]) == 1
    assert describe(MountTargetId=target)["MountTargets"][0]["IpAddress"] == made["IpAddress"]
    fails("BadRequest", 400, describe)
    fails("BadRequest", 400, describe, FileSystemId=fs, MountTargetId=target)
    fails("FileSystemNotFound", 404, describe, FileSystemId=ABSENT)
    fails("MountTargetNotFound", 404, describe, MountTargetId=NO_MOUNT_TARGET)
    fails("AccessPointNotFound", 404, describe, AccessPointId=NO_ACCESS_POINT)
    modify = efs.modify_mount_target_security_groups
    assert status(modify(MountTargetId=target, SecurityGroups=groups[:5])) == 204
    found = efs.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"]
    assert found == groups[:5]
    fails("SecurityGroupLimitExceeded", 400, modify, MountTargetId=target, SecurityGroups=groups)
    fails("SecurityGroupNotFound", 400, modify, MountTargetId=target, SecurityGroups=["sg-01234567"])
    fails("MountTargetNotFound", 404, modify, MountTargetId=NO_MOUNT_TARGET, SecurityGroups=groups[:1])
    fails("MountTargetNotFound", 404, efs.describe_mount_target_security_groups,
          MountTargetId=NO_MOUNT_TARGET)
    fails("FileSystemInUse", 409, efs.delete_file_system, FileSystemId=fs)
    for one in (target, chosen["MountTargetId"]):
        assert status(efs.delete_mount_target(MountTargetId=one)) == 204
    fails("MountTargetNotFound", 404, efs.delete_mount_target, MountTargetId=target)
    assert not ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [f"*{fs}*"]}])["NetworkInterfaces"]
    efs.delete_file_system(FileSystemId=fs)
    fails("AccessPointNotFound", 404, describe, AccessPointId=access_point)


def access_points():
    fs = file_system()
    create = efs.create_access_point
    directory = {"Path": "/a/b", "CreationInfo": {"OwnerUid": 1, "OwnerGid": 2, "Permissions": "0755"}}
    made = create(ClientToken="t", FileSystemId=fs, PosixUser={"Uid": 7, "Gid": 8, "SecondaryGids": [9]},
                  RootDirectory=directory, Tags=[{"Key": "Name", "Value": "ap"}])
    point = made["AccessPointId"]
    assert status(made) == 200 and made["RootDirectory"] == directory and made["Name"] == "ap"
    assert made["PosixUser"] == {"Uid": 7, "Gid": 8, "SecondaryGids": [9]}
    assert made["AccessPointArn"] == f"{ARN}access-point/{point}" and len(point) == 22
    error = fails("AccessPointAlreadyExists", 409, create, ClientToken="t", FileSystemId=fs)
    assert error["AccessPointId"] == point
    assert create(ClientToken="u", FileSystemId=fs)["RootDirectory"] == {"Path": "/"}
    fails("FileSystemNotFound", 404, create, ClientToken="v", FileSystemId=ABSENT)
    for arguments in (
        {"PosixUser": {"Uid": 1}},
        {"PosixUser": {"Uid": -1, "Gid": 0}},
        {"PosixUser": {"Uid": 4294967296, "Gid": 0}},
        {"PosixUser": {"Uid": 0, "Gid": 0, "SecondaryGids": [1] * 17}},
        {"RootDirectory": {"Path": "relative"}},
        {"RootDirectory": {"Path": "/1/2/3/4/5"}},
        {"RootDirectory": {"Path": "/.."}},
        {"RootDirectory": {"Path": "/x", "CreationInfo": {"OwnerUid": 1, "OwnerGid": 1}}},
        {"RootDirectory": {"CreationInfo": {"OwnerUid": 1, "OwnerGid": 1, "Permissions": "9"}}},
    ):
        fails("BadRequest", 400, create, ClientToken="bad", FileSystemId=fs, **arguments)
    describe = efs.describe_access_points
    assert describe(AccessPointId=point)["AccessPoints"][0]["AccessPointId"] == point
    assert len(describe(FileSystemId=fs, MaxResults=1000)["AccessPoints"]) == 2
    page = describe(FileSystemId=fs, MaxResults=1)
    assert len(describe(FileSystemId=fs, NextToken=page["NextToken"])["AccessPoints"]) == 1
    assert len(describe()["AccessPoints"]) >= 2
    fails("BadRequest", 400, describe, FileSystemId=fs, AccessPointId=point)
    fails("FileSystemNotFound", 404, describe, FileSystemId=ABSENT)
    fails("AccessPointNotFound", 404, describe, AccessPointId=NO_ACCESS_POINT)
    assert status(efs.delete_access_point(AccessPointId=made["AccessPointArn"])) == 204
    fails("AccessPointNotFound", 404, efs.delete_access_point, AccessPointId=point)


def tags():
    fs = file_system(Tags=[{"Key": "a", "Value": "1"}])
    point = efs.create_access_point(ClientToken="tags", FileSystemId=fs)["AccessPointId"]
    for resource in (fs, f"{ARN}file-system/{fs}", point, f"{ARN}access-point/{point}"):
        efs.tag_resource(ResourceId=resource, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
        found = {tag["Key"]: tag["Value"] for tag in efs.list_tags_for_resource(ResourceId=resource)["Tags"]}
        assert found == {"a": "3", "b": "2"}
        efs.untag_resource(ResourceId=resource, TagKeys=["b", "absent"])
        assert len(efs.list_tags_for_resource(ResourceId=resource)["Tags"]) == 1
    efs.tag_resource(ResourceId=fs, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(49)])
    fails("BadRequest", 400, efs.tag_resource, ResourceId=fs, Tags=[{"Key": "more", "Value": ""}])
    page = efs.list_tags_for_resource(ResourceId=fs, MaxResults=30)
    rest = efs.list_tags_for_resource(ResourceId=fs, MaxResults=30, NextToken=page["NextToken"])
    assert len(page["Tags"]) == 30 and len(rest["Tags"]) == 20 and "NextToken" not in rest
    fails("BadRequest", 400, efs.untag_resource, ResourceId=fs, TagKeys=[])
    for resource, code in ((ABSENT, "FileSystemNotFound"), (NO_ACCESS_POINT, "AccessPointNotFound")):
        fails(code, 404, efs.tag_resource, ResourceId=resource, Tags=[])
        fails(code, 404, efs.untag_resource, ResourceId=resource, TagKeys=["a"])
        fails(code, 404, efs.list_tags_for_resource, ResourceId=resource)
    old = file_system()
    assert status(efs.create_tags(FileSystemId=old, Tags=[{"Key": "x", "Value": "y"}])) == 204
    assert efs.describe_tags(FileSystemId=old)["Tags"] == [{"Key": "x", "Value": "y"}]
    assert status(efs.delete_tags(FileSystemId=old, TagKeys=["x"])) == 204
    assert efs.describe_tags(FileSystemId=old, MaxItems=1)["Tags"] == []
    fails("FileSystemNotFound", 404, efs.describe_tags, FileSystemId=ABSENT)
    fails("FileSystemNotFound", 404, efs.create_tags, FileSystemId=ABSENT, Tags=[])
    fails("FileSystemNotFound", 404, efs.delete_tags, FileSystemId=ABSENT, TagKeys=["x"])


def configurations():
    fs = file_system()
    put, describe = efs.put_lifecycle_configuration, efs.describe_lifecycle_configuration
    assert describe(FileSystemId=fs)["LifecyclePolicies"] == []
    policies = [{"TransitionToIA": "AFTER_7_DAYS"}, {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}]
    assert put(FileSystemId=fs, LifecyclePolicies=policies)["LifecyclePolicies"] == policies
    assert describe(FileSystemId=fs)["LifecyclePolicies"] == policies
    assert put(FileSystemId=fs, LifecyclePolicies=[])["LifecyclePolicies"] == []
    for bad in (
        [{"TransitionToIA": "AFTER_8_DAYS"}],
        [{"TransitionToIA": "AFTER_7_DAYS", "TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}],
        [{}],
        [{"TransitionToIA": "AFTER_7_DAYS"}, {"TransitionToIA": "AFTER_14_DAYS"}],
        [{"TransitionToArchive": "AFTER_90_DAYS"}],
        policies * 2,
    ):
        fails("BadRequest", 400, put, FileSystemId=fs, LifecyclePolicies=bad)
    elastic = file_system(ThroughputMode="elastic")
    archive = [{"TransitionToIA": "AFTER_7_DAYS"}, {"TransitionToArchive": "AFTER_30_DAYS"}]
    assert put(FileSystemId=elastic, LifecyclePolicies=archive)["LifecyclePolicies"] == archive
    archive[0]["TransitionToIA"] = "AFTER_30_DAYS"
    fails("BadRequest", 400, put, FileSystemId=elastic, LifecyclePolicies=archive)
    fails("FileSystemNotFound", 404, put, FileSystemId=ABSENT, LifecyclePolicies=[])
    fails("FileSystemNotFound", 404, describe, FileSystemId=ABSENT)

    put, describe = efs.put_backup_policy, efs.describe_backup_policy
    fails("PolicyNotFound", 404, describe, FileSystemId=fs)
    for wanted in ("ENABLED", "DISABLED"):
        assert put(FileSystemId=fs, BackupPolicy={"Status": wanted})["BackupPolicy"]["Status"] == wanted
        assert describe(FileSystemId=fs)["BackupPolicy"]["Status"] == wanted
    fails("ValidationException", 400, put, FileSystemId=fs, BackupPolicy={"Status": "ENABLING"})
    fails("BadRequest", 400, put, FileSystemId=fs, BackupPolicy={"Status": "ON"})
    fails("FileSystemNotFound", 404, put, FileSystemId=ABSENT, BackupPolicy={"Status": "ENABLED"})
    fails("FileSystemNotFound", 404, describe, FileSystemId=ABSENT)

    found = efs.describe_account_preferences()["ResourceIdPreference"]
    assert found == {"ResourceIdType": "LONG_ID", "Resources": ["FILE_SYSTEM", "MOUNT_TARGET"]}
    assert efs.put_account_preferences(ResourceIdType="LONG_ID")["ResourceIdPreference"] == found
    fails("BadRequest", 400, efs.put_account_preferences, ResourceIdType="SHORT_ID")
    fails("BadRequest", 400, efs.put_account_preferences, ResourceIdType="NO_ID")


def replication():
    source, create = file_system(), efs.create_replication_configuration
    describe, delete = efs.describe_replication_configurations, efs.delete_replication_configuration
    made = create(SourceFileSystemId=source, Destinations=[{"Region": "eu-west-1"}])
    assert made["Destinations"][0]["Status"] == "ENABLED"
    assert made["SourceFileSystemArn"] == f"{ARN}file-system/{source}"
    fails("ConflictException", 409, create, SourceFileSystemId=source, Destinations=[{"Region": "eu-west-1"}])
    assert len(describe(FileSystemId=source)["Replications"]) == 1
    assert len(describe(MaxResults=1)["Replications"]) == 1
    fails("FileSystemInUse", 409, efs.delete_file_system, FileSystemId=source)
    assert status(delete(SourceFileSystemId=source)) == 204
    fails("ReplicationNotFound", 404, delete, SourceFileSystemId=source)
    fails("ReplicationNotFound", 404, describe, FileSystemId=source)
    local = create(SourceFileSystemId=source, Destinations=[{"AvailabilityZoneName": "us-east-1c"}])
    copy = local["Destinations"][0]["FileSystemId"]
    found = efs.describe_file_systems(FileSystemId=copy)["FileSystems"][0]
    assert found["FileSystemProtection"]["ReplicationOverwriteProtection"] == "REPLICATING"
    fails("ReplicationAlreadyExists", 409, efs.update_file_system_protection, FileSystemId=copy,
          ReplicationOverwriteProtection="ENABLED")
    fails("BadRequest", 400, delete, SourceFileSystemId=source, DeletionMode="LOCAL_CONFIGURATION_ONLY")
    fails("BadRequest", 400, delete, SourceFileSystemId=source, DeletionMode="SOME")
    delete(SourceFileSystemId=source, DeletionMode="ALL_CONFIGURATIONS")
    fails("ConflictException", 409, create, SourceFileSystemId=source,
          Destinations=[{"Region": REGION, "FileSystemId": copy}])
    efs.update_file_system_protection(FileSystemId=copy, ReplicationOverwriteProtection="DISABLED")
    create(SourceFileSystemId=source, Destinations=[{"Region": REGION, "FileSystemId": copy}])
    third = file_system()
    fails("ValidationException", 400, create, SourceFileSystemId=third, Destinations=[])
    fails("ValidationException", 400, create, SourceFileSystemId=third, Destinations=[{}])
    fails("ConflictException", 409, create, SourceFileSystemId=copy, Destinations=[{"Region": "eu-west-1"}])
    fails("FileSystemNotFound", 404, create, SourceFileSystemId=ABSENT, Destinations=[{"Region": REGION}])
    fails("UnsupportedAvailabilityZone", 400, create, SourceFileSystemId=file_system(),
          Destinations=[{"AvailabilityZoneName": "us-east-1z"}])

    # What One Zone storage has, whatever its source has.
    source = file_system(PerformanceMode="maxIO")
    made = create(SourceFileSystemId=source, Destinations=[{"AvailabilityZoneName": "us-east-1c"}])
    copy = made["Destinations"][0]["FileSystemId"]
    found = efs.describe_file_systems(FileSystemId=copy)["FileSystems"][0]
    assert found["PerformanceMode"] == "generalPurpose" and found["AvailabilityZoneName"] == "us-east-1c", found
    assert efs.describe_backup_policy(FileSystemId=copy)["BackupPolicy"]["Status"] == "ENABLED"

    # A source's own key is not that of its destination.
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"
    source, plain = file_system(Encrypted=True, KmsKeyId=key), file_system()
    efs.update_file_system_protection(FileSystemId=plain, ReplicationOverwriteProtection="DISABLED")
    fails("ConflictException", 409, create, SourceFileSystemId=source,
          Destinations=[{"Region": REGION, "FileSystemId": plain}])
    made = create(SourceFileSystemId=source, Destinations=[{"Region": REGION}])
    found = efs.describe_file_systems(FileSystemId=made["Destinations"][0]["FileSystemId"])["FileSystems"][0]
    own = efs.describe_file_systems(FileSystemId=file_system(Encrypted=True))["FileSystems"][0]["KmsKeyId"]
    assert found["KmsKeyId"] == own != key, found


def policies():
    fs = file_system()
    arn = f"{ARN}file-system/{fs}"
    put, describe = efs.put_file_system_policy, efs.describe_file_system_policy
    fails("PolicyNotFound", 404, describe, FileSystemId=fs)
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientMount"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    answer = put(FileSystemId=fs, Policy=policy)
    assert status(answer) == 200 and answer["FileSystemId"] == fs
    found = json.loads(describe(FileSystemId=fs)["Policy"])
    assert "Id" not in found, found
    found = found["Statement"][0]
    assert found["Resource"] == arn and found["Sid"].startswith("efs-statement-"), found
    locked = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": arn}
    locked = json.dumps({"Version": "2012-10-17", "Statement": [locked]})
    fails("InvalidPolicyException", 400, put, FileSystemId=fs, Policy=locked)
    for bad in ("{", "[]", '{"Statement": []}', json.dumps({"Statement": [{**statement, "Principal": {"X": "y"}}]})):
        fails("InvalidPolicyException", 400, put, FileSystemId=fs, Policy=bad)
    fails("BadRequest", 400, put, FileSystemId=fs, Policy="x" * 20_001)
    fails("FileSystemNotFound", 404, put, FileSystemId=ABSENT, Policy=policy)
    fails("FileSystemNotFound", 404, describe, FileSystemId=ABSENT)
    fails("FileSystemNotFound", 404, efs.delete_file_system_policy, FileSystemId=ABSENT)
    reader = user("reader", ("elasticfilesystem:DescribeFileSystems", "*"))("efs")
    reader.describe_file_systems(FileSystemId=fs)
    statement = {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/reader"},
                 "Action": "elasticfilesystem:DescribeFileSystems"}
    put(FileSystemId=fs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    fails("AccessDeniedException", 403, reader.describe_file_systems, FileSystemId=fs)
    assert status(efs.delete_file_system_policy(FileSystemId=fs)) == 200
    reader.describe_file_systems(FileSystemId=fs)
    put(FileSystemId=fs, Policy=locked, BypassPolicyLockoutSafetyCheck=True)


def authorization():
    """Every operation: denied without a policy, allowed by one for that action on that resource."""
    fs, other = file_system(), file_system()
    arn = f"{ARN}file-system/{fs}"
    target = efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[0])["MountTargetId"]
    point = efs.create_access_point(ClientToken="a", FileSystemId=fs)["AccessPointId"]
    gone_point = efs.create_access_point(ClientToken="b", FileSystemId=fs)["AccessPointId"]
    gone = file_system()
    any_policy = {"Effect": "Allow", "Principal": "*", "Action": "elasticfilesystem:ClientMount"}
    any_policy = json.dumps({"Version": "2012-10-17", "Statement": [any_policy]})
    of = {"FileSystemId": fs}
    all_arn = f"{ARN}file-system/*"
    # In an order that leaves each what it needs.
    table = [
        ("CreateFileSystem", {"CreationToken": "auth"}, all_arn, ()),
        ("DescribeFileSystems", of, arn, ()),
        ("UpdateFileSystem", {**of, "ThroughputMode": "elastic"}, arn, ()),
        ("UpdateFileSystemProtection", {**of, "ReplicationOverwriteProtection": "ENABLED"}, arn, ()),
        ("CreateMountTarget", {**of, "SubnetId": subnets()[1]}, arn,
         ("ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces", "ec2:CreateNetworkInterface")),
        ("DescribeMountTargets", of, arn, ()),
        ("DescribeMountTargetSecurityGroups", {"MountTargetId": target}, arn,
         ("ec2:DescribeNetworkInterfaceAttribute",)),
        ("ModifyMountTargetSecurityGroups", {"MountTargetId": target}, arn,
         ("ec2:ModifyNetworkInterfaceAttribute",)),
        ("DeleteMountTarget", {"MountTargetId": target}, arn, ("ec2:DeleteNetworkInterface",)),
        ("CreateAccessPoint", {**of, "ClientToken": "c"}, arn, ()),
        ("DescribeAccessPoints", {"AccessPointId": point}, f"{ARN}access-point/{point}", ()),
        ("DeleteAccessPoint", {"AccessPointId": gone_point}, f"{ARN}access-point/{gone_point}", ()),
        ("TagResource", {"ResourceId": point, "Tags": []}, f"{ARN}access-point/{point}", ()),
        ("ListTagsForResource", {"ResourceId": fs}, arn, ()),
        ("UntagResource", {"ResourceId": fs, "TagKeys": ["x"]}, arn, ()),
        ("CreateTags", {**of, "Tags": []}, arn, ()),
        ("DescribeTags", of, arn, ()),
        ("DeleteTags", {**of, "TagKeys": ["x"]}, arn, ()),
        ("PutLifecycleConfiguration", {**of, "LifecyclePolicies": []}, arn, ()),
        ("DescribeLifecycleConfiguration", of, arn, ()),
        ("PutBackupPolicy", {**of, "BackupPolicy": {"Status": "ENABLED"}}, arn, ()),
        ("DescribeBackupPolicy", of, arn, ()),
        ("PutFileSystemPolicy", {**of, "Policy": any_policy}, arn, ()),
        ("DescribeFileSystemPolicy", of, arn, ()),
        ("DeleteFileSystemPolicy", of, arn, ()),
        ("CreateReplicationConfiguration", {"SourceFileSystemId": fs, "Destinations": [{"Region": "eu-west-1"}]},
         arn, ()),
        ("DescribeReplicationConfigurations", of, arn, ()),
        ("DeleteReplicationConfiguration", {"SourceFileSystemId": fs}, arn, ()),
        ("PutAccountPreferences", {"ResourceIdType": "LONG_ID"}, "*", ()),
        ("DescribeAccountPreferences", {}, "*", ()),
        ("DeleteFileSystem", {"FileSystemId": gone}, f"{ARN}file-system/{gone}", ()),
    ]
    operations = set(efs.meta.service_model.operation_names)
    assert {row[0] for row in table} == operations, operations ^ {row[0] for row in table}
    someone = user("someone")("efs")
    methods = {name: method for method, name in someone.meta.method_to_api_mapping.items()}
    for operation, arguments, resource, dependent in table:
        call = getattr(someone, methods[operation])
        error = fails("AccessDeniedException", 403, call, **arguments)
        assert f"elasticfilesystem:{operation}" in error["Error"]["Message"], error
        action = f"elasticfilesystem:{operation}"
        if resource != "*":
            allow("someone", (action, f"{ARN}file-system/{other}"), (list(dependent) or "ec2:x", "*"))
            fails("AccessDeniedException", 403, call, **arguments)
        if dependent:
            allow("someone", (action, resource))
            error = fails("AccessDeniedException", 403, call, **arguments)
            assert error["Error"]["Message"] == (
                "User is not authorized to perform that action on the specified resource"), error
        allow("someone", (action, resource), *((list(dependent), "*") for _ in dependent[:1]))
        call(**arguments)
        iam.delete_user_policy(UserName="someone", PolicyName="p")


def states():
    """With --lifecycle-delay: states pass, and operations wait for them."""
    made = efs.create_file_system(CreationToken="slow")
    fs = made["FileSystemId"]
    assert made["LifeCycleState"] == "creating"
    fails("IncorrectFileSystemLifeCycleState", 409, efs.create_mount_target, FileSystemId=fs,
          SubnetId=subnets()[0])
    fails("IncorrectFileSystemLifeCycleState", 409, efs.create_access_point, FileSystemId=fs, ClientToken="x")
    fails("IncorrectFileSystemLifeCycleState", 409, efs.put_lifecycle_configuration, FileSystemId=fs,
          LifecyclePolicies=[])
    state = lambda: efs.describe_file_systems(FileSystemId=fs)["FileSystems"][0]["LifeCycleState"]
    until(lambda: state() == "available")
    made = efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[0])
    target = made["MountTargetId"]
    assert made["LifeCycleState"] == "creating"
    again = efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[0])
    assert again["MountTargetId"] == target
    fails("IncorrectMountTargetState", 409, efs.describe_mount_target_security_groups, MountTargetId=target)
    fails("IncorrectMountTargetState", 409, efs.modify_mount_target_security_groups, MountTargetId=target)
    targets = lambda: efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]
    until(lambda: targets()[0]["LifeCycleState"] == "available")
    updated = efs.update_file_system(FileSystemId=fs, ThroughputMode="elastic")
    assert updated["LifeCycleState"] == "updating"
    until(lambda: state() == "available")
    efs.delete_mount_target(MountTargetId=target)
    assert targets()[0]["LifeCycleState"] == "deleting"
    until(lambda: not targets())
    efs.delete_file_system(FileSystemId=fs)
    assert state() == "deleting"

    def gone():
        try:
            state()
        except ClientError as error:
            return error.response["Error"]["Code"] == "FileSystemNotFound"
        return False

    until(gone)


def bad_input():
    url = os.environ["AWS_ENDPOINT_URL"]
    fs = file_system()

    def post(path, body, service, kind="application/json", method="POST"):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        request = AWSRequest(method, url + path, headers={"Content-Type": kind}, data=body)
        SigV4Auth(Credentials("test", "test"), service, REGION).add_auth(request)
        return URLLib3Session(timeout=120).send(request.prepare())

    for body in (b"{", b"[]", b"\xff", b"null", b"[" * 100_000, b'{"CreationToken": 7}', b"{}"):
        answer = post("/2015-02-01/file-systems", body, "elasticfilesystem")
        assert answer.status_code == 400 and answer.headers["x-amzn-ErrorType"] == "BadRequest", answer.text
    answer = post("/2015-02-01/file-systems", b" " * 100_000_000, "elasticfilesystem")
    assert answer.status_code == 413, answer.status_code
    for method, path in (("POST", "/2015-02-01/unknown"), ("PATCH", f"/2015-02-01/file-systems/{fs}"), ("GET", "/2015-02-01/")):
        answer = post(path, b"", "elasticfilesystem", method=method)
        assert answer.status_code == 404, (path, answer.status_code)
    assert post("/", b"", "s3").status_code == 404
    form = "application/x-www-form-urlencoded"
    for body, code in (
        (b"Action=Explode&Version=2016-11-15", b"InvalidAction"),
        (b"Version=2016-11-15", b"MissingAction"),
        (b"Action=DescribeVpcs&Action=DescribeSubnets", b"MalformedQueryString"),
        (b"&".join(b"p%d=" % n for n in range(20_000)), b"MalformedQueryString"),
        (b"Action=DescribeVpcs&DryRun=perhaps", b"InvalidParameterValue"),
        (b"Action=DescribeVpcs&Filter.1.Name=%00%ff&Filter.1.Value.1=x", b"InvalidParameterValue"),
        (b"\xff\x00" * 100, b"MissingAction"),
    ):
        answer = post("/", body, "ec2", form)
        assert answer.status_code == 400 and code in answer.content, (body[:80], answer.content)
    fails("BadRequest", 400, efs.tag_resource, ResourceId=fs, Tags=[{"Key": "k", "Value": "x" * 900_000}])
    request = urllib.request.Request(f"{url}/_localefs/health", headers={"Host": "evil.example"})
    try:
        urllib.request.urlopen(request)
        raise AssertionError("a foreign host is answered")
    except urllib.error.HTTPError as error:
        assert error.code == 403
    assert json.load(urllib.request.urlopen(f"{url}/_localefs/health"))["status"] == "ok"
    efs.describe_file_systems(FileSystemId=fs)


def conflicts():
    """Of many who do the same at once, one succeeds."""
    def together(call):
        outcomes, barrier = [], threading.Barrier(16)

        def run():
            own = client("efs")
            barrier.wait()
            try:
                call(own)
                outcomes.append("ok")
            except ClientError as error:
                outcomes.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=run) for _ in range(16)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        return sorted(outcomes)

    found = together(lambda own: own.create_file_system(CreationToken="race"))
    assert found == ["FileSystemAlreadyExists"] * 15 + ["ok"], found
    fs = efs.describe_file_systems(CreationToken="race")["FileSystems"][0]["FileSystemId"]
    subnet = subnets()[0]
    found = together(lambda own: own.create_mount_target(FileSystemId=fs, SubnetId=subnet))
    assert found == ["MountTargetConflict"] * 15 + ["ok"], found
    target = efs.describe_mount_targets(FileSystemId=fs)["MountTargets"][0]["MountTargetId"]
    found = together(lambda own: own.delete_mount_target(MountTargetId=target))
    assert found == ["MountTargetNotFound"] * 15 + ["ok"], found
    found = together(lambda own: own.delete_file_system(FileSystemId=fs))
    assert found == ["FileSystemNotFound"] * 15 + ["ok"], found


def before_kill():
    fs = file_system_token("kept")
    efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[2], IpAddress="172.31.32.99")
    iam.create_user(UserName="kept")


def after_kill():
    fs = efs.describe_file_systems(CreationToken="kept")["FileSystems"][0]["FileSystemId"]
    found = efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]
    assert [one["IpAddress"] for one in found] == ["172.31.32.99"]
    iam.get_user(UserName="kept")


def reset():
    before = efs.describe_file_systems()["FileSystems"]
    fs = file_system()
    efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[0])
    iam.create_user(UserName="gone")
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_localefs/reset", method="POST")
    assert urllib.request.urlopen(request).status == 204
    after = efs.describe_file_systems()["FileSystems"]
    assert [one["FileSystemId"] for one in after] == [one["FileSystemId"] for one in before]
    assert after[0]["NumberOfMountTargets"] == 1 and not iam.list_users()["Users"]
    evil = urllib.request.Request(request.full_url, method="POST", headers={"Origin": "http://evil.example"})
    try:
        urllib.request.urlopen(evil)
        raise AssertionError("a foreign page resets")
    except urllib.error.HTTPError as error:
        assert error.code == 403


def delete_all():
    for fs in efs.describe_file_systems()["FileSystems"]:
        for target in efs.describe_mount_targets(FileSystemId=fs["FileSystemId"])["MountTargets"]:
            efs.delete_mount_target(MountTargetId=target["MountTargetId"])
        efs.delete_file_system(FileSystemId=fs["FileSystemId"])


def nothing_then_reset():
    assert efs.describe_file_systems()["FileSystems"] == []
    assert not ec2.describe_network_interfaces()["NetworkInterfaces"]
    kept = file_system_token("kept")
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_localefs/reset", method="POST")
    assert urllib.request.urlopen(request).status == 204
    assert one_again() != kept


def one_again():
    found = efs.describe_file_systems()["FileSystems"]
    assert len(found) == 1 and found[0]["NumberOfMountTargets"] == 1, found
    return found[0]["FileSystemId"]


def traces():
    """The audit log and what is counted tell who was denied, and why."""
    fs = file_system()
    nobody = user("traced")("efs")
    fails("AccessDeniedException", 403, nobody.describe_file_systems, FileSystemId=fs)
    wrong = client("efs", "AKIAUNKNOWN", "x")
    fails("UnrecognizedClientException", 403, wrong.describe_file_systems)
    with open("data/audit.jsonl") as log:
        events = [json.loads(line) for line in log]
    denied = [one for one in events if one["errorCode"] == "AccessDeniedException"][-1]
    assert denied["eventName"] == "DescribeFileSystems"
    assert denied["eventSource"] == "elasticfilesystem.amazonaws.com" and denied["readOnly"]
    assert denied["userIdentity"]["arn"].endswith(":user/traced")
    decision = denied["localefs"]["decisions"][0]
    assert decision["resource"].endswith(fs) and not decision["allowed"] and decision["because"]
    assert events[-1]["userIdentity"] == {"type": "Unknown"}
    made = [one for one in events if one["eventName"] == "CreateFileSystem"][-1]
    assert made["userIdentity"]["type"] == "Root" and made["errorCode"] is None
    text = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_localefs/metrics").read().decode()
    line = ('localefs_api_calls_total{service="elasticfilesystem",operation="DescribeFileSystems",'
            'code="AccessDeniedException"} 1')
    assert line in text, text


def network():
    assert len(subnets()) == 6
    vpc = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"][0]
    assert vpc["CidrBlock"] == "172.31.0.0/16"
    error = fails("DryRunOperation", 412, ec2.describe_availability_zones, ZoneNames=["us-east-1a"], DryRun=True)
    assert error["Error"]["Message"].startswith("Request would have succeeded")
    zone = ec2.describe_availability_zones(ZoneNames=["us-east-1a"])["AvailabilityZones"][0]
    assert zone["ZoneId"] == "use1-az1"
    fails("InvalidParameterValue", 400, ec2.describe_availability_zones, ZoneNames=["us-east-1z"])
    create = ec2.create_security_group
    made = create(GroupName="net", Description="d", TagSpecifications=[
        {"ResourceType": "security-group", "Tags": [{"Key": "Name", "Value": "n"}]}])
    found = ec2.describe_security_groups(GroupIds=[made["GroupId"]])["SecurityGroups"][0]
    assert found["IpPermissions"] == [] and found["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    assert found["Tags"] == [{"Key": "Name", "Value": "n"}]
    assert ec2.describe_security_groups(Filters=[{"Name": "tag:Name", "Values": ["n*"]}])["SecurityGroups"]
    fails("InvalidGroup.Duplicate", 400, create, GroupName="net", Description="d")
    fails("InvalidParameterValue", 400, create, GroupName="sg-x", Description="d")
    fails("InvalidParameterValue", 400, create, GroupName="x", Description="é")
    fails("MissingParameter", 400, create, GroupName="x")
    fails("InvalidVpcID.NotFound", 400, create, GroupName="x", Description="d", VpcId="vpc-1")
    fails("InvalidGroup.NotFound", 400, ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"])
    fails("InvalidGroupId.Malformed", 400, ec2.describe_security_groups, GroupIds=["x"])
    fails("InvalidSubnetID.NotFound", 400, ec2.describe_subnets, SubnetIds=["subnet-1"])
    fails("InvalidVpcID.NotFound", 400, ec2.describe_vpcs, VpcIds=["vpc-1"])
    fails("InvalidNetworkInterfaceID.NotFound", 400, ec2.describe_network_interfaces,
          NetworkInterfaceIds=["eni-1"])
    fails("InvalidParameterValue", 400, ec2.describe_subnets, Filters=[{"Name": "x", "Values": ["y"]}])
    page = ec2.describe_subnets(MaxResults=5)
    assert len(page["Subnets"]) == 5
    assert len(ec2.describe_subnets(MaxResults=5, NextToken=page["NextToken"])["Subnets"]) == 1
    nobody = user("netless")("ec2")
    for call in (nobody.describe_vpcs, nobody.describe_subnets, nobody.describe_security_groups,
                 nobody.describe_network_interfaces, nobody.describe_availability_zones):
        fails("UnauthorizedOperation", 403, call)
        fails("UnauthorizedOperation", 403, call, DryRun=True)
    fails("UnauthorizedOperation", 403, nobody.create_security_group, GroupName="x", Description="d")


main(globals())
