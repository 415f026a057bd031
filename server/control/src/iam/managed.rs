//! AWS's managed policies, those that EFS and its users need.
//!
//! Content: AWS managed policy reference guide. ReadOnlyAccess speaks only of the services that EFS
//! has to do with; AWS's has some thousand actions more.

use std::sync::{Arc, LazyLock};

use super::policy::{Policy, PolicyKind};

/// A managed policy of AWS.
#[derive(Clone, Debug)]
pub struct Managed {
    /// Its name.
    pub name: &'static str,
    /// `/`, `/service-role/` or `/aws-service-role/`.
    pub path: &'static str,
    /// What it allows.
    pub description: &'static str,
    /// When AWS made it, as ISO 8601.
    pub created: &'static str,
    /// When AWS changed it last, as ISO 8601.
    pub updated: &'static str,
    /// The version that counts.
    pub version: &'static str,
    /// The document.
    pub document: &'static str,
}

impl Managed {
    /// `arn:aws:iam::aws:policy/...`.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// Whether users, groups and roles may have it: all but those of service-linked roles.
    #[must_use]
    pub fn is_attachable(&self) -> bool {
        self.path != "/aws-service-role/"
    }

    /// The document, read.
    #[must_use]
    pub fn policy(&self) -> Option<Arc<Policy>> {
        static POLICIES: LazyLock<Vec<Option<Arc<Policy>>>> = LazyLock::new(|| {
            let read =
                |managed: &Managed| Policy::parse(managed.document, PolicyKind::Identity).ok();
            MANAGED
                .iter()
                .map(|managed| read(managed).map(Arc::new))
                .collect()
        });
        let at = MANAGED
            .iter()
            .position(|managed| managed.name == self.name)?;
        POLICIES.get(at).cloned().flatten()
    }
}

/// The policy of an ARN.
#[must_use]
pub fn find(arn: &str) -> Option<&'static Managed> {
    let rest = arn.strip_prefix("arn:aws:iam::aws:policy")?;
    MANAGED
        .iter()
        .find(|managed| rest.strip_prefix(managed.path) == Some(managed.name))
}

/// All of them, by name.
pub static MANAGED: [Managed; 15] = [
    Managed {
        name: "AdministratorAccess",
        path: "/",
        description: "Every action on every resource.",
        created: "2015-02-06T18:39:46Z",
        updated: "2015-02-06T18:39:46Z",
        version: "v1",
        document: include_str!("managed/AdministratorAccess.json"),
    },
    Managed {
        name: "AmazonEC2FullAccess",
        path: "/",
        description: "Every action of EC2, and what its console needs.",
        created: "2015-02-06T18:40:15Z",
        updated: "2018-11-27T02:16:56Z",
        version: "v5",
        document: include_str!("managed/AmazonEC2FullAccess.json"),
    },
    Managed {
        name: "AmazonEC2ReadOnlyAccess",
        path: "/",
        description: "Looking at everything of EC2.",
        created: "2015-02-06T18:40:17Z",
        updated: "2026-02-12T18:03:17Z",
        version: "v5",
        document: include_str!("managed/AmazonEC2ReadOnlyAccess.json"),
    },
    Managed {
        name: "AmazonEFSCSIDriverPolicy",
        path: "/service-role/",
        description: "What the EFS CSI driver needs: describing, and access points of its own.",
        created: "2023-07-25T20:10:04Z",
        updated: "2023-07-25T20:10:04Z",
        version: "v1",
        document: include_str!("managed/AmazonEFSCSIDriverPolicy.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemClientFullAccess",
        path: "/",
        description: "Mounting file systems with root access.",
        created: "2020-01-13T16:27:00Z",
        updated: "2020-01-13T16:27:00Z",
        version: "v1",
        document: include_str!("managed/AmazonElasticFileSystemClientFullAccess.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemClientReadOnlyAccess",
        path: "/",
        description: "Mounting file systems for reading.",
        created: "2020-01-13T16:24:36Z",
        updated: "2020-01-13T16:24:36Z",
        version: "v1",
        document: include_str!("managed/AmazonElasticFileSystemClientReadOnlyAccess.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemClientReadWriteAccess",
        path: "/",
        description: "Mounting file systems for reading and writing.",
        created: "2020-01-13T16:21:55Z",
        updated: "2020-01-13T16:21:55Z",
        version: "v1",
        document: include_str!("managed/AmazonElasticFileSystemClientReadWriteAccess.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemFullAccess",
        path: "/",
        description: "Every action of EFS, and what it needs of other services.",
        created: "2015-05-27T16:22:28Z",
        updated: "2024-11-07T19:34:20Z",
        version: "v10",
        document: include_str!("managed/AmazonElasticFileSystemFullAccess.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemReadOnlyAccess",
        path: "/",
        description: "Looking at everything of EFS.",
        created: "2015-05-27T16:25:25Z",
        updated: "2024-11-07T19:39:56Z",
        version: "v9",
        document: include_str!("managed/AmazonElasticFileSystemReadOnlyAccess.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemServiceRolePolicy",
        path: "/aws-service-role/",
        description: "What EFS itself may do in an account.",
        created: "2019-11-05T16:52:41Z",
        updated: "2024-11-07T19:19:50Z",
        version: "v5",
        document: include_str!("managed/AmazonElasticFileSystemServiceRolePolicy.json"),
    },
    Managed {
        name: "AmazonElasticFileSystemsUtils",
        path: "/",
        description: "What efs-utils needs on an instance that Systems Manager runs.",
        created: "2020-09-29T15:16:47Z",
        updated: "2026-04-07T13:12:14Z",
        version: "v2",
        document: include_str!("managed/AmazonElasticFileSystemsUtils.json"),
    },
    Managed {
        name: "IAMFullAccess",
        path: "/",
        description: "Every action of IAM.",
        created: "2015-02-06T18:40:38Z",
        updated: "2019-06-21T19:40:00Z",
        version: "v2",
        document: include_str!("managed/IAMFullAccess.json"),
    },
    Managed {
        name: "IAMReadOnlyAccess",
        path: "/",
        description: "Looking at everything of IAM.",
        created: "2015-02-06T18:40:39Z",
        updated: "2018-01-25T19:11:27Z",
        version: "v4",
        document: include_str!("managed/IAMReadOnlyAccess.json"),
    },
    Managed {
        name: "PowerUserAccess",
        path: "/",
        description: "Everything but users, groups and the account itself.",
        created: "2015-02-06T18:39:47Z",
        updated: "2026-02-12T17:59:14Z",
        version: "v12",
        document: include_str!("managed/PowerUserAccess.json"),
    },
    Managed {
        name: "ReadOnlyAccess",
        path: "/",
        description: "Looking at everything; here, of the services that EFS has to do with.",
        created: "2015-02-06T18:39:48Z",
        updated: "2026-09-24T17:37:08Z",
        version: "v190",
        document: include_str!("managed/ReadOnlyAccess.json"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::policy::{quota, size};

    #[test]
    fn every_document_is_a_policy_and_found_by_its_arn() {
        for managed in &MANAGED {
            Policy::parse(managed.document, PolicyKind::Identity).unwrap();
            assert!(managed.policy().is_some(), "{}", managed.name);
            assert!(size(managed.document) <= quota::MANAGED);
            assert_eq!(find(&managed.arn()).unwrap().name, managed.name);
        }
        assert!(find("arn:aws:iam::aws:policy/Nothing").is_none());
        assert!(
            find("arn:aws:iam::aws:policy/AmazonEFSCSIDriverPolicy").is_none(),
            "its path is missing"
        );
        assert!(MANAGED.is_sorted_by_key(|managed| managed.name));
    }
}
