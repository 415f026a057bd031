"""Permissions for API calls, good and bad, by the AWS CLI: Alice, her policy, and who is nobody."""

from cli import *


def alice():
    first, second, inside = file_system("first"), file_system("second"), subnet()
    target = does(f"efs create-mount-target --file-system-id {first} --subnet-id {inside}")["MountTargetId"]
    other = does(f"efs create-mount-target --file-system-id {second} --subnet-id {inside}")["MountTargetId"]
    mine = group("mt-sg")
    who = user("alice")
    gives("sts get-caller-identity", "[Arn,Account]", [f"arn:aws:iam::{ACCOUNT}:user/alice", ACCOUNT], who)
    modify = f"efs modify-mount-target-security-groups --security-groups {mine} --mount-target-id"
    show = "efs describe-mount-target-security-groups --mount-target-id"
    # Without a policy, nothing.
    everything = (
        ("efs describe-file-systems", "DescribeFileSystems"),
        (f"efs describe-file-systems --file-system-id {first}", "DescribeFileSystems"),
        (f"{modify} {target}", "ModifyMountTargetSecurityGroups"),
        (f"{show} {target}", "DescribeMountTargetSecurityGroups"),
        (f"efs describe-mount-targets --file-system-id {first}", "DescribeMountTargets"),
        (f"efs create-mount-target --file-system-id {first} --subnet-id {inside}", "CreateMountTarget"),
        (f"efs delete-mount-target --mount-target-id {target}", "DeleteMountTarget"),
        (f"efs delete-file-system --file-system-id {first}", "DeleteFileSystem"),
        ("efs create-file-system --creation-token x", "CreateFileSystem"),
        (f"efs tag-resource --resource-id {first} --tags Key=a,Value=b", "TagResource"),
        (f"efs put-file-system-policy --file-system-id {first} --policy x", "PutFileSystemPolicy"),
        (f"efs update-file-system --file-system-id {first} --throughput-mode elastic", "UpdateFileSystem"),
        (f"efs describe-lifecycle-configuration --file-system-id {first}", "DescribeLifecycleConfiguration"),
    )
    for line, action in everything:
        told = fails(line, "AccessDeniedException", who)
        assert f"{ACCOUNT}:user/alice is not authorized to perform: elasticfilesystem:{action}" in told, told
    for line in ("ec2 describe-security-groups", "ec2 describe-vpcs", "ec2 create-security-group --group-name x --description d",
                 f"ec2 authorize-security-group-ingress --group-id {mine} --protocol tcp --port 2049 --cidr 0.0.0.0/0",
                 f"ec2 delete-security-group --group-id {mine}", "ec2 create-vpc --cidr-block 10.0.0.0/16 --dry-run"):
        fails(line, "UnauthorizedOperation", who)
    for line in ("iam list-users", "iam get-user", "iam create-user --user-name bob",
                 "iam attach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AdministratorAccess"):
        fails(line, "AccessDenied", who)

    # All may be described; the groups of one be managed.
    statements = [let("elasticfilesystem:DescribeFileSystems"),
                  let(["elasticfilesystem:ModifyMountTargetSecurityGroups", "elasticfilesystem:DescribeMountTargetSecurityGroups"],
                      f"{EFS}file-system/{first}")]
    give = lambda *statements: does(f"iam put-user-policy --user-name alice --policy-name p --policy-document {policy(*statements)}")
    give(*statements)
    gives("efs describe-file-systems", f"FileSystems[?FileSystemId=='{first}' || FileSystemId=='{second}'] | length(@)", 2, who)
    # EFS calls EC2 for her. Which permission is missing there, it does not say.
    for line in (f"{modify} {target}", f"{show} {target}"):
        told = fails(line, "AccessDeniedException", who)
        assert "User is not authorized to perform that action on the specified resource" in told, told
    statements.append(let(["ec2:ModifyNetworkInterfaceAttribute", "ec2:DescribeNetworkInterfaceAttribute"]))
    give(*statements)
    does(f"{modify} {target}", who)
    gives(f"{show} {target}", "SecurityGroups", [mine], who)
    gives("efs describe-file-systems", f"FileSystems[?FileSystemId=='{first}'] | length(@)", 1, who)
    for line in (f"{modify} {other}", f"{show} {other}", f"efs describe-mount-targets --file-system-id {first}",
                 f"efs delete-mount-target --mount-target-id {target}", f"efs delete-file-system --file-system-id {second}",
                 "efs create-file-system --creation-token x", f"{show} fsmt-0123456789abcdef0"):
        fails(line, "AccessDeniedException", who)
    fails("ec2 describe-security-groups", "UnauthorizedOperation", who)
    # Those who may do everything.
    does(f"{modify} {other}")
    gives(f"{show} {other}", "SecurityGroups", [mine])
    # A denial is stronger; its end gives back.
    give(*statements, {"Effect": "Deny", "Action": "elasticfilesystem:Modify*", "Resource": "*"})
    assert "explicit deny" in fails(f"{modify} {target}", "AccessDeniedException", who)
    give(*statements)
    does(f"{modify} {target}", who)

    simulate = f"iam simulate-principal-policy --policy-source-arn arn:aws:iam::{ACCOUNT}:user/alice --action-names"
    decision = "EvaluationResults[].EvalDecision"
    gives(f"{simulate} elasticfilesystem:DescribeFileSystems", decision, ["allowed"])
    gives(f"{simulate} elasticfilesystem:DeleteFileSystem elasticfilesystem:DescribeFileSystems", decision, ["implicitDeny", "allowed"])
    action = "elasticfilesystem:ModifyMountTargetSecurityGroups"
    gives(f"{simulate} {action} --resource-arns {EFS}file-system/{first}", decision, ["allowed"])
    gives(f"{simulate} {action} --resource-arns {EFS}file-system/{second}", decision, ["implicitDeny"])
    fails(simulate.replace("user/alice", "user/nobody") + f" {action}", "NoSuchEntity")
    deny = policy(let(action), {"Effect": "Deny", "Action": action, "Resource": "*"})
    gives(f"iam simulate-custom-policy --policy-input-list {deny} --action-names {action}", decision, ["explicitDeny"])

    # Her key, and its end.
    does(f"iam update-access-key --user-name alice --access-key-id {who[0]} --status Inactive")
    fails("efs describe-file-systems", "UnrecognizedClientException", who)
    fails("sts get-caller-identity", "InvalidClientTokenId", who)
    does(f"iam update-access-key --user-name alice --access-key-id {who[0]} --status Active")
    does("efs describe-file-systems", who)
    does("iam delete-user-policy --user-name alice --policy-name p")
    fails("efs describe-file-systems", "AccessDeniedException", who)
    does("iam attach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AmazonElasticFileSystemReadOnlyAccess")
    does("efs describe-file-systems", who)
    does(f"efs describe-mount-targets --file-system-id {second}", who)
    fails(f"{modify} {target}", "AccessDeniedException", who)
    fails("iam delete-user --user-name alice", "DeleteConflict")
    does("iam detach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AmazonElasticFileSystemReadOnlyAccess")
    fails("iam delete-user --user-name alice", "DeleteConflict")
    does(f"iam delete-access-key --user-name alice --access-key-id {who[0]}")
    does("iam delete-user --user-name alice")
    fails("efs describe-file-systems", "UnrecognizedClientException", who)


def nobody():
    who = user("carol", let("*"))
    wrong, unknown = (who[0], "wrong"), ("AKIAIOSFODNN7EXAMPLE", "wrong")
    for line, unsigned, known, stranger in (
        ("efs describe-file-systems", "MissingAuthenticationTokenException", "InvalidSignatureException", "UnrecognizedClientException"),
        ("ec2 describe-vpcs", "MissingParameter", "AuthFailure", "AuthFailure"),
        ("iam list-users", "MissingAuthenticationToken", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("sts get-caller-identity", "MissingAuthenticationToken", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ):
        does(line, who)
        fails(f"--no-sign-request {line}", unsigned)
        fails(line, known, wrong)
        fails(line, stranger, unknown)
        fails(line, stranger, (*who, "a token that nobody gave"))
    fails("efs create-file-system --creation-token x --no-sign-request", "MissingAuthenticationTokenException")
    fails("efs create-file-system --creation-token x", "InvalidSignatureException", wrong)
    fails("efs describe-file-systems --creation-token x", "FileSystemNotFound")
    fails("efs describe-file-systems --region eu-west-1", "InvalidSignatureException", who)


def identities():
    made = does("iam create-user --user-name bob --path /staff/ --tags Key=team,Value=a")["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/bob" and made["UserId"].startswith("AIDA")
    fails("iam create-user --user-name bob", "EntityAlreadyExists")
    fails("iam create-user --user-name b/b", "ValidationError")
    fails("iam get-user --user-name nobody", "NoSuchEntity")
    gives("iam list-users --path-prefix /staff/", "Users[].UserName", ["bob"])
    put = "iam put-user-policy --user-name bob --policy-name p --policy-document"
    for bad in ("nonsense", "{}", policy(let("efs")), policy(let("elasticfilesystem:*", "nonsense")), policy({"Effect": "Allow", "Action": "*"})):
        fails(f"{put} {bad if bad[0] == chr(39) else shlex.quote(bad)}", "MalformedPolicyDocument")
    does(f"{put} {policy(let('elasticfilesystem:Describe*'))}")
    gives("iam list-user-policies --user-name bob", "PolicyNames", ["p"])
    gives("iam get-user-policy --user-name bob --policy-name p", "PolicyDocument.Statement[0].Action", "elasticfilesystem:Describe*")
    fails("iam get-user-policy --user-name bob --policy-name q", "NoSuchEntity")
    keys = [does("iam create-access-key --user-name bob")["AccessKey"] for _ in range(2)]
    assert all(re.fullmatch("AKIA[A-Z0-9]{16}", key["AccessKeyId"]) and len(key["SecretAccessKey"]) == 40 for key in keys)
    fails("iam create-access-key --user-name bob", "LimitExceeded")
    fails("iam create-access-key --user-name nobody", "NoSuchEntity")
    gives("iam list-access-keys --user-name bob", "AccessKeyMetadata[].Status", ["Active", "Active"])
    arn = does(f"iam create-policy --policy-name managed --policy-document {policy(let('ec2:Describe*'))}")["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/managed"
    fails(f"iam create-policy --policy-name managed --policy-document {policy(let('ec2:Describe*'))}", "EntityAlreadyExists")
    does(f"iam attach-user-policy --user-name bob --policy-arn {arn}")
    gives("iam list-attached-user-policies --user-name bob", "AttachedPolicies[].PolicyName", ["managed"])
    fails("iam attach-user-policy --user-name bob --policy-arn arn:aws:iam::aws:policy/Nonsense", "NoSuchEntity")
    bob = keys[0]["AccessKeyId"], keys[0]["SecretAccessKey"]
    does("ec2 describe-security-groups", bob)
    does("efs describe-file-systems", bob)
    fails(f"iam delete-policy --policy-arn {arn}", "DeleteConflict")
    does(f"iam detach-user-policy --user-name bob --policy-arn {arn}")
    fails(f"iam detach-user-policy --user-name bob --policy-arn {arn}", "NoSuchEntity")
    does(f"iam delete-policy --policy-arn {arn}")
    fails("ec2 describe-security-groups", "UnauthorizedOperation", bob)

    # A group, and a role with a session.
    does("iam create-group --group-name admins")
    does("iam attach-group-policy --group-name admins --policy-arn arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess")
    does("iam add-user-to-group --group-name admins --user-name bob")
    gives("iam list-groups-for-user --user-name bob", "Groups[].GroupName", ["admins"])
    fs = does("efs create-file-system --creation-token bobs", bob)["FileSystemId"]
    does(f"efs delete-file-system --file-system-id {fs}", bob)
    trust = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/staff/bob"}, "Action": "sts:AssumeRole"})
    role = does(f"iam create-role --role-name reader --assume-role-policy-document {trust}")["Role"]["Arn"]
    fails(f"iam create-role --role-name reader --assume-role-policy-document {trust}", "EntityAlreadyExists")
    fails("iam create-role --role-name x --assume-role-policy-document nonsense", "MalformedPolicyDocument")
    does(f"iam put-role-policy --role-name reader --policy-name p --policy-document {policy(let('elasticfilesystem:DescribeFileSystems'))}")
    assume = f"sts assume-role --role-arn {role} --role-session-name session"
    fails(assume, "AccessDenied", user("eve"))
    keys = does(assume, bob)["Credentials"]
    session = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    gives("sts get-caller-identity", "Arn", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session", session)
    does("efs describe-file-systems", session)
    fails("efs create-file-system --creation-token x", "AccessDeniedException", session)
    fails("efs describe-file-systems", "UnrecognizedClientException", session[:2])
    fails("iam delete-role --role-name reader", "DeleteConflict")


if __name__ == "__main__":
    main(globals())
