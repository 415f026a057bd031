# shellcheck shell=bash
section "IAM permissions for API calls"

# policy NAME: writes a policy to a file, and shows it.
policy() {
    cat > "$1.json"
    printf '   %s.json:\n' "$1"
    sed 's/^/     /' "$1.json"
}
arn=arn:aws:elasticfilesystem:us-east-1:000000000000:file-system

step "Alice, an IAM user without permissions."
run aws iam create-user --user-name alice --query User.Arn --output text
is arn:aws:iam::000000000000:user/alice "she is made"
run aws iam create-access-key --user-name alice \
    --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text
read -r "key_of[alice]" "secret_of[alice]" <<< "$answer"
as alice run aws sts get-caller-identity --query Arn --output text
is arn:aws:iam::000000000000:user/alice "calls with her key are hers"
as alice refused AccessDeniedException aws efs describe-file-systems

step "She may describe all file systems, and manage the security groups of one."
policy alice << END
{ "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Resource": "*", "Action": "elasticfilesystem:DescribeFileSystems" },
    { "Effect": "Allow", "Resource": "$arn/$documents", "Action": [
        "elasticfilesystem:DescribeMountTargetSecurityGroups",
        "elasticfilesystem:ModifyMountTargetSecurityGroups" ] } ] }
END
run aws iam put-user-policy --user-name alice --policy-name efs --policy-document file://alice.json
as alice run aws efs describe-file-systems --query 'FileSystems[].Name' --output text
like 'documents' "she sees the one"
like 'payroll' "and the other"
manage='aws efs modify-mount-target-security-groups'
as alice refused AccessDeniedException \
    $manage --mount-target-id "$target" --security-groups "$default_group"
like 'not authorized to perform that action' "EFS changes a network interface for her: she has to be allowed that, too"

step "With the permissions of EC2 that this takes, she can."
policy ec2 << 'END'
{ "Version": "2012-10-17",
  "Statement": { "Effect": "Allow", "Resource": "*", "Action": [
    "ec2:DescribeNetworkInterfaceAttribute", "ec2:ModifyNetworkInterfaceAttribute" ] } }
END
run aws iam put-user-policy --user-name alice --policy-name ec2 --policy-document file://ec2.json
as alice run $manage --mount-target-id "$target" --security-groups "$default_group"
is '' "she manages the groups of the one"
as alice run aws efs describe-mount-target-security-groups --mount-target-id "$target" \
    --query SecurityGroups --output text
is "$default_group" "and sees them"

step "She may not do so to the other file system, and nothing else."
as alice refused AccessDeniedException \
    $manage --mount-target-id "$other_target" --security-groups "$default_group"
as alice refused AccessDeniedException \
    aws efs describe-mount-target-security-groups --mount-target-id "$other_target"
as alice refused AccessDeniedException aws efs delete-file-system --file-system-id "$documents"
as alice refused AccessDeniedException aws efs create-file-system --creation-token mine
as alice refused UnauthorizedOperation aws ec2 describe-security-groups
as alice refused AccessDenied aws iam list-users

step "IAM's simulator agrees, and localefs tells the statement that decides."
run aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::000000000000:user/alice \
    --action-names elasticfilesystem:ModifyMountTargetSecurityGroups \
    --resource-arns "$arn/$documents" "$arn/$payroll" \
    --query 'EvaluationResults[].EvalDecision' --output text
is 'allowed implicitDeny' "one is allowed, the other is not"
run localefs explain --principal alice --api efs:ModifyMountTargetSecurityGroups \
    --resource "$documents"
like 'policy efs' "the statement is named"

step "Who does not sign, or not well, is nobody."
refused MissingAuthenticationTokenException aws --no-sign-request efs describe-file-systems
key_of[mallory]=${key_of[alice]} secret_of[mallory]=guessed
as mallory refused InvalidSignatureException aws efs describe-file-systems
key_of[nobody]=AKIAIOSFODNN7EXAMPLE secret_of[nobody]=guessed
as nobody refused UnrecognizedClientException aws efs describe-file-systems

step "A file system has a policy of its own, if one likes. Its denials bind the root user, too."
refused PolicyNotFound aws efs describe-file-system-policy --file-system-id "$payroll"
policy keep << 'END'
{ "Version": "2012-10-17",
  "Statement": { "Effect": "Deny", "Principal": "*",
                 "Action": "elasticfilesystem:DeleteMountTarget" } }
END
run aws efs put-file-system-policy --file-system-id "$payroll" --policy file://keep.json \
    --query FileSystemId --output text
is "$payroll" "the policy is there"
refused AccessDeniedException aws efs delete-mount-target --mount-target-id "$other_target"
policy lockout << 'END'
{ "Version": "2012-10-17",
  "Statement": { "Effect": "Deny", "Principal": "*", "Action": "elasticfilesystem:*" } }
END
refused InvalidPolicyException \
    aws efs put-file-system-policy --file-system-id "$payroll" --policy file://lockout.json
run aws efs delete-file-system-policy --file-system-id "$payroll"
run aws efs delete-mount-target --mount-target-id "$other_target"
is '' "without the policy, the root user may"
