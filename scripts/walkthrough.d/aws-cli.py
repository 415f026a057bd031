#!/usr/bin/env python3
"""The AWS CLI as it is, each command in a process of its own: but what takes it half a second at
each start, to load itself and the models of the services, is done once, before they fork.

Over TCP, at the port that it prints. A command is NUL-terminated strings: the directory, the
access key, the secret key, then the words of the line, and an empty one that ends it. The answer
is what the command writes, and at last a line with its status.
"""
import os, socket, sys

import awscli.clidriver

driver = awscli.clidriver.create_clidriver()
loader = driver.session.get_component("data_loader")
for service in ("ec2", "efs", "iam", "sts"):
    for kind in ("service-2", "paginators-1"):
        loader.load_service_model(service, kind)
    driver.session.create_client(service)


def command(stream):
    data = b""
    while not data.endswith(b"\0\0"):
        part = stream.recv(1 << 16)
        if not part:
            return None
        data += part
    return data[:-2].decode().split("\0")


def run(stream, directory, key, secret, *words):
    os.chdir(directory)
    os.environ.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    for descriptor in (1, 2):
        os.dup2(stream.fileno(), descriptor)
    driver = awscli.clidriver.create_clidriver()
    driver.session.register_component("data_loader", loader)
    status = driver.main(list(words))
    sys.stdout.flush()
    sys.stderr.flush()
    return status


server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    stream, _ = server.accept()
    words = command(stream)
    if words is None:
        continue
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = run(stream, *words)
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    stream.sendall(b"\n%d" % os.waitstatus_to_exitcode(status))
    stream.close()
