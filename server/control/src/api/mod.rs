//! AWS's API: one endpoint for all services.
//!
//! A request is read with bounds, its service and operation are found, its caller is
//! authenticated, and the operation runs: it parses and validates its input, asks whether the
//! caller may ([`Call::require`]), changes records in one transaction, and answers. Each operation,
//! or family of them, has a file, and a line in its service's table.

mod answer;
mod call;
mod console;
pub mod ec2;
pub mod efs;
mod error;
mod form;
mod front;
mod gate;
pub mod iam;
mod inside;
mod listener;
mod request;
mod service;
pub mod sts;
mod unsigned;
pub mod xml;

pub use answer::Answer;
pub use call::{Call, Handler, Judged, Operation};
pub use error::ApiError;
pub use form::Form;
pub(crate) use form::short;
#[cfg(test)]
pub(crate) use front::answer;
pub use gate::{Caller, Demand, Gate, Judgement, OpenGate, Unauthenticated};
pub(crate) use inside::as_root;
pub use listener::{Api, bind};
pub use request::Request;
pub use service::Service;

/// What an operation gives.
pub type Result<T> = std::result::Result<T, ApiError>;
