//! Actions, the types of resources that they are allowed on, and their condition keys: the Service
//! Authorization Reference, "Actions, resources, and condition keys" for EFS, EC2, IAM and STS.
//!
//! A policy that names resources has no effect on an action without resource types: it needs `*`.

use crate::arn::Arn;
use crate::iam::glob::Glob;

/// What is said of one or more actions.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Patterns of actions.
    pub actions: &'static [&'static str],
    /// Types of resources; none if the actions are only allowed on `*`.
    pub resources: &'static [&'static str],
    /// Patterns of the condition keys, beside the global ones.
    pub keys: &'static [&'static str],
}

const fn row(
    actions: &'static [&'static str],
    resources: &'static [&'static str],
    keys: &'static [&'static str],
) -> Row {
    Row {
        actions,
        resources,
        keys,
    }
}

const TAGGED: &[&str] = &["aws:ResourceTag/*"];
const TAGGING: &[&str] = &["aws:ResourceTag/*", "aws:RequestTag/*", "aws:TagKeys"];
/// Of all resources of EC2 together: each has those of its own.
const EC2: &[&str] = &[
    "aws:ResourceTag/*",
    "ec2:ResourceTag/*",
    "aws:RequestTag/*",
    "aws:TagKeys",
    "ec2:AccepterVpc",
    "ec2:Attribute",
    "ec2:AvailabilityZone",
    "ec2:CreateAction",
    "ec2:InstanceID",
    "ec2:InstanceType",
    "ec2:NetworkAclID",
    "ec2:NetworkInterfaceID",
    "ec2:RequesterVpc",
    "ec2:SecurityGroupID",
    "ec2:Subnet",
    "ec2:SubnetID",
    "ec2:Tenancy",
    "ec2:Vpc",
    "ec2:VpcID",
    "ec2:VpcPeeringConnectionID",
];
const IAM_TAGGED: &[&str] = &[
    "aws:ResourceTag/*",
    "iam:ResourceTag/*",
    "iam:PermissionsBoundary",
];
const IAM_TAGGING: &[&str] = &[
    "aws:ResourceTag/*",
    "iam:ResourceTag/*",
    "aws:RequestTag/*",
    "aws:TagKeys",
    "iam:PermissionsBoundary",
];

/// The first row that has an action counts.
pub const ROWS: &[Row] = &[
    // EFS.
    row(
        &["elasticfilesystem:CreateFileSystem"],
        &["file-system"],
        &[
            "aws:RequestTag/*",
            "aws:TagKeys",
            "elasticfilesystem:Encrypted",
        ],
    ),
    row(&["elasticfilesystem:*AccountPreferences"], &[], &[]),
    row(
        &[
            "elasticfilesystem:CreateAccessPoint",
            "elasticfilesystem:CreateTags",
            "elasticfilesystem:DeleteTags",
        ],
        &["file-system"],
        TAGGING,
    ),
    row(
        &["elasticfilesystem:DeleteAccessPoint"],
        &["access-point"],
        TAGGED,
    ),
    row(
        &["elasticfilesystem:TagResource"],
        &["file-system", "access-point"],
        &[
            "aws:ResourceTag/*",
            "aws:RequestTag/*",
            "aws:TagKeys",
            "elasticfilesystem:CreateAction",
        ],
    ),
    row(
        &["elasticfilesystem:UntagResource"],
        &["file-system", "access-point"],
        TAGGING,
    ),
    row(
        &[
            "elasticfilesystem:ListTagsForResource",
            "elasticfilesystem:DescribeAccessPoints",
            "elasticfilesystem:DescribeMountTargets",
        ],
        &["file-system", "access-point"],
        TAGGED,
    ),
    row(
        &["elasticfilesystem:Client*"],
        &["file-system"],
        &[
            "aws:ResourceTag/*",
            "elasticfilesystem:AccessPointArn",
            "elasticfilesystem:AccessedViaMountTarget",
        ],
    ),
    row(&["elasticfilesystem:*"], &["file-system"], TAGGED),
    // EC2, what localefs has of it. Those that EFS needs on a caller's behalf it asks for on `*`.
    row(&["ec2:DescribeVpcAttribute"], &["vpc"], EC2),
    row(
        &["ec2:DescribeNetworkInterfaceAttribute"],
        &["network-interface"],
        EC2,
    ),
    row(&["ec2:DescribeInstanceAttribute"], &["instance"], EC2),
    row(&["ec2:Describe*"], &[], &[]),
    row(
        &[
            "ec2:CreateVpc",
            "ec2:CreateDefaultVpc",
            "ec2:DeleteVpc",
            "ec2:ModifyVpcAttribute",
        ],
        &["vpc"],
        EC2,
    ),
    row(&["ec2:CreateSubnet"], &["subnet", "vpc"], EC2),
    row(
        &["ec2:DeleteSubnet", "ec2:ModifySubnetAttribute"],
        &["subnet"],
        EC2,
    ),
    row(
        &["ec2:CreateSecurityGroup"],
        &["security-group", "vpc"],
        EC2,
    ),
    row(
        &[
            "ec2:DeleteSecurityGroup",
            "ec2:*SecurityGroupIngress",
            "ec2:*SecurityGroupEgress",
            "ec2:ModifySecurityGroupRules",
            "ec2:UpdateSecurityGroupRuleDescriptions*",
        ],
        &["security-group", "security-group-rule"],
        EC2,
    ),
    row(&["ec2:CreateNetworkAcl"], &["network-acl", "vpc"], EC2),
    row(
        &["ec2:DeleteNetworkAcl", "ec2:*NetworkAclEntry"],
        &["network-acl"],
        EC2,
    ),
    row(
        &["ec2:ReplaceNetworkAclAssociation"],
        &["network-acl", "subnet"],
        EC2,
    ),
    row(
        &["ec2:CreateNetworkInterface"],
        &["network-interface", "subnet", "security-group"],
        EC2,
    ),
    row(&["ec2:DeleteNetworkInterface"], &["network-interface"], EC2),
    row(
        &["ec2:ModifyNetworkInterfaceAttribute"],
        &["network-interface", "security-group"],
        EC2,
    ),
    row(
        &["ec2:RunInstances"],
        &[
            "image",
            "instance",
            "key-pair",
            "network-interface",
            "security-group",
            "subnet",
            "volume",
        ],
        EC2,
    ),
    row(&["ec2:TerminateInstances"], &["instance"], EC2),
    row(
        &["ec2:ModifyInstanceAttribute"],
        &["instance", "security-group"],
        EC2,
    ),
    row(
        &["ec2:*VpcPeeringConnection"],
        &["vpc", "vpc-peering-connection"],
        EC2,
    ),
    row(&["ec2:*ManagedPrefixList*"], &["prefix-list"], EC2),
    row(&["ec2:CreateTags", "ec2:DeleteTags"], &["*"], EC2),
    // IAM.
    row(
        &[
            "iam:ListPolicies",
            "iam:ListAccountAliases",
            "iam:GetAccount*",
            "iam:SimulateCustomPolicy",
        ],
        &[],
        &[],
    ),
    row(
        &["iam:SimulatePrincipalPolicy"],
        &["user", "group", "role"],
        &[],
    ),
    row(&["iam:GetAccessKeyLastUsed"], &["user"], IAM_TAGGED),
    row(
        &["iam:Attach*Policy", "iam:Detach*Policy"],
        &["user", "group", "role"],
        &[
            "aws:ResourceTag/*",
            "iam:ResourceTag/*",
            "iam:PermissionsBoundary",
            "iam:PolicyARN",
        ],
    ),
    row(
        &["iam:*ServiceLinkedRole*"],
        &["role"],
        &[
            "iam:AWSServiceName",
            "aws:ResourceTag/*",
            "iam:ResourceTag/*",
        ],
    ),
    row(
        &["iam:PassRole"],
        &["role"],
        &["iam:PassedToService", "iam:AssociatedResourceArn"],
    ),
    row(
        &[
            "iam:*InstanceProfile",
            "iam:*InstanceProfileTags",
            "iam:ListInstanceProfiles",
        ],
        &["instance-profile"],
        IAM_TAGGING,
    ),
    row(&["iam:ListInstanceProfilesForRole"], &["role"], IAM_TAGGED),
    row(
        &[
            "iam:CreatePolicy",
            "iam:DeletePolicy",
            "iam:GetPolicy",
            "iam:*PolicyVersion",
            "iam:*PolicyVersions",
            "iam:TagPolicy",
            "iam:UntagPolicy",
            "iam:ListPolicyTags",
            "iam:ListEntitiesForPolicy",
        ],
        &["policy"],
        IAM_TAGGING,
    ),
    row(
        &[
            "iam:*AccessKey",
            "iam:*AccessKeys",
            "iam:*User",
            "iam:*Users",
            "iam:*UserPolicy",
            "iam:*UserPolicies",
            "iam:*UserPermissionsBoundary",
            "iam:ListUserTags",
        ],
        &["user"],
        IAM_TAGGING,
    ),
    row(
        &[
            "iam:*Group",
            "iam:*Groups",
            "iam:*GroupPolicy",
            "iam:*GroupPolicies",
        ],
        &["group"],
        IAM_TAGGED,
    ),
    row(
        &[
            "iam:*Role",
            "iam:*Roles",
            "iam:*RolePolicy",
            "iam:*RolePolicies",
            "iam:*RolePermissionsBoundary",
            "iam:ListRoleTags",
        ],
        &["role"],
        IAM_TAGGING,
    ),
    // KMS, what EFS does on a caller's behalf.
    row(
        &[
            "kms:DescribeKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:CreateGrant",
        ],
        &["key"],
        &[
            "kms:ViaService",
            "kms:CallerAccount",
            "kms:GrantIsForAWSResource",
        ],
    ),
    // STS.
    row(
        &["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        &["role"],
        &[
            "aws:ResourceTag/*",
            "iam:ResourceTag/*",
            "aws:RequestTag/*",
            "aws:TagKeys",
            "sts:ExternalId",
            "sts:RoleSessionName",
            "sts:SourceIdentity",
        ],
    ),
    row(
        &[
            "sts:GetAccessKeyInfo",
            "sts:GetCallerIdentity",
            "sts:GetSessionToken",
        ],
        &[],
        &[],
    ),
];

/// The row of an action.
pub fn find(action: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| {
        row.actions
            .iter()
            .any(|pattern| Glob::new(pattern).matches(action))
    })
}

/// What is wrong with asking for an action on a resource with these condition keys.
pub fn objection<'k>(
    action: &str,
    resource: &str,
    keys: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let Some(row) = find(action) else {
        return Some(format!("{action} is no action"));
    };
    let resource_is_right = match resource.parse::<Arn>() {
        _ if resource == "*" => true,
        Ok(arn) => row.resources.contains(&arn.resource_type()) || row.resources == ["*"],
        Err(_) => false,
    };
    if !resource_is_right {
        return Some(format!("{action} is not allowed on {resource}"));
    }
    let unknown = keys.into_iter().find(|key| {
        !row.keys
            .iter()
            .any(|pattern| Glob::new(pattern).matches(key))
    });
    unknown.map(|key| format!("{action} has no condition key {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    #[test]
    fn every_operation_has_an_action() {
        for service in Service::ALL {
            for operation in service.operations() {
                let action = format!("{}:{}", service.signing_name(), operation.name);
                assert!(find(&action).is_some(), "{action}");
            }
        }
    }

    #[test]
    fn every_action_of_awss_policies_for_efs_is_one() {
        for managed in crate::iam::managed::MANAGED
            .iter()
            .filter(|one| one.name.contains("FileSystemFull"))
        {
            for statement in &managed.policy().unwrap().statements {
                let own = |action: &&String| action.starts_with("elasticfilesystem:");
                for action in statement.action_texts().iter().filter(own) {
                    assert!(find(action).is_some(), "{action}");
                }
            }
        }
    }

    #[test]
    fn an_action_without_resources_is_asked_for_on_everything() {
        let arn = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1";
        assert_eq!(
            objection("elasticfilesystem:PutAccountPreferences", "*", []),
            None
        );
        assert!(objection("elasticfilesystem:PutAccountPreferences", arn, []).is_some());
        assert_eq!(
            objection(
                "elasticfilesystem:DeleteFileSystem",
                arn,
                ["aws:ResourceTag/a"]
            ),
            None
        );
        assert!(objection("elasticfilesystem:DeleteAccessPoint", arn, []).is_some());
        assert!(
            objection(
                "elasticfilesystem:DeleteFileSystem",
                arn,
                ["aws:RequestTag/a"]
            )
            .is_some()
        );
        assert!(objection("s3:GetObject", "*", []).is_some());
    }
}
