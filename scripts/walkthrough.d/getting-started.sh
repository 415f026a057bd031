# What the chapter takes for granted: a VPC, file systems, mount targets.
# shellcheck shell=bash
section "Getting started: the VPC, two file systems and their mount targets"

step "Who calls: the account's root user, who may do everything."
run aws sts get-caller-identity --query Arn --output text
like '^arn:aws:iam::[0-9]{12}:root$' "the caller is the account's root user"

step "The account has a default VPC, with a subnet in each Availability Zone."
run aws ec2 describe-vpcs --filters Name=is-default,Values=true \
    --query 'Vpcs[].[VpcId,CidrBlock]' --output text
like '^vpc-[0-9a-f]{17}[[:space:]]172\.31\.0\.0/16$' "one default VPC, 172.31.0.0/16"
vpc=${answer%%[[:space:]]*}
run aws ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" Name=default-for-az,Values=true \
    --query 'sort_by(Subnets,&AvailabilityZone)[].[SubnetId,AvailabilityZone,CidrBlock]' --output text
subnets=($(awk '{ print $1 }' <<< "$answer"))
[ ${#subnets[@]} = 6 ] || wrong 'six subnets'
checked "six default subnets"
of_instances=${subnets[0]}

step "A subnet for mount targets in the first zone, so that network ACLs stand between."
run aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 172.31.96.0/20 \
    --availability-zone us-east-1a --query Subnet.SubnetId --output text
like '^subnet-[0-9a-f]{17}$' "it is made"
of_targets=$answer
refused InvalidSubnet.Conflict aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 172.31.96.0/24

step "Two file systems."
for name in documents payroll; do
    run aws efs create-file-system --creation-token $name --tags Key=Name,Value=$name \
        --query '[FileSystemId,LifeCycleState]' --output text
    like '^fs-[0-9a-f]{17}[[:space:]]available$' "$name is made"
    declare $name="${answer%%[[:space:]]*}"
done
documents=${documents:?} payroll=${payroll:?}
refused FileSystemAlreadyExists aws efs create-file-system --creation-token documents

step "A mount target for each. Without a security group, it gets the default one of the VPC."
run aws efs create-mount-target --file-system-id "$documents" --subnet-id "$of_targets" \
    --query '[MountTargetId,IpAddress,NetworkInterfaceId]' --output text
like '^fsmt-[0-9a-f]{17}[[:space:]]172\.31\.' "it has an address in the subnet"
read -r target address interface <<< "$answer"
run aws efs create-mount-target --file-system-id "$payroll" --subnet-id "$of_targets" \
    --query MountTargetId --output text
like '^fsmt-[0-9a-f]{17}$' "the other one is made"
other_target=$answer
refused MountTargetConflict \
    aws efs create-mount-target --file-system-id "$documents" --subnet-id "$of_instances"
run aws ec2 describe-security-groups --filters "Name=vpc-id,Values=$vpc" \
    Name=group-name,Values=default --query 'SecurityGroups[].GroupId' --output text
default_group=$answer
run aws efs describe-mount-target-security-groups --mount-target-id "$target" \
    --query SecurityGroups --output text
is "$default_group" "the mount target has the default group"

step "Its network interface is EFS's, and has no public address."
run aws ec2 describe-network-interfaces --network-interface-ids "$interface" \
    --query 'NetworkInterfaces[].[Description,RequesterManaged,Association]' --output text
is "EFS mount target for $documents ($target) True None" "EFS manages it; no public address"
refused AuthFailure aws ec2 modify-network-interface-attribute \
    --network-interface-id "$interface" --groups "$default_group"
