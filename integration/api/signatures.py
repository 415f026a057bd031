"""Requests that nobody has signed, or somebody has altered or kept for too long."""

import copy
import datetime

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from common import *

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
LIST = {
    "elasticfilesystem": ("GET", "/2015-02-01/file-systems", b"", JSON),
    "ec2": ("POST", "/", b"Action=DescribeSubnets&Version=2016-11-15", FORM),
    "iam": ("POST", "/", b"Action=ListUsers&Version=2010-05-08", FORM),
    "sts": ("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", FORM),
}


def request(service, *of, key="test", secret="test", scope=None, region=REGION, token=None, sign=True):
    method, path, body, kind = of or LIST[service]
    made = AWSRequest(method, os.environ["AWS_ENDPOINT_URL"] + path, headers={"Content-Type": kind}, data=body)
    if sign:
        SigV4Auth(Credentials(key, secret, token), scope or service, region).add_auth(made)
    return made.prepare()


def send(made):
    return URLLib3Session(timeout=60).send(made)


def refused(made, status, code):
    """The service must answer with this status and code, in its own form."""
    answer = send(made)
    found = answer.headers.get("x-amzn-ErrorType")
    if found is None:
        found = answer.text.partition("<Code>")[2].partition("</Code>")[0]
    assert (answer.status_code, found) == (status, code), (answer.status_code, answer.text)


def everything():
    for service in LIST:
        answer = send(request(service))
        assert answer.status_code == 200, answer.text
    unsigned = {
        "elasticfilesystem": (403, "MissingAuthenticationTokenException"),
        "ec2": (400, "MissingParameter"),
        "iam": (403, "MissingAuthenticationToken"),
        "sts": (403, "MissingAuthenticationToken"),
    }
    wrong = {
        "elasticfilesystem": (403, "InvalidSignatureException"),
        "ec2": (401, "AuthFailure"),
        "iam": (403, "SignatureDoesNotMatch"),
        "sts": (403, "SignatureDoesNotMatch"),
    }
    unknown = {
        "elasticfilesystem": (403, "UnrecognizedClientException"),
        "ec2": (401, "AuthFailure"),
        "iam": (403, "InvalidClientTokenId"),
        "sts": (403, "InvalidClientTokenId"),
    }
    for service in LIST:
        refused(request(service, sign=False), *unsigned[service])
        refused(request(service, secret="guessed"), *wrong[service])
        refused(request(service, key="AKIAUNKNOWN"), *unknown[service])
        refused(request(service, token="made up"), *unknown[service])
        # For another region.
        refused(request(service, region="eu-west-1"), *wrong[service])
        made = request(service)
        made.headers["Authorization"] = made.headers["Authorization"].replace("Signature=", "Signature=0")
        answer = send(made)
        assert answer.status_code in (400, 401, 403), answer.text
    altered()
    replayed()


def altered():
    """A signature is for one method, path, query, set of headers and body."""
    fs, other = file_system(), file_system()
    create = ("POST", "/2015-02-01/file-systems", b'{"CreationToken": "signed"}', JSON)

    def of(change, *of):
        made = request("elasticfilesystem", *of)
        change(made)
        refused(made, 403, "InvalidSignatureException")

    def body(made):
        made.body = made.body.replace(b"signed", b"altered")

    def path(made):
        made.url = made.url.replace(fs, other)

    def query(made):
        made.url += "?MaxItems=1"

    def date(made):
        made.headers["X-Amz-Date"] = made.headers["X-Amz-Date"][:-3] + "99Z"

    of(body, *create)
    of(path, "DELETE", f"/2015-02-01/file-systems/{fs}", b"", JSON)
    of(query)
    made = request("elasticfilesystem")
    date(made)
    answer = send(made)
    assert answer.status_code in (400, 403), answer.text
    for token in ("signed", "altered"):
        fails("FileSystemNotFound", 404, efs.describe_file_systems, CreationToken=token)
    efs.describe_file_systems(FileSystemId=other)


def replayed():
    """What was recorded is good for some minutes, and does a second time what the operation does a
    second time; later it is nothing any more."""
    create = ("POST", "/2015-02-01/file-systems", b'{"CreationToken": "recorded"}', JSON)
    made = request("elasticfilesystem", *create)
    assert send(copy.copy(made)).status_code == 201
    refused(copy.copy(made), 409, "FileSystemAlreadyExists")
    real = botocore.auth.get_current_datetime

    def earlier(*arguments, **more):
        return real(*arguments, **more) - datetime.timedelta(minutes=16)

    botocore.auth.get_current_datetime = earlier
    for service, expected in (
        ("elasticfilesystem", (403, "InvalidSignatureException")),
        ("ec2", (400, "RequestExpired")),
        ("iam", (403, "SignatureDoesNotMatch")),
    ):
        refused(request(service), *expected)
    botocore.auth.get_current_datetime = real


main(globals())
