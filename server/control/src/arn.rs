//! Amazon Resource Names.
//!
//! Shape: `arn:partition:service:region:account:resource`. Source: AWS General Reference,
//! "Amazon Resource Names (ARNs)"; wildcards: IAM user guide, "IAM JSON policy elements: Resource".

use std::fmt;
use std::str::FromStr;

use crate::iam::glob::Glob;

/// The longest ARN that is read, in bytes ("ARNs: 2048 characters", IAM API reference).
pub const MAX_ARN: usize = 2048;

/// Why a string is no ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// It does not begin with `arn:`, or has fewer than six parts.
    #[error("ARN {0} is not valid.")]
    Malformed(String),
    /// It is longer than [`MAX_ARN`].
    #[error("an ARN has at most {MAX_ARN} bytes")]
    TooLong,
}

/// An ARN in its parts. Region and account may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    /// `aws`, `aws-cn`, ...
    pub partition: String,
    /// `elasticfilesystem`, `iam`, ...
    pub service: String,
    /// `us-east-1`; empty for global services.
    pub region: String,
    /// Twelve digits; empty where a service has none.
    pub account: String,
    /// All that follows: `file-system/fs-...`, `user/path/name`.
    pub resource: String,
}

impl Arn {
    /// An ARN in partition `aws`.
    #[must_use]
    pub fn new(service: &str, region: &str, account: &str, resource: impl Into<String>) -> Self {
        Self {
            partition: "aws".into(),
            service: service.into(),
            region: region.into(),
            account: account.into(),
            resource: resource.into(),
        }
    }

    /// The resource's type: what stands before its first `/` or `:`, all of it if there is none.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        self.resource
            .split_once(['/', ':'])
            .map_or(self.resource.as_str(), |(kind, _)| kind)
    }

    /// What stands behind the resource's type: `fs-...`, `path/name`. Empty if there is no type.
    #[must_use]
    pub fn resource_id(&self) -> &str {
        self.resource
            .split_once(['/', ':'])
            .map_or("", |(_, id)| id)
    }

    /// The last component of the resource's path: of `user/division/alice` it is `alice`.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        self.resource
            .rsplit_once('/')
            .map_or(self.resource.as_str(), |(_, name)| name)
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        if text.len() > MAX_ARN {
            return Err(ArnError::TooLong);
        }
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().map(str::to_owned);
        let arn = (|| {
            (part()? == "arn").then_some(())?;
            Some(Self {
                partition: part()?,
                service: part()?,
                region: part()?,
                account: part()?,
                resource: part()?,
            })
        })();
        match arn {
            Some(arn)
                if !arn.partition.is_empty()
                    && !arn.service.is_empty()
                    && !arn.resource.is_empty() =>
            {
                Ok(arn)
            }
            _ => Err(ArnError::Malformed(text.to_owned())),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

/// A pattern for ARNs, as it stands in a policy.
///
/// `*` and `?` match inside of one of the six parts; a `*` that ends one of the first five may also
/// reach over the colons behind it. So `arn:aws:ec2:*` matches every resource of EC2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern {
    whole: Glob,
    /// The six parts, if the pattern has as many.
    parts: Option<Box<[Glob; 6]>>,
    /// Whether one of the first five parts ends in `*`.
    reaches: bool,
}

impl ArnPattern {
    /// The pattern that `whole` is.
    #[must_use]
    pub fn new(whole: Glob) -> Self {
        let parts = whole.split_colons();
        let reaches = parts.iter().take(5).any(Glob::ends_in_star);
        Self {
            whole,
            parts: parts.try_into().ok().map(Box::new),
            reaches,
        }
    }

    /// The pattern written `text`, without policy variables.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self::new(Glob::new(text))
    }

    /// Whether the pattern matches this ARN, or the word `*` that stands for "no resource".
    #[must_use]
    pub fn matches(&self, arn: &str) -> bool {
        if let Some(parts) = &self.parts
            && arn.splitn(6, ':').count() == 6
            && parts
                .iter()
                .zip(arn.splitn(6, ':'))
                .all(|(glob, part)| glob.matches(part))
        {
            return true;
        }
        self.reaches && self.whole.matches(arn)
    }

    /// As the operators `ArnEquals` and `ArnLike` compare: each of the six parts by itself.
    #[must_use]
    pub fn matches_by_parts(&self, arn: &str) -> bool {
        self.parts.as_ref().is_some_and(|parts| {
            arn.splitn(6, ':').count() == 6
                && parts
                    .iter()
                    .zip(arn.splitn(6, ':'))
                    .all(|(glob, part)| glob.matches(part))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arn_is_taken_apart_and_put_together() {
        let text = "arn:aws:iam::123456789012:user/division_abc/subdivision_xyz/Bob";
        let arn: Arn = text.parse().unwrap();
        assert_eq!(arn.to_string(), text);
        assert_eq!(
            (arn.region.as_str(), arn.account.as_str()),
            ("", "123456789012")
        );
        assert_eq!((arn.resource_type(), arn.resource_name()), ("user", "Bob"));
        assert_eq!(arn.resource_id(), "division_abc/subdivision_xyz/Bob");
        let root: Arn = "arn:aws:iam::123456789012:root".parse().unwrap();
        assert_eq!((root.resource_type(), root.resource_id()), ("root", ""));
        let log: Arn = "arn:aws:logs:us-east-1:1:log-group:a:b".parse().unwrap();
        assert_eq!(log.resource, "log-group:a:b");
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in [
            "",
            "*",
            "arn",
            "arn:aws:iam::1",
            "arn:aws:iam::1:",
            "arn::iam::1:x",
            "ARN:a:b:c:d:e",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
        assert_eq!(
            "a".repeat(MAX_ARN + 1).parse::<Arn>(),
            Err(ArnError::TooLong)
        );
    }

    #[test]
    fn wildcards_stay_inside_of_a_part_unless_they_end_it() {
        let fs = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0123";
        for (pattern, expected) in [
            ("*", true),
            (
                "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/*",
                true,
            ),
            ("arn:aws:elasticfilesystem:*:*:file-system/fs-0123", true),
            (
                "arn:aws:elasticfilesystem:us-east-?:123456789012:file-system/fs-????",
                true,
            ),
            ("arn:*:elasticfilesystem:*:*:*/fs-0123", true),
            ("arn:aws:elasticfilesystem:*", true),
            (
                "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-01234",
                false,
            ),
            (
                "arn:aws:elasticfilesystem:us-east-1:123456789012:FILE-SYSTEM/fs-0123",
                false,
            ),
            (
                "arn:aws:elasticfilesystem:eu-*:123456789012:file-system/fs-0123",
                false,
            ),
            ("arn:aws:elastic*1:123456789012:file-system/fs-0123", false),
            (
                "arn:aws:elasticfilesystem:us?east-1:123456789012:access-point/*",
                false,
            ),
            (
                "arn:aws:elasticfilesystem:us-east-1?123456789012:file-system/fs-0123",
                false,
            ),
        ] {
            assert_eq!(
                ArnPattern::literal(pattern).matches(fs),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn arn_like_compares_part_by_part() {
        let arn = "arn:aws:sns:us-east-1:1:topic:x";
        assert!(ArnPattern::literal("arn:aws:sns:*:1:topic*").matches_by_parts(arn));
        assert!(!ArnPattern::literal("arn:aws:sns:*").matches_by_parts(arn));
        assert!(!ArnPattern::literal("*").matches_by_parts(arn));
    }

    proptest! {
        #[test]
        fn any_arn_survives_parsing(p in "[a-z-]{1,8}", s in "[a-z0-9-]{1,12}", r in "[a-z0-9-]{0,12}", a in "[0-9]{0,12}", x in "[!-~]{1,40}") {
            let arn = Arn { partition: p, service: s, region: r, account: a, resource: x };
            prop_assert_eq!(arn.to_string().parse::<Arn>().unwrap(), arn);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}") {
            let _ = text.parse::<Arn>();
            let _ = ArnPattern::literal(&text).matches(&text);
        }
    }
}
