"""Many calls at once, until the server is killed; and what must be there after that."""

import random
import socket
import struct
import subprocess
import threading

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from common import *

JOURNAL = "acknowledged.jsonl"
GONE = (ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, ConnectionError)


def storm():
    lock = threading.Lock()
    odd = []
    all_subnets = subnets()
    named = [{"Name": "group-name", "Values": ["localefs-nfs-from-everywhere"]}]
    everywhere = [one["GroupId"] for one in ec2.describe_security_groups(Filters=named)["SecurityGroups"]]

    def journal(**what):
        with lock, open(JOURNAL, "a") as file:
            file.write(json.dumps(what) + "\n")

    def run():
        own_efs, own_iam = client("efs"), client("iam")
        try:
            while True:
                name = uuid.uuid4().hex
                own_iam.create_user(UserName=name)
                journal(user=name)
                fs = own_efs.create_file_system(CreationToken=name)["FileSystemId"]
                journal(fs=fs)
                for subnet in random.sample(all_subnets, 2):
                    target = own_efs.create_mount_target(
                        FileSystemId=fs, SubnetId=subnet, SecurityGroups=everywhere)
                    journal(target=target["MountTargetId"], of=fs, address=target["IpAddress"])
                point = own_efs.create_access_point(ClientToken=name, FileSystemId=fs)
                journal(point=point["AccessPointId"], of=fs)
                key = own_iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
                journal(key=key, of=name)
                again = own_efs.create_file_system(CreationToken=f"{name}-gone")["FileSystemId"]
                # What is under way at the kill may have happened or not.
                journal(unsure=again)
                own_efs.delete_file_system(FileSystemId=again)
                journal(gone=again)
        except GONE:
            pass
        except Exception as error:
            odd.append(repr(error))

    threads = [threading.Thread(target=run) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not odd, odd


def answers(host, port):
    """Whether NFS's NULL procedure (RFC 8881 §16.1) is answered there."""
    call = struct.pack(">10I", 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
        head = connection.recv(12, socket.MSG_WAITALL)
    return struct.unpack(">I", head[4:8]) == (7,)


def served():
    """The mount targets that listen, by file system."""
    status = [os.environ["LOCALEFS_BIN"], "status", "--json", "--data", "data"]
    status = json.loads(subprocess.run(status, check=True, capture_output=True).stdout)
    return {one["id"]: {target["id"]: target["addresses"] for target in one["mount_targets"]}
            for one in status["file_systems"]}


def after_storm():
    with open(JOURNAL) as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) > 10, "nothing was going on"
    found = {one["FileSystemId"]: one for page in efs.get_paginator("describe_file_systems").paginate()
             for one in page["FileSystems"]}
    there = set(found)
    users = {one["UserName"] for page in iam.get_paginator("list_users").paginate() for one in page["Users"]}
    gone = {line["gone"] for line in lines if "gone" in line}
    assert not gone & there, gone & there
    made = {line["fs"] for line in lines if "fs" in line} - gone
    assert made <= there, made - there
    named = {line["user"] for line in lines if "user" in line}
    assert named <= users, named - users
    for line in [line for line in lines if "key" in line][-10:]:
        keys = iam.list_access_keys(UserName=line["of"])["AccessKeyMetadata"]
        assert [one["AccessKeyId"] for one in keys] == [line["key"]], (line, keys)

    # What was answered is there, and what was not is there as a whole or not at all.
    targets = {target["MountTargetId"]: target for fs in there
               for target in efs.describe_mount_targets(FileSystemId=fs)["MountTargets"]}
    for line in lines:
        if "target" in line and line["of"] not in gone:
            target = targets[line["target"]]
            assert (target["FileSystemId"], target["IpAddress"]) == (line["of"], line["address"]), (line, target)
    for fs, one in found.items():
        assert one["LifeCycleState"] == "available", one
        assert one["NumberOfMountTargets"] == sum(t["FileSystemId"] == fs for t in targets.values()), one
    own = [{"Name": "requester-managed", "Values": ["true"]}]
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=own)
    interfaces = {one["NetworkInterfaceId"]: one["PrivateIpAddress"] for page in pages
                  for one in page["NetworkInterfaces"]}
    assert interfaces == {one["NetworkInterfaceId"]: one["IpAddress"] for one in targets.values()}
    points = {one["AccessPointId"]: one["FileSystemId"] for page in
              efs.get_paginator("describe_access_points").paginate() for one in page["AccessPoints"]}
    assert set(points.values()) <= there, set(points.values()) - there
    for line in lines:
        if "point" in line and line["of"] not in gone:
            assert points[line["point"]] == line["of"], line

    # Each has its tree, and no other has one; each is served where it listens.
    until(lambda: set(os.listdir("data/fs")) == there)
    until(lambda: not os.path.exists("data/removed") or not os.listdir("data/removed"))
    until(lambda: set(os.listdir("data/records")) <= there)
    listening = served()
    assert set(listening) == there, set(listening) ^ there
    listening = {target: addresses for of in listening.values() for target, addresses in of.items()}
    assert set(listening) == set(targets), set(listening) ^ set(targets)
    newest = [line["target"] for line in lines if "target" in line and line["of"] not in gone][-10:]
    for address in [address for target in newest for address in listening[target]]:
        host, port = address.rsplit(":", 1)
        assert answers(host, int(port)), address

    # Quotas would end a long run: the older half goes.
    old = [line["fs"] for line in lines if "fs" in line and line["fs"] in there]
    old = old[:len(old) // 2]
    with open(JOURNAL, "a") as file:
        for fs in old:
            for target in [one for one in targets.values() if one["FileSystemId"] == fs]:
                efs.delete_mount_target(MountTargetId=target["MountTargetId"])
            efs.delete_file_system(FileSystemId=fs)
            file.write(json.dumps({"gone": fs}) + "\n")


main(globals())
