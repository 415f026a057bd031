"""IAM and STS with the unmodified boto3: what its parsers find in the answers, and what is decided."""

from datetime import datetime, timedelta, timezone

from common import *


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def let(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal, action="sts:AssumeRole"):
    return policy({"Effect": "Allow", "Principal": principal, "Action": action})


def refused(call, words, /, **arguments):
    """The call must be denied, for the reason that these words tell."""
    message = fails("AccessDenied", 403, call, **arguments)["Error"]["Message"]
    assert words in message, message


def users_and_groups():
    for number in range(5):
        iam.create_user(UserName=f"u{number}", Path="/team/", Tags=[{"Key": "n", "Value": str(number)}])
    pages = iam.get_paginator("list_users").paginate(PathPrefix="/team/", PaginationConfig={"PageSize": 2})
    assert [one["UserName"] for page in pages for one in page["Users"]] == [f"u{n}" for n in range(5)]
    found = iam.get_user(UserName="u3")["User"]
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/u3", found
    assert found["Tags"] == [{"Key": "n", "Value": "3"}]
    assert isinstance(found["CreateDate"], datetime)
    fails("EntityAlreadyExists", 409, iam.create_user, UserName="U3")
    fails("NoSuchEntity", 404, iam.get_user, UserName="nobody")
    fails("ValidationError", 400, iam.create_user, UserName="a b")
    fails("ValidationError", 400, iam.create_user)
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="u1")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=policy(let("iam:List*")))
    assert [one["UserName"] for one in iam.get_group(GroupName="readers")["Users"]] == ["u1"]
    # boto3 decodes documents only if they are encoded as AWS encodes them.
    document = iam.get_group_policy(GroupName="readers", PolicyName="p")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == "iam:List*", document
    for key in (iam.create_access_key(UserName="u1")["AccessKey"],):
        own = client("iam", key["AccessKeyId"], key["SecretAccessKey"])
        own.list_users()
        refused(own.get_user, "no identity-based policy allows the iam:GetUser action")
    fails("DeleteConflict", 409, iam.delete_group, GroupName="readers")
    iam.remove_user_from_group(GroupName="readers", UserName="u1")
    refused(own.list_users, "no identity-based policy allows")


def policies():
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy(let("iam:GetUser")))["Policy"]["Arn"]
    alice = user("alice")
    own = alice("iam")
    refused(own.get_user, "identity-based policy")
    iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    own.get_user()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(let("iam:ListUsers")), SetAsDefault=True)
    refused(own.get_user, "identity-based policy")
    own.list_users()
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert version["IsDefaultVersion"] and version["Document"]["Statement"][0]["Action"] == "iam:ListUsers"
    fails("DeleteConflict", 409, iam.delete_policy, PolicyArn=arn)
    used = iam.list_entities_for_policy(PolicyArn=arn)
    assert [one["UserName"] for one in used["PolicyUsers"]] == ["alice"] and used["PolicyRoles"] == []
    iam.put_user_permissions_boundary(
        UserName="alice", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonElasticFileSystemFullAccess")
    refused(own.list_users, "no permissions boundary allows the iam:ListUsers action")
    iam.delete_user_permissions_boundary(UserName="alice")
    own.list_users()
    deny = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
    iam.put_user_policy(UserName="alice", PolicyName="deny", PolicyDocument=policy(deny))
    refused(own.list_users, "with an explicit deny in an identity-based policy")
    for document in ("", "{}", "[]", "{" * 1000, policy(let("iam")), policy(let("iam:*", "fs-1")), policy({**deny, "Principal": "*"})):
        code = "MalformedPolicyDocument" if document else "ValidationError"
        fails(code, 400, iam.put_user_policy, UserName="alice", PolicyName="bad", PolicyDocument=document)
    # Patterns that would take for ever to one who tries each way to match them.
    condition = {"StringLike": {"aws:UserAgent": "*a" * 300 + "*~"}}
    slow = policy(let("iam:*", f"arn:aws:iam::{ACCOUNT}:role/" + "*r" * 100 + "*x"), let("iam:*", Condition=condition))
    iam.put_user_policy(UserName="alice", PolicyName="slow", PolicyDocument=slow)
    crafted = alice("iam", user_agent="a" * 7000, read_timeout=30)
    for _ in range(20):
        refused(crafted.list_roles, "explicit deny in an identity-based policy")
    names = {one["PolicyName"] for one in iam.list_policies(Scope="AWS")["Policies"]}
    assert {"AmazonElasticFileSystemFullAccess", "AmazonEFSCSIDriverPolicy", "AdministratorAccess"} <= names


def sessions():
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": ACCOUNT}, role
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=policy(let("elasticfilesystem:*"), let("iam:*")))
    wanted = {"RoleArn": role["Arn"], "RoleSessionName": "s1"}
    refused(user("bob")("sts").assume_role, f"sts:AssumeRole on resource: {role['Arn']}", **wanted)
    alice = user("alice", ("sts:AssumeRole", "*"))("sts")
    refused(sts.assume_role, "Roles may not be assumed by root accounts", **wanted)

    def session(service, credentials):
        made = boto3.session.Session(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], REGION)
        return made.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])

    answer = alice.assume_role(**wanted, DurationSeconds=900)
    left = answer["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    assert timedelta(seconds=600) < left <= timedelta(seconds=900), left
    who = session("sts", answer["Credentials"]).get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1"
    session("efs", answer["Credentials"]).describe_file_systems()
    session("iam", answer["Credentials"]).list_users()
    forged = {**answer["Credentials"], "SessionToken": "forged"}
    fails("InvalidClientTokenId", 403, session("sts", forged).get_caller_identity)

    limited = alice.assume_role(**wanted, Policy=policy(let("iam:ListUsers")))["Credentials"]
    session("iam", limited).list_users()
    refused(session("iam", limited).list_roles, "no session policy allows the iam:ListRoles action")

    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    refused(alice.assume_role, "sts:AssumeRole", **wanted)
    fails("MalformedPolicyDocument", 400, iam.update_assume_role_policy, RoleName="worker",
          PolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/ghost"}))


def simulation():
    user("alice", ("elasticfilesystem:Describe*", "*"))
    answer = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/alice",
        ActionNames=["elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DeleteFileSystem"])
    decided = [one["EvalDecision"] for one in answer["EvaluationResults"]]
    assert decided == ["allowed", "implicitDeny"], answer
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyType"] == "user", answer
    condition = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    arguments = {"PolicyInputList": [policy(let("elasticfilesystem:*", Condition=condition))],
                 "ActionNames": ["elasticfilesystem:DeleteAccessPoint"]}
    answer = iam.simulate_custom_policy(**arguments)["EvaluationResults"][0]
    assert answer["EvalDecision"] == "implicitDeny" and answer["MissingContextValues"] == ["aws:ResourceTag/team"], answer
    entry = {"ContextKeyName": "aws:ResourceTag/team", "ContextKeyType": "string", "ContextKeyValues": ["blue"]}
    answer = iam.simulate_custom_policy(**arguments, ContextEntries=[entry])["EvaluationResults"][0]
    assert answer["EvalDecision"] == "allowed", answer


def before_kill():
    user("alice", ("iam:GetUser", "*"))
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))


def after_kill():
    assert iam.get_user_policy(UserName="alice", PolicyName="p")["PolicyDocument"]["Statement"]
    assert len(iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]) == 1
    iam.get_role(RoleName="worker")


if __name__ == "__main__":
    main({check.__name__: check for check in (
        users_and_groups, policies, sessions, simulation, before_kill, after_kill)})
