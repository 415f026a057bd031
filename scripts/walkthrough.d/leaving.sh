# shellcheck shell=bash
section "Leaving everything as it was"

step "What is in use can't be deleted."
refused FileSystemInUse aws efs delete-file-system --file-system-id "$documents"
refused DependencyViolation aws ec2 delete-security-group --group-id "$targets"
refused DependencyViolation aws ec2 delete-subnet --subnet-id "$of_targets"
refused DependencyViolation aws ec2 delete-network-acl --network-acl-id "$acl"
refused CannotDelete aws ec2 delete-security-group --group-id "$default_group"
refused DeleteConflict aws iam delete-user --user-name alice

step "The instances, the mount target, then the rest."
for guest in guest1 guest2; do
    on $guest root '' 'cd / && umount /mnt/efs'
done
run aws ec2 terminate-instances --instance-ids "$instance" "$other_instance" \
    --query 'TerminatingInstances[].CurrentState.Name' --output text
is 'shutting-down shutting-down' "they shut down"
run aws efs delete-mount-target --mount-target-id "$target"
for each in "$documents" "$payroll"; do
    run aws efs delete-file-system --file-system-id "$each"
done
refused FileSystemNotFound aws efs describe-file-systems --file-system-id "$documents"
refused DependencyViolation aws ec2 delete-security-group --group-id "$instances"
run aws ec2 revoke-security-group-egress --group-id "$silent" --protocol tcp --port 2049 \
    --source-group "$targets" --query Return --output text
for group in "$targets" "$instances" "$silent"; do
    run aws ec2 delete-security-group --group-id "$group"
done
run aws ec2 delete-subnet --subnet-id "$of_targets"
run aws ec2 delete-network-acl --network-acl-id "$acl"
run aws iam delete-access-key --user-name alice --access-key-id "${key_of[alice]}"
as alice refused UnrecognizedClientException aws efs describe-file-systems
for each in efs ec2; do
    run aws iam delete-user-policy --user-name alice --policy-name $each
done
run aws iam delete-user --user-name alice
refused NoSuchEntity aws iam get-user --user-name alice
