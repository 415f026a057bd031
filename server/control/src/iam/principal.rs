//! Who makes a request.
//!
//! Source: IAM user guide, "IAM identifiers", "AWS global condition context keys" (the table of
//! `aws:userid`, `aws:username` and `aws:PrincipalType` by principal).

use crate::arn::Arn;

/// Who makes a request, after authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody known: an unsigned request, or a mount without `-o iam`.
    Anonymous,
    /// The account's root user.
    Root {
        /// Twelve digits.
        account: String,
    },
    /// An IAM user, by long-term keys or by those of GetSessionToken.
    User {
        /// Twelve digits.
        account: String,
        /// `/` or `/division/`.
        path: String,
        /// The name alone.
        name: String,
        /// `AIDA...`.
        id: String,
    },
    /// A session of a role.
    Session {
        /// Twelve digits.
        account: String,
        /// The role's path.
        path: String,
        /// The role's name alone.
        role: String,
        /// `AROA...`, of the role.
        role_id: String,
        /// RoleSessionName.
        session: String,
    },
}

impl Principal {
    /// The account that it belongs to; `None` for the anonymous.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::Root { account } | Self::User { account, .. } | Self::Session { account, .. } => {
                Some(account)
            }
        }
    }

    /// What GetCallerIdentity and messages call it; `None` for the anonymous.
    #[must_use]
    pub fn arn(&self) -> Option<Arn> {
        Some(match self {
            Self::Anonymous => return None,
            Self::Root { account } => Arn::new("iam", "", account, "root"),
            Self::User {
                account,
                path,
                name,
                ..
            } => Arn::new("iam", "", account, format!("user{path}{name}")),
            Self::Session {
                account,
                role,
                session,
                ..
            } => Arn::new("sts", "", account, format!("assumed-role/{role}/{session}")),
        })
    }

    /// `aws:PrincipalArn`: of a session, the role's ARN.
    #[must_use]
    pub fn principal_arn(&self) -> Option<Arn> {
        match self {
            Self::Session {
                account,
                path,
                role,
                ..
            } => Some(Arn::new("iam", "", account, format!("role{path}{role}"))),
            _ => self.arn(),
        }
    }

    /// `aws:userid`: `AIDA...`, `AROA...:session`, the account's number for its root.
    #[must_use]
    pub fn user_id(&self) -> Option<String> {
        match self {
            Self::Anonymous => Some("anonymous".into()),
            Self::Root { account } => Some(account.clone()),
            Self::User { id, .. } => Some(id.clone()),
            Self::Session {
                role_id, session, ..
            } => Some(format!("{role_id}:{session}")),
        }
    }

    /// `aws:PrincipalType`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Session { .. } => "AssumedRole",
        }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.arn() {
            Some(arn) => arn.fmt(f),
            None => f.write_str("anonymous"),
        }
    }
}
