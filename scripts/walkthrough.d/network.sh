# shellcheck shell=bash
section "Security considerations for mounting: isolation and network ACLs"

step "Mount targets can't be reached from the Internet."
denied 'Internet' "localefs says why" \
    localefs explain --client 198.51.100.7 --mount-target "$target"

step "The network ACL of the mount target's subnet lets everything through."
run aws ec2 describe-network-acls --filters "Name=association.subnet-id,Values=$of_targets" \
    --query 'NetworkAcls[].[NetworkAclId,IsDefault]' --output text
like '^acl-[0-9a-f]{17}[[:space:]]True$' "it is the default one"

step "An ACL of its own for that subnet: it denies everything until it has entries."
run aws ec2 create-network-acl --vpc-id "$vpc" --query NetworkAcl.NetworkAclId --output text
acl=$answer
entry="aws ec2 create-network-acl-entry --network-acl-id $acl --protocol tcp --cidr-block 172.31.0.0/20"
run $entry --ingress --rule-number 100 --rule-action allow --port-range From=2049,To=2049
run $entry --egress --rule-number 100 --rule-action allow --port-range From=1024,To=65535
refused NetworkAclEntryAlreadyExists \
    $entry --egress --rule-number 100 --rule-action deny --port-range From=1,To=1023
run aws ec2 describe-network-acls --filters "Name=association.subnet-id,Values=$of_targets" \
    --query 'NetworkAcls[0].Associations[?SubnetId==`'"$of_targets"'`].NetworkAclAssociationId' --output text
run aws ec2 replace-network-acl-association --association-id "$answer" --network-acl-id "$acl" \
    --query NewAssociationId --output text
like '^aclassoc-' "the subnet has that ACL"
on guest1 root '' 'touch file && sync file' 'NFS in and answers out are enough'

step "Network ACLs are stateless: without the way back, the running mount hangs."
deny="--network-acl-id $acl --rule-number 50"
run aws ec2 create-network-acl-entry $deny --egress --protocol tcp --rule-action deny \
    --port-range From=1024,To=65535 --cidr-block "$instance_address/32"
begin guest1 'echo one > /mnt/efs/file && sync /mnt/efs/file'
hangs "the answers don't come"
run aws ec2 delete-network-acl-entry $deny --egress
goes_through "it goes on where it was"

step "And without the way in."
run aws ec2 create-network-acl-entry $deny --ingress --protocol tcp --rule-action deny \
    --port-range From=2049,To=2049 --cidr-block "$instance_address/32"
begin guest1 'echo two >> /mnt/efs/file && sync /mnt/efs/file'
hangs "the calls don't arrive"
denied "network ACL.*inbound" "localefs says why" \
    localefs explain --client "$instance_address" --mount-target "$target"
run aws ec2 delete-network-acl-entry $deny --ingress
goes_through "it goes on where it was"
on guest1 root $'one\ntwo' 'cat file' 'nothing is lost'
on guest1 root '' 'rm file'
refused InvalidNetworkAclEntry.NotFound aws ec2 delete-network-acl-entry $deny --ingress
