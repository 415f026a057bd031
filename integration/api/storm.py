"""Many calls at once, until the server is killed; and what must be there after that."""

import threading

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from common import *

JOURNAL = "acknowledged.jsonl"
GONE = (ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, ConnectionError)


def storm():
    lock = threading.Lock()
    odd = []

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


def after_storm():
    with open(JOURNAL) as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) > 10, "nothing was going on"
    there = {one["FileSystemId"] for page in efs.get_paginator("describe_file_systems").paginate()
             for one in page["FileSystems"]}
    users = {one["UserName"] for page in iam.get_paginator("list_users").paginate() for one in page["Users"]}
    made = {line["fs"] for line in lines if "fs" in line}
    assert made <= there, made - there
    gone = {line["gone"] for line in lines if "gone" in line}
    assert not gone & there, gone & there
    named = {line["user"] for line in lines if "user" in line}
    assert named <= users, named - users
    for line in [line for line in lines if "key" in line][-10:]:
        keys = iam.list_access_keys(UserName=line["of"])["AccessKeyMetadata"]
        assert [one["AccessKeyId"] for one in keys] == [line["key"]], (line, keys)
    # Each has its tree, and no other has one.
    until(lambda: set(os.listdir("data/fs")) == there)


main(globals())
