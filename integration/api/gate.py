"""Whose connections reach a mount target: real ones, from addresses of this machine that stand for
instances, while rules change."""

import ipaddress
import socket
import struct
import subprocess
import threading

from common import *

# As long as nobody waits for an answer that has come.
SILENCE = 1.0
# A connection that the kernel drops packets of tries again after 1, 3, 7, 15, 31 seconds.
SOON = 60


def localefs(*words):
    command = [os.environ["LOCALEFS_BIN"], *words, "--data", "data"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def status():
    return json.loads(localefs("status", "--json"))


def served(target):
    """Where a mount target listens: its mirror."""
    for of in status()["file_systems"]:
        for one in of["mount_targets"]:
            if one["id"] == target:
                host, port = one["addresses"][-1].rsplit(":", 1)
                return host, int(port)
    raise AssertionError(f"{target} is not served")


def denied(target):
    found = [one for of in status()["file_systems"] for one in of["mount_targets"]]
    return next(one["denied"] for one in found if one["id"] == target)


def mirror(address):
    assert address.startswith("172.31.")
    return address.replace("172.", "127.", 1)


class Client:
    """Asks for nothing (NULL of NFS), again and again, over one connection."""

    def __init__(self, to, source="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        self.to = to
        self.answers = 0
        self.sent = 0
        self.thread = None
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            self.socket.connect(self.to)
        except OSError:
            return
        self.ask()
        buffered = b""
        while True:
            try:
                data = self.socket.recv(4096)
            except OSError:
                return
            if not data:
                return
            buffered += data
            while len(buffered) >= 28:
                self.answers += 1
                buffered = buffered[28:]

    def ask(self):
        self.sent += 1
        call = struct.pack(">10I", self.sent, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
        self.socket.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)

    def answered(self):
        until(lambda: self.sent > 0 and self.answers == self.sent, SOON)

    def asks(self):
        self.ask()
        self.answered()

    def silent(self):
        before = self.answers
        time.sleep(SILENCE)
        assert self.answers == before, "it is answered"


class Bench:
    """A mount target with a group of its own in one subnet, an instance in another."""

    def __init__(self):
        self.subnets = subnets()
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = lambda name: ec2.create_security_group(
            GroupName=name, Description="d", VpcId=vpc
        )["GroupId"]
        self.vpc = vpc
        self.of_target, self.of_client = group("target"), group("client")
        self.fs = file_system()
        target = efs.create_mount_target(
            FileSystemId=self.fs, SubnetId=self.subnets[0], SecurityGroups=[self.of_target]
        )
        self.target, self.address = target["MountTargetId"], target["IpAddress"]
        self.to = served(self.target)
        self.instance = self.interface(self.subnets[1], [self.of_client])
        self.source = mirror(self.instance["PrivateIpAddress"])

    def interface(self, subnet, groups):
        made = ec2.create_network_interface(SubnetId=subnet, Groups=groups)
        return made["NetworkInterface"]

    def client(self, source=None):
        return Client(self.to, source or self.source)

    def rule(self, **remote):
        return dict(
            GroupId=self.of_target,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, **remote}],
        )

    def by_group(self):
        return self.rule(UserIdGroupPairs=[{"GroupId": self.of_client}])

    def by_cidr(self, *cidrs):
        return self.rule(IpRanges=[{"CidrIp": cidr} for cidr in cidrs])

    def acl(self, subnet):
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        return ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"]


def groups():
    bench = Bench()
    waiting = bench.client()
    waiting.silent()
    ec2.authorize_security_group_ingress(**bench.by_group())
    waiting.answered()
    waiting.asks()
    # Not a member.
    other = mirror(bench.interface(bench.subnets[1], [bench.of_target])["PrivateIpAddress"])
    stranger, here = bench.client(other), bench.client("127.0.0.1")
    stranger.silent()
    assert here.answers == 0
    # Tracked: it lives on, a new one waits.
    ec2.revoke_security_group_ingress(**bench.by_group())
    waiting.asks()
    new = bench.client()
    new.silent()
    waiting.asks()
    # An instance gets and loses a group.
    ec2.authorize_security_group_ingress(**bench.by_group())
    new.answered()
    attribute = lambda groups: ec2.modify_network_interface_attribute(
        NetworkInterfaceId=bench.instance["NetworkInterfaceId"], Groups=groups
    )
    attribute([bench.of_target])
    out = bench.client()
    out.silent()
    new.asks()
    attribute([bench.of_client, bench.of_target])
    out.answered()
    # Without an outbound rule nothing leaves the instance, whatever lets it in.
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    for group in (bench.of_client, bench.of_target):
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    last = bench.client()
    last.silent()
    ec2.authorize_security_group_egress(
        GroupId=bench.of_client,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049,
             "UserIdGroupPairs": [{"GroupId": bench.of_target}]}
        ],
    )
    last.answered()


def untracked():
    """A rule for everybody: nothing is tracked, and its end cuts at once."""
    bench = Bench()
    everybody = bench.by_cidr("0.0.0.0/0")
    ec2.authorize_security_group_ingress(**everybody)
    live, here = bench.client(), bench.client("127.0.0.1")
    live.answered()
    here.answered()
    ec2.revoke_security_group_ingress(**everybody)
    live.ask()
    live.silent()
    shut = denied(bench.target)
    assert len(shut) == 2 and all(one["was_served"] for one in shut), shut
    assert all(bench.of_target in one["because"] for one in shut), shut
    assert "suspended" in localefs("status")
    ec2.authorize_security_group_ingress(**everybody)
    live.answered()
    assert denied(bench.target) == []


def mount_target_groups():
    """ModifyMountTargetSecurityGroups is in force when it is answered."""
    bench = Bench()
    ec2.authorize_security_group_ingress(**bench.by_group())
    vpcs_own = [
        group["GroupId"]
        for group in ec2.describe_security_groups()["SecurityGroups"]
        if group["GroupName"] == "default"
    ]
    modify = lambda groups: efs.modify_mount_target_security_groups(
        MountTargetId=bench.target, SecurityGroups=groups
    )
    modify(vpcs_own)
    client = bench.client()
    client.silent()
    modify(vpcs_own + [bench.of_target])
    client.answered()


def acls():
    bench = Bench()
    ec2.authorize_security_group_ingress(**bench.by_group())
    live = bench.client()
    live.answered()
    entry = dict(
        NetworkAclId=bench.acl(bench.subnets[0]),
        RuleNumber=50,
        Egress=False,
    )
    rule = dict(
        Protocol="6", RuleAction="deny", PortRange={"From": 2049, "To": 2049},
        CidrBlock=bench.instance["PrivateIpAddress"] + "/32",
    )
    for _ in range(3):
        ec2.create_network_acl_entry(**entry, **rule)
        live.ask()
        live.silent()
        shut = denied(bench.target)
        assert len(shut) == 1 and "network ACL" in shut[0]["because"], shut
        ec2.delete_network_acl_entry(**entry)
        live.answered()
        live.asks()
    # What answers need: the client's real port.
    port = live.socket.getsockname()[1]
    entry["Egress"] = True
    rule["PortRange"] = {"From": port, "To": port}
    ec2.create_network_acl_entry(**entry, **rule)
    live.ask()
    live.silent()
    # Another port comes through, as does another instance in the mount target's own subnet.
    bench.client().answered()
    near = mirror(bench.interface(bench.subnets[0], [bench.of_client])["PrivateIpAddress"])
    bench.client(near).answered()
    ec2.delete_network_acl_entry(NetworkAclId=entry["NetworkAclId"], RuleNumber=50, Egress=True)
    live.answered()


def flood():
    """Who connects from everywhere and is denied touches nobody else."""
    bench = Bench()
    ec2.authorize_security_group_ingress(**bench.by_group())
    other = efs.create_mount_target(
        FileSystemId=bench.fs, SubnetId=bench.subnets[2], SecurityGroups=[bench.of_target]
    )["MountTargetId"]
    near = served(other)
    sockets = []
    for number in range(3000):
        one = socket.socket()
        one.setblocking(False)
        one.bind((f"127.99.{number // 250}.{number % 250 + 1}", 0))
        one.connect_ex(bench.to)
        sockets.append(one)
    for to in (bench.to, near, bench.to):
        client = Client(to, bench.source)
        client.answered()
        client.asks()
    assert len(denied(bench.target)) <= 1024
    for one in sockets:
        one.close()
    until(lambda: not denied(bench.target), SOON)
    client = bench.client()
    client.answered()


def many():
    """A thousand clients, thousands of rules."""
    bench = Bench()
    everybody = bench.by_cidr("0.0.0.0/0")
    ec2.authorize_security_group_ingress(**everybody)
    sources = [
        str(ipaddress.IPv4Address(int(ipaddress.IPv4Address("127.31.20.0")) + number))
        for number in range(1000)
    ]
    groups = 170
    for number in range(groups):
        group = ec2.create_security_group(
            GroupName=f"many-{number}", Description="d", VpcId=bench.vpc
        )["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049,
                 "IpRanges": [{"CidrIp": f"10.{number}.{n}.0/25"} for n in range(60)]}
            ],
        )
    clients = [bench.client(source) for source in sources]
    for client in clients:
        client.answered()
    times = []
    for _ in range(5):
        for change in (ec2.revoke_security_group_ingress, ec2.authorize_security_group_ingress):
            began = time.monotonic()
            change(**everybody)
            times.append(time.monotonic() - began)
            # In force with the answer: not one that is asked from now on is answered.
            if change is ec2.revoke_security_group_ingress:
                assert len(denied(bench.target)) == len(clients)
                answers = [client.answers for client in clients]
                for client in clients:
                    client.ask()
                time.sleep(SILENCE)
                assert answers == [client.answers for client in clients]
        for client in clients:
            client.answered()
    assert sum(len(group["IpPermissions"][0]["IpRanges"])
               for group in ec2.describe_security_groups()["SecurityGroups"]
               if group["GroupName"].startswith("many-")) > 10_000
    print(f"with 1,000 clients and 10,200 rules a change took {min(times) * 1000:.0f} to "
          f"{max(times) * 1000:.0f} ms, and was in force when it was answered")


def dig(server, name, *more, source="127.0.0.1"):
    host, port = server.rsplit(":", 1)
    words = ["dig", f"@{host}", "-p", port, "-b", source, name, *more]
    answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    code = answer.split("status: ")[1].split(",")[0]
    answers = []
    if "ANSWER SECTION" in answer:
        lines = answer.split("ANSWER SECTION:\n")[1].split("\n\n")[0].splitlines()
        answers = [tuple(line.split()[i] for i in (1, 3, 4)) for line in lines]
    return code, answers


def names():
    bench = Bench()
    second = efs.create_mount_target(FileSystemId=bench.fs, SubnetId=bench.subnets[1])
    with open("ready") as ready:
        server = json.load(ready)["dns"]
    name = f"{bench.fs}.efs.{REGION}.amazonaws.com"
    address = lambda ip: ("NOERROR", [("60", "A", mirror(ip))])
    third = mirror(bench.interface(bench.subnets[2], [bench.of_client])["PrivateIpAddress"])
    for transport in ("+notcp", "+tcp", "+noedns"):
        ask = lambda name, *more, **where: dig(server, name, transport, *more, **where)
        assert ask(name) == address(bench.address)
        assert ask(name.upper(), source=bench.source) == address(second["IpAddress"])
        assert ask(name, source=third) == ("NXDOMAIN", [])
        for source in ("127.0.0.1", bench.source, third):
            assert ask(f"{REGION}a.{name}", source=source) == address(bench.address)
            assert ask(f"use1-az2.{name}", source=source) == address(second["IpAddress"])
        assert ask(name, "AAAA") == ("NOERROR", [])
        assert ask(f"{REGION}c.{name}") == ("NXDOMAIN", [])
        assert ask(f"fs-0.efs.{REGION}.amazonaws.com") == ("NXDOMAIN", [])
        assert ask("example.com") == ("REFUSED", [])
    hosts = localefs("hosts").splitlines()
    own = [line.split("\t") for line in hosts if bench.fs in line]
    assert own == [
        [mirror(bench.address), f"{REGION}a.{name}", name],
        [mirror(second["IpAddress"]), f"{REGION}b.{name}"],
    ], own
    routes = localefs("routes", "--instance", bench.instance["PrivateIpAddress"]).splitlines()
    expected = (
        f"ip route replace local {mirror(bench.address)} dev lo table local src {bench.source}"
    )
    assert expected in routes, routes
    # A VPC that has no DNS host names has none of file systems.
    vpc = ec2.describe_subnets(SubnetIds=[bench.subnets[1]])["Subnets"][0]["VpcId"]
    for attribute in ("EnableDnsHostnames", "EnableDnsSupport"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": False}})
        assert dig(server, name, source=bench.source) == ("NXDOMAIN", [])
        ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": True}})
        assert dig(server, name, source=bench.source) == address(second["IpAddress"])
    efs.delete_mount_target(MountTargetId=second["MountTargetId"])
    assert dig(server, name, source=bench.source) == ("NXDOMAIN", [])


def reset():
    bench = Bench()
    for _ in range(3):
        one = socket.socket()
        one.bind((bench.source, 0))
        one.settimeout(SOON)
        try:
            one.connect(bench.to)
            assert one.recv(1) != b"", "a reset is no end"
            raise AssertionError("it is answered")
        except ConnectionResetError:
            pass
    ec2.authorize_security_group_ingress(**bench.by_group())
    bench.client().answered()


main(globals())
