"""What an application does with EFS, on localefs."""

import socket
import struct

import pytest


def first_subnet(efs):
    """That of the file system which is there from the start."""
    (first,) = [f for f in efs.describe_file_systems()["FileSystems"] if f.get("Name") == "localefs"]
    (target,) = efs.describe_mount_targets(FileSystemId=first["FileSystemId"])["MountTargets"]
    return target["SubnetId"]


def null(address):
    """NFS's own ping (RFC 8881, NFSPROC4_NULL)."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        call = struct.pack(">10I", 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
        connection.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
        reply = connection.recv(28, socket.MSG_WAITALL)
    return struct.unpack(">7I", reply)[1:4] == (7, 1, 0)


def test_it_serves(localefs):
    assert null(localefs["nfs"][0])


def test_a_file_system_has_a_mount_target(efs, file_system):
    of_it = {"FileSystemId": file_system["FileSystemId"]}
    assert file_system["LifeCycleState"] == "available"
    target = efs.create_mount_target(**of_it, SubnetId=first_subnet(efs))
    assert target["LifeCycleState"] == "available"
    with pytest.raises(efs.exceptions.FileSystemInUse):
        efs.delete_file_system(**of_it)


def test_file_systems_are_gone_after_their_tests(efs):
    assert len(efs.describe_file_systems()["FileSystems"]) == 1
