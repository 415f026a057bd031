//! Quotas (EFS user guide, "Amazon EFS quotas").

/// File systems of an account in a region.
pub(super) const FILE_SYSTEMS: usize = 1000;

/// Access points of a file system.
pub(super) const ACCESS_POINTS: usize = 10_000;

/// Tags of a resource.
pub(super) const TAGS: usize = 50;

/// Security groups of a mount target.
pub(super) const SECURITY_GROUPS: usize = 5;

/// Mount targets in a VPC.
pub(super) const MOUNT_TARGETS_IN_VPC: usize = 1400;

/// MiB/s that can be provisioned.
pub(super) const PROVISIONED: f64 = 3414.0;

/// Results on a page.
pub(super) const PAGE: usize = 100;

/// Results on a page of DescribeAccessPoints, where clients ask for 1000.
pub(super) const LARGEST_PAGE: usize = 1000;
