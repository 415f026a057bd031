//! Calls of the API that users ask to fail, for those who test how their programs cope.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::api::efs::model;
use crate::api::{ApiError, Service};

/// How many may be at work at a time.
pub const MAX_FAULTS: usize = 256;

/// An operation fails, and nothing of it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingCall {
    /// Its name, as `CreateFileSystem`; with its service if another has the same, as
    /// `ec2:CreateTags`. Of operations of one name, that of EFS is meant without.
    pub operation: String,
    /// The code of an error that [`errors`] has for it, as `FileSystemLimitExceeded`.
    pub error: String,
    /// How often; for ever without it.
    #[serde(default)]
    pub count: Option<u64>,
    /// How likely.
    #[serde(default = "always")]
    pub probability: f64,
}

fn always() -> f64 {
    1.0
}

/// A fault at work.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultStatus {
    /// Its number.
    pub id: u64,
    /// What it is.
    pub fault: FailingCall,
    /// How many calls have failed.
    pub fired: u64,
}

/// Why a fault is not put to work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There is no such operation.
    #[error("the API has no operation {0:?}")]
    Operation(String),
    /// The operation doesn't have the error.
    #[error("{operation} does not fail with {error:?}; it may fail with {known}")]
    Error {
        /// The operation.
        operation: &'static str,
        /// What it was to fail with.
        error: String,
        /// What it may fail with.
        known: String,
    },
    /// It would never happen.
    #[error("a probability is more than 0 and at most 1")]
    Probability,
    /// It would never happen.
    #[error("a count is at least 1")]
    Count,
    /// No more of them.
    #[error("there are {MAX_FAULTS} faults of the API already")]
    TooMany,
}

/// The errors that every operation of a service may have, with their HTTP status (EFS API
/// reference, "Common errors", and its counterparts; EC2 API reference, "Error codes").
fn common(service: Service) -> &'static [(&'static str, u16)] {
    match service {
        Service::Efs => &[
            ("ThrottlingException", 429),
            ("ServiceUnavailableException", 503),
        ],
        Service::Ec2 => &[
            ("RequestLimitExceeded", 503),
            ("InternalError", 500),
            ("Unavailable", 503),
        ],
        Service::Iam => &[
            ("Throttling", 400),
            ("ServiceFailure", 500),
            ("LimitExceeded", 409),
            ("ConcurrentModification", 409),
        ],
        Service::Sts => &[("Throttling", 400), ("InternalFailure", 500)],
    }
}

/// The errors that an operation may be made to fail with, with their HTTP status: those that the
/// service model of EFS has for it, and what any operation may answer.
pub fn errors(service: Service, operation: &str) -> Vec<(&'static str, u16)> {
    let mut all = Vec::new();
    if service == Service::Efs {
        let known = model::OPERATIONS.iter().find(|of| of.name == operation);
        let own = known.map_or(&[] as &[_], |known| known.errors);
        all.extend(own.iter().filter_map(|name| {
            let (name, status) = model::ERRORS.iter().find(|(known, _)| known == name)?;
            Some((*name, *status))
        }));
    }
    for (name, status) in common(service) {
        if !all.iter().any(|(known, _)| known == name) {
            all.push((name, *status));
        }
    }
    all
}

/// The operation of a name, with its service if that is said: `ec2:CreateTags`.
fn operation(name: &str) -> Option<(Service, &'static str)> {
    let (service, name) = match name.split_once(':') {
        Some((service, name)) => (Some(service), name),
        None => (None, name),
    };
    let services = Service::ALL.into_iter();
    let mut services = services.filter(|of| service.is_none_or(|name| of.signing_name() == name));
    services.find_map(|service| {
        let all = service.operations().iter();
        let found = all.map(|known| known.name).find(|known| *known == name)?;
        Some((service, found))
    })
}

/// A fault, checked.
#[derive(Debug)]
struct Rule {
    id: u64,
    fault: FailingCall,
    of: (Service, &'static str),
    error: ApiError,
    fired: u64,
}

impl Rule {
    fn new(id: u64, fault: FailingCall) -> Result<Self, FaultError> {
        let of = operation(&fault.operation)
            .ok_or_else(|| FaultError::Operation(fault.operation.clone()))?;
        if !(fault.probability > 0.0 && fault.probability <= 1.0) {
            return Err(FaultError::Probability);
        }
        if fault.count == Some(0) {
            return Err(FaultError::Count);
        }
        let all = errors(of.0, of.1);
        let Some((code, status)) = all.iter().find(|(name, _)| *name == fault.error) else {
            let mut known = String::new();
            for (name, _) in &all {
                let comma = if known.is_empty() { "" } else { ", " };
                // Writing to a string does not fail.
                let _ = write!(known, "{comma}{name}");
            }
            return Err(FaultError::Error {
                operation: of.1,
                error: fault.error,
                known,
            });
        };
        let message = "A fault that was asked for lets this call fail (localefs fault).";
        let error = ApiError::new(*status, *code, message);
        // What the service model requires of these two.
        let error = match *code {
            "FileSystemAlreadyExists" => error.with("FileSystemId", "fs-00000000000000000"),
            "AccessPointAlreadyExists" => error.with("AccessPointId", "fsap-00000000000000000"),
            _ => error,
        };
        Ok(Self {
            id,
            fault,
            of,
            error,
            fired: 0,
        })
    }

    /// Whether it strikes a call; `draw` is evenly distributed from 0 to 1.
    fn strikes(&self, of: (Service, &str), draw: f64) -> bool {
        self.of == of
            && self.fault.count.is_none_or(|count| self.fired < count)
            && draw < self.fault.probability
    }
}

/// The faults of the API.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Rule>>>);

impl Faults {
    /// Puts a fault to work under a number.
    ///
    /// # Errors
    /// [`FaultError`].
    pub fn add(&self, id: u64, fault: FailingCall) -> Result<(), FaultError> {
        let rule = Rule::new(id, fault)?;
        let mut rules = self.rules();
        if rules.len() >= MAX_FAULTS {
            return Err(FaultError::TooMany);
        }
        rules.push(rule);
        Ok(())
    }

    /// Ends faults; gives how many.
    pub fn clear(&self, gone: impl Fn(u64) -> bool) -> usize {
        let mut rules = self.rules();
        let before = rules.len();
        rules.retain(|rule| !gone(rule.id));
        before - rules.len()
    }

    /// The faults at work, in the order in which they were added.
    #[must_use]
    pub fn list(&self) -> Vec<FaultStatus> {
        let rules = self.rules();
        let all = rules.iter().map(|rule| FaultStatus {
            id: rule.id,
            fault: rule.fault.clone(),
            fired: rule.fired,
        });
        all.collect()
    }

    /// The error that a call is to fail with, if any: that of the first fault that strikes it.
    pub(crate) fn strike(
        &self,
        of: (Service, &str),
        mut draw: impl FnMut() -> f64,
    ) -> Option<ApiError> {
        let mut rules = self.rules();
        let rule = rules.iter_mut().find(|rule| rule.strikes(of, draw()))?;
        rule.fired += 1;
        Some(rule.error.clone())
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(operation: &str, error: &str) -> FailingCall {
        FailingCall {
            operation: operation.to_owned(),
            error: error.to_owned(),
            count: None,
            probability: 1.0,
        }
    }

    #[test]
    fn a_fault_strikes_its_operation_as_often_as_it_may() {
        let faults = Faults::default();
        let twice = FailingCall {
            count: Some(2),
            ..fault("CreateFileSystem", "FileSystemLimitExceeded")
        };
        faults.add(1, twice).unwrap();
        let rare = FailingCall {
            probability: 0.25,
            ..fault("DeleteFileSystem", "InternalServerError")
        };
        faults.add(2, rare).unwrap();
        let strike = |operation, draw| {
            let error = faults.strike((Service::Efs, operation), || draw)?;
            Some((error.status, error.code.into_owned()))
        };
        let full = Some((403, "FileSystemLimitExceeded".to_owned()));
        assert_eq!(strike("CreateFileSystem", 0.9), full);
        assert_eq!(strike("CreateMountTarget", 0.0), None);
        assert_eq!(strike("CreateFileSystem", 0.9), full);
        assert_eq!(strike("CreateFileSystem", 0.0), None);
        assert_eq!(strike("DeleteFileSystem", 0.25), None);
        let broken = Some((500, "InternalServerError".to_owned()));
        assert_eq!(strike("DeleteFileSystem", 0.2), broken);
        let fired: Vec<_> = faults.list().iter().map(|fault| fault.fired).collect();
        assert_eq!(fired, [2, 1]);
        assert_eq!(faults.clear(|id| id == 2), 1);
        assert_eq!(strike("DeleteFileSystem", 0.0), None);
    }

    #[test]
    fn a_service_is_named_where_two_have_an_operation() {
        assert_eq!(operation("CreateTags"), Some((Service::Efs, "CreateTags")));
        let of_ec2 = operation("ec2:DescribeSubnets");
        assert_eq!(of_ec2, Some((Service::Ec2, "DescribeSubnets")));
        assert_eq!(operation("iam:DescribeSubnets"), None);
        assert_eq!(operation("s3:GetObject"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let faults = Faults::default();
        let refused = |fault| faults.add(1, fault).unwrap_err().to_string();
        assert!(refused(fault("Explode", "BadRequest")).contains("Explode"));
        let other = refused(fault("DeleteMountTarget", "FileSystemInUse"));
        assert!(
            other.contains("DependencyTimeout, MountTargetNotFound"),
            "{other}"
        );
        let sure = fault("DeleteMountTarget", "DependencyTimeout");
        for probability in [0.0, 1.1, f64::NAN] {
            let fault = FailingCall {
                probability,
                ..sure.clone()
            };
            assert_eq!(faults.add(1, fault), Err(FaultError::Probability));
        }
        let never = FailingCall {
            count: Some(0),
            ..sure.clone()
        };
        assert_eq!(faults.add(1, never), Err(FaultError::Count));
        for id in 0..MAX_FAULTS as u64 {
            faults.add(id, sure.clone()).unwrap();
        }
        assert_eq!(faults.add(999, sure), Err(FaultError::TooMany));
    }

    #[test]
    fn every_error_of_every_operation_can_be_asked_for() {
        for operation in model::OPERATIONS {
            for error in operation.errors {
                let fault = fault(operation.name, error);
                Rule::new(1, fault).unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
}
