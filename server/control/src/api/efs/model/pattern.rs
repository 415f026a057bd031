//! The patterns of the service model.

use std::sync::LazyLock;

use regex::Regex;

/// A pattern of the service model.
#[derive(Debug)]
pub struct Pattern {
    /// As the service model has it, for messages and comparison.
    pub text: &'static str,
    /// What a value may not begin with, in any case: the model's patterns look ahead for it.
    unless: &'static str,
    /// Nothing if it is none, which a test excludes.
    regex: LazyLock<Option<Regex>>,
}

impl Pattern {
    /// Whether a value is as it should be, all of it.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let start = value.get(..self.unless.len());
        let excluded = !self.unless.is_empty()
            && start.is_some_and(|start| start.eq_ignore_ascii_case(self.unless));
        let regex = self.regex.as_ref();
        !excluded && regex.is_some_and(|regex| regex.is_match(value))
    }
}

/// Patterns: text of the model, and the same as a regular expression without looking ahead.
macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $text:expr, $unless:expr, $regex:expr;)*) => {
        $($(#[$doc])* pub static $name: Pattern = Pattern {
            text: $text,
            unless: $unless,
            regex: LazyLock::new(|| Regex::new($regex).ok()),
        };)*
        #[cfg(test)]
        static ALL: &[&Pattern] = &[$(&$name),*];
    };
}

patterns! {
    /// Anything, on one line.
    LINE = ".+", "", r"^[^\n\r\u{85}\u{2028}\u{2029}]+$";
    /// Anything.
    ANYTHING = r"[\s\S]+", "", r"(?s)^.+$";
    /// The id or the ARN of a file system.
    FILE_SYSTEM_ID =
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:file-system/fs-[0-9a-f]{8,40}|fs-[0-9a-f]{8,40})$",
        "",
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z:-]+:file-system/fs-[0-9a-f]{8,40}|fs-[0-9a-f]{8,40})$";
    /// The id or the ARN of an access point.
    ACCESS_POINT_ID =
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:access-point/fsap-[0-9a-f]{8,40}|fsap-[0-9a-f]{8,40})$",
        "",
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z:-]+:access-point/fsap-[0-9a-f]{8,40}|fsap-[0-9a-f]{8,40})$";
    /// The id or the ARN of either.
    RESOURCE_ID =
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:(access-point/fsap|file-system/fs)-[0-9a-f]{8,40}|fs(ap)?-[0-9a-f]{8,40})$",
        "",
        "^(arn:aws[-a-z]*:elasticfilesystem:[0-9a-z:-]+:(access-point/fsap|file-system/fs)-[0-9a-f]{8,40}|fs(ap)?-[0-9a-f]{8,40})$";
    /// The id of a mount target.
    MOUNT_TARGET_ID = "^fsmt-[0-9a-f]{8,40}$", "", "^fsmt-[0-9a-f]{8,40}$";
    /// The id of a subnet.
    SUBNET_ID = "^subnet-[0-9a-f]{8,40}$", "", "^subnet-[0-9a-f]{8,40}$";
    /// The id of a security group.
    SECURITY_GROUP = "^sg-[0-9a-f]{8,40}", "", "^sg-[0-9a-f]{8,40}$";
    /// Four numbers.
    IP_ADDRESS = r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$", "",
        r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$";
    /// The key of a tag.
    TAG_KEY = r"^(?![aA]{1}[wW]{1}[sS]{1}:)([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", "aws:",
        r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$";
    /// The value of a tag.
    TAG_VALUE = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "", r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$";
    /// The path of an access point: four names at most, none of which begins with a dot.
    PATH = r"^(\/|(\/(?!\.)+[^$#<>;`|&?{}^*/\n]+){1,4})$", "",
        r"^(/|(/[^.$#<>;`|&?{}^*/\n][^$#<>;`|&?{}^*/\n]*){1,4})$";
    /// Permission bits.
    PERMISSIONS = "^[0-7]{3,4}$", "", "^[0-7]{3,4}$";
    /// A key of KMS by its id, its alias, or their ARNs.
    KMS_KEY_ID =
        r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}|alias/[a-zA-Z0-9/_-]+|(arn:aws[-a-z]*:kms:[a-z0-9-]+:\d{12}:((key/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|(key/mrk-[0-9a-f]{32})|(alias/[a-zA-Z0-9/_-]+))))$",
        "",
        r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}|alias/[a-zA-Z0-9/_-]+|(arn:aws[-a-z]*:kms:[a-z0-9-]+:[0-9]{12}:((key/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|(key/mrk-[0-9a-f]{32})|(alias/[a-zA-Z0-9/_-]+))))$";
    /// A region.
    REGION = "^[a-z]{2}-((iso[a-z]{0,1}-)|(gov-)){0,1}[a-z]+-{0,1}[0-9]{0,1}$", "",
        "^[a-z]{2}-((iso[a-z]{0,1}-)|(gov-)){0,1}[a-z]+-{0,1}[0-9]{0,1}$";
    /// The ARN of a role.
    ROLE_ARN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", "",
        r"^arn:(aws[a-zA-Z-]*)?:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_is_one() {
        for pattern in ALL {
            assert!(pattern.regex.is_some(), "{}", pattern.text);
        }
    }

    #[test]
    fn tag_keys() {
        for key in ["Name", "a b", "été_1.:/=+-@", "awsome", "中"] {
            assert!(TAG_KEY.matches(key), "{key}");
        }
        for key in ["", "aws:x", "AwS:", "a*b", "a\u{301}", "tab\t"] {
            assert!(!TAG_KEY.matches(key), "{key}");
        }
    }

    #[test]
    fn paths_of_access_points() {
        for path in ["/", "/a", "/a/b/c/d", "/a b", "/a.b"] {
            assert!(PATH.matches(path), "{path}");
        }
        for path in [
            "",
            "a",
            "//",
            "/a/",
            "/a/b/c/d/e",
            "/.a",
            "/a/..",
            "/a*",
            "/a\n",
        ] {
            assert!(!PATH.matches(path), "{path}");
        }
    }

    #[test]
    fn ids_and_arns() {
        let arn = "arn:aws:elasticfilesystem:us-east-1:123456789012:";
        assert!(FILE_SYSTEM_ID.matches("fs-01234567"));
        assert!(FILE_SYSTEM_ID.matches(&format!("{arn}file-system/fs-0123456789abcdef0")));
        assert!(!FILE_SYSTEM_ID.matches("fs-0123456"));
        assert!(!FILE_SYSTEM_ID.matches("fs-01234567\n"));
        assert!(!FILE_SYSTEM_ID.matches("fs-0123456G"));
        assert!(ACCESS_POINT_ID.matches(&format!("{arn}access-point/fsap-01234567")));
        assert!(RESOURCE_ID.matches("fsap-01234567") && RESOURCE_ID.matches("fs-01234567"));
        assert!(!RESOURCE_ID.matches("fsmt-01234567"));
    }
}
