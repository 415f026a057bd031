"""A localefs for the tests of a session: `efs`, a client of boto3, and `file_system`, a new one for each test.

Needs boto3, and the program `localefs` on PATH or in LOCALEFS_BIN.
"""

import json
import os
import shutil
import subprocess
import time
import uuid

import boto3
import pytest


@pytest.fixture(scope="session")
def localefs(tmp_path_factory):
    """A server on free ports; gives what its ready file says."""
    binary = os.environ.get("LOCALEFS_BIN") or shutil.which("localefs")
    assert binary, "localefs is neither on PATH nor in LOCALEFS_BIN"
    ready = tmp_path_factory.mktemp("localefs") / "ready"
    command = [binary, "--ephemeral", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]
    command += ["--mount-target-port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(command) as server:
        try:
            end = time.monotonic() + 30
            while not ready.exists():
                assert server.poll() is None, "localefs ended; what it wrote says why"
                assert time.monotonic() < end, "localefs does not get ready"
                time.sleep(0.01)
            yield json.loads(ready.read_text())
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def session(localefs):
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture(scope="session")
def efs(localefs, session):
    """The client of EFS."""
    return session.client("efs", endpoint_url=f"http://{localefs['api']}")


@pytest.fixture
def file_system(efs):
    """A file system that is gone after the test."""
    made = efs.create_file_system(CreationToken=str(uuid.uuid4()))
    yield made
    of_it = {"FileSystemId": made["FileSystemId"]}
    for target in efs.describe_mount_targets(**of_it)["MountTargets"]:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    efs.delete_file_system(**of_it)
