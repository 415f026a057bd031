# shellcheck shell=bash
section "Security groups for EC2 instances and mount targets"

step "Two security groups in the VPC: one for instances, one for mount targets."
run aws ec2 create-security-group --group-name instances --vpc-id "$vpc" \
    --description 'Instances that mount' --query GroupId --output text
like '^sg-[0-9a-f]{17}$' "one for instances"
instances=$answer
run aws ec2 create-security-group --group-name targets --vpc-id "$vpc" \
    --description 'Mount targets' --query GroupId --output text
like '^sg-[0-9a-f]{17}$' "one for mount targets"
targets=$answer
refused InvalidGroup.Duplicate aws ec2 create-security-group --group-name targets --vpc-id "$vpc" \
    --description 'Once more'

step "Their default rules: nothing comes in, everything may leave."
rules='SecurityGroups[].[length(IpPermissions),IpPermissionsEgress[].[IpProtocol,IpRanges[].CidrIp]]'
run aws ec2 describe-security-groups --group-ids "$instances" "$targets" --query "$rules" --output json
is '[ [ 0, [ [ "-1", [ "0.0.0.0/0" ] ] ] ], [ 0, [ [ "-1", [ "0.0.0.0/0" ] ] ] ] ]' \
    "no inbound rule, and one outbound rule for all traffic"

step "SSH to the instances, from any host."
run aws ec2 authorize-security-group-ingress --group-id "$instances" --protocol tcp --port 22 \
    --cidr 0.0.0.0/0 --query Return --output text
is True "the rule is there"
refused InvalidPermission.Duplicate aws ec2 authorize-security-group-ingress \
    --group-id "$instances" --protocol tcp --port 22 --cidr 0.0.0.0/0

step "The mount target gets its group. Alice does that: she may."
as alice run $manage --mount-target-id "$target" --security-groups "$targets"
run aws efs describe-mount-target-security-groups --mount-target-id "$target" \
    --query SecurityGroups --output text
is "$targets" "it has that group, and no other"

step "Two instances: one in the group for instances, one in the default group."
launch='aws ec2 run-instances --image-id ami-0123456789abcdef0 --instance-type t3.micro'
found='Instances[].[InstanceId,PrivateIpAddress]'
run $launch --subnet-id "$of_instances" --security-group-ids "$instances" \
    --query "$found" --output text
like '^i-[0-9a-f]{17}[[:space:]]172\.31\.' "the one that is to mount"
read -r instance instance_address <<< "$answer"
run $launch --subnet-id "$of_instances" --query "$found" --output text
like '^i-[0-9a-f]{17}[[:space:]]172\.31\.' "the other one"
read -r other_instance other_address <<< "$answer"
# Linux machines with these addresses.
localefs-lab play guest1 "$instance_address"
localefs-lab play guest2 "$other_address"

step "No rule lets NFS in: the mount hangs."
mount="mount -t nfs4 -o nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport $address:/ /mnt/efs"
begin guest1 "$mount"
hangs "it waits for an answer"
denied "no inbound rule of security group.*$targets" "localefs says why" \
    localefs explain --client "$instance_address" --mount-target "$target"

step "NFS into mount targets, from the group of the instances: the same mount goes through."
run aws ec2 authorize-security-group-ingress --group-id "$targets" --protocol tcp --port 2049 \
    --source-group "$instances" --query 'SecurityGroupRules[].ReferencedGroupInfo.GroupId' --output text
is "$instances" "the source is a group"
goes_through "it is mounted"
on guest1 root "$address:/" 'findmnt --noheadings --output SOURCE /mnt/efs'

step "Both groups authorize inbound and outbound access."
rules='sort_by(SecurityGroupRules,&to_string([IsEgress,GroupId])) | [].[GroupId,IsEgress,IpProtocol,FromPort]'
run aws ec2 describe-security-group-rules --filters "Name=group-id,Values=$instances,$targets" \
    --query "$rules" --output text
like "^$instances[[:space:]]False[[:space:]]tcp[[:space:]]22$" "SSH into the instances"
like "^$targets[[:space:]]False[[:space:]]tcp[[:space:]]2049$" "NFS into the mount target"
like "^$instances[[:space:]]True[[:space:]]-1" "everything out of the instances"

step "The other instance is not in that group."
begin guest2 "timeout 3 $mount; [ \$? = 124 ]"
hangs "its mount hangs"
goes_through "until somebody gives up"

step "A rule by address lets it in."
rule="--group-id $targets --protocol tcp --port 2049 --cidr $other_address/32"
run aws ec2 authorize-security-group-ingress $rule --query Return --output text
begin guest2 "$mount"
goes_through "it mounts"

step "Without the rule, what is connected stays connected, and what is not can't."
run aws ec2 revoke-security-group-ingress $rule --query Return --output text
run aws ec2 revoke-security-group-ingress $rule --query 'UnknownIpPermissions[].FromPort' --output text
is 2049 "the rule is unknown now; in a default VPC that is no error"
on guest2 root '' 'echo hello > greeting && sync greeting && rm greeting' 'the mount goes on: security groups are stateful'
on guest2 root '' 'cd / && umount /mnt/efs'
begin guest2 "timeout 3 $mount; [ \$? = 124 ]"
hangs "a new mount hangs"
goes_through "until somebody gives up"

step "An instance needs an outbound rule, too. This one has none."
run aws ec2 create-security-group --group-name silent --vpc-id "$vpc" \
    --description 'Nothing leaves' --query GroupId --output text
silent=$answer
run aws ec2 revoke-security-group-egress --group-id "$silent" --protocol -1 --cidr 0.0.0.0/0 \
    --query Return --output text
run aws ec2 authorize-security-group-ingress --group-id "$targets" --protocol tcp --port 2049 \
    --source-group "$silent" --query Return --output text
run aws ec2 modify-instance-attribute --instance-id "$other_instance" --groups "$silent"
begin guest2 "$mount"
hangs "its mount hangs, though the mount target would let it in"
run aws ec2 authorize-security-group-egress --group-id "$silent" --protocol tcp --port 2049 \
    --source-group "$targets" --query Return --output text
goes_through "with an outbound rule to the mount target's group, it goes through"
