"""What the checks share: clients that check nothing themselves, and the words for what must be."""

import json
import os
import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
REGION = "us-east-1"
ARN = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:"


def client(service, key="test", secret="test", **more):
    # What a client would refuse to send must reach the server.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, **more)
    session = boto3.session.Session(key, secret, region_name=REGION)
    return session.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=config)


efs, ec2, iam, sts = (client(name) for name in ("efs", "ec2", "iam", "sts"))


def fails(code, status, call, /, **arguments):
    """The call must fail with this code and HTTP status; gives the error."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == (code, status), f"{call.__name__}{arguments!r:.300}: {found}, {error}"
        return error.response
    raise AssertionError(f"{call.__name__}{arguments!r:.300} gives {answer!r:.300}")


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def file_system(**arguments):
    return efs.create_file_system(CreationToken=str(uuid.uuid4()), **arguments)["FileSystemId"]


def subnets():
    found = ec2.describe_subnets()["Subnets"]
    return [one["SubnetId"] for one in sorted(found, key=lambda one: one["AvailabilityZone"])]


def user(name, *statements):
    """A user with an inline policy; gives its clients by name of the service."""
    iam.create_user(UserName=name)
    if statements:
        allow(name, *statements)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service, **more: client(service, key["AccessKeyId"], key["SecretAccessKey"], **more)


def allow(name, *statements):
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in statements
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)


def until(what, patience=60):
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def main(checks):
    checks[sys.argv[1]]()
