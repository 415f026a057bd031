# shellcheck shell=bash
section "Security considerations for mounting: isolation and network ACLs"

step "Mount targets can't be reached from the Internet."
denied 'Internet' "localefs says why" \
    localefs explain --client 198.51.100.7 --mount-target "$target"

step "Hosts over Direct Connect or a VPN have to be let in by address."
explain="localefs explain --mount-target $target --client"
denied 'no inbound rule' "192.168.7.9 is not, yet" $explain 192.168.7.9
rule="--group-id $targets --protocol tcp --port 2049 --query Return --output text --cidr"
run aws ec2 authorize-security-group-ingress $rule 192.168.7.0/24
run $explain 192.168.7.9
like '^allowed$' "with a rule for its network, it may connect"
run aws ec2 revoke-security-group-ingress $rule 192.168.7.0/24

step "Instances of another VPC are isolated, whatever the rules say, until the VPCs are connected."
run aws ec2 create-vpc --cidr-block 10.9.0.0/16 --query Vpc.VpcId --output text
other_vpc=$answer
run aws ec2 create-subnet --vpc-id "$other_vpc" --cidr-block 10.9.1.0/24 \
    --query Subnet.SubnetId --output text
of_other_vpc=$answer
run aws ec2 authorize-security-group-ingress $rule 10.9.0.0/16
denied 'isolation' "the VPCs are not connected" $explain 10.9.1.5
run aws ec2 create-vpc-peering-connection --vpc-id "$vpc" --peer-vpc-id "$other_vpc" \
    --query VpcPeeringConnection.VpcPeeringConnectionId --output text
peering=$answer
run aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$peering" \
    --query VpcPeeringConnection.Status.Code --output text
is active "the VPCs are peered"
run $explain 10.9.1.5
like '^allowed$' "an instance there may connect"
run aws ec2 revoke-security-group-ingress $rule 10.9.0.0/16

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
