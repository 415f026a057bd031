"""Every documented error of every operation of EFS: those that have a local cause, by that cause;
all of them by `localefs fault api`. What is caught is the exception that boto3 makes of the model."""

import urllib.error
import urllib.request

from common import *

ABSENT = "fs-0123456789abcdef0"
NO_TARGET = "fsmt-0123456789abcdef0"
NO_POINT = "fsap-0123456789abcdef0"
LONG = "x" * 200
SOME_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "elasticfilesystem:ClientMount"}]})

MODEL = efs.meta.service_model
METHODS = {name: method for method, name in efs.meta.method_to_api_mapping.items()}
PAIRS = {(name, error.name) for name in MODEL.operation_names
         for error in MODEL.operation_model(name).error_shapes}

# Errors whose cause would take too long here, or a quota at its full size: a test of the control
# plane shows each, with the real operation on prepared records.
SHOWN_ELSEWHERE = {
    ("CreateFileSystem", "FileSystemLimitExceeded"): "an_account_has_a_thousand_file_systems",
    ("CreateReplicationConfiguration", "FileSystemLimitExceeded"): "an_account_has_a_thousand_file_systems",
    ("CreateAccessPoint", "AccessPointLimitExceeded"): "a_file_system_has_ten_thousand_access_points",
    ("CreateMountTarget", "NetworkInterfaceLimitExceeded"): "a_vpc_has_1400_mount_targets",
    ("CreateMountTarget", "NoFreeAddressesInSubnet"): "the_smallest_subnet_has_eleven_free_addresses",
    ("DeleteMountTarget", "DependencyTimeout"): "a_mount_target_that_does_not_go_is_said_to_take_too_long",
    # Mount targets that nobody serves, in the same place.
    ("CreateMountTarget", "InternalServerError"): "a_mount_target_that_does_not_go_is_said_to_take_too_long",
}

# What has no local cause, and is there by `localefs fault api` alone: docs/faults.md lists them.
ONLY_FAULTS = {(name, error) for name, error in PAIRS if error == "InternalServerError"} - SHOWN_ELSEWHERE.keys() | {
    ("CreateAccessPoint", "ThrottlingException"),
    ("CreateFileSystem", "InsufficientThroughputCapacity"),
    ("CreateMountTarget", "UnsupportedAvailabilityZone"),
    ("CreateReplicationConfiguration", "InsufficientThroughputCapacity"),
    ("CreateReplicationConfiguration", "ThroughputLimitExceeded"),
    ("CreateReplicationConfiguration", "ReplicationNotFound"),
    ("DescribeBackupPolicy", "ValidationException"),
    ("DescribeReplicationConfigurations", "ValidationException"),
    ("UpdateFileSystem", "InsufficientThroughputCapacity"),
    ("UpdateFileSystemProtection", "InsufficientThroughputCapacity"),
    ("UpdateFileSystemProtection", "ThroughputLimitExceeded"),
    ("UpdateFileSystemProtection", "TooManyRequests"),
}


def raises(operation, error, arguments):
    """The call must raise the modelled exception, with its status and its required members."""
    call = getattr(efs, METHODS[operation])
    expected = getattr(efs.exceptions, error)
    shape = MODEL.shape_for(error)
    try:
        answer = call(**arguments)
    except expected as raised:
        found = raised.response
        assert found["ResponseMetadata"]["HTTPStatusCode"] == shape.metadata["error"]["httpStatusCode"], found
        assert found["Error"]["Code"] == error and found["Error"]["Message"], found
        for member in shape.required_members:
            assert found.get(member), (operation, error, member, found)
        return
    except ClientError as other:
        raise AssertionError(f"{operation}{arguments!r:.200}: {other!r} instead of {error}")
    raise AssertionError(f"{operation}{arguments!r:.200}: no {error} but {answer!r:.200}")


def local_causes():
    """For each pair that has a local cause, the arguments that bring it about."""
    first, second = subnets()[:2]
    fs, target_of = file_system(), file_system()
    target = efs.create_mount_target(FileSystemId=target_of, SubnetId=first)
    group = ec2.create_security_group(GroupName="errors", Description="d")["GroupId"]
    groups = [group] + [ec2.create_security_group(GroupName=f"errors{n}", Description="d")["GroupId"]
                        for n in range(5)]
    point = efs.create_access_point(ClientToken="errors", FileSystemId=fs)["AccessPointId"]
    one_zone = file_system(AvailabilityZoneName="us-east-1c")
    efs.create_file_system(CreationToken="errors")
    changed = file_system(ThroughputMode="provisioned", ProvisionedThroughputInMibps=10.0)
    efs.update_file_system(FileSystemId=changed, ThroughputMode="bursting")
    source = file_system()
    made = efs.create_replication_configuration(SourceFileSystemId=source, Destinations=[{"Region": REGION}])
    copy = made["Destinations"][0]["FileSystemId"]
    here = [{"Region": REGION}]
    of, no = {"FileSystemId": fs}, {"FileSystemId": ABSENT}
    bad = {"FileSystemId": LONG}
    provisioned = {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 4000.0}
    causes = {
        "CreateAccessPoint": {
            "BadRequest": {**of, "ClientToken": ""},
            "AccessPointAlreadyExists": {**of, "ClientToken": "errors"},
            "FileSystemNotFound": {**no, "ClientToken": "x"},
        },
        "CreateFileSystem": {
            "BadRequest": {"CreationToken": LONG},
            "FileSystemAlreadyExists": {"CreationToken": "errors"},
            "ThroughputLimitExceeded": {"CreationToken": "x", **provisioned},
            "UnsupportedAvailabilityZone": {"CreationToken": "x", "AvailabilityZoneName": "us-east-1z"},
        },
        "CreateMountTarget": {
            "BadRequest": {**of, "SubnetId": "x"},
            "FileSystemNotFound": {**no, "SubnetId": first},
            "MountTargetConflict": {"FileSystemId": target_of, "SubnetId": first},
            "SubnetNotFound": {**of, "SubnetId": "subnet-0123456789abcdef0"},
            "IpAddressInUse": {**of, "SubnetId": first, "IpAddress": target["IpAddress"]},
            "SecurityGroupLimitExceeded": {**of, "SubnetId": first, "SecurityGroups": groups},
            "SecurityGroupNotFound": {**of, "SubnetId": first, "SecurityGroups": ["sg-0123456789abcdef0"]},
            "AvailabilityZonesMismatch": {"FileSystemId": one_zone, "SubnetId": second},
        },
        "CreateReplicationConfiguration": {
            "BadRequest": {"SourceFileSystemId": LONG, "Destinations": here},
            "ValidationException": {"SourceFileSystemId": fs, "Destinations": []},
            "FileSystemNotFound": {"SourceFileSystemId": ABSENT, "Destinations": here},
            "UnsupportedAvailabilityZone": {
                "SourceFileSystemId": fs, "Destinations": [{"AvailabilityZoneName": "us-east-1z"}]},
            "ConflictException": {"SourceFileSystemId": source, "Destinations": here},
        },
        "CreateTags": {
            "BadRequest": {**of, "Tags": [{"Key": "aws:x", "Value": ""}]},
            "FileSystemNotFound": {**no, "Tags": []},
        },
        "DeleteAccessPoint": {
            "BadRequest": {"AccessPointId": LONG},
            "AccessPointNotFound": {"AccessPointId": NO_POINT},
        },
        "DeleteFileSystem": {
            "BadRequest": bad,
            "FileSystemNotFound": no,
            "FileSystemInUse": {"FileSystemId": target_of},
        },
        "DeleteFileSystemPolicy": {"BadRequest": bad, "FileSystemNotFound": no},
        "DeleteMountTarget": {
            "BadRequest": {"MountTargetId": LONG},
            "MountTargetNotFound": {"MountTargetId": NO_TARGET},
        },
        "DeleteReplicationConfiguration": {
            "BadRequest": {"SourceFileSystemId": LONG},
            "FileSystemNotFound": {"SourceFileSystemId": ABSENT},
            "ReplicationNotFound": {"SourceFileSystemId": fs},
        },
        "DeleteTags": {
            "BadRequest": {**of, "TagKeys": []},
            "FileSystemNotFound": {**no, "TagKeys": ["x"]},
        },
        "DescribeAccessPoints": {
            "BadRequest": {"MaxResults": 0},
            "FileSystemNotFound": no,
            "AccessPointNotFound": {"AccessPointId": NO_POINT},
        },
        "DescribeAccountPreferences": {},
        "DescribeBackupPolicy": {"BadRequest": bad, "FileSystemNotFound": no, "PolicyNotFound": of},
        "DescribeFileSystemPolicy": {"BadRequest": bad, "FileSystemNotFound": no, "PolicyNotFound": of},
        "DescribeFileSystems": {"BadRequest": {"MaxItems": 0}, "FileSystemNotFound": no},
        "DescribeLifecycleConfiguration": {"BadRequest": bad, "FileSystemNotFound": no},
        "DescribeMountTargetSecurityGroups": {
            "BadRequest": {"MountTargetId": LONG},
            "MountTargetNotFound": {"MountTargetId": NO_TARGET},
        },
        "DescribeMountTargets": {
            "BadRequest": {},
            "FileSystemNotFound": no,
            "MountTargetNotFound": {"MountTargetId": NO_TARGET},
            "AccessPointNotFound": {"AccessPointId": NO_POINT},
        },
        "DescribeReplicationConfigurations": {
            "BadRequest": {"MaxResults": 0},
            "FileSystemNotFound": no,
            "ReplicationNotFound": of,
        },
        "DescribeTags": {"BadRequest": {**of, "MaxItems": 0}, "FileSystemNotFound": no},
        "ListTagsForResource": {
            "BadRequest": {"ResourceId": fs, "MaxResults": 0},
            "FileSystemNotFound": {"ResourceId": ABSENT},
            "AccessPointNotFound": {"ResourceId": NO_POINT},
        },
        "ModifyMountTargetSecurityGroups": {
            "BadRequest": {"MountTargetId": LONG},
            "MountTargetNotFound": {"MountTargetId": NO_TARGET, "SecurityGroups": [group]},
            "SecurityGroupLimitExceeded": {"MountTargetId": target["MountTargetId"], "SecurityGroups": groups},
            "SecurityGroupNotFound": {
                "MountTargetId": target["MountTargetId"], "SecurityGroups": ["sg-0123456789abcdef0"]},
        },
        "PutAccountPreferences": {"BadRequest": {"ResourceIdType": "SHORT_ID"}},
        "PutBackupPolicy": {
            "BadRequest": {**of, "BackupPolicy": {"Status": "ON"}},
            "FileSystemNotFound": {**no, "BackupPolicy": {"Status": "ENABLED"}},
            "ValidationException": {**of, "BackupPolicy": {"Status": "ENABLING"}},
        },
        "PutFileSystemPolicy": {
            "BadRequest": {**of, "Policy": "x" * 20_001},
            "FileSystemNotFound": {**no, "Policy": SOME_POLICY},
            "InvalidPolicyException": {**of, "Policy": "{"},
        },
        "PutLifecycleConfiguration": {
            "BadRequest": {**of, "LifecyclePolicies": [{}]},
            "FileSystemNotFound": {**no, "LifecyclePolicies": []},
        },
        "TagResource": {
            "BadRequest": {"ResourceId": fs, "Tags": [{"Key": "", "Value": ""}]},
            "FileSystemNotFound": {"ResourceId": ABSENT, "Tags": []},
            "AccessPointNotFound": {"ResourceId": NO_POINT, "Tags": []},
        },
        "UntagResource": {
            "BadRequest": {"ResourceId": fs, "TagKeys": []},
            "FileSystemNotFound": {"ResourceId": ABSENT, "TagKeys": ["x"]},
            "AccessPointNotFound": {"ResourceId": NO_POINT, "TagKeys": ["x"]},
        },
        "UpdateFileSystem": {
            "BadRequest": of,
            "FileSystemNotFound": {**no, "ThroughputMode": "elastic"},
            "ThroughputLimitExceeded": {**of, **provisioned},
            "TooManyRequests": {"FileSystemId": changed, "ThroughputMode": "elastic"},
        },
        "UpdateFileSystemProtection": {
            "BadRequest": {**of, "ReplicationOverwriteProtection": "REPLICATING"},
            "FileSystemNotFound": {**no, "ReplicationOverwriteProtection": "ENABLED"},
            "ReplicationAlreadyExists": {"FileSystemId": copy, "ReplicationOverwriteProtection": "ENABLED"},
        },
    }
    return {(operation, error): arguments
            for operation, of_operation in causes.items() for error, arguments in of_operation.items()}


def waiting_causes():
    """The same for those that come while something is not available: with --lifecycle-delay."""
    ready = efs.describe_file_systems()["FileSystems"][0]["FileSystemId"]
    fs = efs.create_file_system(CreationToken="early")["FileSystemId"]
    subnet = subnets()[1]
    target = efs.create_mount_target(FileSystemId=ready, SubnetId=subnet)["MountTargetId"]
    of = {"FileSystemId": fs}
    early, state = "IncorrectFileSystemLifeCycleState", "IncorrectMountTargetState"
    return {
        ("CreateAccessPoint", early): {**of, "ClientToken": "x"},
        ("CreateMountTarget", early): {**of, "SubnetId": subnet},
        ("CreateReplicationConfiguration", early): {
            "SourceFileSystemId": fs, "Destinations": [{"Region": REGION}]},
        ("DeleteFileSystemPolicy", early): of,
        ("PutBackupPolicy", early): {**of, "BackupPolicy": {"Status": "ENABLED"}},
        ("PutFileSystemPolicy", early): {**of, "Policy": SOME_POLICY},
        ("PutLifecycleConfiguration", early): {**of, "LifecyclePolicies": []},
        ("UpdateFileSystem", early): {**of, "ThroughputMode": "elastic"},
        ("UpdateFileSystemProtection", early): {**of, "ReplicationOverwriteProtection": "DISABLED"},
        ("DescribeMountTargetSecurityGroups", state): {"MountTargetId": target},
        ("ModifyMountTargetSecurityGroups", state): {"MountTargetId": target, "SecurityGroups": []},
    }


EARLY = {"IncorrectFileSystemLifeCycleState", "IncorrectMountTargetState"}


def local():
    causes = local_causes()
    early = {pair for pair in PAIRS if pair[1] in EARLY}
    shown = set(causes) | early | SHOWN_ELSEWHERE.keys() | ONLY_FAULTS
    assert shown == PAIRS, shown ^ PAIRS
    parts = len(causes) + len(early) + len(SHOWN_ELSEWHERE) + len(ONLY_FAULTS)
    assert parts == len(PAIRS), "an error is listed twice"
    for pair, test in SHOWN_ELSEWHERE.items():
        is_shown_by(test, *pair)
    assert listed() == {pair for pair in ONLY_FAULTS if pair[1] != "InternalServerError"}, listed() ^ ONLY_FAULTS
    for (operation, error), arguments in causes.items():
        raises(operation, error, arguments)
    print(len(causes))


def source(*path):
    with open(os.path.join(os.path.dirname(__file__), "../..", *path)) as file:
        return file.read()


def is_shown_by(test, operation, error):
    """The test of the control plane must be there, call the operation, and expect the error."""
    tests = source("server/control/src/api/efs/tests/quotas.rs").split("#[tokio::test]\n")
    [body] = [one for one in tests if one.startswith(f"async fn {test}()")]
    http = MODEL.operation_model(operation).http
    place = [part for part in http["requestUri"].split("/") if part and "{" not in part][-1]
    for needed in (f'"{http["method"]}"', place, f'"{error}"'):
        assert needed in body, (test, operation, error, needed)


def listed():
    """What docs/faults.md says to come in no other way; InternalServerError is that of all."""
    _, table = source("docs/faults.md").split("| error | operations |\n|---|---|\n")
    rows = [row.strip("| ").split(" | ") for row in table.split("\n\n")[0].splitlines()]
    assert rows[0][0] == "InternalServerError" and rows[0][1].startswith("all;"), rows[0]
    return {(operation, error) for error, operations in rows[1:] for operation in operations.split(", ")}


def early():
    causes = waiting_causes()
    assert set(causes) == {pair for pair in PAIRS if pair[1] in EARLY}, causes.keys()
    for (operation, error), arguments in causes.items():
        raises(operation, error, arguments)


def faults(method="GET", path="", body=None, **headers):
    url = os.environ["AWS_ENDPOINT_URL"] + "/_localefs/faults" + path
    body = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=body, headers=headers)
    return json.load(urllib.request.urlopen(request))


def described():
    """The file systems, without when their size was last found out, which goes on by itself."""
    found = efs.describe_file_systems()["FileSystems"]
    for file_system in found:
        del file_system["SizeInBytes"]["Timestamp"]
    return found


def injected():
    """Every documented error of every operation can be asked for, and nothing is done then."""
    before = described()
    arguments = {
        "AccessPointId": NO_POINT, "BackupPolicy": {"Status": "ENABLED"}, "ClientToken": "x",
        "CreationToken": "x", "Destinations": [{"Region": REGION}],
        "FileSystemId": before[0]["FileSystemId"], "LifecyclePolicies": [], "MountTargetId": NO_TARGET,
        "Policy": SOME_POLICY, "ResourceId": before[0]["FileSystemId"], "ResourceIdType": "LONG_ID",
        "SourceFileSystemId": ABSENT, "SubnetId": subnets()[0], "TagKeys": ["x"], "Tags": [],
    }
    for operation, error in sorted(PAIRS):
        id = faults("POST", body={"api": {"operation": operation, "error": error, "count": 1}})["id"]
        required = MODEL.operation_model(operation).input_shape
        required = required.required_members if required else []
        raises(operation, error, {name: arguments[name] for name in required})
        assert faults()[-1]["fired"] == 1
        faults("DELETE", f"/{id}")
    assert described() == before
    # Those of the other services, in their own forms.
    for call, name, code, wanted in (
        (ec2.describe_subnets, "DescribeSubnets", "RequestLimitExceeded", 503),
        (iam.list_users, "iam:ListUsers", "ServiceFailure", 500),
        (sts.get_caller_identity, "GetCallerIdentity", "Throttling", 400),
        (efs.describe_file_systems, "DescribeFileSystems", "ThrottlingException", 429),
    ):
        id = faults("POST", body={"api": {"operation": name, "error": code}})["id"]
        for _ in range(2):
            fails(code, wanted, call)
        assert faults()[-1]["fired"] == 2
        faults("DELETE", f"/{id}")
        call()
    for body in (
        {"api": {"operation": "DeleteMountTarget", "error": "FileSystemInUse"}},
        {"api": {"operation": "Explode", "error": "BadRequest"}},
        {"api": {"operation": "DeleteMountTarget", "error": "BadRequest", "probability": 0}},
        {"api": {"operation": "DeleteMountTarget", "error": "BadRequest", "more": 1}},
        {"freeze": {"mount_target": NO_TARGET}}, {"freeze": {"mount_target": "here"}}, {}, None,
    ):
        try:
            faults("POST", body=body)
            raise AssertionError(f"{body} is a fault")
        except urllib.error.HTTPError as error:
            assert error.code == 400 and json.load(error)["error"], body
    assert faults() == []


def unsigned_faults():
    """No foreign page puts faults to work, and a reset ends them."""
    body = {"api": {"operation": "DescribeFileSystems", "error": "BadRequest"}}
    try:
        faults("POST", body=body, Origin="http://evil.example")
        raise AssertionError("a foreign page puts a fault to work")
    except urllib.error.HTTPError as error:
        assert error.code == 403
    faults("POST", body=body)
    faults("POST", body={"freeze": {}})
    fails("BadRequest", 400, efs.describe_file_systems)
    reset = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/_localefs/reset", method="POST")
    assert urllib.request.urlopen(reset).status == 204
    assert faults() == [] and efs.describe_file_systems()["FileSystems"]


if __name__ == "__main__":
    main({check.__name__: check for check in (local, early, injected, unsigned_faults)})
