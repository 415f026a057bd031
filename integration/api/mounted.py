"""A file system that is made by the API, mounted, described and deleted."""

import urllib.request

from common import *

ADDRESS = "172.31.0.77"


def create():
    made = efs.create_file_system(CreationToken="mounted")
    fs = made["FileSystemId"]
    target = efs.create_mount_target(FileSystemId=fs, SubnetId=subnets()[0], IpAddress=ADDRESS)
    # Whom the forwarder leads here comes from 127.0.0.1.
    of = [{"Name": "vpc-id", "Values": [target["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=of)["SecurityGroups"]
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=2049, ToPort=2049, CidrIp="127.0.0.0/8"
    )
    print(target["IpAddress"])


def mount_target():
    found = efs.describe_mount_targets(FileSystemId=found_one()["FileSystemId"])["MountTargets"]
    print(found[0]["MountTargetId"])


def reset():
    url = os.environ["AWS_ENDPOINT_URL"] + "/_localefs/reset"
    assert urllib.request.urlopen(urllib.request.Request(url, method="POST")).status == 204
    fails("FileSystemNotFound", 404, efs.describe_file_systems, CreationToken="mounted")


def found_one():
    return efs.describe_file_systems(CreationToken="mounted")["FileSystems"][0]


def grown():
    """What was written shows in the size: a file of 1 MiB, its inode, and the root."""
    until(lambda: found_one()["SizeInBytes"]["Value"] == 6144 + 2048 + (1 << 20), 120)


def delete():
    fs = found_one()["FileSystemId"]
    fails("FileSystemInUse", 409, efs.delete_file_system, FileSystemId=fs)
    for target in efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    efs.delete_file_system(FileSystemId=fs)
    fails("FileSystemNotFound", 404, efs.describe_file_systems, FileSystemId=fs)
    print(fs)


main(globals())
