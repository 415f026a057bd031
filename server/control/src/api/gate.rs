//! Who calls, and whether they may: what the API asks of the permission rules.

use thiserror::Error;

use super::Request;
use super::service::Service;
use crate::store::View;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// `arn:aws:iam::ACCOUNT:user/NAME`, `…:root`, or the ARN of a session.
    pub arn: String,
    /// The unique id that GetCallerIdentity gives.
    pub user_id: String,
    /// The access key that signed.
    pub access_key: String,
}

/// Why nobody is known to have called. Each service has its own codes for these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unauthenticated {
    /// The request isn't signed.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// The signature has parts missing, or they make no sense.
    #[error("{0}")]
    Incomplete(String),
    /// No such key, or it is inactive; or a wrong session token.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session is over.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// The signature is another, or for another service or region.
    #[error("{0}")]
    BadSignature(String),
    /// The signature is too old, or from the future.
    #[error("{0}")]
    Stale(String),
    /// The records can't be read.
    #[error("{0}")]
    Internal(String),
}

/// A permission that a call needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// As policies name it: `elasticfilesystem:CreateFileSystem`.
    pub action: String,
    /// The ARN, or `*` for an action without resources.
    pub resource: String,
    /// Condition keys of the service and of tags, with their values. Those that every request has
    /// (`aws:SourceIp`, `aws:PrincipalArn`, …) are not here.
    pub keys: Vec<(String, Vec<String>)>,
    /// The policy of the resource, as JSON, if it has one.
    pub resource_policy: Option<String>,
}

/// Whether a permission is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is.
    pub allowed: bool,
    /// Which statement decided, or that none did; for people.
    pub because: String,
    /// The end of AWS's sentence for a denial: "because no identity-based policy allows the
    /// ec2:CreateVpc action".
    pub denial: String,
}

/// The permission rules, as the API asks them. Called inside a transaction: neither blocks.
pub trait Gate: Send + Sync + 'static {
    /// Finds out who has signed a request to a service.
    ///
    /// # Errors
    /// [`Unauthenticated`].
    fn authenticate(
        &self,
        view: &View,
        request: &Request,
        service: Service,
    ) -> Result<Caller, Unauthenticated>;

    /// Judges whether a caller has a permission.
    fn authorize(
        &self,
        view: &View,
        request: &Request,
        caller: &Caller,
        demand: &Demand,
    ) -> Judgement;
}

/// A gate for tests of the API itself: every request is the root user's, who may do anything.
#[derive(Clone, Debug)]
pub struct OpenGate {
    /// The account.
    pub account: String,
}

impl Gate for OpenGate {
    fn authenticate(
        &self,
        _view: &View,
        _request: &Request,
        _service: Service,
    ) -> Result<Caller, Unauthenticated> {
        Ok(Caller {
            account: self.account.clone(),
            arn: format!("arn:aws:iam::{}:root", self.account),
            user_id: self.account.clone(),
            access_key: "test".to_owned(),
        })
    }

    fn authorize(
        &self,
        _view: &View,
        _request: &Request,
        _caller: &Caller,
        _demand: &Demand,
    ) -> Judgement {
        Judgement {
            allowed: true,
            because: "the gate is open".to_owned(),
            denial: String::new(),
        }
    }
}

impl Unauthenticated {
    /// The error as a service tells it.
    pub(super) fn into_error(self, service: Service) -> super::ApiError {
        use Service::{Ec2, Efs, Iam, Sts};
        use Unauthenticated::{
            BadSignature, ExpiredToken, Incomplete, Internal, MissingToken, Stale, UnknownKey,
        };
        let message = self.to_string();
        let (status, code) = match (&self, service) {
            (Internal(error), _) => return super::ApiError::internal(error),
            (MissingToken, Efs) => (403, "MissingAuthenticationTokenException"),
            (MissingToken, Iam | Sts) => (403, "MissingAuthenticationToken"),
            (MissingToken, Ec2) => {
                let message = "The request must contain the parameter AWSAccessKeyId";
                return super::ApiError::new(400, "MissingParameter", message);
            }
            (Incomplete(_), Efs) => (400, "IncompleteSignatureException"),
            (Incomplete(_), Iam | Sts) => (400, "IncompleteSignature"),
            (UnknownKey, Efs) => (403, "UnrecognizedClientException"),
            (UnknownKey, Iam | Sts) => (403, "InvalidClientTokenId"),
            (ExpiredToken, Efs) => (403, "ExpiredTokenException"),
            (ExpiredToken, Iam | Sts) => (403, "ExpiredToken"),
            (Stale(_) | ExpiredToken, Ec2) => (400, "RequestExpired"),
            (BadSignature(_) | Stale(_), Efs) => (403, "InvalidSignatureException"),
            (BadSignature(_) | Stale(_), Iam | Sts) => (403, "SignatureDoesNotMatch"),
            (Incomplete(_) | UnknownKey | BadSignature(_), Ec2) => {
                let message = "AWS was not able to validate the provided access credentials";
                return super::ApiError::new(401, "AuthFailure", message);
            }
        };
        super::ApiError::new(status, code, message)
    }
}
