"""The unmodified AWS CLI, in this process: it would take longer to start than to call."""

import contextlib
import io
import json
import os
import re
import shlex
import sys

from awscli.clidriver import create_clidriver

ACCOUNT = "000000000000"
ROOT = ("test", "test")
EFS = f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:"

os.environ["AWS_MAX_ATTEMPTS"] = "1"
loader = None
checks = 0


def aws(line, who=ROOT):
    """The status of a command line and what it writes, as one of who has a key."""
    global loader
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(zip(names, who))
    # A new one for each command, as in a process of its own, but for the models that it has read.
    driver = create_clidriver()
    loader = loader or driver.session.get_component("data_loader")
    driver.session.register_component("data_loader", loader)
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            status = driver.main(shlex.split(line))
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), errors.getvalue()


def does(line, who=ROOT):
    """The command succeeds; gives its answer."""
    global checks
    checks += 1
    status, out, errors = aws(line, who)
    assert status == 0, f"aws {line}: {errors}"
    return json.loads(out) if out.strip() else None


def gives(line, query, expected, who=ROOT):
    """The command succeeds, and a JMESPath query finds that in its answer."""
    found = does(f"{line} --query {shlex.quote(query)}", who)
    assert found == expected, f"aws {line}, {query}: {found!r} instead of {expected!r}"
    return found


def fails(line, code, who=ROOT):
    """The command fails with this error of AWS's; gives what it says."""
    global checks
    checks += 1
    status, out, errors = aws(line, who)
    found = re.search(r"\((\S+?)\) when calling", errors)
    assert status != 0, f"aws {line} gives {out:.300}"
    assert found and found[1] == code, f"aws {line}: {errors.strip()} instead of {code}"
    return errors


def policy(*statements):
    """A policy document, as a word of a command line."""
    return shlex.quote(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def let(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def user(name, *statements):
    """A user with an inline policy; gives the key."""
    does(f"iam create-user --user-name {name}")
    if statements:
        does(f"iam put-user-policy --user-name {name} --policy-name p --policy-document {policy(*statements)}")
    key = does(f"iam create-access-key --user-name {name}")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def subnet(zone="us-east-1a"):
    return does(f"ec2 describe-subnets --filters Name=availability-zone,Values={zone} Name=default-for-az,Values=true")["Subnets"][0]["SubnetId"]


def vpc():
    return does("ec2 describe-vpcs --filters Name=is-default,Values=true")["Vpcs"][0]["VpcId"]


def group(name, where=None):
    where = where or vpc()
    return does(f"ec2 create-security-group --group-name {name} --description d --vpc-id {where}")["GroupId"]


def file_system(token):
    return does(f"efs create-file-system --creation-token {token}")["FileSystemId"]


def main(sections):
    """Runs one of the sections, and tells how many checks it made."""
    sections[sys.argv[1]]()
    print(checks)
