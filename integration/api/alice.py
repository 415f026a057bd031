"""The example of the EFS guide, with the unmodified AWS CLI: Alice may describe all file systems,
and manage the security groups of one."""

import subprocess

from common import *


def aws(line, key="test", secret="test"):
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    command = [os.environ["AWS"], "--output", "json", *line.split(" ")]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def gives(line, *who):
    done = aws(line, *who)
    assert done.returncode == 0, (line, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


def denied(line, action, *who):
    done = aws(line, *who)
    assert done.returncode != 0 and "AccessDeniedException" in done.stderr, (line, done)
    assert action in done.stderr, done.stderr


def alice():
    first = gives("efs create-file-system --creation-token first")["FileSystemId"]
    second = gives("efs create-file-system --creation-token second")["FileSystemId"]
    subnet = gives("ec2 describe-subnets")["Subnets"][0]["SubnetId"]
    of_first = gives(f"efs create-mount-target --file-system-id {first} --subnet-id {subnet}")["MountTargetId"]
    of_second = gives(f"efs create-mount-target --file-system-id {second} --subnet-id {subnet}")["MountTargetId"]
    group = gives("ec2 create-security-group --group-name efs --description efs")["GroupId"]
    gives("iam create-user --user-name Alice")
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "elasticfilesystem:DescribeFileSystems", "Resource": "*"},
        {"Effect": "Allow", "Resource": f"{ARN}file-system/{first}", "Action": [
            "elasticfilesystem:ModifyMountTargetSecurityGroups",
            "elasticfilesystem:DescribeMountTargetSecurityGroups"]},
        {"Effect": "Allow", "Resource": "*", "Action": [
            "ec2:ModifyNetworkInterfaceAttribute", "ec2:DescribeNetworkInterfaceAttribute"]}]}
    document = json.dumps(document, separators=(",", ":"))
    gives(f"iam put-user-policy --user-name Alice --policy-name efs --policy-document {document}")
    key = gives("iam create-access-key --user-name Alice")["AccessKey"]
    who = key["AccessKeyId"], key["SecretAccessKey"]
    assert gives("sts get-caller-identity", *who)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/Alice"
    found = {one["FileSystemId"] for one in gives("efs describe-file-systems", *who)["FileSystems"]}
    assert {first, second} <= found
    modify = "efs modify-mount-target-security-groups --mount-target-id"
    gives(f"{modify} {of_first} --security-groups {group}", *who)
    show = "efs describe-mount-target-security-groups --mount-target-id"
    assert gives(f"{show} {of_first}", *who)["SecurityGroups"] == [group]
    denied(f"{modify} {of_second} --security-groups {group}", "ModifyMountTargetSecurityGroups", *who)
    denied(f"{show} {of_second}", "DescribeMountTargetSecurityGroups", *who)
    denied(f"efs describe-mount-targets --file-system-id {first}", "DescribeMountTargets", *who)
    denied(f"efs delete-file-system --file-system-id {first}", "DeleteFileSystem", *who)
    denied("efs create-file-system --creation-token third", "CreateFileSystem", *who)
    gives(f"{modify} {of_second} --security-groups {group}")
    wrong = aws("efs describe-file-systems", who[0], "wrong")
    assert "InvalidSignatureException" in wrong.stderr or "SignatureDoesNotMatch" in wrong.stderr, wrong.stderr
    unknown = aws("efs describe-file-systems", "AKIAUNKNOWN", "wrong")
    assert "UnrecognizedClientException" in unknown.stderr, unknown.stderr


main(globals())
