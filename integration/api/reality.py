"""Whether `explain` says what happens: random rules, and from each client's address a real connection
to each mount target, of which NULL is asked."""

import random
import socket
import struct
import subprocess
import urllib.request

from common import *

STATES = 5
# How long an answer may take that is to come.
SOON = 60
# For how long after the last of those one listens to those that are not to come.
SILENCE = 0.5
NULL = struct.pack(">11I", 0x80000028, 7, 0, 2, 100003, 4, 0, 0, 0, 0, 0)
LAYERS = [
    "VPC isolation",
    "network ACL of the client's subnet, outbound",
    "network ACL of the mount target's subnet, inbound",
    "network ACL of the mount target's subnet, outbound",
    "network ACL of the client's subnet, inbound",
    "security groups of the client, outbound",
    "security groups of the mount target, inbound",
]

seed = int(os.environ.get("LOCALEFS_SEED", random.SystemRandom().getrandbits(32)))
dice = random.Random(seed)


def chance(percent):
    return dice.random() * 100 < percent


def mirror(address):
    """Where this machine has an address: each of these VPCs has the number of its second octet."""
    return address if address.startswith("127.") else "127." + address.split(".", 1)[1]


class World:
    """Three VPCs, of which the first and the second are peered, mount targets and clients in them.
    What stays; the rules are in `change`."""

    def __init__(self):
        first = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        second, third = (
            ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
            for cidr in ("10.50.0.0/16", "10.60.0.0/16")
        )
        peering = ec2.create_vpc_peering_connection(VpcId=first, PeerVpcId=second)
        ec2.accept_vpc_peering_connection(
            VpcPeeringConnectionId=peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        )
        subnet = lambda vpc, cidr, zone: ec2.create_subnet(
            VpcId=vpc, CidrBlock=cidr, AvailabilityZone=REGION + zone
        )["Subnet"]["SubnetId"]
        self.subnets = {
            first: subnets()[:3],
            second: [subnet(second, "10.50.1.0/24", "a"), subnet(second, "10.50.2.0/24", "b")],
            third: [subnet(third, "10.60.1.0/24", "a")],
        }
        self.groups = {
            vpc: [
                ec2.create_security_group(GroupName=f"g{n}", Description="d", VpcId=vpc)["GroupId"]
                for n in range(count)
            ]
            for vpc, count in ((first, 4), (second, 2), (third, 1))
        }
        self.acls = {
            vpc: [
                ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
                for _ in range(2)
            ]
            for vpc in (first, second)
        }
        self.entries = []
        self.targets, of_second = {}, file_system()
        of_first = file_system()
        for fs, vpc, count in ((of_first, first, 3), (of_second, second, 1)):
            for subnet in self.subnets[vpc][:count]:
                made = efs.create_mount_target(
                    FileSystemId=fs, SubnetId=subnet, SecurityGroups=self.some(vpc)
                )
                self.targets[made["MountTargetId"]] = made["IpAddress"]
        self.interfaces, self.clients = [], []
        for vpc, count in ((first, 5), (second, 2), (third, 1)):
            for _ in range(count):
                made = ec2.create_network_interface(
                    SubnetId=dice.choice(self.subnets[vpc]), Groups=self.some(vpc)
                )["NetworkInterface"]
                self.interfaces.append((vpc, made["NetworkInterfaceId"]))
                self.clients.append(made["PrivateIpAddress"])
        # No interfaces: in a subnet, in none, on-premises.
        self.clients += ["172.31.15.200", "10.50.2.200", "172.31.200.7", "127.0.0.1", "127.99.3.4"]
        self.peers = (first, second)

    def some(self, vpc):
        own = self.groups[vpc]
        return dice.sample(own, dice.randint(1, min(2, len(own))))

    def remote(self):
        """One or two addresses or ranges."""
        fixed = ["172.31.0.0/16", "172.31.0.0/20", "10.50.0.0/16", "127.0.0.0/8", "0.0.0.0/0"]
        exact = [f"{client}/32" for client in self.clients]
        return dice.choice(fixed + exact)

    def ports(self):
        """Mostly such as have that of NFS."""
        return dice.choice([(2049, 2049)] * 4 + [(0, 65535), (2000, 2100), (2050, 3000), (22, 22)])

    def rule(self, vpc, inbound):
        start, end = self.ports()
        rule = {"IpProtocol": "tcp", "FromPort": start, "ToPort": end}
        if chance(15):
            rule = {"IpProtocol": "-1"}
        elif chance(10):
            rule["IpProtocol"] = "udp"
        vpcs = self.peers if vpc in self.peers else (vpc,)
        if chance(55 if inbound else 25):
            group = dice.choice([group for of in vpcs for group in self.groups[of]])
            return {**rule, "UserIdGroupPairs": [{"GroupId": group, "UserId": ACCOUNT}]}
        return {**rule, "IpRanges": [{"CidrIp": self.remote()}]}

    def change(self):
        """Other rules, groups and network ACLs."""
        for vpc, groups in self.groups.items():
            for group in groups:
                self.change_group(vpc, group)
        for vpc, interface in self.interfaces:
            ec2.modify_network_interface_attribute(
                NetworkInterfaceId=interface, Groups=self.some(vpc)
            )
        for target in self.targets:
            vpc = efs_vpc(target)
            efs.modify_mount_target_security_groups(
                MountTargetId=target, SecurityGroups=self.some(vpc)
            )
        self.change_acls()

    def change_group(self, vpc, group):
        known = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        for name, revoke in (
            ("IpPermissions", ec2.revoke_security_group_ingress),
            ("IpPermissionsEgress", ec2.revoke_security_group_egress),
        ):
            if known[name]:
                revoke(GroupId=group, IpPermissions=known[name])
        inbound = distinct(self.rule(vpc, True) for _ in range(dice.randint(1, 5)))
        outbound = distinct(self.rule(vpc, False) for _ in range(dice.randint(0, 2)))
        if chance(65):
            outbound = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=inbound)
        if outbound:
            ec2.authorize_security_group_egress(GroupId=group, IpPermissions=outbound)

    def change_acls(self):
        for entry in self.entries:
            ec2.delete_network_acl_entry(**entry)
        self.entries = []
        for vpc, acls in self.acls.items():
            for acl in acls:
                for egress in (False, True):
                    numbers = dice.sample(range(1, 100), dice.randint(0, 2))
                    for number in sorted(numbers):
                        self.enter(acl, egress, number, self.entry())
                    if chance(85):
                        self.enter(acl, egress, 100, dict(Protocol="-1", RuleAction="allow",
                                                          CidrBlock="0.0.0.0/0"))
            self.associate(vpc, acls)

    def entry(self):
        start = dice.choice([2049, 2049, 20_000, 40_000])
        end = start if start == 2049 else dice.randint(start, 65_535)
        entry = dict(RuleAction="deny" if chance(60) else "allow", CidrBlock=self.remote())
        if chance(30):
            return dict(Protocol="-1", **entry)
        return dict(Protocol="6", PortRange={"From": start, "To": end}, **entry)

    def enter(self, acl, egress, number, entry):
        where = dict(NetworkAclId=acl, Egress=egress, RuleNumber=number)
        ec2.create_network_acl_entry(**where, **entry)
        self.entries.append(where)

    def associate(self, vpc, acls):
        own = {"Name": "vpc-id", "Values": [vpc]}
        all_of_vpc = ec2.describe_network_acls(Filters=[own])["NetworkAcls"]
        (default,) = [acl["NetworkAclId"] for acl in all_of_vpc if acl["IsDefault"]]
        for acl in all_of_vpc:
            for association in acl["Associations"]:
                if association["SubnetId"] in self.subnets[vpc]:
                    ec2.replace_network_acl_association(
                        AssociationId=association["NetworkAclAssociationId"],
                        NetworkAclId=dice.choice([default, *acls]),
                    )


def distinct(rules):
    return list({json.dumps(rule): rule for rule in rules}.values())


def efs_vpc(target):
    return efs.describe_mount_targets(MountTargetId=target)["MountTargets"][0]["VpcId"]


def explain(client, port, target):
    question = json.dumps({"client": client, "port": port, "mount_target": target}).encode()
    url = os.environ["AWS_ENDPOINT_URL"] + "/_localefs/explain"
    with urllib.request.urlopen(url, data=question) as answer:
        return json.load(answer)


def explain_by_command(client, port, target):
    words = ["explain", "--json", "--client", client, "--port", str(port), "--mount-target", target]
    command = [os.environ["LOCALEFS_BIN"], *words, "--data", "data"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["allowed"] else 1), done
    return said


def served():
    """Where mount targets listen: their mirrors."""
    command = [os.environ["LOCALEFS_BIN"], "status", "--json", "--data", "data"]
    status = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for of in status["file_systems"]:
        for target in of["mount_targets"]:
            host, port = target["addresses"][-1].rsplit(":", 1)
            yield target["id"], (host, int(port))


class Connection:
    """From a client's address and a port that is chosen, since network ACLs know it."""

    def __init__(self, source, to):
        self.socket = socket.socket()
        # Nothing of it is left when it is closed.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.port = None
        while self.port is None:
            port = dice.randint(20_000, 60_000)
            try:
                self.socket.bind((source, port))
                self.port = port
            except OSError:
                continue
        self.socket.setblocking(False)
        self.socket.connect_ex(to)
        self.sent = self.answered = False

    def go_on(self):
        """Sends when it is connected, and sees whether there is an answer."""
        if self.answered:
            return
        try:
            if not self.sent:
                self.sent = self.socket.send(NULL) == len(NULL)
            answer = self.socket.recv(28)
        except (BlockingIOError, BrokenPipeError):
            return
        except OSError as error:
            # Not connected yet.
            assert error.errno == 107, error
            return
        assert struct.unpack(">7I", answer)[1:4] == (7, 1, 0), answer
        self.answered = True


def go_on(connections):
    for connection in connections:
        connection.go_on()


def check(world, at):
    cases = []
    for client in world.clients:
        for target in world.targets:
            connection = Connection(mirror(client), at[target])
            cases.append((client, target, connection, explain(client, connection.port, target)))
    connections = [connection for _, _, connection, _ in cases]
    hopeful = [connection for _, _, connection, said in cases if said["allowed"]]
    ended = lambda: go_on(connections) or all(connection.answered for connection in hopeful)
    end = time.monotonic() + SOON
    while not ended() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(SILENCE)
    go_on(connections)
    for client, target, connection, said in cases:
        assert connection.answered == said["allowed"], (
            f"seed {seed}: {client}:{connection.port} to {target} is "
            f"{'' if connection.answered else 'not '}answered: {said}"
        )
    # The command and the API say the same, of an address and of its mirror.
    for client, target, connection, said in dice.sample(cases, 3):
        assert explain_by_command(client, connection.port, target) == said
        assert explain(mirror(client), connection.port, target) == said
    for connection in connections:
        connection.socket.close()
    return [said for _, _, _, said in cases]


def reality():
    world = World()
    at = dict(served())
    said = []
    for _ in range(STATES):
        world.change()
        said += check(world, at)
    assert len(said) >= 200, len(said)
    allowed = sum(one["allowed"] for one in said)
    deciding = [next((layer["layer"] for layer in one["layers"] if not layer["allowed"]), None)
                for one in said]
    denying = {layer: deciding.count(layer) for layer in LAYERS if layer in deciding}
    assert set(deciding) <= {*LAYERS, None}, deciding
    text = f"seed {seed}: {len(said)} connections, {allowed} allowed, denied by {denying}"
    # Such that a test that sees one answer only fails.
    assert allowed >= 20 and len(said) - allowed >= 20, text
    assert len(denying) >= 4, text
    print(text)


main(globals())
