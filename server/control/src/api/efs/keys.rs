//! The KMS keys that file systems are said to be encrypted with. There is no KMS: nothing is known
//! of a key but its name.

use sha2::{Digest, Sha256};

use super::super::{Call, Result};
use super::access::require_of;
use crate::ids;
use crate::store::View;

/// The alias of the key that is AWS's own.
const OWN: &str = "alias/aws/elasticfilesystem";

/// A key, as a caller names it: by id, alias, or the ARN of either.
#[derive(Debug)]
pub(super) struct Key {
    /// Its ARN, never that of an alias.
    pub(super) arn: String,
    is_own: bool,
}

impl Key {
    /// The key that is named; EFS's own if none is.
    pub(super) fn of(call: &Call, named: Option<&str>) -> Self {
        let settings = &call.control.settings;
        let (region, account) = (&settings.region, &settings.account_id);
        let named = named.unwrap_or(OWN);
        let full = if named.starts_with("arn:") {
            named.to_owned()
        } else if named.starts_with("alias/") {
            format!("arn:aws:kms:{region}:{account}:{named}")
        } else {
            format!("arn:aws:kms:{region}:{account}:key/{named}")
        };
        Self::named(&full)
    }

    /// The key of an ARN.
    pub(super) fn named(arn: &str) -> Self {
        let own = key_of_alias(&arn_beside(arn, OWN));
        let arn = if arn.contains(":alias/") {
            key_of_alias(arn)
        } else {
            arn.to_owned()
        };
        Self {
            is_own: arn == own,
            arn,
        }
    }

    /// Asks for what EFS does with a customer's key on the caller's behalf (EFS user guide,
    /// "Amazon EFS key policies for AWS KMS"). The key's own policy is taken to be KMS's default,
    /// which leaves it to the account's policies.
    pub(super) fn require(&self, call: &Call, view: &View) -> Result<()> {
        if self.is_own {
            return Ok(());
        }
        let settings = &call.control.settings;
        let through = format!("elasticfilesystem.{}.amazonaws.com", settings.region);
        let mut keys = vec![
            ("kms:ViaService", through.as_str()),
            ("kms:CallerAccount", settings.account_id.as_str()),
        ];
        let require =
            |action: &str, keys: &[_]| require_of(call, view, action, self.arn.clone(), keys);
        require("kms:DescribeKey", &keys)?;
        require("kms:GenerateDataKeyWithoutPlaintext", &keys)?;
        keys.push(("kms:GrantIsForAWSResource", "true"));
        require("kms:CreateGrant", &keys)
    }
}

/// Another name in the region and account of an ARN.
fn arn_beside(arn: &str, name: &str) -> String {
    let region = arn.rsplit_once(':').map_or("", |(region, _)| region);
    format!("{region}:{name}")
}

/// The ARN of the key behind an alias: always the same, as if the alias had been made once.
fn key_of_alias(alias: &str) -> String {
    let digest = Sha256::digest(alias.as_bytes());
    let octets = digest.iter().take(16);
    let number = octets.fold(0, |number: u128, octet| number << 8 | u128::from(*octet));
    arn_beside(alias, &format!("key/{}", ids::uuid_of(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_always_of_the_same_key() {
        let key = |name: &str| Key::named(&format!("arn:aws:kms:us-east-1:123456789012:{name}"));
        let own = key("alias/aws/elasticfilesystem");
        assert!(own.is_own && key(own.arn.rsplit(':').next().unwrap()).is_own);
        let other = key("alias/other");
        assert!(!other.is_own && other.arn == key("alias/other").arn && other.arn != own.arn);
        let (start, id) = other.arn.rsplit_once('/').unwrap();
        assert_eq!(start, "arn:aws:kms:us-east-1:123456789012:key");
        assert_eq!(id.len(), 36);
    }
}
